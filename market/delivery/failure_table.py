"""Failure × cover × collateral: what comes of each, with one period settled for every cell.

`docs/failures.md` is :func:`failure_page`, printed by ``python -m market.delivery.failure_table``.
All examples are of one contract: anna sells bert 1 000 Wh at 0.20 €/kWh, with a fee of 0.01 €/kWh.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

from .contract import Contract
from .cover import Cover, Direction
from .failure_cases import CASES, COVERS, FAILURES, Case
from .outcome import Settlement
from .period import LPD, Period
from .rules import Terms
from .settlement import settle_period

__all__ = ["COLLATERALS", "Collateral", "Settled", "examples", "failure_page", "settle_case"]

TERMS = Terms()
ASK_TICKS, PATH_TICKS = 250, 16


@dataclass(frozen=True, slots=True)
class Collateral:
    """What both sides left with the LPD, and what the guarantee fund holds. [µ€]"""

    name: str
    each_ueur: int
    fund_ueur: int


COLLATERALS = (
    Collateral("suffices", 600_000, 10_000_000),
    Collateral("does not: the fund bears", 5_000, 10_000_000),
    Collateral("does not, and the fund is empty: the LPD bears", 5_000, 0),
)


@dataclass(frozen=True, slots=True)
class Settled:
    """A cell that was settled.

    Attributes
    ----------
    balances : mapping of account to µ€
        What the period moved, collateral included as given back.
    debtor : str
        Who owes; empty where nobody does.
    owed_ueur, claimed_ueur : int
        What it owes for its failure; what of it others bore, and claim.
    """

    failure: str
    cover: str
    collateral: Collateral
    settlement: Settlement
    balances: Mapping[str, int]
    debtor: str
    owed_ueur: int
    claimed_ueur: int


def settle_case(failure: str, cover: str, case: Case, collateral: Collateral) -> Settled:
    """Settle the example of one cell."""
    held = collateral.each_ueur
    contract = Contract(1, 0, "anna", "bert", 1000, 200, 10, held, held)
    settlement = settle_period(_period(case, contract, collateral.fund_ueur), TERMS)
    (outcome,) = settlement.outcomes
    by_seller, by_buyer = outcome.owed_seller_ueur, outcome.owed_buyer_ueur
    return Settled(
        failure,
        cover,
        collateral,
        settlement,
        _balances(settlement, held),
        "anna" if by_seller else "bert" if by_buyer else "",
        by_seller + by_buyer,
        sum(claim.amount_ueur for claim in settlement.claims),
    )


def examples() -> Iterator[Settled]:
    """Settle every cell that can occur, by every collateral that matters to it."""
    for (failure, cover), case in CASES.items():
        if isinstance(case, Case):
            first = settle_case(failure, cover, case, COLLATERALS[0])
            yield first
            for collateral in COLLATERALS[1:] if first.owed_ueur else ():
                yield settle_case(failure, cover, case, collateral)


def _period(case: Case, contract: Contract, fund_ueur: int) -> Period:
    net_wh = {"anna": case.anna_wh, "bert": -case.bert_wh, "carl": case.carl_wh, LPD: case.lpd_wh}
    planned = [
        _cover(1, "replacement", "carl", case.replacement_wh),
        _cover(2, "lpd", LPD, case.lpd_cover_wh),
        _cover(3, "lpd", LPD, case.lpd_absorb_wh, "absorb"),
    ]
    return Period(
        period=0,
        tick=0,
        contracts=[contract],
        covers=[cover for cover in planned if cover.planned_milliwh],
        net_milliwh={peer: 1000 * energy for peer, energy in net_wh.items()},
        shed_milliwh={"bert": 1000 * case.shed_wh},
        residual="lpd" if case.islanded else "supplier",
        fund_ueur=fund_ueur,
    )


def _cover(
    number: int, kind: str, party: str, planned_wh: int, direction: Direction = "cover"
) -> Cover:
    lpd_ticks = TERMS.lpd_sell_ticks if direction == "cover" else TERMS.lpd_buy_ticks
    made = Cover(number, 1, 0, direction, "lpd", party, planned_milliwh=1000 * planned_wh)
    if kind == "lpd":
        return replace(made, price_ticks=lpd_ticks)
    return replace(made, kind="replacement", price_ticks=ASK_TICKS, fee_ticks=PATH_TICKS)


def _balances(settlement: Settlement, held: int) -> dict[str, int]:
    moved = Counter({"peer:anna": -held, "peer:bert": -held, "collateral": 2 * held})
    for posting in settlement.postings:
        moved[posting.debit] -= posting.amount_ueur
        moved[posting.credit] += posting.amount_ueur
    return {account.removeprefix("peer:"): ueur for account, ueur in moved.items() if ueur}


# The page -------------------------------------------------------------------------------------

_INTRODUCTION = """\
# What comes of a failure

