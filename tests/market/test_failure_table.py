"""Each cell of failure × cover × collateral, in numbers worked by hand; the page prints the code.

In µ€. The contract: 1 000 Wh at 200, fee 10. Tariffs in µ€/Wh: retail 350, feed-in 80, LPD sells
330 and buys 70, stability fee 20, compensation 500; carl asks 250, path 6 dearer. A cell says who
owes what for its failure, and what every account has got in the end, collateral sufficing.
"""

from pathlib import Path

import pytest

from market.delivery.failure_cases import CASES, COVERS, FAILURES, Case
from market.delivery.failure_table import COLLATERALS, examples, failure_page, settle_case

OWN, REPLACEMENT, LPD, SUPPLIER, SHED = COVERS
SHORT, PART = "seller short, whole", "seller short, in part"
LEFT, LEFT_ALL = "buyer absorbs part", "buyer absorbs nothing"
SELLER_MORE, BUYER_MORE = "both, the seller more", "both, the buyer more"
COVER_FAILS, ISLAND = "the cover fails", "shed in an island"
NO_LPD, NO_LPD_IN = "the LPD fails, seller short", "the LPD fails, buyer absorbs part"

ANNA, BERT = 200_000, -210_000  # kept: price; price and fee

BY_HAND = {
    ("none", OWN): ("", 0, {"anna": ANNA, "bert": BERT, "dso": 10_000}),
    # 100 Wh of carl at 250 and 6 of path; the LPD takes them at 70 and feeds them in at 80.
    ("none", REPLACEMENT): (
        "anna", 25_000 + 600 - 7_000,
        {"anna": ANNA - 18_600, "bert": BERT, "carl": 25_000, "lpd": 8_000 - 7_000,
         "supplier": -8_000, "dso": 10_600},
    ),
    # 100 Wh of the LPD at 330 and fee of 20, taken back at 70, and fed in at 80.
    ("none", LPD): (
        "anna", 33_000 + 2_000 - 7_000,
        {"anna": ANNA - 28_000, "bert": BERT, "lpd": 28_000 + 8_000, "supplier": -8_000,
         "dso": 10_000},
    ),
    # 600 Wh served at 200 and 10; the operator pays the seller for the other 400 at 200.
    ("none", SHED): ("", 0, {"anna": ANNA, "bert": -126_000, "lpd": -80_000, "dso": 6_000}),
    # 750 Wh at 350 less 200.
    (SHORT, OWN): (
        "anna", 112_500,
        {"anna": 50_000 - 112_500, "bert": BERT, "supplier": 262_500, "dso": 10_000},
    ),
    (SHORT, REPLACEMENT): (
        "anna", 50_000 + 6_000,
        {"anna": -56_000, "bert": BERT, "carl": 250_000, "dso": 16_000},
    ),
    (SHORT, LPD): (
        "anna", 130_000 + 20_000,
        {"anna": -150_000, "bert": BERT, "lpd": 350_000, "dso": 10_000},
    ),
    (SHORT, SUPPLIER): (
        "anna", 150_000,
        {"anna": -150_000, "bert": BERT, "supplier": 350_000, "dso": 10_000},
    ),
    (SHORT, SHED): ("anna", 500_000, {"anna": -500_000, "bert": 500_000}),
    # 100 Wh at 350 less 200.
    (PART, OWN): (
        "anna", 15_000, {"anna": 165_000, "bert": BERT, "supplier": 35_000, "dso": 10_000}
    ),
    # 400 Wh at 250 less 200, path 6.
    (PART, REPLACEMENT): (
        "anna", 20_000 + 2_400,
        {"anna": 120_000 - 22_400, "bert": BERT, "carl": 100_000, "dso": 12_400},
    ),
    # 400 Wh at 330 less 200, fee 20.
    (PART, LPD): (
        "anna", 52_000 + 8_000,
        {"anna": 120_000 - 60_000, "bert": BERT, "lpd": 140_000, "dso": 10_000},
    ),
    (PART, SUPPLIER): (
        "anna", 60_000, {"anna": 60_000, "bert": BERT, "supplier": 140_000, "dso": 10_000}
    ),
    # 600 Wh served; 400 at 500.
    (PART, SHED): ("anna", 200_000, {"anna": -80_000, "bert": -126_000 + 200_000, "dso": 6_000}),
    # 900 Wh served: 189 000. 100 left: 20 000 and 1 000 less 8 000.
    (LEFT, OWN): (
        "bert", 13_000, {"anna": ANNA, "bert": -202_000, "supplier": -8_000, "dso": 10_000}
    ),
    # 600 Wh served: 126 000. 400 left: 80 000, 4 000 and 8 000 less 28 000.
    (LEFT, LPD): (
        "bert", 64_000, {"anna": ANNA, "bert": -190_000, "lpd": -20_000, "dso": 10_000}
    ),
    # 80 000 and 4 000 less 32 000.
    (LEFT, SUPPLIER): (
        "bert", 52_000, {"anna": ANNA, "bert": -178_000, "supplier": -32_000, "dso": 10_000}
    ),
    # 250 Wh served: 52 500. 750 left: 150 000 and 7 500 less 60 000.
    (LEFT_ALL, OWN): (
        "bert", 97_500, {"anna": ANNA, "bert": -150_000, "supplier": -60_000, "dso": 10_000}
    ),
    (LEFT_ALL, LPD): (
        "bert", 200_000 + 10_000 + 20_000 - 70_000,
        {"anna": ANNA, "bert": -160_000, "lpd": -50_000, "dso": 10_000},
    ),
    (LEFT_ALL, SUPPLIER): (
        "bert", 130_000, {"anna": ANNA, "bert": -130_000, "supplier": -80_000, "dso": 10_000}
    ),
    # 800 Wh drawn: 168 000. 100 at 350 less 200.
    (SELLER_MORE, OWN): (
        "anna", 15_000, {"anna": 125_000, "bert": -168_000, "supplier": 35_000, "dso": 8_000}
    ),
    (SELLER_MORE, REPLACEMENT): (
        "anna", 10_000 + 1_200,
        {"anna": 120_000 - 11_200, "bert": -168_000, "carl": 50_000, "dso": 9_200},
    ),
    (SELLER_MORE, LPD): (
        "anna", 26_000 + 4_000, {"anna": 90_000, "bert": -168_000, "lpd": 70_000, "dso": 8_000}
    ),
    (SELLER_MORE, SUPPLIER): (
        "anna", 30_000, {"anna": 90_000, "bert": -168_000, "supplier": 70_000, "dso": 8_000}
    ),
    (SELLER_MORE, SHED): (
        "anna", 100_000, {"anna": 20_000, "bert": -126_000 + 100_000, "dso": 6_000}
    ),
    # 700 Wh served: 147 000. 100 left: 20 000 and 1 000 less 8 000.
    (BUYER_MORE, OWN): (
        "bert", 13_000, {"anna": 160_000, "bert": -160_000, "supplier": -8_000, "dso": 8_000}
    ),
    # 600 Wh served: 126 000. 200 left: 40 000, 2 000 and 4 000 less 14 000.
    (BUYER_MORE, LPD): (
        "bert", 32_000, {"anna": 160_000, "bert": -158_000, "lpd": -10_000, "dso": 8_000}
    ),
    (BUYER_MORE, SUPPLIER): (
        "bert", 26_000, {"anna": 160_000, "bert": -152_000, "supplier": -16_000, "dso": 8_000}
    ),
    ("both alike", OWN): ("", 0, {"anna": 140_000, "bert": -147_000, "dso": 7_000}),
    # 250 Wh at 350 less 200.
    (COVER_FAILS, OWN): (
        "anna", 37_500, {"anna": 112_500, "bert": BERT, "supplier": 87_500, "dso": 10_000}
    ),
    # 150 at 250 less 200 with 6 of path, 250 at 350 less 200.
    (COVER_FAILS, REPLACEMENT): (
        "anna", 7_500 + 900 + 37_500,
        {"anna": 120_000 - 45_900, "bert": BERT, "carl": 37_500, "supplier": 87_500, "dso": 10_900},
    ),
    # 150 at 330 less 200 and 20, 250 at 350 less 200.
    (COVER_FAILS, LPD): (
        "anna", 19_500 + 3_000 + 37_500,
        {"anna": 60_000, "bert": BERT, "lpd": 52_500, "supplier": 87_500, "dso": 10_000},
    ),
    # 750 Wh served: 157 500. 150 at 330 less 200 and 20, 250 at 500.
    (COVER_FAILS, SHED): (
        "anna", 19_500 + 3_000 + 125_000,
        {"anna": 120_000 - 147_500, "bert": -157_500 + 125_000, "lpd": 52_500, "dso": 7_500},
    ),
    (NO_LPD, OWN): (
        "anna", 15_000, {"anna": 165_000, "bert": BERT, "supplier": 35_000, "dso": 10_000}
    ),
    # 300 at 250 less 200 with 6 of path, 100 at 350 less 200.
    (NO_LPD, REPLACEMENT): (
        "anna", 15_000 + 1_800 + 15_000,
        {"anna": 120_000 - 31_800, "bert": BERT, "carl": 75_000, "supplier": 35_000, "dso": 11_800},
    ),
    (NO_LPD, LPD): (
        "anna", 60_000, {"anna": 60_000, "bert": BERT, "supplier": 140_000, "dso": 10_000}
    ),
    (NO_LPD, SUPPLIER): (
        "anna", 60_000, {"anna": 60_000, "bert": BERT, "supplier": 140_000, "dso": 10_000}
    ),
    (NO_LPD, SHED): ("anna", 200_000, {"anna": -80_000, "bert": 74_000, "dso": 6_000}),
    (NO_LPD_IN, OWN): (
        "bert", 13_000, {"anna": ANNA, "bert": -202_000, "supplier": -8_000, "dso": 10_000}
    ),
    (NO_LPD_IN, LPD): (
        "bert", 52_000, {"anna": ANNA, "bert": -178_000, "supplier": -32_000, "dso": 10_000}
    ),
    (NO_LPD_IN, SUPPLIER): (
        "bert", 52_000, {"anna": ANNA, "bert": -178_000, "supplier": -32_000, "dso": 10_000}
    ),
    # 900 Wh served: 189 000. 100 at 500.
    (ISLAND, OWN): (
        "anna", 50_000, {"anna": 130_000, "bert": -189_000 + 50_000, "dso": 9_000}
    ),
    # 750 Wh served: 157 500. 150 at 250 less 200 with 6 of path, 250 at 500.
    (ISLAND, REPLACEMENT): (
        "anna", 7_500 + 900 + 125_000,
        {"anna": 120_000 - 133_400, "bert": -32_500, "carl": 37_500, "dso": 8_400},
    ),
    (ISLAND, LPD): (
        "anna", 147_500, {"anna": -27_500, "bert": -32_500, "lpd": 52_500, "dso": 7_500}
    ),
    # 400 Wh served: 84 000; 200 delivered but shed, at 200 from the operator; 400 at 500.
    (ISLAND, SHED): (
        "anna", 200_000,
        {"anna": 120_000 - 200_000, "bert": -84_000 + 200_000, "lpd": -40_000, "dso": 4_000},
    ),
}  # fmt: skip

