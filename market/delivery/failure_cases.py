"""The cells of failure × cover, each with one example in numbers, or why it cannot occur."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CASES", "COVERS", "FAILURES", "Case"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Meters of one period of a contract over 1 000 Wh, and who was called. [Wh]

    `bert_wh` is drawn, everything else injected; `replacement_wh`, `lpd_cover_wh` and
    `lpd_absorb_wh` were planned.
    """

    says: str
    anna_wh: int = 1000
    bert_wh: int = 1000
    carl_wh: int = 0
    lpd_wh: int = 0
    shed_wh: int = 0
    replacement_wh: int = 0
    lpd_cover_wh: int = 0
    lpd_absorb_wh: int = 0
    islanded: bool = False


COVERS = ("own storage", "replacement", "LPD", "supplier", "shed")

NOTHING_OPEN = "nothing is left open"
NO_TAKER = "an unsold offer gives energy, and takes none"
NOTHING_TO_SHED = "who draws too little has nothing to shed; what is shed counts as accepted"
NO_SUPPLIER = "an island has none; the LPD stands in its place"
NEVER_FAILS = "the upstream grid gives what is drawn; without it this is an island"
VOID = "what lacks on both sides is void, and nothing is open"

_ROWS: Mapping[str, tuple[Case | str, Case | str, Case | str, Case | str, Case | str]] = {
    "none": (
        Case(says="storage gives 300 of the 1 000 Wh; the meter shows them, nobody owes"),
        Case(
            says="called after a dip that the seller made up for: stays billed to the seller, and "
            "the LPD takes the energy at its buying price",
            carl_wh=100,
            replacement_wh=100,
        ),
        Case(says="likewise, with the stability fee", lpd_wh=100, lpd_cover_wh=100),
        NOTHING_OPEN,
        Case(
            says="the buyer pays for what it was served; the operator (LPD) pays the seller the "
            "rest",
            bert_wh=600,
            lpd_wh=-400,
            shed_wh=400,
            islanded=True,
        ),
    ),
    "seller short, whole": (
        Case(says="storage gives 250 Wh; the supplier the rest, at the seller's cost", anna_wh=250),
        Case(
            says="the seller owes what it costs beyond the contract price, and the longer path",
            anna_wh=0,
            carl_wh=1000,
            replacement_wh=1000,
        ),
        Case(
            says="the seller owes the difference and the stability fee",
            anna_wh=0,
            lpd_wh=1000,
            lpd_cover_wh=1000,
        ),
        Case(says="the seller owes retail less the contract price", anna_wh=0),
        Case(
            says="nobody pays for energy; the seller owes compensation",
            anna_wh=0,
            bert_wh=0,
            shed_wh=1000,
            islanded=True,
        ),
    ),
    "seller short, in part": (
        Case(says="storage gives 300 of the 400 Wh; the supplier the rest", anna_wh=900),
        Case(says="as whole, on 400 Wh", anna_wh=600, carl_wh=400, replacement_wh=400),
        Case(says="as whole, on 400 Wh", anna_wh=600, lpd_wh=400, lpd_cover_wh=400),
        Case(says="as whole, on 400 Wh", anna_wh=600),
        Case(
            says="the buyer pays for 600 Wh; compensation for 400",
            anna_wh=600,
            bert_wh=600,
            shed_wh=400,
            islanded=True,
        ),
    ),
    "buyer absorbs part": (
        Case(says="storage takes 300 of the 400 Wh; the supplier the rest", bert_wh=900),
        NO_TAKER,
        Case(
            says="the buyer pays price and fee of all 1 000 Wh and the stability fee, and gets the "
            "LPD's buying price",
            bert_wh=600,
            lpd_wh=-400,
            lpd_absorb_wh=400,
        ),
        Case(says="the same without stability fee, and it gets feed-in", bert_wh=600),
        NOTHING_TO_SHED,
    ),
    "buyer absorbs nothing": (
        Case(says="storage takes 250 Wh; the supplier the rest", bert_wh=250),
        NO_TAKER,
        Case(says="as in part, on 1 000 Wh", bert_wh=0, lpd_wh=-1000, lpd_absorb_wh=1000),
        Case(says="as in part, on 1 000 Wh", bert_wh=0),
        NOTHING_TO_SHED,
    ),
    "both, the seller more": (
        Case(says="200 Wh are void; 100 of 200 Wh open after storage", anna_wh=700, bert_wh=800),
        Case(
            says="200 Wh are void; the seller owes for the other 200",
            anna_wh=600,
            bert_wh=800,
            carl_wh=200,
            replacement_wh=200,
        ),
        Case(says="likewise", anna_wh=600, bert_wh=800, lpd_wh=200, lpd_cover_wh=200),
        Case(says="likewise", anna_wh=600, bert_wh=800),
        Case(
            says="200 Wh are void, 200 Wh shed and compensated",
            anna_wh=600,
            bert_wh=600,
            shed_wh=200,
            islanded=True,
        ),
    ),
    "both, the buyer more": (
        Case(says="200 Wh are void; 100 of 200 Wh left after storage", anna_wh=800, bert_wh=700),
        NO_TAKER,
        Case(
            says="200 Wh are void; the buyer owes for the other 200",
            anna_wh=800,
            bert_wh=600,
            lpd_wh=-200,
            lpd_absorb_wh=200,
        ),
        Case(says="likewise", anna_wh=800, bert_wh=600),
        NOTHING_TO_SHED,
    ),
    "both alike": (
        Case(says="300 Wh are void for both, no money and no fee", anna_wh=700, bert_wh=700),
        VOID,
        VOID,
        VOID,
        VOID,
    ),
    "the cover fails": (
        Case(says="storage runs empty after 150 of 400 Wh; the supplier the rest", anna_wh=750),
        Case(
            says="only what is metered replaces: 150 of 400 Wh; the supplier the rest",
            anna_wh=600,
            carl_wh=150,
            replacement_wh=400,
        ),
        Case(
            says="the LPD's store runs empty after 150 of 400 Wh; the supplier the rest",
            anna_wh=600,
            lpd_wh=150,
            lpd_cover_wh=400,
        ),
        NEVER_FAILS,
        Case(
            says="the LPD's store runs empty after 150 of 400 Wh; 250 Wh are shed",
            anna_wh=600,
            bert_wh=750,
            lpd_wh=150,
            shed_wh=250,
            lpd_cover_wh=400,
            islanded=True,
        ),
    ),
    "the LPD fails, seller short": (
        Case(
            says="storage gives 300 Wh; of the LPD's 100 nothing is metered, the supplier covers",
            anna_wh=900,
            lpd_cover_wh=100,
        ),
        Case(
            says="300 Wh are replaced; the LPD's 100 are the supplier's",
            anna_wh=600,
            carl_wh=300,
            replacement_wh=300,
            lpd_cover_wh=100,
        ),
        Case(
            says="the supplier covers all; no stability fee where no energy came",
            anna_wh=600,
            lpd_cover_wh=400,
        ),
        Case(says="out of service before the call: it is not asked", anna_wh=600),
        Case(
            says="nothing of 400 Wh comes; they are shed and compensated",
            anna_wh=600,
            bert_wh=600,
            shed_wh=400,
            lpd_cover_wh=400,
            islanded=True,
        ),
    ),
    "the LPD fails, buyer absorbs part": (
        Case(says="storage takes 300 Wh; the LPD's 100 are fed in", bert_wh=900, lpd_absorb_wh=100),
        NO_TAKER,
        Case(says="all 400 Wh are fed in; no stability fee", bert_wh=600, lpd_absorb_wh=400),
        Case(says="out of service before the call: it is not asked", bert_wh=600),
        NOTHING_TO_SHED,
    ),
    "shed in an island": (
        Case(
            says="storage gives 300 of 400 Wh, 100 Wh are shed",
            anna_wh=900,
            bert_wh=900,
            shed_wh=100,
            islanded=True,
        ),
        Case(
            says="150 Wh are replaced, 250 shed",
            anna_wh=600,
            bert_wh=750,
            carl_wh=150,
            shed_wh=250,
            replacement_wh=150,
            islanded=True,
        ),
        Case(
            says="the LPD gives 150 Wh, 250 are shed",
            anna_wh=600,
            bert_wh=750,
            lpd_wh=150,
            shed_wh=250,
            lpd_cover_wh=150,
            islanded=True,
        ),
        NO_SUPPLIER,
        Case(
            says="600 Wh are shed, 200 of them delivered: the operator pays the seller those",
            anna_wh=600,
            bert_wh=400,
            lpd_wh=-200,
            shed_wh=600,
            islanded=True,
        ),
    ),
}

FAILURES = tuple(_ROWS)

CASES: Mapping[tuple[str, str], Case | str] = {
    (failure, cover): cell
    for failure, row in _ROWS.items()
    for cover, cell in zip(COVERS, row, strict=True)
}
"""By failure and cover: an example, or why it cannot occur."""
