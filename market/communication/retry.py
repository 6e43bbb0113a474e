"""A message sent again with growing pauses until it is acknowledged or its deadline has passed.

All attempts are reckoned when the message is sent: everything is seeded, so nothing is gained by
waiting, and no event of a simulation is spent on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal, NamedTuple, Protocol

from .channel import Fate, Passage
from .links import LinkError

__all__ = ["Attempt", "Delivery", "Inbox", "Retry", "Sends", "send"]

Ending = Literal["arrived", "late", "lost", "outage", "busy"]


class Sends(Protocol):
    """What a retry needs of a channel; `Channel` and `Way` have it."""

    def send(self, now_s: float, size_bytes: int = 0, latest_s: float = inf) -> Passage: ...


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How a sender tries again.

    Attributes
    ----------
    first_s : float
        How long it waits for an acknowledgement of the first attempt. [s]
    factor : float
        By which it waits longer each time. [1]
    most_s : float
        The longest that it waits. [s]
    attempts : int
        The most that it makes.
    ack_bytes : int
        Size of an acknowledgement. [byte]
    """

    first_s: float = 2.0
    factor: float = 2.0
    most_s: float = 60.0
    attempts: int = 8
    ack_bytes: int = 0

    def __post_init__(self) -> None:
        faults = []
        if not 0 < self.first_s <= self.most_s < inf:
            faults.append(
                f"first_s of {self.first_s:g} s and most_s of {self.most_s:g} s; expected "
                "0 < first_s ≤ most_s"
            )
        if not 1 <= self.factor < inf:
            faults.append(f"factor: {self.factor:g}, expected 1 or more")
        if self.attempts < 1:
            faults.append(f"attempts: {self.attempts}, expected 1 or more")
        if self.ack_bytes < 0:
            faults.append(f"ack_bytes: {self.ack_bytes}, expected 0 or more")
        if faults:
            raise LinkError(faults)

    def pause_s(self, attempt: int) -> float:
        """How long to wait after an attempt, counted from 0. [s]"""
        pause_s = self.first_s
        for _ in range(attempt):
            pause_s = min(pause_s * self.factor, self.most_s)
            if pause_s == self.most_s:
                break
        return pause_s


class Attempt(NamedTuple):
    """One transmission: when it was made, and what became of it. [s]"""

    at_s: float
    why: Fate


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a message.

    Attributes
    ----------
    arrives_s : tuple of float
        When it arrives, and when its copies do; empty: never. [s]
    attempts : tuple of Attempt
    why : {"arrived", "late", "lost", "outage", "busy"}
        "late": first after the deadline; "busy": its radio had to be silent until the deadline;
        else what became of the last attempt.
    """

    arrives_s: tuple[float, ...]
    attempts: tuple[Attempt, ...]
    why: Ending


def send(
    there: Sends,
    back: Sends | None,
    now_s: float,
    deadline_s: float,
    size_bytes: int = 0,
    retry: Retry | None = None,
) -> Delivery:
    """Send a message, again and again if need be; give when it arrives.

    An attempt is made only while no acknowledgement has come and the deadline has not passed. A
    lost acknowledgement lets the receiver see copies; `Inbox` tells them.

    Parameters
    ----------
    there, back : Channel or Way
        Of the message, and of its acknowledgement; None: acknowledged as soon as it arrives.
    now_s, deadline_s : float
        When it is sent, and when it is of no use any more. [s]
    size_bytes : int
        [byte]
    retry : Retry, optional
    """
    policy = retry or Retry()
    arrivals: list[float] = []
    attempts: list[Attempt] = []
    at_s, known_s = now_s, inf
    while len(attempts) < policy.attempts and at_s <= deadline_s and at_s < known_s:
        passage = there.send(at_s, size_bytes, deadline_s)
        attempts.append(Attempt(at_s, passage.why))
        if passage.why == "busy":
            break
        arrivals += passage.arrives_s
        known_s = min([known_s, *_answers(back, passage.arrives_s, policy)])
        at_s = passage.sent_s + policy.pause_s(len(attempts) - 1)
    return Delivery(tuple(sorted(arrivals)), tuple(attempts), _why(arrivals, attempts, deadline_s))


def _answers(back: Sends | None, arrives_s: tuple[float, ...], policy: Retry) -> list[float]:
    """When acknowledgements come back. [s]"""
    if back is None:
        return list(arrives_s)
    return [t for at_s in arrives_s for t in back.send(at_s, policy.ack_bytes).arrives_s[:1]]


def _why(arrivals: list[float], attempts: list[Attempt], deadline_s: float) -> Ending:
    if arrivals:
        return "arrived" if min(arrivals) <= deadline_s else "late"
    return attempts[-1].why if attempts else "busy"


class Inbox:
    """What a receiver has taken already, so that a copy has no effect."""

    def __init__(self) -> None:
        self._taken: set[tuple[str, int]] = set()

    def takes(self, sender: str, sequence: int) -> bool:
        """Whether a message is new; from now on it is not."""
        key = (sender, sequence)
        if key in self._taken:
            return False
        self._taken.add(key)
        return True
