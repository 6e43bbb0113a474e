"""Full P2P negotiated message by message over a network that delays, loses and falls silent.

Each peer is a simpy process that holds a `Peer`: it waits for its partners' offers, or until it is
out of patience, answers with what it has, and waits again, until the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import simpy
from numpy.typing import NDArray

from ._slots import Slots, make_slots
from .admm import Admm, Standing, conclude, limits, openings, settle
from .messages import Offer, Peer
from .problem import Agents, DesignError, Edges, Outcome, injections_wh, welfare_ueur
from .repair import primal_residual_wh

__all__ = ["Network", "Record", "Talk", "Terms", "negotiate_over"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Network:
    """What happens to a message between two peers.

    Attributes
    ----------
    delay_s : float
        That every message takes. [s]
    jitter_s : float
        Mean of what comes on top, exponentially distributed, so that messages may overtake each
        other; the older of two is then dropped by its receiver. [s]
    loss : float
        Probability that a message never arrives, 0 to 1. [1]
    silent_from : mapping of int to int
        Peers that fall silent, and the round from which on they say nothing.
    seed : int
        Every directed link draws from a generator of its own, keyed by its two peers, so a peer
        more does not change what befalls the others.
    """

    delay_s: float = 0.05
    jitter_s: float = 0.0
    loss: float = 0.0
    silent_from: Mapping[int, int] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        faults = [
            f"{name}: {value:g} s, expected a finite 0 or more"
            for name, value in (("delay_s", self.delay_s), ("jitter_s", self.jitter_s))
            if not 0 <= value < np.inf
        ]
        if not 0 <= self.loss <= 1:
            faults.append(f"loss: {self.loss:g}, expected a probability from 0 to 1")
        if faults:
            raise DesignError(faults)


@dataclass(frozen=True, eq=False, kw_only=True)
class Terms:
    """Until when peers talk, and what holds then.

    Attributes
    ----------
    gate_s : float
        When the negotiation ends, agreed or not. [s]
    patience_s : float
        How long a peer waits for partners that have not answered before it goes on with the last
        offers that it knows. [s]
    thinking_s : float
        How long an answer takes. [s]
    at_gate : {"repair", "last"}
        When there is no agreement by then: repair the offers so far to trades within all bounds,
        or fall back to the last contracts.
    """

    gate_s: float = 60.0
    patience_s: float = 0.5
    thinking_s: float = 0.01
    at_gate: Literal["repair", "last"] = "repair"

    def __post_init__(self) -> None:
        faults = [
            f"{name}: {value:g} s, expected more than 0"
            for name, value in (("gate_s", self.gate_s), ("patience_s", self.patience_s))
            if not value > 0
        ]
        if not self.thinking_s >= 0:
            faults.append(f"thinking_s: {self.thinking_s:g} s, expected 0 or more")
        if faults:
            raise DesignError(faults)


class Record(NamedTuple):
    """How things stood when a round was complete: when the slowest speaking peer had answered.

    Attributes
    ----------
    time_s : float
    round : int
    primal, dual : float
        As peers see them, relative to what is allowed; 1 is enough. [1]
    sent, lost : int
        Messages so far.
    """

    time_s: float
    round: int
    primal: float
    dual: float
    sent: int
    lost: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Talk:
    """What came of a negotiation over a network.

    Attributes
    ----------
    outcome : Outcome
        Feasible. ``converged`` says whether offers agreed before the gate.
    standing : Standing
        To start the next negotiation from.
    records : tuple of Record
    result : {"agreed", "repaired", "last"}
        What the outcome is: agreed before the gate, the offers so far repaired, or the last
        contracts.
    ended_s : float
        [s]
    inboxes : mapping of int to list of dict
        For peers whose inboxes were asked for: what each step of theirs heard.
    """

    outcome: Outcome
    standing: Standing
    records: tuple[Record, ...]
    result: Literal["agreed", "repaired", "last"]
    ended_s: float
    inboxes: Mapping[int, list[dict[int, Offer]]]


def negotiate_over(
    network: Network,
    agents: Agents,
    edges: Edges,
    options: Admm | None = None,
    *,
    terms: Terms | None = None,
    warm: Standing | None = None,
    last: Outcome | None = None,
    record: tuple[int, ...] = (),
) -> Talk:
    """Negotiate full P2P by ADMM, message by message, until offers agree or the gate closes.

    Over a network without jitter, loss and silence the offers, round by round, are those of
    `solve_admm`, bit for bit. Otherwise peers answer with the last offers they know; ADMM in this
    form keeps its fixed points whatever is lost or late. A peer that falls silent is held to its
    last offers, as far as its bounds allow.

    Parameters
    ----------
    network : Network
    agents : Agents
    edges : Edges
    options : Admm, optional
        ``most_rounds`` ends the talk too.
    terms : Terms, optional
    warm : Standing, optional
        Of an earlier negotiation over the same links.
    last : Outcome, optional
        The last contracts, over the same links; needed where terms fall back to them.
    record : tuple of int
        Peers whose inboxes to keep.

    Raises
    ------
    DesignError
        When peers and links make no market, no trades whatever keep all bounds, or the last
        contracts are wanted and missing or beyond today's bounds.
    """
    talk = _Conversation(
        network, agents, edges, options or Admm(), terms or Terms(), warm, frozenset(record)
    )
    talk.run()
    return talk.conclude(agents, edges, last)


class _Report(NamedTuple):
    """What one peer had offered before a step, its ρ after it, and what it saw in it."""

    offers: Floats
    stiffness: Floats
    told: Floats


class _Conversation:
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
        self.terms, self.options = terms, options
        self.limits = limits(self.slots, options.tolerance)
        self.post = _Post(self.env, network)
        self.agreed = self.env.event()
        self.records: list[Record] = []
        self.inboxes: dict[int, list[dict[int, Offer]]] = {i: [] for i in keep}
        self.seats = [
            _Seat(i, Peer(private, options.manner), self)
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

    def tell(self, seat: _Seat, before: Floats) -> None:
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
            if self._judge(at - 1, total):
                self._agreed_on = reports

    def _judge(self, rounds: int, total: Floats) -> bool:
        """Tell whether the offers of a round agree."""
        allowed = self.limits
        primal = float(total[0] / (allowed[0] * total[2] + allowed[1]))
        dual = float(total[1] / (allowed[2] * abs(self._cost) + allowed[3]))
        self._cost = float(total[3])
        if rounds > 0:
            post = self.post
            self.records.append(
                Record(float(self.env.now), rounds, primal, dual, post.sent, post.lost)
            )
        done = rounds > 1 and primal <= 1.0 and dual <= 1.0 and not self._muted
        if done or rounds >= self.options.most_rounds:
            self.agreed.succeed(done)
        return done

    @property
    def _muted(self) -> bool:
        """Somebody fell silent: offers to it cannot be agreed on."""
        return len(self._speakers) < len(self.seats)

    def conclude(self, agents: Agents, edges: Edges, last: Outcome | None) -> Talk:
        done = bool(self.agreed.triggered and self.agreed.value)
        offers, stiff = np.zeros((2, self.slots.rev.size)), np.ones(self.slots.rev.size)
        for seat in self.seats:
            here = slice(self.slots.start[seat.name], self.slots.start[seat.name + 1])
            report = self._agreed_on.get(seat.name)
            mine = report[:2] if report else (seat.peer.offers, seat.peer.stiffness)
            offers[:, here], stiff[here] = mine
        met = np.concatenate([[], *(seat.peer.met for seat in self.seats)]).astype(bool)
        standing = settle(edges, self.slots, offers, stiff)
        # A link is agreed on by two, so where one end never heard the other there is no trade.
        unmet = self.slots.link[~(met[self.slots.first] & met[self.slots.second])]
        standing.trade_wh[unmet] = 0.0
        rounds = max((record.round for record in self.records), default=0)
        outcome = conclude(
            agents,
            edges,
            self.slots,
            offers,
            standing,
            converged=done or not self.seats,
            rounds=rounds,
            messages=self.post.sent,
        )
        result: Literal["agreed", "repaired", "last"] = "agreed" if done else "repaired"
        if not outcome.converged and self.terms.at_gate == "last":
            outcome, result = _held_over(agents, edges, outcome, last), "last"
        return Talk(
            outcome=outcome,
            standing=standing,
            records=tuple(self.records),
            result=result,
            ended_s=float(self.env.now),
            inboxes=self.inboxes,
        )


class _Seat:
    """One peer at the table: what it hears, and when it speaks."""

    def __init__(self, name: int, peer: Peer, talk: _Conversation) -> None:
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


class _Post:
    """Carries messages as the network lets it."""

    def __init__(self, env: simpy.Environment, network: Network) -> None:
        self._env, self._network = env, network
        self._luck: dict[tuple[int, int], np.random.Generator] = {}
        self.boxes: dict[int, _Seat] = {}
        self.sent = self.lost = 0

    def send(self, sender: int, number: int, box: Mapping[int, Offer]) -> None:
        for receiver, offer in box.items():
            self.sent += 1
            luck = self._luck_of(sender, receiver)
            if self._network.loss and luck.random() < self._network.loss:
                self.lost += 1
                continue
            late = luck.exponential(self._network.jitter_s) if self._network.jitter_s else 0.0
            arrival = self._env.timeout(self._network.delay_s + late)
            arrival.callbacks.append(self._deliver(sender, receiver, number, offer))

    def _deliver(
        self, sender: int, receiver: int, number: int, offer: Offer
    ) -> Callable[[simpy.Event], None]:
        return lambda _: self.boxes[receiver].take(sender, number, offer)

    def _luck_of(self, sender: int, receiver: int) -> np.random.Generator:
        way = sender, receiver
        if way not in self._luck:
            seeds = np.random.SeedSequence(self._network.seed, spawn_key=way)
            self._luck[way] = np.random.default_rng(seeds)
        return self._luck[way]


def _held_over(agents: Agents, edges: Edges, today: Outcome, last: Outcome | None) -> Outcome:
    """The last contracts at today's costs."""
    if last is None or last.trade_wh.shape != today.trade_wh.shape:
        raise DesignError(
            ["no agreement by the gate, and no last contracts over these links to fall back to"]
        )
    missed = primal_residual_wh(agents, edges, last.trade_wh)
    if missed > 1e-6 * max(1.0, float(np.abs(agents.high_wh - agents.low_wh).max())):
        raise DesignError(
            [
                f"no agreement by the gate, and the last contracts miss today's bounds by "
                f"{missed:g} Wh; repair the offers instead (at_gate: repair)"
            ]
        )
    return replace(
        today,
        trade_wh=last.trade_wh,
        price=last.price,
        injection_wh=injections_wh(edges, last.trade_wh, len(agents)),
        welfare_ueur=welfare_ueur(agents, edges, last.trade_wh),
    )
