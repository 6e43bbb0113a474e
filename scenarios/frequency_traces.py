"""Finds the record that a scenario's frequency follows: a file beside it, or a shipped event."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .schema_frequency import FrequencySpec

if TYPE_CHECKING:
    from models.frequency.trace import Trace


def frequency_trace(spec: FrequencySpec, base: Path) -> Trace | None:
    """Read the trace; None where the frequency is a process.

    Parameters
    ----------
    spec : FrequencySpec
    base : Path
        Folder that holds the scenario.

    Raises
    ------
    models.frequency.trace.TraceError
        For a file that is missing or holds no frequency, and an unknown event.
    """
    if spec.event is None and spec.trace is None:
        return None
    from models.frequency.trace import Trace, frequency_event

    if spec.event is not None:
        return frequency_event(spec.event).trace
    assert spec.trace is not None
    return Trace.read(base / spec.trace)


def trace_fault(spec: FrequencySpec, base: Path) -> tuple[str, str] | None:
    """Return the key at fault and what is wrong with it, or None."""
    if spec.event is None and spec.trace is None:
        return None
    from models.frequency.trace import TraceError

    try:
        frequency_trace(spec, base)
    except TraceError as error:
        return ("trace" if spec.event is None else "event"), str(error)
    return None
