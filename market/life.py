"""A contract's life, from offer to settlement, told as simpy processes.

The clock is the caller's: integer ticks, advanced from outside. Events *at* a
tick belong to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import simpy
from numpy.typing import NDArray

from .agreement import agree, check_sides, left_over
from .clearing_house import ClearingHouse
from .contract import (
    Clock,
    Contract,
    ContractError,
    OfferLike,
    Schedule,
    Segment,
    State,
    TradeLike,
    UnsoldOffer,
    add_segments,
    follow,
)
from .cover import Call, Cover, Direction, LpdStorage, Plan, Spare, call_for, own_cover
from .ledger import Ledger
from .planner import CoverPlanner
from .records import LifeRecord
from .rules import Rules, Terms
from .settlement import (
    GUARANTEE_FUND,
    LPD,
    Outcome,
    Period,
)
from .tokens import TokenBook

__all__ = ["TransactionLoop"]

Story = Generator[simpy.Event, Any, None]
Ints = NDArray[np.int64]


class Reading(Protocol):
    """What the meters give at a period's close; :class:`market.meters.PeriodReading`."""

    @property
    def net_milliwh(self) -> Ints: ...
    @property
    def shed_milliwh(self) -> Ints: ...


@dataclass(slots=True)
class _Life:
    """One contract on its way."""

    contract: Contract
    called: simpy.Event
    metered: simpy.Event
    state: State = State.MATCHED
    called_at_tick: int | None = None
    outcome: Outcome | None = None
    process: simpy.Process | None = None

    def to(self, state: State) -> None:
        self.state = follow(self.contract.contract_id, self.state, state)


@dataclass(slots=True)
class _Book:
    """One delivery period: its offers, contracts, covers, and what everybody is told."""

    period: int
    reading: simpy.Event
    settled: simpy.Event
    offers: list[UnsoldOffer] = field(default_factory=list)
    bidders: list[str] = field(default_factory=list)
    spares: list[Spare] = field(default_factory=list)
    lives: list[_Life] = field(default_factory=list)
    covers: list[Cover] = field(default_factory=list)
    segments: dict[str, list[Segment]] = field(default_factory=lambda: defaultdict(list))
    net_wh: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    called: set[str] = field(default_factory=set)

    @property
    def contracts(self) -> list[Contract]:
        return [life.contract for life in self.lives]

    def lives_of(self, peer: str) -> list[_Life]:
        return [x for x in self.lives if peer in (x.contract.seller, x.contract.buyer)]


