"""A contract's life, from match to settlement, told as simpy processes."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

from .carriage import Carriage
from .clearing_house import ClearingHouse
from .contract import Clock, Contract, State
from .dues import GUARANTEE_FUND
from .outcome import Outcome
from .period import Period
from .period_book import Life, PeriodBook

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
    courier : Carriage
        Carries the messages of the lives.
    islanded : bool
        The LPD stands in the supplier's place; may be set between periods.
    """

    def __init__(
        self,
        env: simpy.Environment,
        clock: Clock,
        house: ClearingHouse,
        courier: Carriage,
        *,
        islanded: bool = False,
    ) -> None:
        self._env, self._clock, self._house, self._courier = env, clock, house, courier
        self.islanded = islanded
        self.books: dict[int, PeriodBook] = {}

    def book(self, period: int) -> PeriodBook:
        """Give a period's book; a new one waits for its meters from now on."""
        if period not in self.books:
            book = PeriodBook(period, self._env.event(), self._env.event())
            self.books[period] = book
            if self._house.rule is None:
                self._env.process(self._close(book))
        return self.books[period]

    def begin(self, contract: Contract, book: PeriodBook) -> Life:
        """Let a contract live from now on."""
        life = Life(contract, self._env.event(), self._env.event())
        life.process = self._env.process(self._live(life, book))
        return life

    def _live(self, life: Life, book: PeriodBook) -> Story:
        """One contract, from match to settlement."""
        contract = life.contract
        try:
            self._house.hold_collateral(contract, int(self._env.now))
            life.to(State.SECURED)
            self._house.tokens.lock(book.period, contract.seller, contract.energy_milliwh)
            life.to(State.IN_FORCE)
            yield self._env.timeout(max(0, self._clock.start(book.period) - self._env.now))
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
            self._house.release_collateral(contract, int(self._env.now))
            life.to(State.CANCELLED)

    def _close(self, book: PeriodBook) -> Story:
        """One delivery period of contracts: wait for its meters, then settle them all."""
        net, shed, losses_milliwh = yield book.reading
        yield self._env.all_of([life.metered for life in book.lives])
        book.settled.succeed(self.settle(book, net, shed, losses_milliwh))

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
        )
        return self._house.settle(period)
