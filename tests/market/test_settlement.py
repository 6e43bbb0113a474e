"""Settlement by the design's rules; every number is worked by hand unless a test says otherwise.

Tariffs throughout, in µ€/Wh: retail 350, feed-in 80, LPD sells 330 and buys 70, stability fee 20,
compensation 500. The contract is 1 000 Wh at 200 with a fee of 10, so the buyer expects to pay
200 000 + 10 000 µ€ and the seller to get 200 000 µ€. Collateral is half of retail: 175 000 µ€.
"""

from collections import defaultdict
from dataclasses import replace

import pytest

from market.delivery.contract import Contract
from market.delivery.cover import Cover
from market.delivery.settlement import LPD, Period, Rules, Settlement, Terms, settle_period

TERMS = Terms()
ONE = Contract(1, 0, "anna", "bert", 1000, 200, 10, 175_000, 175_000)


def settle(contracts, net, covers=(), *, terms=TERMS, rules=None, **more):
    meters = dict.fromkeys(("anna", "bert", "carl", "dora", "lpd"), 0) | net
    shed = more.pop("shed", {})
    fund_ueur = more.pop("fund_ueur", 10_000_000)
    period = Period(0, 9000, contracts, covers, meters, shed, fund_ueur=fund_ueur, **more)
    return settle_period(period, terms, rules)


def balances(settlement: Settlement) -> dict[str, int]:
    """Net of all postings, with the collateral that was held before left out."""
    moved: dict[str, int] = defaultdict(int)
    for posting in settlement.postings:
        moved[posting.debit] -= posting.amount_ueur
        moved[posting.credit] += posting.amount_ueur
    moved["collateral"] += sum(
        o.contract.collateral_seller_ueur + o.contract.collateral_buyer_ueur
        for o in settlement.outcomes
    )
    for outcome in settlement.outcomes:
        moved[f"peer:{outcome.contract.seller}"] -= outcome.contract.collateral_seller_ueur
        moved[f"peer:{outcome.contract.buyer}"] -= outcome.contract.collateral_buyer_ueur
    return {account: amount for account, amount in moved.items() if amount}


def lpd_cover(planned, *, direction="cover", contract_id=1, cover_id=1):
    price = TERMS.lpd_sell_ticks if direction == "cover" else TERMS.lpd_buy_ticks
    return Cover(
        cover_id, contract_id, 0, direction, "lpd", LPD, 10, 11, 90, planned, price_ticks=price
    )


def replacement(planned, *, ask=250, fee=16, party="carl", cover_id=2):
    return Cover(
        cover_id, 1, 0, "cover", "replacement", party, 10, 11, 90, planned,
        price_ticks=ask, fee_ticks=fee,
    )  # fmt: skip


def test_a_kept_contract_moves_its_price_and_its_fee_and_nothing_else():
    done = settle([ONE], {"anna": 1_000_000, "bert": -1_000_000})
    assert balances(done) == {"peer:anna": 200_000, "peer:bert": -210_000, "dso": 10_000}
    assert done.outcomes[0].fate == "delivered"
    assert done.burned == (("anna", 1_000_000),)


def test_what_meters_show_beyond_contracts_goes_to_the_supplier():
    # 300 Wh more injected: 24 000 at feed-in; 100 Wh more withdrawn: 35 000 at retail.
    done = settle([ONE], {"anna": 1_300_000, "bert": -1_100_000, "carl": -1, "dora": 7})
    moved = balances(done)
    assert moved["peer:anna"] == 200_000 + 24_000
    assert moved["peer:bert"] == -210_000 - 35_000
    # 1 mWh at 350 is 0.35 µ€, nothing; 7 mWh at 80 is 0.56 µ€, one.
    assert "peer:carl" not in moved
    assert moved["peer:dora"] == 1


def test_supplier_alone_covers_a_shortfall_and_the_seller_owes_the_difference():
    # 400 Wh short: cover costs 140 000, the buyer pays 80 000 of it, the seller owes 60 000.
    done = settle([ONE], {"anna": 600_000, "bert": -1_000_000})
    assert balances(done) == {
        "peer:anna": 120_000 - 60_000,
        "peer:bert": -210_000,
        "dso": 10_000,
        "supplier": 140_000,
    }
    assert done.outcomes[0].fate == "short"
    assert done.outcomes[0].owed_seller_ueur == 60_000


