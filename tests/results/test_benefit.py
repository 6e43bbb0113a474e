"""Benefit against the tariffs: exact, and a sum of nothing over all accounts."""

import pytest

from results.benefit import benefits, by_group
from results.metrics import key_figures
from results.reading import Record

TERMS = {"residual": "supplier", "retail_ticks": 350, "feed_in_ticks": 80, "losses_milliwh": 20_000}
METERS = [
    {"period": 0, "peer": peer, "net_milliwh": net, "shed_milliwh": 0}
    for peer, net in (("anna", -1_300_000), ("ben", 500_000), ("carl", 1_000_000), ("lpd", 0))
]
STATUS_QUO = {  # By hand: 1300 Wh at 350, 500 and 1000 Wh at 80, 20 Wh lost at 350 ticks.
    "peer:anna": -455_000,
    "peer:ben": 40_000,
    "peer:carl": 80_000,
    "dso": -7_000,
    "supplier": 342_000,
}


def accounts(**balances):
    roles = {"anna": "peer", "ben": "peer", "carl": "peer", "collateral": "escrow"}
    return [
        {
            "account": f"peer:{name}" if roles.get(name) == "peer" else name,
            "role": roles.get(name, name),
            "balance_ueur": balance,
        }
        for name, balance in balances.items()
    ]


def contract(number, seller, energy_wh, price_ticks, **more):
    return {
        "contract_id": number,
        "period": 0,
        "energy_wh": energy_wh,
        "price_ticks": price_ticks,
        "fee_ticks": 10,
        "seller": seller,
        "buyer": "anna",
        "delivered_milliwh": 1000 * energy_wh,
        "fee_ueur": 10 * energy_wh,
        "state": "settled",
        **more,
    }


def compared(folder):
    return {row.account: row for row in benefits(Record(folder))}


