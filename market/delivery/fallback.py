"""What is done while a period runs when a peer falls short: who is called to stand in for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from .clearing_house import ClearingHouse
from .contract import Clock, Contract
from .cover import Call, Direction, Plan, call_for, own_cover
from .period_book import Life, PeriodBook
from .planner import CoverPlanner

__all__ = ["Fallback", "Shortfall"]


class Shortfall(NamedTuple):
    """What a meter noticed; see :meth:`market.delivery.life.TransactionLoop.shortfall`."""

    now: int
    peer: str
    deficit_wh: float
    because: str
    delivering_kw: float | None = None
    own_wh: float = 0.0


class Fallback:
    """Calls cover for what is missing, and notes it.

    Parameters
    ----------
    clock : Clock
    planner : CoverPlanner
        Says who can stand in.
    house : ClearingHouse
        Numbers covers, and locks the tokens of replacements.
    response_ticks : int
        Ticks from a call to the start of its cover.
    """

    def __init__(
        self, clock: Clock, planner: CoverPlanner, house: ClearingHouse, response_ticks: int
    ) -> None:
        self._clock, self._planner, self._house = clock, planner, house
        self._response_ticks = response_ticks

    def call(self, book: PeriodBook, lives: Sequence[Life], short: Shortfall) -> list[str]:
        """Order cover for a peer's contracts; give the parties whose schedules change."""
        book.called.add(short.peer)
        contracts = [life.contract for life in lives]
        direction: Direction = "cover" if contracts[0].seller == short.peer else "absorb"
        call = call_for(
            direction,
            contracts,
            self._clock,
            short.now,
            short.now + self._response_ticks,
            deficit_wh=short.deficit_wh,
            tripped=short.because in ("trip", "black"),
            delivering_kw=short.delivering_kw,
        )
        covered_kw = book.covered_kw(lives, call, self._clock.dt_s)
        call = call._replace(missing_kw=call.missing_kw - covered_kw)
        if short.own_wh:
            book.covers.append(own_cover(self._number(), call, contracts[0], short.own_wh))
        if call.missing_kw <= 0 or call.end_tick <= call.start_tick:
            return []
        return self._start_cover(call, book, contracts)

    def _start_cover(
        self, call: Call, book: PeriodBook, contracts: Sequence[Contract]
    ) -> list[str]:
        spares = [s for s in book.spares if s.peer not in book.called]
        for plan in self._planner.plan(call, contracts, spares, self._house.next_cover_id):
            self._number()
            self._promise(plan, book)
        parties = dict.fromkeys(c.party for c in book.covers if c.called_tick == call.called_tick)
        return [party for party in parties if book.segments[party]]

    def _promise(self, plan: Plan, book: PeriodBook) -> None:
        cover, tokens = plan.cover, self._house.tokens
        if cover.kind == "replacement":
            free = tokens.free_milliwh(book.period, cover.party)
            cover = replace(cover, planned_milliwh=min(cover.planned_milliwh, free))
            tokens.lock(book.period, cover.party, cover.planned_milliwh)
        book.covers.append(cover)
        book.segments[cover.party] += plan.segments

    def _number(self) -> int:
        self._house.next_cover_id += 1
        return self._house.next_cover_id - 1