def test_replacement_then_lpd_then_supplier_cover_in_that_order():
    # 400 Wh short: 150 from carl (ask 250, path 6 dearer), 200 from the LPD, 50 from the supplier.
    # Cover 37 500 + 66 000 + 17 500 = 121 000, the buyer pays 80 000 of it; path 900; fee 4 000.
    done = settle(
        [ONE],
        {"anna": 600_000, "bert": -1_000_000, "carl": 150_000, "lpd": 200_000},
        [lpd_cover(200_000), replacement(150_000)],
    )
    assert balances(done) == {
        "peer:anna": 120_000 - 41_000 - 900 - 4_000,
        "peer:bert": -210_000,
        "peer:carl": 37_500,
        "lpd": 66_000 + 4_000,
        "supplier": 17_500,
        "dso": 10_000 + 900,
    }
    assert done.outcomes[0].fate == "covered"
    assert [(r.peer, r.kind, r.energy_milliwh) for r in done.rows] == [
        ("anna", "contract", 600_000),
        ("bert", "contract", -600_000),
        ("bert", "replacement", -150_000),
        ("carl", "replacement", 150_000),
        ("bert", "lpd", -200_000),
        ("bert", "supplier", -50_000),
        ("lpd", "lpd", 200_000),
    ]


def test_a_replacement_counts_only_above_its_contracts_and_gets_no_feed_in_for_it():
    # carl is planned for 150 Wh, sold 500 to dora and shows 560: 60 Wh replace, none is fed in.
    other = Contract(2, 0, "carl", "dora", 500, 200, 10)
    done = settle(
        [ONE, other],
        {"anna": 600_000, "bert": -1_000_000, "carl": 560_000, "dora": -500_000},
        [replacement(150_000)],
    )
    assert balances(done)["peer:carl"] == 100_000 + 15_000
    assert ("carl", 60_000) in [(c.party, c.energy_milliwh) for c in done.covers]


def test_cheaper_cover_than_the_contract_leaves_the_difference_with_the_guarantee_fund():
    # 400 Wh from carl at 150 cost 60 000, the buyer pays 80 000: 20 000 are kept.
    done = settle(
        [ONE],
        {"anna": 600_000, "bert": -1_000_000, "carl": 400_000},
        [replacement(400_000, ask=150, fee=10)],
    )
    assert balances(done) == {
        "peer:anna": 120_000,
        "peer:bert": -210_000,
        "peer:carl": 60_000,
        "guarantee_fund": 20_000,
        "dso": 10_000,
    }


def test_a_buyer_that_does_not_absorb_pays_and_is_credited_what_lpd_and_supplier_give():
    # 400 Wh not taken: 80 000 price, 4 000 fee, 2 000 stability fee on 100 Wh;
    # credited 7 000 by the LPD (100 Wh at 70) and 24 000 by the supplier (300 Wh at 80).
    done = settle(
        [ONE],
        {"anna": 1_000_000, "bert": -600_000, "lpd": -100_000},
        [lpd_cover(100_000, direction="absorb")],
    )
    assert balances(done) == {
        "peer:anna": 200_000,
        "peer:bert": -126_000 - 86_000 + 31_000,
        "dso": 10_000,
        "lpd": 2_000 - 7_000,
        "supplier": -24_000,
    }
    assert done.outcomes[0].fate == "unabsorbed"


def test_what_neither_side_kept_is_void_without_money_or_fee():
    # anna gives 600, bert takes 700: 600 are paid, 300 are void, 100 are covered by the supplier.
    done = settle([ONE], {"anna": 600_000, "bert": -700_000})
    assert balances(done) == {
        "peer:anna": 120_000 - (35_000 - 20_000),
        "peer:bert": -140_000 - 7_000,
        "dso": 7_000,
        "supplier": 35_000,
    }


def test_a_contract_that_nobody_kept_moves_nothing():
    done = settle([ONE], {})
    assert balances(done) == {}
    assert done.outcomes[0].fate == "void"


