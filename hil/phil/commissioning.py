"""Before the loop is closed: small steps that show sign, phase, ratio and gain of what is wired.

A reversed sign makes the loop's feedback positive; a wrong phase closes it over another
conductor. Both look well at standstill, so each channel is moved a little and must follow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

from hil.errors import UnsafeError
from hil.roles import AcReading, Analyser, GridSimulator
from hil.station import Phase

from .interface import QuasiStatic
from .stability import gain_of_node, objection

_PHASES: dict[Phase, tuple[int, ...]] = {"a": (0,), "b": (1,), "c": (2,), "abc": (0, 1, 2)}


@dataclass(frozen=True, kw_only=True)
class Feeder:
    """What lies between the node and its stiff grid. [Ω], line to line [V]"""

    r_ohm: float
    x_ohm: float
    v_nominal_v: float


@dataclass(frozen=True, kw_only=True)
class Steps:
    """What commissioning moves, and how far from it an answer may be.

    Attributes
    ----------
    p_low_kw, p_high_kw : float
        Limits between which the device is stepped; it must be able to feed both. [kW]
    v_pu : tuple of float
        Voltages that the source visits, rising; the device's steepest slope must lie between
        two neighbours. [p.u.]
    f_step_hz : float
        [Hz]
    settle_s : float
        How long the device needs until its answer stands. [s]
    tolerance : float
        Share of a step by which a channel may differ. [1]
    """

    p_low_kw: float
    p_high_kw: float
    v_pu: tuple[float, ...] = (0.94, 0.97, 1.0, 1.03, 1.06)
    f_step_hz: float = 0.05
    settle_s: float
    tolerance: float = 0.2


class Commissioned(NamedTuple):
    """What was found: slopes of the node at their steepest, and the loop gain.

    [kW/p.u.], [kvar/p.u.], [1]
    """

    dp_dv_kw: float
    dq_dv_kvar: float
    gain: float


class Limited(Protocol):
    """What commissioning needs of the device: an inverter, or who moves its limit gently."""

    def limit_power(self, p_kw: float) -> None:
        """Set the active power limit. [kW]"""


def commission(
    source: GridSimulator,
    device: Limited,
    analyser: Analyser | None,
    settings: QuasiStatic,
    *,
    feeder: Feeder,
    steps: Steps,
    phase: Phase,
    wait: Callable[[float], object],
    f_nominal_hz: float = 50.0,
    delay_s: float = 0.0,
) -> Commissioned:
    """Move each channel a little, and refuse to close a loop that would not hold.

    Parameters
    ----------
    source, device : GridSimulator, Limited
        Energised and running; the source is left at nominal, the device at limit 0.
    analyser : Analyser or None
        Who measures what goes back to the node; the source itself unless given.
    settings : QuasiStatic
    feeder : Feeder
    steps : Steps
    phase : Phase
        Where the station says that the device is.
    wait : callable
        Lets so many seconds pass: `time.sleep`, or the clock of emulated devices. [s]
    f_nominal_hz : float
        [Hz]
    delay_s : float
        Of the loop beyond a step, as measured. [s]

    Raises
    ------
    UnsafeError
        All that is wrong, each with what was moved, what followed, and where to look.
    """
    meter = analyser or source
    nominal_v = settings.v_nominal_v

    def play(v_pu: float, f_hz: float) -> AcReading:
        source.set_grid(nominal_v * v_pu, f_hz)
        wait(steps.settle_s)
        return meter.measure()

    try:
        play(1.0, f_nominal_hz)
        device.limit_power(steps.p_low_kw)
        low = play(1.0, f_nominal_hz)
        device.limit_power(steps.p_high_kw)
        at_v = [play(v_pu, f_nominal_hz) for v_pu in steps.v_pu]
        high = play(1.0, f_nominal_hz)
        faster = play(1.0, f_nominal_hz + steps.f_step_hz)
    finally:
        source.set_grid(nominal_v, f_nominal_hz)
        device.limit_power(0.0)
    wrong = [
        *_wrong_power(low, high, steps),
        *_wrong_phase(low, high, phase),
        *_wrong_voltage(at_v, steps, nominal_v),
        *_wrong_frequency(high, faster, steps),
    ]
    if wrong:
        raise UnsafeError("commissioning: " + "; ".join(wrong))
    dp, dq = (settings.scale * slope for slope in _slopes(steps.v_pu, at_v))
    gain = gain_of_node(
        dp, dq, r_ohm=feeder.r_ohm, x_ohm=feeder.x_ohm, v_nominal_v=feeder.v_nominal_v
    )
    why = objection(
        gain,
        step_s=settings.step_s,
        response_s=settings.response_s,
        delay_s=delay_s,
        ahead_s=settings.ahead_s,
    )
    if why is not None:
        raise UnsafeError(
            f"commissioning: {why}; the device moves {dp:.3g} kW and {dq:.3g} kvar per p.u. behind "
            f"{feeder.r_ohm:.3g} + j{feeder.x_ohm:.3g} Ω at {feeder.v_nominal_v:.0f} V"
        )
    return Commissioned(dp, dq, gain)


def _wrong_power(low: AcReading, high: AcReading, steps: Steps) -> list[str]:
    """Sign and ratio of the power channel: it must follow the limit."""
    moved, followed = steps.p_high_kw - steps.p_low_kw, high.p_kw - low.p_kw
    if abs(followed - moved) <= steps.tolerance * moved:
        return []
    told = f"the limit rose by {moved:.3g} kW, measured power by {followed:.3g} kW"
    if abs(followed) < steps.tolerance * moved:
        return [f"{told}: nothing follows; is the device running, and has it enough to feed?"]
    if abs(followed + moved) <= steps.tolerance * moved:
        return [f"{told}: the sign is reversed; turn the current clamp, or set signs: {{p: -1}}"]
    return [f"{told}: {followed / moved:.3g} times as much; look at current_ratio and phase"]


def _wrong_phase(low: AcReading, high: AcReading, phase: Phase) -> list[str]:
    """The current must move where the device is said to be, and nowhere else."""
    moved = [abs(b - a) for a, b in zip(low.i_a, high.i_a, strict=True)]
    wanted = _PHASES[phase]
    if len(moved) == 1 and len(wanted) == 1:  # one channel: it is called what it is wired to
        return []
    if len(moved) <= max(wanted):
        return [f"{len(moved)} phases are measured, the device is on {phase}"]
    found = tuple(n for n, current in enumerate(moved) if current > 0.5 * max(moved))
    if found == wanted or not max(moved) > 0:
        return []
    seen = "".join("abc"[n] for n in found)
    return [f"the current moved on phase {seen}, the station says {phase}; look at the wiring"]


def _wrong_voltage(at_v: Sequence[AcReading], steps: Steps, nominal_v: float) -> list[str]:
    """Every measured phase must follow the source."""
    moved = nominal_v * (steps.v_pu[-1] - steps.v_pu[0])
    wrong = []
    for n, (first, last) in enumerate(zip(at_v[0].vm_v, at_v[-1].vm_v, strict=True)):
        followed = last - first
        if abs(followed - moved) > steps.tolerance * moved:
            wrong.append(
                f"the source rose by {moved:.3g} V, phase {'abc'[n]} by {followed:.3g} V; "
                "look at voltage_ratio and at what the meter is wired to"
            )
    return wrong


def _wrong_frequency(before: AcReading, after: AcReading, steps: Steps) -> list[str]:
    """The meter must see the source's frequency."""
    followed = after.f_hz - before.f_hz
    if abs(followed - steps.f_step_hz) <= steps.tolerance * steps.f_step_hz:
        return []
    return [
        f"the source's frequency rose by {steps.f_step_hz:.3g} Hz, the measured one by "
        f"{followed:.3g} Hz; is the meter at this source?"
    ]


def _slopes(v_pu: Sequence[float], at_v: Sequence[AcReading]) -> tuple[float, float]:
    """Steepest change of each power between neighbours, whichever way it goes."""
    points = list(zip(v_pu, at_v, strict=True))
    chords = [
        ((b.p_kw - a.p_kw) / (w - v), (b.q_kvar - a.q_kvar) / (w - v))
        for (v, a), (w, b) in pairwise(points)
    ]
    return max((p for p, _ in chords), key=abs), max((q for _, q in chords), key=abs)