class TransactionLoop:
    """Plays every contract's life, and books its money.

    Parameters
    ----------
    peers : sequence of str
        All meters in order, the LPD's included.
    clock : Clock
        Where delivery periods lie on the caller's ticks.
    terms, rules : Terms, Rules, optional
        Tariffs and rules of settlement.
    ledger : Ledger, optional
        Where money is booked; in memory unless given.
    fee_ticks : (n, n) int64 array, optional
        Transport fee from seller (row) to buyer (column); for replacements. [µ€/Wh]
    lpd : LpdStorage, optional
        Ramp and charging efficiency of the LPD's storage.
    islanded : bool
        The LPD stands in the supplier's place; may be set between periods.
    now : int
        First tick that will be used.
    response_ticks : int
        Ticks from a call to the start of its cover.
    """

    def __init__(
        self,
        peers: Sequence[str],
        clock: Clock,
        *,
        terms: Terms | None = None,
        rules: Rules | None = None,
        ledger: Ledger | None = None,
        fee_ticks: Ints | None = None,
        lpd: LpdStorage | None = None,
        islanded: bool = False,
        now: int = 0,
        response_ticks: int = 1,
    ) -> None:
        self.env = simpy.Environment(initial_time=now)
        self.peers, self.clock, self.islanded = tuple(peers), clock, islanded
        self._response_ticks = response_ticks
        storage = lpd or LpdStorage()
        self._house = ClearingHouse(
            self.peers,
            terms or Terms(),
            rules or Rules(),
            ledger or Ledger(),
            efficiency=storage.efficiency,
            now=now,
        )
        self._planner = CoverPlanner(clock, self.terms, storage, self._fees(fee_ticks))
        self._books: dict[int, _Book] = {}
        self._sequence: dict[str, int] = defaultdict(int)
        self._messages: list[Schedule] = []
        self._next_contract = 1

    @property
    def terms(self) -> Terms:
        """Tariffs and parameters of settlement."""
        return self._house.terms

    @property
    def ledger(self) -> Ledger:
        """The money's book."""
        return self._house.ledger

    @property
    def tokens(self) -> TokenBook:
        """All tokens of the run."""
        return self._house.tokens

    def _fees(self, fee_ticks: Ints | None) -> Callable[[str, str], int]:
        position = {peer: i for i, peer in enumerate(self.peers)}
        if fee_ticks is None:
            return lambda seller, buyer: 0
        return lambda seller, buyer: int(fee_ticks[position[seller], position[buyer]])

    # What the world tells

    def offers(self, now: int, period: int, orders: Iterable[OfferLike]) -> None:
        """Take the orders of a period; every sell order mints its tokens."""
        self.advance(now)
        book = self._book(period)
        for order in orders:
            if order.peer not in book.bidders:
                book.bidders.append(order.peer)
            if order.side == "sell":
                energy_wh, price_ticks = int(order.energy_wh), int(order.price_ticks)
                self.tokens.mint(period, order.peer, 1000 * energy_wh)
                book.offers.append(UnsoldOffer(order.peer, energy_wh, price_ticks))

    def conclude(
        self,
        now: int,
        period: int,
        trades: Iterable[TradeLike],
        unsold: Sequence[UnsoldOffer] | None = None,
    ) -> list[Contract]:
        """Turn trades into contracts, take collateral, and tell everybody what to deliver.

        `unsold` are possible replacements; unless given, what offers minus
        trades leave, each peer's dearest offers last sold.

        Raises
        ------
        ContractError
            A peer sells and buys in one period, or is not known.
        """
        self.advance(now)
        book = self._book(period)
        contracts = [
            agree(self._next_contract + i, period, trade, self.terms)
            for i, trade in enumerate(trades)
        ]
        check_sides(period, [*book.contracts, *contracts], self.peers, lpd=LPD)
        self._next_contract += len(contracts)
        for contract in contracts:
            life = _Life(contract, self.env.event(), self.env.event())
            life.process = self.env.process(self._live(life, book))
            book.lives.append(life)
            book.net_wh[contract.seller] += contract.energy_wh
            book.net_wh[contract.buyer] -= contract.energy_wh
        left = left_over(book.offers, book.contracts) if unsold is None else unsold
        hours = self.clock.period_h
        book.spares = [Spare(o.peer, o.price_ticks, o.energy_wh / hours / 1000) for o in left]
        self.advance(now)
        for peer in dict.fromkeys([*book.bidders, *book.net_wh]):
            self._tell(peer, book)
        self.ledger.commit()
        return contracts

    def shortfall(
        self,
        now: int,
        peer: str,
        deficit_wh: float,
        because: str,
        *,
        delivering_kw: float | None = None,
        own_wh: float = 0.0,
    ) -> None:
        """Call the cover of a peer that falls short of what it sold, or does not take.

        Parameters
        ----------
        now : int
            Tick in which the meter noticed.
        peer : str
            Who is short.
        deficit_wh : float
            How far behind its expected path; negative when ahead. [Wh]
        because : str
            "trip" or "deficit".
        delivering_kw : float, optional
            Its net injection now. Unless given, a tripped peer delivers
            nothing, and another goes on at its mean rate so far. [kW]
        own_wh : float
            What its own storage is known to add; recorded, not settled. [Wh]
        """
        self.advance(now)
        period = (now - self.clock.origin) // self.clock.ticks_per_period
        book = self._books.get(period)
        lives = [] if book is None else book.lives_of(peer)
        if book is None or not lives:
            return
        book.called.add(peer)
        direction: Direction = "cover" if lives[0].contract.seller == peer else "absorb"
        call = call_for(
            direction,
            [life.contract for life in lives],
            self.clock,
            now,
            now + self._response_ticks,
            deficit_wh=deficit_wh,
            tripped=because == "trip",
            delivering_kw=delivering_kw,
        )
        call = call._replace(missing_kw=call.missing_kw - self._covered_kw(book, lives, call))
        if own_wh:
            self._note_own(call, book, lives[0].contract, own_wh)
        if call.missing_kw > 0 and call.end_tick > call.start_tick:
            self._start_cover(call, book, [life.contract for life in lives])
        for life in lives:
            if life.called_at_tick is None:
                life.called_at_tick = now
                life.called.succeed()
        self.advance(now)

    def _covered_kw(self, book: _Book, lives: Sequence[_Life], call: Call) -> float:
        """Power that an earlier call of the same contracts has ordered already. [kW]"""
        numbers = {life.contract.contract_id for life in lives}
        return sum(
            cover.planned_milliwh * 3.6e-3 / ((cover.end_tick - cover.start_tick) * self.clock.dt_s)
            for cover in book.covers
            if cover.contract_id in numbers
            and cover.direction == call.direction
            and cover.start_tick is not None
            and cover.end_tick is not None
            and cover.end_tick > call.start_tick
            and cover.kind != "own"
        )

    def lpd_state(self, energy_kwh: float, p_max_kw: float, *, room_kwh: float = 0.0) -> None:
        """Note what the LPD's storage can give and take from now on. [kWh], [kW]"""
        self._planner.lpd_state(energy_kwh, p_max_kw, room_kwh)

    def close_period(
        self, now: int, period: int, reading: Reading, *, losses_milliwh: int = 0
    ) -> None:
        """Hand over the meters of a period; its contracts are settled at once.

        Raises
        ------
        ContractError
            The reading has not one entry per peer, or the period is settled already.
        """
        self.advance(now)
        book = self._book(period)
        if book.reading.triggered:
            raise ContractError(f"period {period} is closed already; it is settled once")
        if len(reading.net_milliwh) != len(self.peers):
            raise ContractError(
                f"period {period}: {len(reading.net_milliwh)} meters for {len(self.peers)} peers"
            )
        net = dict(zip(self.peers, map(int, reading.net_milliwh), strict=True))
        shed = dict(zip(self.peers, map(int, reading.shed_milliwh), strict=True))
        self._house.records.meters(period, net, shed)
        book.reading.succeed((net, shed, losses_milliwh))
        self.advance(now)

    def finish(self, now: int) -> None:
        """End the run: contracts whose meters were never read are cancelled."""
        self.advance(now)
        for book in self._books.values():
            for life in book.lives:
                if life.process is not None and life.process.is_alive:
                    life.process.interrupt("the run ended")
            self.advance(now)
            self.tokens.expire(book.period)
        self.ledger.commit()

    # What the world asks

    def advance(self, now: int) -> None:
        """Play everything up to and including a tick."""
        if now > self.env.now:
            self.env.run(until=now)
        while self.env.peek() <= now:
            self.env.step()

    def next_event(self) -> int | None:
        """Tick at which something happens of itself, if any."""
        tick = self.env.peek()
        return None if tick == float("inf") else int(tick)

    def take_messages(self) -> list[Schedule]:
        """Give the schedules that changed since the last time."""
        messages, self._messages = self._messages, []
        return messages

    def expected_wh(self, period: int) -> tuple[Ints, Ints]:
        """What each peer sold and bought in a period, for its meter. [Wh]"""
        book = self._book(period)
        net = np.array([book.net_wh.get(peer, 0) for peer in self.peers], dtype=np.int64)
        return np.maximum(net, 0), np.maximum(-net, 0)

    @property
    def lpd_stock_ticks(self) -> int:
        """Value of the LPD's stock: its last charging cost over efficiency. [µ€/Wh]"""
        return self._house.lpd_stock_ticks

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Everything to record, as plain rows."""
        lives = [
            LifeRecord(life.contract, life.state, life.called_at_tick, life.outcome)
            for book in self._books.values()
            for life in book.lives
        ]
        pending = [c for b in self._books.values() if not b.settled.triggered for c in b.covers]
        return self._house.tables(lives, pending)

    # The stories

    def _live(self, life: _Life, book: _Book) -> Story:
        """One contract, from match to settlement."""
        contract = life.contract
        try:
            self._house.hold_collateral(contract, int(self.env.now))
            life.to(State.SECURED)
            self.tokens.lock(book.period, contract.seller, contract.energy_milliwh)
            life.to(State.IN_FORCE)
            yield self.env.timeout(max(0, self.clock.start(book.period) - self.env.now))
            life.to(State.DELIVERING)
            outcome = yield life.called | book.reading
            if life.called in outcome:
                life.to(State.CALLED)
                yield book.reading
            life.to(State.METERED)
            life.metered.succeed()
            settlement = yield book.settled
            life.outcome = settlement[contract.contract_id]
            life.to(State.SETTLED)
        except simpy.Interrupt:
            self._house.release_collateral(contract, int(self.env.now))
            life.to(State.CANCELLED)

    def _settle(self, book: _Book) -> Story:
        """One delivery period: wait for its meters, settle, let tokens burn and expire."""
        net, shed, losses_milliwh = yield book.reading
        yield self.env.all_of([life.metered for life in book.lives])
        period = Period(
            period=book.period,
            tick=int(self.env.now),
            contracts=book.contracts,
            covers=book.covers,
            net_milliwh=net,
            shed_milliwh=shed,
            residual="lpd" if self.islanded else "supplier",
            losses_milliwh=losses_milliwh,
            fund_ueur=self.ledger.balance(GUARANTEE_FUND),
        )
        book.settled.succeed(self._house.settle(period))

    # Steps of the stories

    def _book(self, period: int) -> _Book:
        if period not in self._books:
            book = _Book(period, self.env.event(), self.env.event())
            self._books[period] = book
            self.env.process(self._settle(book))
        return self._books[period]

    def _start_cover(self, call: Call, book: _Book, contracts: Sequence[Contract]) -> None:
        spares = [s for s in book.spares if s.peer not in book.called]
        for plan in self._planner.plan(call, contracts, spares, self._house.next_cover_id):
            self._house.next_cover_id += 1
            self._promise(plan, book)
        for party in dict.fromkeys(
            c.party for c in book.covers if c.called_tick == call.called_tick
        ):
            if book.segments[party]:
                self._tell(party, book)

    def _promise(self, plan: Plan, book: _Book) -> None:
        cover = plan.cover
        if cover.kind == "replacement":
            free = self.tokens.free_milliwh(book.period, cover.party)
            cover = replace(cover, planned_milliwh=min(cover.planned_milliwh, free))
            self.tokens.lock(book.period, cover.party, cover.planned_milliwh)
        book.covers.append(cover)
        book.segments[cover.party] += plan.segments

    def _note_own(self, call: Call, book: _Book, contract: Contract, own_wh: float) -> None:
        book.covers.append(own_cover(self._house.next_cover_id, call, contract, own_wh))
        self._house.next_cover_id += 1

    def _tell(self, peer: str, book: _Book) -> None:
        self._sequence[peer] += 1
        cover = add_segments(book.segments[peer])
        net_wh = book.net_wh[peer]
        self._messages.append(Schedule(peer, self._sequence[peer], book.period, net_wh, cover))
