"""A party contests a reading: a state machine, and the rules by which it is decided.

What is decided is never written over what was: the corrected period is settled anew, and what
accounts then differ by is booked with the reason ``correction``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, NamedTuple

from ..faulty import Faulty
from .disputes_evidence import SUBSTITUTES, Evidence, MeterClass, limit_milliwh

__all__ = [
    "RULES",
    "TRANSITIONS",
    "Decision",
    "Dispute",
    "DisputeError",
    "DisputeState",
    "decide",
]


class DisputeError(Faulty):
    """A dispute that cannot be heard, or cannot go on so."""


class DisputeState(Enum):
    """Where a dispute stands."""

    RAISED = "raised"
    GATHERED = "evidence gathered"
    DECIDED = "decided"
    CORRECTED = "corrected"
    REJECTED = "rejected"


TRANSITIONS: Mapping[DisputeState, tuple[DisputeState, ...]] = {
    DisputeState.RAISED: (DisputeState.GATHERED,),
    DisputeState.GATHERED: (DisputeState.DECIDED,),
    DisputeState.DECIDED: (DisputeState.CORRECTED, DisputeState.REJECTED),
    DisputeState.CORRECTED: (),
    DisputeState.REJECTED: (),
}

RuleName = Literal["forged", "missing", "within class", "balance violated", "reading stands"]

RULES: Mapping[RuleName, tuple[str, str]] = {
    "forged": ("the signature is not the meter's: tampering suspected", "substitute value"),
    "missing": ("no reading came, or the register stood still", "substitute value"),
    "within class": ("claim and reading differ by no more than the class permits", "rejected"),
    "balance violated": (
        "the sum check is violated by more than all meters' classes permit: tampering or a defect "
        "suspected",
        "what the sum check leaves",
    ),
    "reading stands": ("signature and sum check support the reading", "rejected"),
}
"""Rules in the order in which they are tried: when each holds, and what follows."""


class Decision(NamedTuple):
    """Which rule decided, and the corrected reading by which method; None: rejected. [mWh]"""

    rule: RuleName
    because: str
    corrected_milliwh: int | None = None
    method: str | None = None


@dataclass(slots=True)
class Dispute:
    """One dispute, and what came of it; it goes from state to state as `TRANSITIONS` says."""

    dispute_id: int
    period: int
    peer: str
    raised_tick: int
    state: DisputeState = DisputeState.RAISED
    evidence: Evidence | None = None
    decision: Decision | None = None
    history: list[tuple[int, DisputeState]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.history.append((self.raised_tick, self.state))

    def gather(self, tick: int, evidence: Evidence) -> None:
        """Take the evidence."""
        self._to(tick, DisputeState.GATHERED)
        self.evidence = evidence

    def decide(self, tick: int, meter_class: MeterClass) -> Decision:
        """Let the rules decide; the last state then follows from `close`."""
        self._to(tick, DisputeState.DECIDED)
        assert self.evidence is not None
        self.decision = decide(self.evidence, meter_class)
        return self.decision

    def close(self, tick: int) -> None:
        """Note that the decision is carried out."""
        corrected = self.decision is not None and self.decision.corrected_milliwh is not None
        self._to(tick, DisputeState.CORRECTED if corrected else DisputeState.REJECTED)

    def _to(self, tick: int, state: DisputeState) -> None:
        if state not in TRANSITIONS[self.state]:
            expected = " or ".join(s.value for s in TRANSITIONS[self.state]) or "nothing more"
            raise DisputeError(
                [f"dispute {self.dispute_id} is {self.state.value}, not {state.value}; "
                 f"expected {expected}"]
            )  # fmt: skip
        self.state = state
        self.history.append((tick, state))

    def row(self) -> dict[str, Any]:
        """Give what is recorded."""
        assert self.evidence is not None
        assert self.decision is not None
        seen, found = self.evidence, self.decision
        implied = seen.implied_milliwh
        return {
            "dispute_id": self.dispute_id,
            "period": self.period,
            "peer": self.peer,
            "raised_tick": self.raised_tick,
            "decided_tick": self.history[-1][0],
            "state": self.state.value,
            "read_milliwh": seen.read_milliwh,
            "claimed_milliwh": seen.claimed_milliwh,
            "corrected_milliwh": found.corrected_milliwh,
            "imbalance_milliwh": None if implied is None else seen.read_milliwh - implied,
            "tolerance_milliwh": seen.tolerance_milliwh,
            "signature": seen.signature,
            "rule": found.rule,
            "method": found.method,
            "because": found.because,
        }


def decide(evidence: Evidence, meter_class: MeterClass) -> Decision:
    """Decide by the first of `RULES` that holds.

    A substitute value that nothing can be made of leaves the reading as it is.
    """
    if evidence.signature == "wrong":
        return _estimated("forged", "the signature is not the meter's", evidence)
    if evidence.missing:
        said = f" ({'; '.join(evidence.log)})" if evidence.log else ""
        return _estimated("missing", f"the meter gave no reading{said}", evidence)
    limit = limit_milliwh(evidence.read_milliwh, meter_class)
    apart = abs(evidence.claimed_milliwh - evidence.read_milliwh)
    if apart <= limit:
        told = f"{_wh(apart)} apart, within the {_wh(limit)} of class {meter_class}"
        return Decision("within class", told)
    implied = evidence.implied_milliwh
    if implied is not None:
        off = abs(evidence.read_milliwh - implied)
        beside = f"the sum check is {_wh(off)} off, tolerance {_wh(evidence.tolerance_milliwh)}"
        if off > evidence.tolerance_milliwh:
            return Decision("balance violated", beside, implied, "balance")
        return Decision("reading stands", beside)
    return Decision("reading stands", "nothing speaks against it")


def _estimated(rule: RuleName, because: str, evidence: Evidence) -> Decision:
    values = dict(evidence.substitutes)
    if evidence.implied_milliwh is not None:
        values["balance"] = evidence.implied_milliwh
    method = next((name for name in SUBSTITUTES if name in values), None)
    if method is None:
        return Decision(rule, f"{because}, and no substitute value can be made")
    told = f"{because}; {SUBSTITUTES[method]}"
    return Decision(rule, told, values[method], method)


def _wh(milliwh: int) -> str:
    return f"{milliwh / 1000:.1f} Wh"