CELLS = [cell for cell, case in CASES.items() if isinstance(case, Case)]


def test_each_pair_of_failure_and_cover_has_numbers_or_a_reason():
    assert set(CASES) == {(failure, cover) for failure in FAILURES for cover in COVERS}
    assert set(CELLS) == set(BY_HAND)
    assert all(reason for reason in CASES.values())


@pytest.mark.parametrize("cell", CELLS, ids=" × ".join)
def test_collateral_that_suffices_pays_what_is_owed(cell):
    debtor, owed, balances = BY_HAND[cell]
    done = settle_case(*cell, CASES[cell], COLLATERALS[0])

    assert dict(done.balances) == balances
    assert (done.debtor, done.owed_ueur, done.claimed_ueur) == (debtor, owed, 0)


@pytest.mark.parametrize(("level", "bearer"), [(1, "guarantee_fund"), (2, "lpd")])
@pytest.mark.parametrize("cell", [c for c in CELLS if BY_HAND[c][1]], ids=" × ".join)
def test_what_collateral_lacks_is_borne_and_stands_as_a_claim(cell, level, bearer):
    # By hand: the debtor pays the 5 000 it left; all beyond them moves to who bears it.
    debtor, owed, balances = BY_HAND[cell]
    done = settle_case(*cell, CASES[cell], COLLATERALS[level])

    beyond = owed - 5_000
    expected = dict(balances)
    expected[debtor] += beyond
    expected[bearer] = expected.get(bearer, 0) - beyond
    assert dict(done.balances) == {account: ueur for account, ueur in expected.items() if ueur}
    claims = done.settlement.claims
    assert {(c.debtor, c.bearer) for c in claims} == {(debtor, bearer)}
    assert done.claimed_ueur == beyond


def test_every_cell_is_settled_by_every_collateral_that_matters():
    owing = sum(bool(owed) for _, owed, _ in BY_HAND.values())
    assert len(list(examples())) == len(BY_HAND) + 2 * owing


def test_the_page_is_what_the_code_prints():
    page = Path(__file__).parents[2] / "docs/failures.md"
    assert page.read_text("utf-8") == failure_page()
