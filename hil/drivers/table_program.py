"""A source's own LIST program: faster than a bench could send its steps."""

import math
import time
from collections.abc import Callable, Sequence

from hil.errors import DeviceError, SetpointError
from hil.roles import SourceStep
from hil.station import Limits

from .table_parts import Program, fill

_GRACE_S = 5.0
_LOOK_S = 0.02

Converse = Callable[[list[str], list[str]], list[str]]


def play_program(
    name: str,
    program: Program,
    limits: Limits,
    steps: Sequence[SourceStep],
    converse: Converse,
) -> None:
    """Load steps into a source, start them, and wait until the source says that they are over.

    Raises
    ------
    SetpointError
        No steps, too many, or one outside the limits; nothing is sent.
    DeviceError
        It still plays when it should long be over.
    """
    _refuse(name, program, limits, steps)
    lists = {
        program.vm_v: [f"{step.vm_v:.3f}" for step in steps],
        program.f_hz: [f"{step.f_hz:.3f}" for step in steps],
        program.dwell_s: [f"{step.dwell_s * program.dwell_scale:.6f}" for step in steps],
    }
    clear = [] if program.clear is None else [program.clear]
    filled = [fill(template, list=",".join(of)) for template, of in lists.items()]
    converse([*clear, *filled], [])
    converse([program.start], [])
    length_s = sum(step.dwell_s for step in steps)
    time.sleep(length_s)
    ends_s = time.monotonic() + _GRACE_S
    while (said := converse([], [program.running])[0].strip()) != program.ended:
        if time.monotonic() > ends_s:
            raise DeviceError(
                f"{name}: a program of {length_s:g} s has not ended {_GRACE_S:g} s later; "
                f"it says {said!r}"
            )
        time.sleep(_LOOK_S)


def _refuse(name: str, program: Program, limits: Limits, steps: Sequence[SourceStep]) -> None:
    """Refuse what the source may not play."""
    if not 1 <= len(steps) <= program.most:
        raise SetpointError(f"{name}: {len(steps)} steps; expected 1 to {program.most}")
    v_max_v = math.inf if limits.v_max_v is None else limits.v_max_v
    for number, step in enumerate(steps, 1):
        inside = 0 <= step.vm_v <= v_max_v and limits.f_min_hz <= step.f_hz <= limits.f_max_hz
        if not (inside and math.isfinite(step.vm_v) and 0 < step.dwell_s < math.inf):
            raise SetpointError(
                f"{name}: step {number} of {step.vm_v} V, {step.f_hz} Hz for {step.dwell_s} s is "
                f"outside 0 to {v_max_v:g} V, {limits.f_min_hz:g} to {limits.f_max_hz:g} Hz; "
                "nothing was sent"
            )
