"""How a run in real time is asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from hil.realtime.pacer import OVERRUNS, Overrun


class LiveError(ValueError):
    """A run in real time was asked for in a way that does not fit: change the options."""


@dataclass(frozen=True, kw_only=True)
class Live:
    """A run in real time.

    Attributes
    ----------
    overrun : {"hold", "skip", "abort"}
        What happens when a tick begins a whole tick late.
    arm : bool
        The operator has armed the bench beforehand.
    ask : callable, optional
        Puts a question to the operator and returns whether the answer is yes.
    """

    overrun: Overrun = "hold"
    arm: bool = False
    ask: Callable[[str], bool] | None = None


def live_of(*, real_time: bool, overrun: str, arm: bool) -> Live | None:
    """Understand the options of the command line; None for a run as fast as it goes.

    Raises
    ------
    LiveError
        No such policy, or the bench is armed for a run that energises nothing real.
    """
    policy = next((known for known in OVERRUNS if known == overrun), None)
    if policy is None:
        raise LiveError(f"--overrun {overrun}: expected one of {', '.join(OVERRUNS)}")
    if not real_time:
        if arm:
            raise LiveError("--arm: devices are energised in real time only; add --real-time")
        return None
    return Live(overrun=policy, arm=arm, ask=_ask if sys.stdin.isatty() else None)


def _ask(question: str) -> bool:
    """Put a question to whoever sits at the terminal."""
    print(question, end=" [y/N] ", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
