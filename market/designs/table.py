"""Peers at a table: each a simpy process that holds a `Peer`, and what is noted of all of them.

A peer waits for its partners' offers, or until it is out of patience, answers with what it has, and
waits again, until the gate.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, NamedTuple

import numpy as np
import simpy
from numpy.typing import NDArray

from ._slots import Slots, make_slots
from .admm import Admm
from .messages import Offer, Peer
from .opening import Standing, limits, openings
from .post import Post
from .problem import Agents, Edges, welfare_ueur
from .repair import fit_trades
from .settling import settle
from .talk import Network, Record, Terms

__all__ = ["Table"]

Floats = NDArray[np.float64]


class _Report(NamedTuple):
    """What one peer had offered before a step, its ρ after it, and what it saw in it."""

    offers: Floats
    stiffness: Floats
    told: Floats


class Table:
    """All that happens between opening and gate."""

    def __init__(
        self,
        network: Network,
        agents: Agents,
        edges: Edges,
        options: Admm,
        terms: Terms,
        warm: Standing | None,
        keep: frozenset[int],
    ) -> None:
        self.env = simpy.Environment()
        self.slots: Slots = make_slots(agents, edges)
        self._agents, self._edges = agents, edges
        self.terms, self.options = terms, options
        self.limits = limits(self.slots, options.tolerance)
        self.post = Post(self.env, network)
        self.agreed = self.env.event()
        self.records: list[Record] = []
        self.inboxes: dict[int, list[dict[int, Offer]]] = {i: [] for i in keep}
        self.seats = [
            Seat(i, Peer(private, options.manner), self)
            for i, private in enumerate(openings(agents, edges, warm))
            if private.partners
        ]
        self._silent = network.silent_from
        self._told: dict[int, dict[int, _Report]] = {}
        self._agreed_on: dict[int, _Report] = {}
        self._cost = 0.0
        self._speakers = {seat.name for seat in self.seats}

    def run(self) -> None:
        for seat in self.seats:
            self.post.boxes[seat.name] = seat
        for seat in self.seats:
            self.env.process(seat.life())
        self.env.run(until=self.env.timeout(self.terms.gate_s) | self.agreed)

    def falls_silent(self, name: int, rounds: int) -> bool:
        if rounds < self._silent.get(name, rounds + 1):
            return False
        self._speakers.discard(name)
        self._look()
        return True

    def tell(self, seat: Seat, before: Floats) -> None:
        """Note what a peer saw in its step, and judge rounds that are complete.

        What a step sees are the offers `before` it, so the cost is that of the step before.
        """
        report = _Report(before, seat.peer.stiffness, seat.peer.told)
        self._told.setdefault(seat.peer.rounds, {})[seat.name] = report
        self._look()

    def _look(self) -> None:
        while self._told and not self.agreed.triggered:
            at = min(self._told)
            if not self._speakers <= self._told[at].keys():
                return
            reports = self._told.pop(at)
            # Peers' sums in the order of peers, so that the total is that of the compiled rounds.
            total = np.zeros(4)
            for name in sorted(reports):
                total += reports[name].told
            if self._judge(at - 1, total, reports):
                self._agreed_on = reports

    def _judge(self, rounds: int, total: Floats, reports: Mapping[int, _Report]) -> bool:
        """Tell whether the offers of a round agree."""
        allowed = self.limits
        primal = float(total[0] / (allowed[0] * total[2] + allowed[1]))
        dual = float(total[1] / (allowed[2] * abs(self._cost) + allowed[3]))
        self._cost = float(total[3])
        if rounds > 0:
            post = self.post
            worth = self._worth_ueur(reports)
            self.records.append(
                Record(float(self.env.now), rounds, primal, dual, post.sent, post.lost, worth)
            )
        done = rounds > 1 and primal <= 1.0 and dual <= 1.0 and not self._muted
        if done or rounds >= self.options.most_rounds:
            self.agreed.succeed(done)
        return done

    @property
    def _muted(self) -> bool:
        """Somebody fell silent: offers to it cannot be agreed on."""
        return len(self._speakers) < len(self.seats)

    @property
    def has_agreed(self) -> bool:
        """Whether all offers agreed before the gate."""
        return bool(self.agreed.triggered and self.agreed.value)

    def offers(self) -> tuple[Floats, Floats]:
        """The offers that were agreed on, else the last: (2, s), and ρ per slot, (s,)."""
        return self._offers(self._agreed_on)

    def standing(self) -> Standing:
        """Where `offers` leave each link."""
        return self._standing(*self.offers())

    def _offers(self, reports: Mapping[int, _Report]) -> tuple[Floats, Floats]:
        """Offers as reported, of others the last."""
        offers, stiff = np.zeros((2, self.slots.rev.size)), np.ones(self.slots.rev.size)
        for seat in self.seats:
            here = slice(self.slots.start[seat.name], self.slots.start[seat.name + 1])
            report = reports.get(seat.name)
            mine = report[:2] if report else (seat.peer.offers, seat.peer.stiffness)
            offers[:, here], stiff[here] = mine
        return offers, stiff

    def _standing(self, offers: Floats, stiff: Floats) -> Standing:
        standing = settle(self._edges, self.slots, offers, stiff)
        # A link is agreed on by two, so where one end never heard the other there is no trade.
        met = np.concatenate([[], *(seat.peer.met for seat in self.seats)]).astype(bool)
        both = met[self.slots.first] & met[self.slots.second]
        standing.trade_wh[self.slots.link[~both]] = 0.0
        return standing

    def _worth_ueur(self, reports: Mapping[int, _Report]) -> float:
        trade = fit_trades(self.slots, self._standing(*self._offers(reports)).trade_wh)
        return welfare_ueur(self._agents, self._edges, trade)


class Seat:
    """One peer at the table: what it hears, and when it speaks."""

    def __init__(self, name: int, peer: Peer, talk: Table) -> None:
        self.name, self.peer, self._talk = name, peer, talk
        self._inbox: dict[int, Offer] = {}
        self._heard_of = dict.fromkeys(peer.partners, -1)
        self._news = talk.env.event()

    def take(self, sender: int, number: int, offer: Offer) -> None:
        """Receive a message; an older one than the last of its sender is dropped."""
        if number <= self._heard_of[sender]:
            return
        self._heard_of[sender], self._inbox[sender] = number, offer
        if not self._news.triggered and self._complete():
            self._news.succeed()

    def _complete(self) -> bool:
        """All partners have answered the round before the coming step."""
        return min(self._heard_of.values()) >= self.peer.rounds

    def life(self) -> Generator[simpy.Event, Any, None]:
        """Open, then answer for ever; who falls silent answers no more."""
        talk, env = self._talk, self._talk.env
        talk.post.send(self.name, 0, self.peer.open())
        while not talk.falls_silent(self.name, self.peer.rounds + 1):
            if not self._complete():
                self._news = env.event()
                yield self._news | env.timeout(talk.terms.patience_s)
            yield env.timeout(talk.terms.thinking_s)
            heard, self._inbox = self._inbox, {}
            if self.name in talk.inboxes:
                talk.inboxes[self.name].append(heard)
            before = self.peer.offers
            said = self.peer.step(heard)
            talk.tell(self, before)
            yield env.timeout(0)  # those who step at the same instant tell first
            if talk.agreed.triggered:
                return
            talk.post.send(self.name, self.peer.rounds, said)