def test_a_deficit_inside_the_dead_band_is_no_failure_and_costs_supplier_prices():
    # 10 Wh of 1 000 are 1 %: 3 500 at retail, of which the buyer pays 2 000.
    done = settle([ONE], {"anna": 990_000, "bert": -1_000_000})
    assert done.outcomes[0].fate == "delivered"
    assert balances(done)["peer:anna"] == 198_000 - 1_500
    beyond = settle([ONE], {"anna": 989_999, "bert": -1_000_000})
    assert beyond.outcomes[0].fate == "short"


def test_missing_collateral_is_borne_by_the_fund_then_by_the_lpd_fee_first():
    # 1 000 Wh short from the LPD: 330 000 + 20 000 fee − 200 000 = 150 000 owed; collateral 40 000;
    # the fund has 75 000; the LPD bears 35 000: its fee of 20 000 and 15 000 of its energy.
    poor = replace(ONE, collateral_seller_ueur=40_000)
    done = settle(
        [poor], {"bert": -1_000_000, "lpd": 1_000_000}, [lpd_cover(1_000_000)], fund_ueur=75_000
    )
    assert balances(done) == {
        "peer:anna": -40_000,
        "peer:bert": -210_000,
        "dso": 10_000,
        "guarantee_fund": -75_000,
        "lpd": 350_000 - 35_000,
    }
    assert [(c.debtor, c.bearer, c.of, c.amount_ueur) for c in done.claims] == [
        ("anna", "guarantee_fund", "any", 75_000),
        ("anna", "lpd", "fee", 20_000),
        ("anna", "lpd", "energy", 15_000),
    ]


def test_a_buyer_without_collateral_still_leaves_its_seller_whole():
    # 1 000 Wh not taken: 200 000 + 10 000 − 80 000 = 130 000 owed, 30 000 held.
    poor = replace(ONE, collateral_buyer_ueur=30_000)
    done = settle([poor], {"anna": 1_000_000})
    moved = balances(done)
    assert moved["peer:anna"] == 200_000
    assert moved["peer:bert"] == -30_000
    assert moved["guarantee_fund"] == -100_000


def test_shed_energy_is_not_paid_for_and_the_failing_seller_owes_compensation():
    # An island: anna gives 500, bert is served 700 and 300 are shed. The gap of 500 is 300 shed and
    # 200 from the LPD in the supplier's place: 70 000 at retail, 40 000 of it paid by bert.
    # Compensation 300 Wh at 500: 150 000. Owed 180 000, of which 175 000 are held.
    done = settle(
        [ONE], {"anna": 500_000, "bert": -700_000}, shed={"bert": 300_000}, residual="lpd"
    )
    assert balances(done) == {
        "peer:anna": 100_000 - 175_000,
        "peer:bert": -140_000 - 7_000 + 150_000,
        "dso": 7_000,
        "guarantee_fund": -5_000,
        "lpd": 70_000,
    }
    assert done.outcomes[0].fate == "shed"


def test_a_seller_whose_delivery_was_shed_at_the_buyer_is_paid_by_the_operator():
    # anna gives all, the operator sheds 300 of bert's 1 000 Wh: bert pays 700, the LPD 300.
    done = settle(
        [ONE], {"anna": 1_000_000, "bert": -700_000}, shed={"bert": 300_000}, residual="lpd"
    )
    moved = balances(done)
    assert moved["peer:anna"] == 200_000
    assert moved["peer:bert"] == -147_000
    assert moved["lpd"] == -60_000


def test_shedding_goes_to_the_contract_whose_seller_failed():
    other = Contract(2, 0, "carl", "bert", 1000, 200, 10, 175_000, 175_000)
    done = settle(
        [ONE, other],
        {"carl": 1_000_000, "bert": -1_000_000},
        shed={"bert": 1_000_000},
        residual="lpd",
    )
    first, second = done.outcomes
    assert (first.fate, first.shed_milliwh) == ("shed", 1_000_000)
    assert (second.fate, second.shed_milliwh, second.received_ueur) == ("delivered", 0, 200_000)