# Anna buys 1000 Wh of Carl and 200 Wh of Ben, 10 ticks of transport on each; what meters show
# beyond goes at the tariffs: 100 Wh to Anna, 300 Wh of Ben.
CASES = {
    "one price of 200": (
        [contract(1, "carl", 1000, 200), contract(2, "ben", 200, 200)],
        accounts(anna=-287_000, ben=64_000, carl=200_000, operator=0, dso=5_000, supplier=18_000),
        {"peer:anna": 168_000, "peer:ben": 24_000, "peer:carl": 120_000, "operator": 0},
    ),
    "as bid, 200 and 250": (
        [contract(1, "carl", 1000, 200), contract(2, "ben", 200, 250)],
        accounts(anna=-297_000, ben=74_000, carl=200_000, operator=0, dso=5_000, supplier=18_000),
        {"peer:anna": 158_000, "peer:ben": 34_000, "peer:carl": 120_000, "operator": 0},
    ),
    "pay 150 and get 200": (
        [
            contract(1, "carl", 1000, 150, receipt_ticks=200),
            contract(2, "ben", 200, 150, receipt_ticks=200),
        ],
        accounts(
            anna=-227_000, ben=64_000, carl=200_000, operator=-60_000, dso=5_000, supplier=18_000
        ),
        {"peer:anna": 228_000, "peer:ben": 24_000, "peer:carl": 120_000, "operator": -60_000},
    ),
    # Mid-market rate: buy at 215, sell at (1300 · 215 + 200 · 80) / 1500 = 197.
    "by a rule": (
        [],
        accounts(anna=-279_500, ben=98_500, carl=197_000, operator=0, dso=-7_000, supplier=-9_000),
        {"peer:anna": 175_500, "peer:ben": 58_500, "peer:carl": 117_000, "operator": 0, "dso": 0},
    ),
    "nothing traded": (
        [],
        accounts(anna=-455_000, ben=40_000, carl=80_000, operator=0, dso=-7_000, supplier=342_000),
        dict.fromkeys(["peer:anna", "peer:ben", "peer:carl", "operator", "dso", "supplier"], 0),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_benefit_is_what_one_has_beyond_the_tariffs(case, record_market):
    contracts, balances, expected = CASES[case]
    folder = record_market(
        settlement=[{"period": 0, **TERMS}],
        meters=METERS,
        contracts=contracts,
        accounts=balances,
    )

    rows = compared(folder)

    assert {name: rows[name].status_quo_ueur for name in STATUS_QUO} == STATUS_QUO
    assert {name: rows[name].benefit_ueur for name in expected} == expected
    for column in ("balance_ueur", "status_quo_ueur", "benefit_ueur"):
        assert sum(getattr(row, column) for row in rows.values()) == 0


def test_columns_sum_to_zero_in_a_run_in_which_a_seller_failed(village):
    rows = benefits(Record(village))

    assert any(row["fate"] == "covered" for row in Record(village).rows("contracts"))
    for column in ("balance_ueur", "status_quo_ueur", "benefit_ueur"):
        assert sum(getattr(row, column) for row in rows) == 0
        assert sum(getattr(group, column) for group in by_group(rows)) == 0


def test_half_a_micro_euro_is_rounded_as_settlement_rounds_it(record_market):
    # 350 ticks · 10 mWh = 3.5 µ€, rounded up for the one who pays and the one who gets it.
    meters = [{"period": 0, "peer": "anna", "net_milliwh": -10, "shed_milliwh": 0}]
    folder = record_market(
        settlement=[{"period": 0, **TERMS, "losses_milliwh": 0}],
        meters=meters,
        accounts=accounts(anna=-4, supplier=4),
    )

    assert compared(folder)["peer:anna"].status_quo_ueur == -4
    assert compared(folder)["supplier"].status_quo_ueur == 4


def test_where_a_rule_billed_its_own_status_quo_counts(record_market):
    # The rule rounds 3.5 µ€ in the member's favour.
    bill = {"period": 0, "peer": "anna", "net_milliwh": -10, "inside_milliwh": 0}
    folder = record_market(
        settlement=[{"period": 0, **TERMS, "losses_milliwh": 0}],
        meters=[{"period": 0, "peer": "anna", "net_milliwh": -10, "shed_milliwh": 0}],
        bills=[{**bill, "receives_ueur": -3, "status_quo_ueur": -3}],
        accounts=accounts(anna=-3, supplier=3),
    )

    assert all(row.benefit_ueur == 0 for row in benefits(Record(folder)))


def test_collateral_that_is_still_held_belongs_to_who_left_it(record_market):
    open_contract = contract(1, "carl", 1000, 200, state="delivering")
    open_contract |= {"collateral_seller_ueur": 3_000, "collateral_buyer_ueur": 2_000}
    gone = {**open_contract, "contract_id": 2, "state": "cancelled"}
    folder = record_market(
        contracts=[open_contract, gone],
        accounts=accounts(anna=-2_000, carl=-3_000, collateral=5_000),
    )

    assert all(row.benefit_ueur == 0 for row in benefits(Record(folder)))


def test_the_endowment_of_the_fund_is_no_benefit(record_market):
    folder = record_market(accounts=accounts(endowment=-10_000, guarantee_fund=9_000, ben=1_000))

    groups = {group.group: group for group in by_group(benefits(Record(folder)))}

    assert groups["guarantee_fund"].accounts == 2
    assert groups["guarantee_fund"].benefit_ueur == -1_000
    assert groups["prosumer"].benefit_ueur == 1_000


def test_an_island_has_the_lpd_in_the_suppliers_place(record_market):
    folder = record_market(
        settlement=[{"period": 0, **TERMS, "residual": "lpd"}],
        meters=METERS,
        accounts=accounts(anna=-455_000, ben=40_000, carl=80_000, dso=-7_000, lpd=342_000),
    )

    assert all(row.benefit_ueur == 0 for row in benefits(Record(folder)))


def test_key_figures_name_the_peer_that_gained_least(record_market):
    contracts, balances, _ = CASES["pay 150 and get 200"]
    folder = record_market(
        settlement=[{"period": 0, **TERMS}],
        meters=METERS,
        contracts=contracts,
        accounts=balances,
        periods=[
            {"period": 0, "gate_tick": 0, "volume_wh": 1200, "offers_wh": 1, "requests_wh": 1}
        ],
    )

    figures = {figure.key: figure for figure in key_figures(Record(folder))}

    assert figures["benefit_total_eur"].value == 0.372
    assert figures["benefit_worst_peer_eur"].value == 0.024
    assert figures["benefit_worst_peer_eur"].note == "ben"
    assert figures["operator_surplus_eur"].value == -0.06
    assert figures["volume_kwh"].value == 1.2
