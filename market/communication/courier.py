"""The courier: carries what meters, peers, market, DSO and LPD tell one another, and notes it.

Every peer has two links of its own to the rest, its meter's and its own; market, DSO and LPD are
on a backbone that is ideal but for outages. What one peer tells another takes both their links.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil, floor
from typing import Any, Literal, NamedTuple

import numpy as np

from .channel import Channel, Radio, Skew, Way
from .links import LINKS, Link
from .outages import AnyOf, NoOutages, Outages
from .retry import Retry, send

__all__ = ["BY_CLOCK", "BY_METER", "HUBS", "SIZES", "Carried", "Courier", "Lines", "Luck"]

Luck = Callable[..., np.random.Generator]
"""Gives the generator that belongs to names, as ``luck("mill", "up", "meter")``."""

HUBS = frozenset({"market", "dso", "lpd"})
"""Who is on the backbone."""

BY_METER = frozenset({"alarm", "reading"})
"""Kinds of messages that meters send; all others go by the peers' own links."""

BY_CLOCK = frozenset({"offer", "reading"})
"""Kinds of messages that are sent at a time of the sender's clock."""

SIZES: Mapping[str, int] = {"offer": 64, "schedule": 48, "alarm": 16, "reading": 24}
"""Sizes of messages in an encoding of our own: numbers of 8 bytes, names of 4. [byte]"""

Side = Literal["meter", "peer"]


class Carried(NamedTuple):
    """What became of a message.

    Attributes
    ----------
    arrivals : tuple of int
        Ticks at which it arrives, copies included, as far as it is of use then; empty: not.
    sequence : int
        Of its sender, so that a receiver knows copies.
    why : str
        As `retry.Delivery` has it.
    """

    arrivals: tuple[int, ...]
    sequence: int
    why: str


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Which links there are, and what is amiss with them.

    Attributes
    ----------
    meters, peers : Link
        Of every meter and of every peer.
    outages : mapping of str to Outages
        By party.
    link_outages : mapping of str to Outages
        By class of link.
    skews : mapping of str to Skew
        By party; it is its meter's too.
    retry : Retry
    in_order : bool
        Whether messages on a link arrive in the order in which they were sent.
    duplicate : float
        Probability that what arrives arrives twice. [1]
    """

    meters: Link = LINKS["ideal"]
    peers: Link = LINKS["ideal"]
    outages: Mapping[str, Outages] = field(default_factory=dict)
    link_outages: Mapping[str, Outages] = field(default_factory=dict)
    skews: Mapping[str, Skew] = field(default_factory=dict)
    retry: Retry = field(default_factory=Retry)
    in_order: bool = False
    duplicate: float = 0.0


class Courier:
    """Carries messages in ticks; every link of every peer has luck and a radio of its own.

    Parameters
    ----------
    lines : Lines
    dt_s : float
        Length of a tick. [s]
    luck : Luck
        The generator of names; one party more leaves those of the others as they are.
    """

    def __init__(self, lines: Lines, dt_s: float, luck: Luck) -> None:
        self._lines, self._dt_s, self._luck = lines, dt_s, luck
        self._radios: dict[tuple[str, Side, str], Radio] = {}
        self._channels: dict[tuple[str, str, str, Side], Channel] = {}
        self._sequence: dict[str, int] = defaultdict(int)
        self.rows: list[dict[str, Any]] = []

    def carry(
        self,
        kind: str,
        sender: str,
        receiver: str,
        now_tick: int,
        deadline_tick: int,
        size_bytes: int,
    ) -> int | None:
        """Send one message, again if need be; give the tick of its first arrival.

        Returns
        -------
        int or None
            From `now_tick` to `deadline_tick`; None where it does not arrive in time.
        """
        carried = self.send(kind, sender, receiver, now_tick, deadline_tick, size_bytes)
        return carried.arrivals[0] if carried.arrivals else None

    def send(
        self,
        kind: str,
        sender: str,
        receiver: str,
        now_tick: int,
        deadline_tick: int,
        size_bytes: int | None = None,
    ) -> Carried:
        """Send one message, again if need be; give every arrival that is of use.

        Parameters
        ----------
        kind : str
            What it says; `BY_METER` and `BY_CLOCK` say by which link and clock it is sent.
        sender, receiver : str
            Peers or `HUBS`.
        now_tick, deadline_tick : int
            When it is sent, and the last tick at which it is of use.
        size_bytes : int, optional
            That of its kind in `SIZES`, unless given. [byte]
        """
        size = SIZES[kind] if size_bytes is None else size_bytes
        side: Side = "meter" if kind in BY_METER else "peer"
        there = self._way(sender, receiver, side)
        back = self._way(receiver, sender, side)
        now_s = self._departure_s(kind, sender, now_tick)
        sent = send(there, back, now_s, deadline_tick * self._dt_s, size, self._lines.retry)
        sequence = self._sequence[sender]
        self._sequence[sender] += 1
        ticks = [max(now_tick, self._tick(at_s)) for at_s in sent.arrives_s]
        why = "late" if ticks and ticks[0] > deadline_tick else sent.why
        self.rows.append(
            {
                "kind": kind,
                "sender": sender,
                "receiver": receiver,
                "sequence": sequence,
                "size_bytes": size,
                "sent_tick": floor(now_s / self._dt_s + 1e-9),
                "deadline_tick": deadline_tick,
                "arrived_tick": ticks[0] if ticks else None,
                "attempts": len(sent.attempts),
                "copies": max(0, len(ticks) - 1),
                "why": why,
            }
        )
        return Carried(tuple(t for t in ticks if t <= deadline_tick), sequence, why)

    def _departure_s(self, kind: str, sender: str, now_tick: int) -> float:
        """When it leaves; a reading cannot leave before it has been taken. [s]"""
        now_s = now_tick * self._dt_s
        skew = self._lines.skews.get(sender)
        if skew is None or kind not in BY_CLOCK:
            return now_s
        shown_s = skew.true_s(now_s)
        return max(shown_s, now_s) if kind in BY_METER else shown_s

    def _tick(self, at_s: float) -> int:
        """First tick that begins no earlier than this, but for rounding."""
        return ceil(at_s / self._dt_s - 1e-6)

    def _way(self, sender: str, receiver: str, side: Side) -> Way:
        legs = [
            self._channel(sender, receiver, owner, side)
            for owner in (sender, receiver)
            if owner not in HUBS
        ]
        return Way(legs or [self._channel(sender, receiver, "", side)])

    def _channel(self, sender: str, receiver: str, owner: str, side: Side) -> Channel:
        """The owner's leg of the way from sender to receiver."""
        key = (sender, receiver, owner, side)
        if key not in self._channels:
            lines = self._lines
            link = (lines.meters if side == "meter" else lines.peers) if owner else LINKS["ideal"]
            self._channels[key] = Channel(
                link,
                self._luck("message", *key),
                outages=self._outages(link, sender, receiver),
                in_order=lines.in_order,
                duplicate=lines.duplicate if owner else 0.0,
                radio=self._radio(owner, side, link, "up" if owner == sender else "down"),
            )
        return self._channels[key]

    def _radio(self, owner: str, side: Side, link: Link, direction: str) -> Radio:
        """What sends on the owner's link: its own radio up, and one for it alone down."""
        return self._radios.setdefault((owner, side, direction), Radio(link))

    def _outages(self, link: Link, *parties: str) -> Outages:
        lines = self._lines
        found = [lines.outages[party] for party in parties if party in lines.outages]
        if link.name in lines.link_outages:
            found.append(lines.link_outages[link.name])
        return AnyOf(found) if found else NoOutages()