Every failure × every cover × every state of the collateral has one outcome. This page is printed \
by `python -m market.delivery.failure_table`; each number on it is worked again by hand in \
`tests/market/test_failure_table.py`.

One contract throughout: anna sells bert 1 000 Wh at 20 ct/kWh, and bert pays a fee of 1 ct/kWh to \
the DSO. Kept, it moves 20 ct to anna, 1 ct to the DSO, and 21 ct from bert. The supplier sells at \
35 and buys at 8 ct/kWh, the LPD sells at 33 and buys at 7; its stability fee is 2 ct/kWh, the \
compensation for shed energy 50. carl's unsold offer asks 25 ct/kWh, and its path costs 0.6 \
ct/kWh more. Energy is in Wh, money in ct: a plus is received, a minus paid.

Who kept its word gets in every cell what it would have got: anna, where bert fails alone, her \
20 ct; bert, where anna fails alone, its 1 000 Wh for 21 ct, or pays for what it was served only, \
and is compensated for the rest.
"""

_COLLATERAL = """\
## Collateral

A failing party is liable up to its collateral (R7). What that lacks is borne by the guarantee \
fund; where the fund is empty, by the LPD. It stands as a claim against the party. Nothing else \
in a row changes. With a collateral of 0.5 ct:
"""

_ACCOUNTS = ("anna", "bert", "carl", "lpd", "supplier", "dso")


def failure_page() -> str:
    """Write `docs/failures.md`."""
    settled = list(examples())
    enough = [one for one in settled if one.collateral is COLLATERALS[0]]
    parts = [
        _INTRODUCTION,
        "## Which cells there are\n\n" + _overview(),
        "## One example per cell\n\nCollateral suffices here.\n\n" + _numbers(enough),
        _COLLATERAL + "\n" + _borne(settled),
    ]
    return "\n".join(parts)


def _overview() -> str:
    lines = [_line(["failure", *COVERS]), _line(["---"] * (1 + len(COVERS)))]
    for failure in FAILURES:
        cells = [CASES[failure, cover] for cover in COVERS]
        told = [
            cell.says if isinstance(cell, Case) else f"*cannot occur: {cell}*" for cell in cells
        ]
        lines.append(_line([f"**{failure}**", *told]))
    return "\n".join(lines) + "\n"


def _numbers(settled: list[Settled]) -> str:
    head = ["failure", "cover", "meters", *_ACCOUNTS, "owed"]
    lines = [_line(head), _line(["---", "---", "---", *["---:"] * 7])]
    for one in settled:
        case = CASES[one.failure, one.cover]
        assert isinstance(case, Case)
        owed = f"{one.debtor} {_ct(one.owed_ueur)}" if one.debtor else "none"
        money = [_ct(one.balances.get(account, 0)) for account in _ACCOUNTS]
        lines.append(_line([one.failure, one.cover, _meters(case), *money, owed]))
    return "\n".join(lines) + "\n"


def _meters(case: Case) -> str:
    told = [f"anna {case.anna_wh:+d}", f"bert {-case.bert_wh:+d}"]
    told += [f"carl {case.carl_wh:+d}"] if case.carl_wh else []
    told += [f"lpd {case.lpd_wh:+d}"] if case.lpd_wh else []
    told += [f"{case.shed_wh} shed"] if case.shed_wh else []
    return ", ".join(told).replace("-0", "0").replace("+0", "0")


def _borne(settled: list[Settled]) -> str:
    head = ["failure", "cover", "who owes", "suffices", "fund bears, and claims", "its balance"]
    head += ["fund empty: LPD bears, and claims", "the LPD's balance"]
    lines = [_line(head), _line(["---"] * 3 + ["---:"] * 5)]
    for failure, cover in product(FAILURES, COVERS):
        mine = [one for one in settled if (one.failure, one.cover) == (failure, cover)]
        if mine and not mine[0].owed_ueur:
            lines.append(_line([failure, cover, "nobody", *["nothing is owed"] * 5]))
        elif mine:
            enough, fund, lpd = mine
            who, debtor = enough.debtor, _ct(fund.balances[enough.debtor])
            row = [_ct(enough.owed_ueur), _ct(fund.claimed_ueur), f"{who} {debtor}"]
            row += [_ct(lpd.claimed_ueur), _ct(lpd.balances.get(LPD, 0))]
            lines.append(_line([failure, cover, who, *row]))
    return "\n".join(lines) + "\n"


def _ct(ueur: int) -> str:
    return f"{ueur / 10_000:.2f}" if ueur else "0"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(failure_page(), end="")
