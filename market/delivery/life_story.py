"""A contract's life, from match to settlement, told as simpy processes."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import simpy

from .clearing_house import ClearingHouse
from .contract import Clock, Contract
from .deed import Said
from .dues import GUARANTEE_FUND
from .envelope import MARKET
from .life_agreement import Agreements, Procedure
from .life_states import Cause
from .outcome import Outcome
from .period import Period
from .period_book import Life, Outbox, PeriodBook
from .steps import StepLog

__all__ = ["Stories"]

Story = Generator[simpy.Event, Any, None]


class Stories:
    """Plays the lives of contracts, and the periods in which they are settled.

    Parameters
    ----------
    env : simpy.Environment
        Counts ticks; advanced from outside.
    clock : Clock
    house : ClearingHouse
        Keeps collateral and tokens, and settles.
    outbox : Outbox
        Takes the schedules that change.
    procedure : Procedure
        How contracts are agreed.
    islanded : bool
        The LPD stands in the supplier's place; may be set between periods.
    """

    def __init__(
        self,
        env: simpy.Environment,
        clock: Clock,
        house: ClearingHouse,
        outbox: Outbox,
        procedure: Procedure,
        *,
        islanded: bool = False,
    ) -> None:
        self._env, self._clock, self._house, self._outbox = env, clock, house, outbox
        self.islanded, self.steps = islanded, StepLog()
        self.agreements = Agreements(env, clock, house, self.steps, procedure)
        self.books: dict[int, PeriodBook] = {}

    def book(self, period: int) -> PeriodBook:
        """Give a period's book; a new one waits for its meters from now on."""
        if period not in self.books:
            book = PeriodBook(period, self._env.event(), self._env.event())
            self.books[period] = book
            if self._house.rule is None:
                self._env.process(self._close(book))
        return self.books[period]

    def begin(self, contracts: Sequence[Contract], book: PeriodBook) -> list[Life]:
        """Let the contracts of a gate live from now on."""
        lives = [self._born(contract, book) for contract in contracts]
        book.lives += lives
        if lives:
            self.agreements.begin(lives, book)
        return lives

    def watch(self, lives: Sequence[Life], book: PeriodBook) -> None:
        """Let the deadline end what is not agreed by then, if anything is still open."""
        if any(life.pending for life in lives):
            self._env.process(self._expire(lives, self.agreements.deadline(book.period)))

    def call_again(self, life: Life) -> None:
        """Note that a contract that is called falls short of more, or its other party does."""
        life.take(Cause.SHORTFALL)
        self._note(life, "called", "meter", "cover ordered again")

    def _born(self, contract: Contract, book: PeriodBook) -> Life:
        event, nothing = self._env.event, Said(int(self._env.now), 0, 0, 0)
        offer = book.said.get((contract.seller, "sell"), nothing)
        request = book.said.get((contract.buyer, "buy"), nothing)
        life = Life(contract, offer, request, event(), event(), event())
        life.process = self._env.process(self._live(life, book))
        return life

    # The stories

    def _live(self, life: Life, book: PeriodBook) -> Story:
        """One contract, from offer to payment."""
        try:
            self._match(life, book)
            agreed = yield life.agreed
            life.take(agreed)
            if agreed is not Cause.SIGNATURES:
                self._dissolve(life, book)
                return
            self._enter(life, book)
            yield self._env.timeout(max(0, self._clock.start(book.period) - self._env.now))
            life.take(Cause.START)
            happened = yield life.called | book.reading
            if life.called in happened:
                life.take(Cause.SHORTFALL)
                self._note(life, "called", "meter", "cover ordered")
                yield book.reading
            life.take(Cause.READING)
            life.metered.succeed()
            settlement = yield book.settled
            life.outcome = settlement[life.contract.contract_id]
            life.take(Cause.SETTLEMENT)
            self._note(life, "settled", MARKET, life.outcome.fate)
        except simpy.Interrupt:
            life.take(Cause.RUN_ENDS)
            self._dissolve(life, book)

    def _expire(self, lives: Sequence[Life], deadline: int) -> Story:
        """End what is not agreed when its deadline has passed."""
        yield self._env.timeout(deadline - self._env.now)
        yield self._env.timeout(0)  # what arrives in the tick of the deadline is in time
        for life in lives:
            if life.pending:
                life.agreed.succeed(Cause.DEADLINE)

    def _close(self, book: PeriodBook) -> Story:
        """One delivery period of contracts: wait for its meters, then settle them all."""
        net, shed, losses_milliwh = yield book.reading
        standing = {contract.contract_id for contract in book.contracts}
        lives = [life for life in book.lives if life.contract.contract_id in standing]
        yield self._env.all_of([life.metered for life in lives])
        book.settled.succeed(self.settle(book, net, shed, losses_milliwh))

    # Steps of the stories

    def _match(self, life: Life, book: PeriodBook) -> None:
        """A to C: an offer and a request are one contract now, and its tokens are its own."""
        contract, offer, request = life.contract, life.offer, life.request
        note, number = self.steps.note, contract.contract_id
        note((number, offer.tick, "offered", contract.seller, _range(offer)))
        life.take(Cause.REQUEST)
        note((number, request.tick, "requested", contract.buyer, _range(request)))
        life.take(Cause.MATCH)
        self._house.tokens.lock(book.period, contract.seller, contract.energy_milliwh)
        self._note(
            life, "matched", MARKET, f"{contract.energy_wh} Wh, {contract.price_ticks} µ€/Wh"
        )

    def _enter(self, life: Life, book: PeriodBook) -> None:
        """F: all have signed; who hears of it after the gate is told by a schedule of its own."""
        life.take(Cause.ENTRY)
        book.entered(life.contract)
        self._note(life, "in force", MARKET, "told")
        if book.told:
            for party in (life.contract.seller, life.contract.buyer):
                self._outbox.tell(party, book)

    def _dissolve(self, life: Life, book: PeriodBook) -> None:
        """End a life without delivery: collateral back, tokens free, energy unsold again."""
        contract = life.contract
        if life.secured:
            self._house.release_collateral(contract, int(self._env.now))
        self._house.tokens.unlock(book.period, contract.seller, contract.energy_milliwh)
        book.unsold_again(contract, self._clock.period_h)
        self._note(
            life, life.state.value, MARKET, "collateral back" if life.secured else "no trace"
        )

    def _note(self, life: Life, step: str, by: str, result: str) -> None:
        self.steps.note((life.contract.contract_id, int(self._env.now), step, by, result))

    def settle(
        self, book: PeriodBook, net: dict[str, int], shed: dict[str, int], losses_milliwh: int
    ) -> dict[int, Outcome]:
        """Settle a period whose meters are read; outcomes by contract."""
        period = Period(
            period=book.period,
            tick=int(self._env.now),
            contracts=book.contracts,
            covers=book.covers,
            net_milliwh=net,
            shed_milliwh=shed,
            residual="lpd" if self.islanded else "supplier",
            losses_milliwh=losses_milliwh,
            fund_ueur=self._house.ledger.balance(GUARANTEE_FUND),
            curtailed_milliwh=book.curtailed,
        )
        outcomes = self._house.settle(period)
        self.agreements.collateral.observe(outcomes.values())
        return outcomes


def _range(said: Said) -> str:
    return f"{said.energy_wh} Wh, {said.low_ticks} to {said.high_ticks} µ€/Wh"
