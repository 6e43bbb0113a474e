"""How a clearing that was negotiated came about: what is told of it with its trades."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

__all__ = ["Account", "Result", "Step", "missed_part"]

Result = Literal["agreed", "repaired", "last"]


class Step(NamedTuple):
    """How things stood after a round.

    Attributes
    ----------
    time_s : float or None
        Since the negotiation began; None where rounds take no time. [s]
    round : int
    primal, dual : float
        Disagreement of energies and of prices, relative to what is allowed; 1 is enough. [1]
    gap : float or None
        What of the greatest welfare would be missed if this round were the last; None where it was
        not worked out. [1]
    sent, lost : int
        Messages so far.
    """

    time_s: float | None
    round: int
    primal: float
    dual: float
    gap: float | None
    sent: int
    lost: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Account:
    """What came of a negotiation, and how.

    Attributes
    ----------
    solver : str
        "admm", "consensus" or "negotiation".
    result : {"agreed", "repaired", "last"}
        Agreed in time; the offers so far, repaired; or the last contracts.
    missed_wh : float
        Most that two ends disagreed by, or a bound was missed by, before the repair. [Wh]
    apart : float
        Most that the prices of two ends were apart. [µ€/Wh]
    gap : float or None
        What of the greatest welfare is missed; None where there is nothing to gain. [1]
    silent : tuple of str
        Peers that fell silent.
    rounds, messages, lost : int
        Rounds that all who speak have made; messages sent until the gate, and what of them never
        arrived.
    steps : tuple of Step
        Round by round.
    """

    solver: str
    result: Result
    missed_wh: float
    apart: float
    gap: float | None
    silent: tuple[str, ...]
    rounds: int
    messages: int
    lost: int
    steps: tuple[Step, ...]

    def judged(self, welfare_ueur: float, greatest_ueur: float | None) -> Account:
        """The same beside what was made of it, and the greatest welfare. [µ€]"""
        return replace(self, gap=missed_part(welfare_ueur, greatest_ueur))


def missed_part(welfare_ueur: float, greatest_ueur: float | None) -> float | None:
    """What of the greatest welfare is missed; None where there is none. [µ€] to [1]"""
    if greatest_ueur is None or greatest_ueur <= 0:
        return None
    return max(0.0, 1.0 - welfare_ueur / greatest_ueur)
