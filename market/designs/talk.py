"""What a negotiation over a network is told beforehand, and what it tells afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from ..communication.links import Link
from .messages import Offer
from .opening import Standing
from .problem import DesignError, Outcome

__all__ = ["Network", "Record", "Talk", "Terms"]


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
    link : Link, optional
        A class of links instead of the three numbers: peers send over it, one message after
        another where sending takes time.
    seed : int
        Every directed link draws from a generator of its own, keyed by its two peers, so a peer
        more does not change what befalls the others.
    """

    delay_s: float = 0.05
    jitter_s: float = 0.0
    loss: float = 0.0
    silent_from: Mapping[int, int] = field(default_factory=dict)
    link: Link | None = None
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

    def links(self) -> Link:
        """What all links are like."""
        if self.link is not None:
            return self.link
        delay_s = self.delay_s
        return Link(
            name="given",
            least_s=delay_s,
            median_s=delay_s,
            p95_s=delay_s,
            jitter_s=self.jitter_s,
            loss=self.loss,
        )


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
    welfare_ueur : float
        What the offers of that round would be worth, repaired. [µ€]
    """

    time_s: float
    round: int
    primal: float
    dual: float
    sent: int
    lost: int
    welfare_ueur: float


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
    lost : int
        Messages that never arrived.
    inboxes : mapping of int to list of dict
        For peers whose inboxes were asked for: what each step of theirs heard.
    """

    outcome: Outcome
    standing: Standing
    records: tuple[Record, ...]
    result: Literal["agreed", "repaired", "last"]
    ended_s: float
    lost: int
    inboxes: Mapping[int, list[dict[int, Offer]]]
