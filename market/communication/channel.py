"""A seeded channel between two parties: when a message arrives, if it does.

Every transmission draws the same four numbers, whatever becomes of it, so that a change of the
loss or the delay leaves the luck of what follows as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log1p
from typing import Literal, NamedTuple

import numpy as np

from .links import Link, LinkError
from .lorawan import silence_s
from .outages import NoOutages, Outages

__all__ = ["Channel", "Passage", "Radio", "Skew", "Way"]

Fate = Literal["arrived", "lost", "outage", "busy"]


class Passage(NamedTuple):
    """What became of one transmission.

    Attributes
    ----------
    arrives_s : tuple of float
        When it arrives, and when its duplicate does; empty: it does not. [s]
    sent_s : float
        When its last byte had left; when it was wanted, if it was never on the air. [s]
    why : {"arrived", "lost", "outage", "busy"}
        "busy": its radio may not, or cannot, send in time.
    """

    arrives_s: tuple[float, ...]
    sent_s: float
    why: Fate


@dataclass(frozen=True, slots=True)
class Skew:
    """A party's clock: it shows ``offset_s + (1 + drift_ppm / 1e6) t`` at time t."""

    offset_s: float = 0.0
    drift_ppm: float = 0.0

    def true_s(self, shown_s: float) -> float:
        """When the party's clock shows this. [s]"""
        return (shown_s - self.offset_s) / (1 + self.drift_ppm * 1e-6)


class Radio:
    """What a party sends with: one message at a time, and silence after it where a duty cycle asks.

    Channels that share it wait for one another.

    Parameters
    ----------
    link : Link
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._free_s = -inf

    def on_air(self, now_s: float, size_bytes: int, latest_s: float = inf) -> tuple[float, float]:
        """Send as soon as allowed; give when sending begins and ends. [s]

        A message whose sending could not begin until `latest_s` is not sent, and its end is inf.
        Between the frames of a long one its sender is silent too.
        """
        begins_s = max(now_s, self._free_s)
        if begins_s > latest_s:
            return begins_s, inf
        ends_s = self._free_s = begins_s
        for frame_bytes in self._link.frames(size_bytes):
            takes_s = self._link.on_air_s(frame_bytes)
            ends_s = self._free_s + takes_s
            self._free_s = ends_s + silence_s(takes_s, self._link.duty_cycle)
        return begins_s, ends_s


class Channel:
    """One direction between two parties.

    Parameters
    ----------
    link : Link
    rng : numpy.random.Generator
        Keyed by the names of the two, so that others do not change its luck.
    outages : Outages, optional
        None unless given.
    in_order : bool
        A message waits for those sent before it on this channel.
    duplicate : float
        Probability that what arrives arrives twice, the second time with a delay of its own. [1]
    radio : Radio, optional
        The sender's; its own unless given.

    Raises
    ------
    LinkError
        `duplicate` is no probability.
    """

    def __init__(
        self,
        link: Link,
        rng: np.random.Generator,
        *,
        outages: Outages | None = None,
        in_order: bool = False,
        duplicate: float = 0.0,
        radio: Radio | None = None,
    ) -> None:
        if not 0 <= duplicate <= 1:
            raise LinkError([f"duplicate: {duplicate:g}, expected a probability from 0 to 1"])
        self.link, self._rng = link, rng
        self._outages: Outages = outages or NoOutages()
        self._in_order, self._duplicate = in_order, duplicate
        self._radio = radio or Radio(link)
        self._last_s = -inf

    def delay_s(self, now_s: float, size_bytes: int = 0) -> float | None:
        """Send a message; give how long it takes to arrive, None if it does not. [s]"""
        arrives_s = self.send(now_s, size_bytes).arrives_s
        return arrives_s[0] - now_s if arrives_s else None

    def send(self, now_s: float, size_bytes: int = 0, latest_s: float = inf) -> Passage:
        """Send a message; give what becomes of it.

        Parameters
        ----------
        now_s : float
            When it is handed to the radio. [s]
        size_bytes : int
            Without what the protocol adds. [byte]
        latest_s : float
            When sending would begin after this, it is not sent. [s]
        """
        luck = self._rng.random(4)
        begins_s, ends_s = self._radio.on_air(now_s, size_bytes, latest_s)
        if ends_s == inf:
            return Passage((), now_s, "busy")
        if self._outages.touches(begins_s, ends_s):
            return Passage((), ends_s, "outage")
        frames = len(self.link.frames(size_bytes))
        if luck[0] < 1 - (1 - self.link.loss) ** frames:
            return Passage((), ends_s, "lost")
        arrivals = [self._arrival_s(ends_s, luck[1])]
        if luck[2] < self._duplicate:
            arrivals.append(self._arrival_s(ends_s, luck[3]))
        return Passage(tuple(sorted(arrivals)), ends_s, "arrived")

    def _arrival_s(self, sent_s: float, luck: float) -> float:
        """When what was sent arrives, by one uniform number for the delay and one made of it."""
        link = self.link
        arrives_s = sent_s + link.quantile_s(_inside(luck))
        if link.jitter_s:
            # The same number's further digits: a draw more only where there is jitter would
            # change the luck of what follows.
            arrives_s -= link.jitter_s * log1p(-_inside(luck * 2**20 % 1))
        if self._in_order:
            self._last_s = arrives_s = max(arrives_s, self._last_s)
        return arrives_s


class Way:
    """Channels one after another, as from a peer to the market and on to another peer.

    Parameters
    ----------
    legs : sequence of Channel
        One at least.
    """

    def __init__(self, legs: Sequence[Channel]) -> None:
        self._legs = tuple(legs)

    def send(self, now_s: float, size_bytes: int = 0, latest_s: float = inf) -> Passage:
        """Send a message on the first leg, and what arrives of it on the next."""
        passage = self._legs[0].send(now_s, size_bytes, latest_s)
        for leg in self._legs[1:]:
            onward = [leg.send(at_s, size_bytes) for at_s in passage.arrives_s]
            if not onward:
                break
            arrives_s = sorted(at_s for part in onward for at_s in part.arrives_s)
            why = "arrived" if arrives_s else onward[-1].why
            passage = Passage(tuple(arrives_s), passage.sent_s, why)
        return passage


def _inside(luck: float) -> float:
    """Keep a uniform number off both ends of [0, 1], where quantiles are infinite."""
    return min(max(float(luck), 2.0**-53), 1 - 2.0**-53)