def test_energy_activated_for_a_seller_that_recovers_stays_billed_to_it():
    # anna delivers all in the end, the LPD had given 100 Wh: 33 000 − 7 000 taken back + 2 000 fee.
    # The LPD sells the 100 Wh it took back to the supplier at feed-in.
    done = settle(
        [ONE],
        {"anna": 1_000_000, "bert": -1_000_000, "lpd": 100_000},
        [lpd_cover(100_000)],
    )
    assert balances(done) == {
        "peer:anna": 200_000 - 28_000,
        "peer:bert": -210_000,
        "dso": 10_000,
        "lpd": 28_000 + 8_000,
        "supplier": -8_000,
    }
    assert done.outcomes[0].fate == "covered"


def test_cover_and_absorption_of_the_lpd_net_at_its_meter_but_not_in_money():
    # 300 Wh out for anna's contract, 200 Wh in for dora's: the LPD's meter shows 100.
    other = Contract(2, 0, "carl", "dora", 1000, 200, 10, 175_000, 175_000)
    done = settle(
        [ONE, other],
        {
            "anna": 700_000,
            "bert": -1_000_000,
            "carl": 1_000_000,
            "dora": -800_000,
            "lpd": 100_000,
        },
        [
            lpd_cover(300_000),
            lpd_cover(200_000, direction="absorb", contract_id=2, cover_id=2),
        ],
    )
    of_lpd = [(r.kind, r.contract_id, r.energy_milliwh) for r in done.rows if r.peer == "lpd"]
    assert of_lpd == [("lpd", 1, 300_000), ("lpd", 2, -200_000)]
    # 99 000 + 6 000 fee for the cover; −14 000 + 4 000 fee for the absorption.
    assert balances(done)["lpd"] == 95_000


def test_an_lpd_that_meters_less_than_planned_is_paid_for_what_it_metered():
    # 300 Wh planned, 250 metered: the supplier gives the other 50.
    done = settle(
        [ONE], {"anna": 700_000, "bert": -1_000_000, "lpd": 250_000}, [lpd_cover(300_000)]
    )
    moved = balances(done)
    assert moved["lpd"] == 82_500 + 5_000
    assert moved["supplier"] == 17_500


def test_delivery_is_split_by_largest_remainder_with_ties_to_the_earlier():
    # 100 mWh over three equal contracts: 34, 33, 33.
    three = [
        Contract(i, 0, "anna", b, 1, 200, 0) for i, b in ((1, "bert"), (2, "carl"), (3, "dora"))
    ]
    done = settle(three, {"anna": 100})
    assert [o.delivered_milliwh for o in done.outcomes] == [34, 33, 33]


def test_money_is_rounded_once_and_the_same_for_both_sides():
    # 333 mWh at 200: 66.6 µ€, 67 for both.
    done = settle([replace(ONE, fee_ticks=0)], {"anna": 333, "bert": -333})
    moved = balances(done)
    assert (moved["peer:anna"], moved["peer:bert"]) == (67, -67)


def test_losses_are_bought_by_the_dso_at_the_suppliers_price():
    assert balances(settle([], {}, losses_milliwh=2_000_000)) == {
        "dso": -700_000,
        "supplier": 700_000,
    }


def test_a_mechanisms_margin_is_booked_to_its_operator():
    # The seller gets 190 of the 200 that the buyer pays.
    done = settle([replace(ONE, receipt_ticks=190)], {"anna": 1_000_000, "bert": -1_000_000})
    moved = balances(done)
    assert (moved["peer:anna"], moved["operator"]) == (190_000, 10_000)
    assert moved["peer:bert"] == -210_000


def test_a_rule_can_be_replaced():
    lenient = Rules(stability_fee=lambda terms, lpd: 0)
    short = [ONE], {"anna": 600_000, "bert": -1_000_000, "lpd": 400_000}, [lpd_cover(400_000)]
    assert balances(settle(*short))["lpd"] == 132_000 + 8_000
    assert balances(settle(*short, rules=lenient))["lpd"] == 132_000


def test_terms_by_which_failing_pays_are_refused():
    with pytest.raises(ValueError, match="feed_in_ticks 400 is above retail_ticks 350"):
        Terms(feed_in_ticks=400)
