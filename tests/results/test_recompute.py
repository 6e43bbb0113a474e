"""The recomputation, against periods settled by hand.

One contract of 1 000 Wh at 200 ticks with a transport fee of 10 ticks, unless a test says
otherwise: delivered in full, the seller gets 200 000 µ€, the buyer pays 210 000 µ€ and the DSO
gets 10 000 µ€.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.recompute import Difference, differences, recompute
from results.tables import write_table

TERMS = {
    "retail_ticks": 350,
    "feed_in_ticks": 80,
    "lpd_sell_ticks": 330,
    "lpd_buy_ticks": 70,
    "stability_fee_ticks": 20,
    "compensation_ticks": 500,
    "dead_band_permille": 10,
    "dead_band_milliwh": 5_000,
    "guarantee_fund_ueur": 10_000_000,
    "residual": "supplier",
    "losses_milliwh": 0,
}

Tables = dict[str, list[dict[str, Any]]]


def contract(number: int = 1, **other: Any) -> dict[str, Any]:
    return {
        "contract_id": number,
        "period": 0,
        "seller": "sun",
        "buyer": "home",
        "energy_wh": 1_000,
        "price_ticks": 200,
        "fee_ticks": 10,
        "collateral_seller_ueur": 175_000,
        "collateral_buyer_ueur": 175_000,
        "state": "settled",
        **other,
    }


def cover(number: int = 1, **other: Any) -> dict[str, Any]:
    return {
        "cover_id": number,
        "contract_id": 1,
        "period": 0,
        "direction": "cover",
        "kind": "lpd",
        "party": "lpd",
        "price_ticks": 330,
        "fee_ticks": 0,
        **other,
    }


def tables(
    net_wh: dict[str, float],
    contracts: list[dict[str, Any]] | None = None,
    covers: list[dict[str, Any]] | None = None,
    shed_wh: dict[str, float] | None = None,
    **terms: Any,
) -> Tables:
    meters = [
        {
            "period": 0,
            "peer": peer,
            "net_milliwh": round(1_000 * energy),
            "shed_milliwh": round(1_000 * (shed_wh or {}).get(peer, 0)),
        }
        for peer, energy in {"lpd": 0.0, **net_wh}.items()
    ]
    return {
        "settlement": [{"period": 0, **TERMS, **terms}],
        "contracts": [contract()] if contracts is None else contracts,
        "covers": covers or [],
        "meters": meters,
        "accounts": [],
    }


def moved(told: Tables) -> dict[str, int]:
    """Balances without the opening of the guarantee fund, and without idle accounts."""
    balances = recompute(told)
    opening_ueur = -balances.pop("endowment")
    balances["guarantee_fund"] -= opening_ueur
    assert sum(balances.values()) == 0
    return {account: balance for account, balance in balances.items() if balance}


def test_delivered_energy_is_paid_and_carried():
    assert moved(tables({"sun": 1_000, "home": -1_000})) == {
        "peer:sun": 200_000,
        "peer:home": -210_000,
        "dso": 10_000,
    }


def test_energy_beyond_the_contract_is_settled_with_the_supplier():
    # By hand: 100 Wh more injected at 80 ticks, 50 Wh more withdrawn at 350 ticks.
    assert moved(tables({"sun": 1_100, "home": -1_050})) == {
        "peer:sun": 208_000,
        "peer:home": -227_500,
        "supplier": 9_500,
        "dso": 10_000,
    }


SHORT = {"sun": 600, "home": -1_000, "lpd": 400}
BY_LPD = [cover(planned_milliwh=400_000)]


def test_a_short_seller_pays_what_cover_costs_beyond_the_contract_price():
    # By hand: LPD 400 Wh x 330 = 132 000, of which the buyer brings 80 000; fee 400 Wh x 20.
    assert moved(tables(SHORT, covers=BY_LPD)) == {
        "peer:sun": 120_000 - 52_000 - 8_000,
        "peer:home": -210_000,
        "lpd": 140_000,
        "dso": 10_000,
    }


def test_dues_beyond_the_collateral_fall_on_the_guarantee_fund():
    # By hand: dues are 60 000 as above, 20 000 is held.
    thin = [contract(collateral_seller_ueur=20_000)]
    assert moved(tables(SHORT, thin, BY_LPD)) == {
        "peer:sun": 100_000,
        "peer:home": -210_000,
        "lpd": 140_000,
        "guarantee_fund": -40_000,
        "dso": 10_000,
    }


def test_what_the_guarantee_fund_cannot_bear_falls_on_the_lpd():
    # By hand: dues 60 000, held 20 000, fund 30 000; 10 000 is left to the LPD.
    thin = [contract(collateral_seller_ueur=20_000)]
    assert moved(tables(SHORT, thin, BY_LPD, guarantee_fund_ueur=30_000)) == {
        "peer:sun": 100_000,
        "peer:home": -210_000,
        "lpd": 130_000,
        "guarantee_fund": -30_000,
        "dso": 10_000,
    }


def test_energy_that_the_lpd_failed_to_give_comes_from_the_supplier():
    # By hand: 300 of 400 Wh metered: 99 000 and fee 6 000 to the LPD, 100 Wh x 350 to the supplier.
    short = {"sun": 600, "home": -1_000, "lpd": 300}
    assert moved(tables(short, covers=BY_LPD)) == {
        "peer:sun": 120_000 - (99_000 + 35_000 - 80_000) - 6_000,
        "peer:home": -210_000,
        "lpd": 105_000,
        "supplier": 35_000,
        "dso": 10_000,
    }


def test_a_replacement_gets_its_ask_and_its_longer_path_is_paid_by_the_seller():
    # By hand: 400 Wh x 220 = 88 000 less the buyer's 80 000; path (15 - 10) x 400 Wh = 2 000.
    # The replacement's other 100 Wh go to the supplier at 80 ticks.
    by_peer = [
        cover(
            kind="replacement",
            party="barn",
            price_ticks=220,
            fee_ticks=15,
            planned_milliwh=400_000,
        )
    ]
    assert moved(tables({"sun": 600, "home": -1_000, "barn": 500}, covers=by_peer)) == {
        "peer:sun": 120_000 - 8_000 - 2_000,
        "peer:home": -210_000,
        "peer:barn": 96_000,
        "supplier": -8_000,
        "dso": 12_000,
    }


def test_cover_cheaper_than_the_contract_feeds_the_guarantee_fund():
    # By hand: at 350 ticks the buyer brings 140 000 for 400 Wh that cost 88 000.
    by_peer = [
        cover(
            kind="replacement", party="barn", price_ticks=220, fee_ticks=0, planned_milliwh=400_000
        )
    ]
    dear = [contract(price_ticks=350)]
    assert moved(tables({"sun": 600, "home": -1_000, "barn": 400}, dear, by_peer)) == {
        "peer:sun": 210_000,
        "peer:home": -360_000,
        "peer:barn": 88_000,
        "guarantee_fund": 52_000,
        "dso": 10_000,
    }


def test_cover_that_proves_needless_goes_to_the_lpd_at_the_causers_cost():
    # By hand: the seller recovers to 800 Wh; 400 Wh x 330 less 200 Wh x 70 less the buyer's
    # 40 000 leaves 78 000, and the fee 8 000.
    recovered = {"sun": 800, "home": -1_000, "lpd": 400}
    assert moved(tables(recovered, covers=BY_LPD)) == {
        "peer:sun": 160_000 - 78_000 - 8_000,
        "peer:home": -210_000,
        "lpd": 132_000 + 8_000 - 14_000 + 200 * 80,
        "supplier": -16_000,
        "dso": 10_000,
    }


def test_a_short_buyer_pays_for_what_it_left_and_is_credited_what_it_fetched():
    # By hand: 400 Wh left: 80 000 to the seller, 4 000 to the DSO, fee 300 Wh x 20 to the LPD;
    # the LPD gives 300 Wh x 70, the supplier 100 Wh x 80.
    absorbed = [cover(direction="absorb", price_ticks=70, planned_milliwh=300_000)]
    assert moved(tables({"sun": 1_000, "home": -600, "lpd": -300}, covers=absorbed)) == {
        "peer:sun": 200_000,
        "peer:home": -126_000 - 61_000,
        "lpd": -15_000,
        "supplier": -8_000,
        "dso": 10_000,
    }


def test_what_both_sides_leave_is_void():
    # By hand: 600 Wh delivered, 700 Wh accepted: 300 Wh void, 100 Wh from the supplier.
    assert moved(tables({"sun": 600, "home": -700})) == {
        "peer:sun": 120_000 - (35_000 - 20_000),
        "peer:home": -147_000,
        "supplier": 35_000,
        "dso": 7_000,
    }


def test_shed_energy_is_not_paid_and_the_failing_seller_owes_compensation():
    # By hand: 400 Wh shed x 500 = 200 000, 175 000 of it from the collateral.
    told = tables({"sun": 600, "home": -600}, shed_wh={"home": 400}, residual="lpd")
    assert moved(told) == {
        "peer:sun": 120_000 - 175_000,
        "peer:home": -126_000 + 200_000,
        "guarantee_fund": -25_000,
        "dso": 6_000,
    }


def test_a_seller_is_paid_for_what_the_operator_shed_at_its_buyer():
    # By hand: 1 000 Wh delivered, 600 Wh served; the LPD pays the seller for the other 400 Wh and,
    # as the island's residual party, has no account with itself for them.
    told = tables({"sun": 1_000, "home": -600}, shed_wh={"home": 400}, residual="lpd")
    assert moved(told) == {
        "peer:sun": 200_000,
        "peer:home": -126_000,
        "lpd": -80_000,
        "dso": 6_000,
    }


def test_a_shortfall_inside_the_dead_band_owes_no_compensation():
    # By hand: 10 of 1 000 Wh are 1 %; the buyer pays neither for them nor for their transport.
    told = tables({"sun": 990, "home": -990}, shed_wh={"home": 10}, residual="lpd")
    assert moved(told) == {"peer:sun": 198_000, "peer:home": -207_900, "dso": 9_900}


def test_delivery_is_split_by_contracted_energy_and_odd_energy_goes_to_the_earlier():
    # By hand: 100 mWh over three contracts of 1 Wh: 34, 33 and 33 mWh, at 1 000 ticks.
    three = [
        contract(
            number, buyer=f"home {number}", energy_wh=1, price_ticks=1_000, collateral_seller_ueur=0
        )
        for number in (1, 2, 3)
    ]
    balances = recompute(
        tables({"sun": 0.1, "home 1": -0.034, "home 2": -0.033, "home 3": -0.033}, three)
    )
    assert [balances[f"peer:home {number}"] for number in (1, 2, 3)] == [-34, -33, -33]
    assert balances["peer:sun"] == 100


def test_a_mechanisms_difference_of_prices_is_its_operators():
    # By hand: the buyer pays 200 ticks, the seller gets 190.
    two_prices = [contract(receipt_ticks=190)]
    assert moved(tables({"sun": 1_000, "home": -1_000}, two_prices)) == {
        "peer:sun": 190_000,
        "peer:home": -210_000,
        "operator": 10_000,
        "dso": 10_000,
    }


def test_losses_are_bought_by_the_dso():
    # By hand: 20 Wh x 350.
    assert moved(tables({}, contracts=[], losses_milliwh=20_000)) == {
        "dso": -7_000,
        "supplier": 7_000,
    }


def test_collateral_of_an_open_contract_is_held_and_of_a_cancelled_one_is_not():
    told = tables({}, contracts=[contract(1, period=1, state="live")])
    told["contracts"].append(contract(2, period=1, state="cancelled"))
    assert moved(told) == {
        "peer:sun": -175_000,
        "peer:home": -175_000,
        "collateral": 350_000,
    }


def test_one_moved_micro_euro_is_named():
    told = tables({"sun": 1_000, "home": -1_000})
    told["accounts"] = [
        {"account": account, "balance_ueur": balance}
        for account, balance in recompute(told).items()
    ]
    assert differences(told) == []
    next(row for row in told["accounts"] if row["account"] == "peer:home")["balance_ueur"] -= 1
    next(row for row in told["accounts"] if row["account"] == "dso")["balance_ueur"] += 1
    assert differences(told) == [
        Difference("dso", 10_001, 10_000),
        Difference("peer:home", -210_001, -210_000),
    ]
    assert str(differences(told)[0]) == (
        "dso: 10001 µ€ booked, 10000 µ€ recomputed, +1 µ€ too much"
    )


ENERGY = st.integers(0, 1_300_000)


@given(
    injected=ENERGY,
    lpd=st.integers(-400_000, 400_000),
    planned=st.integers(1, 500_000),
    price=st.integers(-200, 600),
    held=st.integers(0, 200_000),
    fund=st.integers(0, 50_000),
)
def test_a_buyer_that_kept_its_word_pays_its_contract_and_nothing_else(
    injected, lpd, planned, price, held, fund
):
    told = tables(
        {"sun": injected / 1_000, "home": -1_000, "lpd": lpd / 1_000},
        [contract(price_ticks=price, collateral_seller_ueur=held)],
        [cover(planned_milliwh=planned)],
        guarantee_fund_ueur=fund,
    )
    assert moved(told)["peer:home"] == -1_000 * (price + 10)


@given(
    withdrawn=ENERGY,
    lpd=st.integers(-400_000, 400_000),
    planned=st.integers(1, 500_000),
    price=st.integers(1, 600),
    held=st.integers(0, 200_000),
    residual=st.sampled_from(["supplier", "lpd"]),
)
def test_a_seller_that_kept_its_word_gets_its_contract_and_nothing_less(
    withdrawn, lpd, planned, price, held, residual
):
    told = tables(
        {"sun": 1_000, "home": -withdrawn / 1_000, "lpd": lpd / 1_000},
        [contract(price_ticks=price, collateral_buyer_ueur=held)],
        [cover(direction="absorb", price_ticks=70, planned_milliwh=planned)],
        residual=residual,
    )
    assert moved(told)["peer:sun"] == 1_000 * price


def test_a_run_without_a_settled_period_keeps_its_booked_opening():
    told = tables({}, contracts=[])
    told["settlement"] = []
    told["accounts"] = [
        {"account": "endowment", "balance_ueur": -5},
        {"account": "guarantee_fund", "balance_ueur": 5},
    ]
    assert differences(told) == []


@pytest.mark.parametrize("party", ["sun", "home"])
def test_a_peer_without_contracts_buys_at_retail_and_sells_at_feed_in(party):
    # By hand: 10 Wh x 350 and 10 Wh x 80.
    assert moved(tables({party: -10}, contracts=[]))[f"peer:{party}"] == -3_500
    assert moved(tables({party: 10}, contracts=[]))[f"peer:{party}"] == 800


def test_a_run_folder_tells_the_same_as_its_rows(tmp_path):
    told = tables(SHORT, covers=BY_LPD)
    told["contracts"][0]["fate"] = "covered"
    told["covers"][0]["energy_milliwh"] = 400_000
    told["accounts"] = [
        {"account": account, "role": "any", "balance_ueur": balance}
        for account, balance in recompute(told).items()
    ]
    for name, rows in told.items():
        write_table(tmp_path, name, rows)
    assert recompute(tmp_path) == recompute(told)
    assert differences(tmp_path) == []
