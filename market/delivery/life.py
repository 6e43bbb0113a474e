"""The doors of the contracts' world: what it is told, what it is asked, and its clock.

What happens inside is told in :mod:`market.delivery.life_story`. The clock is the caller's:
integer ticks, advanced from outside. Events *at* a tick belong to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import simpy
from numpy.typing import NDArray

from ..billing.rule import Rule
from .agreement import agree, check_sides, left_over
from .clearing_house import ClearingHouse
from .contract import (
    Clock,
    Contract,
    ContractError,
    OfferLike,
    Schedule,
    Segment,
    TradeLike,
    UnsoldOffer,
)
from .cover import LpdStorage, Spare
from .disputes import Dispute
from .disputes_desk import Complaint
from .envelope import Answer, Received
from .fallback import Fallback, Shortfall
from .ledger import Ledger
from .life_agreement import Procedure
from .life_story import Stories
from .period import LPD
from .period_book import Outbox
from .planner import CoverPlanner
from .records import LifeRecord
from .rules import Rules, Terms
from .tokens import TokenBook

__all__ = ["TransactionLoop"]

Ints = NDArray[np.int64]


class Fees(Protocol):
    """Fee by positions of seller and buyer: a matrix, or `market.network.charges.Charges`."""

    def __getitem__(self, pair: tuple[int, int], /) -> Any: ...


class Reading(Protocol):
    """What the meters give at a period's close; :class:`market.delivery.meters.PeriodReading`."""

    @property
    def net_milliwh(self) -> Ints: ...
    @property
    def shed_milliwh(self) -> Ints: ...
    @property
    def curtailed_milliwh(self) -> Ints | None: ...


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
    fee_ticks : (n, n) int64 array or Charges, optional
        Transport fee from seller (row) to buyer (column); for replacements. [µ€/Wh]
    lpd : LpdStorage, optional
        Ramp and charging efficiency of the LPD's storage.
    islanded : bool
        The LPD stands in the supplier's place; may be set between periods.
    now : int
        First tick that will be used.
    response_ticks : int
        Ticks from a call to the start of its cover.
    rule : Rule, optional
        Bills the members (all peers but the LPD) from their meters in place of contracts: there
        are then no offers, trades, collateral, tokens and cover. It has met its members already,
        and is asked once for a period in which nothing flows.

    Raises
    ------
    BillingError
        The rule refuses the tariffs, or breaks a promise; also from :meth:`close_period`.
    """

    def __init__(
        self,
        peers: Sequence[str],
        clock: Clock,
        *,
        terms: Terms | None = None,
        rules: Rules | None = None,
        ledger: Ledger | None = None,
        fee_ticks: Fees | None = None,
        lpd: LpdStorage | None = None,
        islanded: bool = False,
        now: int = 0,
        response_ticks: int = 1,
        rule: Rule | None = None,
        procedure: Procedure | None = None,
    ) -> None:
        self.env = simpy.Environment(initial_time=now)
        self.peers, self.clock = tuple(peers), clock
        storage = lpd or LpdStorage()
        self._house = ClearingHouse(
            self.peers,
            terms or Terms(),
            rules or Rules(),
            ledger or Ledger(),
            efficiency=storage.efficiency,
            now=now,
            rule=rule,
        )
        self._planner = CoverPlanner(clock, self.terms, storage, self._fees(fee_ticks))
        self._outbox = Outbox()
        self._stories = Stories(
            self.env,
            clock,
            self._house,
            self._outbox,
            procedure or Procedure(),
            islanded=islanded,
        )
        self._fallback = Fallback(clock, self._planner, self._house, response_ticks)
        self._next_contract = 1

    @property
    def islanded(self) -> bool:
        """Whether the LPD stands in the supplier's place."""
        return self._stories.islanded

    @islanded.setter
    def islanded(self, islanded: bool) -> None:
        self._stories.islanded = islanded

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

    def _fees(self, fee_ticks: Fees | None) -> Callable[[str, str], int]:
        position = {peer: i for i, peer in enumerate(self.peers)}
        if fee_ticks is None:
            return lambda seller, buyer: 0
        return lambda seller, buyer: int(fee_ticks[position[seller], position[buyer]])

    # What the world tells

    def offers(self, now: int, period: int, orders: Iterable[OfferLike]) -> None:
        """Take the orders of a period; every sell order mints its tokens.

        Raises
        ------
        ContractError
            A rule bills the period.
        """
        self.advance(now)
        book = self._stories.book(period)
        for order in orders:
            self._refuse_by_rule(period, "orders")
            if order.side == "sell":
                self.tokens.mint(period, order.peer, 1000 * int(order.energy_wh))
            book.offered(order, now)

    def conclude(
        self,
        now: int,
        period: int,
        trades: Iterable[TradeLike],
        unsold: Sequence[UnsoldOffer] | None = None,
        *,
        barred: Collection[str] = (),
    ) -> list[Contract]:
        """Turn trades into contracts, have them agreed, and tell everybody what to deliver.

        `unsold` are possible replacements; unless given, what offers minus
        trades leave, each peer's dearest offers last sold. `barred` peers are
        none: the grid has no room for more of theirs.

        Raises
        ------
        ContractError
            A peer sells and buys in one period, or is not known; or a rule bills the period.
        """
        self.advance(now)
        book = self._stories.book(period)
        contracts = [
            agree(self._next_contract + i, period, trade) for i, trade in enumerate(trades)
        ]
        if contracts:
            self._refuse_by_rule(period, "trades")
        check_sides(period, [*book.contracts, *contracts], self.peers, lpd=LPD)
        self._next_contract += len(contracts)
        book.told, book.barred = False, frozenset(barred)
        lives = self._stories.begin(contracts, book)
        left = left_over(book.offers, book.contracts) if unsold is None else unsold
        hours = self.clock.period_h
        book.spares = [
            Spare(offer.peer, offer.price_ticks, offer.energy_wh / hours / 1000)
            for offer in left
            if offer.peer not in barred
        ]
        self.advance(now)
        for peer in dict.fromkeys([*book.bidders, *book.net_wh]):
            self._outbox.tell(peer, book)
        book.told = True
        self._stories.watch(lives, book)
        self.advance(now)
        self.ledger.commit()
        return [life.contract for life in lives]

    def receive(self, now: int, answer: Answer) -> Received:
        """Take a party's signature from outside, however often and whenever it comes.

        Only a valid one, in time and for the first time, has an effect; any other is noted.
        """
        self.advance(now)
        became = self._stories.agreements.receive(answer)
        self.advance(now)
        return became

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
            "trip", "deficit", or "black" where the whole village is without voltage.
        delivering_kw : float, optional
            Its net injection now. Unless given, a tripped peer delivers
            nothing, and another goes on at its mean rate so far. [kW]
        own_wh : float
            What its own storage is known to add; recorded, not settled. [Wh]
        """
        self.advance(now)
        period = (now - self.clock.origin) // self.clock.ticks_per_period
        book = self._stories.books.get(period)
        lives = [] if book is None else book.lives_of(peer)
        if book is None or not lives:
            return
        short = Shortfall(now, peer, deficit_wh, because, delivering_kw, own_wh)
        for party in self._fallback.call(book, lives, short):
            self._outbox.tell(party, book)
        for life in lives:
            if life.called_at_tick is None:
                life.called_at_tick = now
                life.called.succeed()
            else:
                self._stories.call_again(life)
        self.advance(now)

    def _refuse_by_rule(self, period: int, what: str) -> None:
        if self._house.rule is not None:
            raise ContractError(
                f"period {period}: {type(self._house.rule).__name__} bills it from meters; "
                f"expected no {what}"
            )

    def subscribe(self, now: int, period: int, amounts_ueur: Mapping[str, int]) -> None:
        """Book what peers owe the mechanism's operator for a period, whatever they trade.

        Raises
        ------
        ContractError
            With every peer that is not known, and every amount that is no whole number from 0;
            nothing is booked.
        """
        self.advance(now)
        self._house.subscribe(now, period, amounts_ueur)

    def activate(self, now: int, period: int, moves: Mapping[str, Segment]) -> None:
        """Have peers move on top of their contracts in a period: an operator has called them."""
        self.advance(now)
        book = self._stories.book(period)
        for peer, move in moves.items():
            book.segments[peer].append(move)
            self._outbox.tell(peer, book)

    def pay(self, now: int, period: int, payments: Iterable[tuple[str, str, str, int]]) -> None:
        """Book payments that no contract knows of: (reason, debit, credit, µ€) each."""
        self.advance(now)
        self._house.pay(now, period, payments)

    def dispute(self, now: int, complaint: Complaint) -> Dispute:
        """Hear a party that contests a reading; a correction is booked, never an edit.

        Raises
        ------
        DisputeError
            The period is not settled, the peer has no meter in it, or a rule billed it.
        """
        self.advance(now)
        return self._house.hear(now, complaint)

    def sit_out(self, period: int, peers: Collection[str]) -> None:
        """Note who has left for the retailer in a period; it is on record, and a rule heeds it."""
        self._house.sit_out(period, peers)

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
        book = self._stories.book(period)
        if book.reading.triggered:
            raise ContractError(f"period {period} is closed already; it is settled once")
        if len(reading.net_milliwh) != len(self.peers):
            raise ContractError(
                f"period {period}: {len(reading.net_milliwh)} meters for {len(self.peers)} peers"
            )
        net = dict(zip(self.peers, map(int, reading.net_milliwh), strict=True))
        shed = dict(zip(self.peers, map(int, reading.shed_milliwh), strict=True))
        if reading.curtailed_milliwh is not None:
            curtailed = map(int, reading.curtailed_milliwh)
            book.curtailed = dict(zip(self.peers, curtailed, strict=True))
        if self._house.rule is not None:
            book.settled.succeed(self._stories.settle(book, net, shed, losses_milliwh))
        self._house.records.meters(period, net, shed)
        book.reading.succeed((net, shed, losses_milliwh))
        self.advance(now)

    def sold_milliwh(self, period: int) -> dict[str, int]:
        """Give what each peer has sold in a period. [mWh]"""
        sold: dict[str, int] = {}
        for contract in self._stories.book(period).contracts:
            sold[contract.seller] = sold.get(contract.seller, 0) + contract.energy_milliwh
        return sold

    def finish(self, now: int) -> None:
        """End the run: contracts whose meters were never read are cancelled."""
        self.advance(now)
        for book in self._stories.books.values():
            for life in book.lives:
                if life.process is not None and life.process.is_alive:
                    life.process.interrupt("the run ended")
            self.advance(now)
            self.tokens.expire(book.period)
        self.ledger.commit()

    # What the world asks

    def advance(self, now: int) -> None:
        """Play everything up to and including a tick; one that is past already is now."""
        if now > self.env.now:
            self.env.run(until=now)
        while self.env.peek() <= self.env.now:
            self.env.step()

    def next_event(self) -> int | None:
        """Tick at which something happens of itself, if any."""
        tick = self.env.peek()
        return None if tick == float("inf") else int(tick)

    def take_messages(self) -> list[Schedule]:
        """Give the schedules that changed since the last time."""
        return self._outbox.take()

    def expected_wh(self, period: int) -> tuple[Ints, Ints]:
        """What each peer sold and bought in a period, for its meter. [Wh]"""
        return self._stories.book(period).expected_wh(self.peers)

    @property
    def lpd_stock_ticks(self) -> int:
        """Value of the LPD's stock: its last charging cost over efficiency. [µ€/Wh]"""
        return self._house.lpd_stock_ticks

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Everything to record, as plain rows."""
        lives = [
            LifeRecord(life.contract, life.state, life.called_at_tick, life.outcome)
            for book in self._stories.books.values()
            for life in book.lives
        ]
        pending = [
            c for b in self._stories.books.values() if not b.settled.triggered for c in b.covers
        ]
        tables = self._house.tables(lives, pending)
        tables["contract_steps"] = [dict(row) for row in self._stories.steps.rows()]
        tables["signatures"] = self._stories.agreements.rows()
        return tables
