"""Ride-through, trip and enter service, judged by what the device does after an event.

Two events for a level: one a little shorter than the device must stand, after which it comes
back; one a little longer than it may take to trip, after which it stays off. Neither needs a
measurement during the event, so a slow meter is enough where the source plays exact lengths.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from .bands import Band
from .lab import GridStep, NotTestable, Sample
from .setup import UP, Found, Setup, attempt
from .steps import Criterion, Step

OFF = 0.05
"""Share of the rating up to which a device counts as off."""

WATCHED_S = 5.0
"""How long a device that tripped is seen to stay off. [s]"""

RAMP_STEPS = 20
SPARE_HZ = 0.5
"""Share of the rate of change that it must stand at which events of frequency come and go."""


class Level(NamedTuple):
    """Where the grid goes, and for how long. [p.u.], [Hz], [s]"""

    vm_pu: float
    f_hz: float
    length_s: float
    told: str


def ride_through(setup: Setup) -> Iterator[Step]:
    """Every region that it must stand, for nearly as long as it must; then it feeds again.

    Notes
    -----
    IEEE 1547-2018, 6.4.2 and 6.5.2: regions and durations; the output is back within 0.4 s
    (6.4.2.7, unverified).
    """
    for level in _stood(setup):
        yield _event(setup, level, "stay", _came_back)


def trip(setup: Setup) -> Iterator[Step]:
    """Every must-trip level, a little beyond and a little longer; then it stays off.

    Notes
    -----
    IEEE 1547-2018, 6.4.1 and 6.5.1: levels and clearing times.
    """
    for level in _tripping(setup):
        yield _event(setup, level, "trip", _stayed_off)


def enter_service(setup: Setup) -> Iterator[Step]:
    """After a trip: nothing before the delay is over, then no steeper than the ramp.

    Notes
    -----
    IEEE 1547-2018, 4.10.3. A full test also holds the grid just outside of each side of the
    window, where the device must stay off.
    """
    severe = _severest(setup)
    if setup.full:
        for told, vm_pu, f_hz in _outside(setup):
            yield attempt(f"{told}: stays off", told, _never_enters(setup, severe, vm_pu, f_hz))
    yield attempt("delay and ramp", severe.told, _enters(setup, severe))


def _stood(setup: Setup) -> Iterator[Level]:
    """Events that must be stood, nearly as long as they must."""
    regions = setup.of("ride_through")
    nominal_hz, accuracy = setup.f_nominal_hz, setup.accuracy
    for low, high, duration_s, slope, mode in regions["voltage"]:
        vm_pu = 0.5 * (low + high)
        stood_s = duration_s + slope * (vm_pu - low)
        length_s = stood_s - accuracy.time_s(stood_s)
        if mode != "cease" and length_s > 0.0:
            told = f"{vm_pu:.3g} p.u. for {length_s:.4g} s"
            yield Level(vm_pu, nominal_hz, length_s, told)
    for low, high, stood_s in regions["frequency"]:
        f_hz, length_s = 0.5 * (low + high), stood_s - accuracy.time_s(stood_s)
        if length_s > 0.0:
            yield Level(1.0, f_hz, length_s, f"{f_hz:.4g} Hz for {length_s:.4g} s")


def _tripping(setup: Setup) -> Iterator[Level]:
    """Events that must trip, a little beyond the level, a little longer than it may take."""
    nominal_hz, accuracy = setup.f_nominal_hz, setup.accuracy
    for side, sign in (("over", 1.0), ("under", -1.0)):
        for at_pu, clear_s in setup.of("voltage_trip")[side]:
            vm_pu = max(at_pu + sign * accuracy.voltage_pu(clear_s), 0.0)
            length_s = clear_s + accuracy.time_s(clear_s)
            yield Level(vm_pu, nominal_hz, length_s, f"{vm_pu:.4g} p.u. for {length_s:.4g} s")
        for at_hz, clear_s in setup.of("frequency_trip")[side]:
            f_hz = at_hz + sign * accuracy.frequency_hz(clear_s)
            length_s = clear_s + accuracy.time_s(clear_s)
            yield Level(1.0, f_hz, length_s, f"{f_hz:.5g} Hz for {length_s:.4g} s")


def _severest(setup: Setup) -> Level:
    """The event that trips for sure, twice as long as it may take."""
    at_pu, clear_s = min(setup.of("voltage_trip")["under"])
    vm_pu = at_pu - 2.0 * setup.accuracy.voltage_pu(clear_s)
    length_s = 2.0 * clear_s + setup.accuracy.time_s(clear_s)
    return Level(vm_pu, setup.f_nominal_hz, length_s, f"{vm_pu:.3g} p.u. for {length_s:.4g} s")


def _event(
    setup: Setup,
    level: Level,
    told: str,
    after: Callable[[Setup, Level, float], tuple[Criterion, list[Sample]]],
) -> Step:
    """Play one event to a device that feeds, and look at it afterwards."""

    def judge() -> Found:
        _refuse_inexact(setup, level)
        setup.prepare(None)
        before = setup.lab.observe(1.0, 1.0)[-1]
        course = [before, *_played(setup, level)]
        criterion, seen = after(setup, level, before.p_kw)
        return Found([criterion], None, [*course, *seen])

    return attempt(f"{told}: {level.told}", level.told, judge)


def _share_left(setup: Setup, level: Level) -> float:
    """Share of its power that frequency droop leaves it, where nobody can switch that off.

    It comes back as slowly as it went, so that right after an event no more can be asked.

    Raises
    ------
    NotTestable
        None, so that nobody could tell it from a trip.
    """
    droop, over_hz = setup.of("frequency_droop"), level.f_hz - setup.f_nominal_hz
    if setup.lab.sets_functions or over_hz <= droop["dead_over_hz"]:
        return 1.0
    share = 1.0 - (over_hz - droop["dead_over_hz"]) / (setup.f_nominal_hz * droop["droop_over"])
    if share < 4.0 * OFF:
        raise NotTestable(
            f"at {level.f_hz:.4g} Hz frequency droop leaves {max(share, 0.0):.0%} of its power, "
            "too little to be told from a trip, and its driver cannot switch that off"
        )
    return float(share)


def _refuse_inexact(setup: Setup, level: Level) -> None:
    """Refuse an event whose length the lab cannot hold as exactly as it is judged."""
    band_s = setup.accuracy.time_s(level.length_s)
    if setup.lab.event_s > band_s:
        raise NotTestable(
            f"events of this lab are exact to {setup.lab.event_s:.2g} s; an event of "
            f"{level.length_s:.3g} s must be exact to {band_s:.2g} s"
        )


def _played(setup: Setup, level: Level) -> list[Sample]:
    """Play an event; frequency comes and goes in steps no faster than it must stand."""
    lab, nominal_hz = setup.lab, setup.f_nominal_hz
    coming: list[GridStep] = []
    if level.f_hz != nominal_hz:
        rate = SPARE_HZ * float(setup.values["rocof.ride_through_hz_per_s"])
        dwell_s = abs(level.f_hz - nominal_hz) / rate / RAMP_STEPS
        way = (level.f_hz - nominal_hz) / RAMP_STEPS
        coming = [
            GridStep(level.vm_pu, nominal_hz + number * way, dwell_s)
            for number in range(1, RAMP_STEPS)
        ]
    held = GridStep(level.vm_pu, level.f_hz, level.length_s)
    end = GridStep(1.0, nominal_hz, lab.resolution_s)
    every_s = max(lab.resolution_s, level.length_s / 40.0)
    return lab.play([*coming, held, *reversed(coming), end], every_s)


def _came_back(setup: Setup, level: Level, before_kw: float) -> tuple[Criterion, list[Sample]]:
    """Judge whether it feeds again, in the time that it may take."""
    lab, restore_s = setup.lab, float(setup.of("ride_through")["restore_s"])
    wait_s = max(restore_s + setup.accuracy.time_s(restore_s), 2.0 * lab.resolution_s)
    least_kw = UP * _share_left(setup, level) * before_kw
    seen = lab.observe(wait_s, lab.resolution_s)
    criterion = Criterion.bounded(
        f"active power {wait_s:.3g} s after the event",
        "kW",
        seen[-1].p_kw,
        low=least_kw,
        because="" if seen[-1].p_kw >= least_kw else "it did not come back: an early trip",
    )
    return criterion, seen


def _stayed_off(setup: Setup, level: Level, before_kw: float) -> tuple[Criterion, list[Sample]]:
    """Judge whether it stays off while entering service is not due yet.

    Raises
    ------
    NotTestable
        It may come back too soon to be told from one that did not trip.
    """
    lab, delay_s = setup.lab, float(setup.of("enter_service")["delay_s"])
    watched_s = min(WATCHED_S, delay_s - setup.accuracy.time_s(delay_s))
    if watched_s < 4.0 * lab.resolution_s:
        raise NotTestable(f"it may enter service after {delay_s:g} s, too soon for this lab")
    seen = lab.observe(watched_s, max(lab.resolution_s, watched_s / 50.0))
    most, high = max(sample.p_kw for sample in seen), OFF * setup.p_kw
    criterion = Criterion.bounded(
        f"most active power in {watched_s:.3g} s after the event",
        "kW",
        most,
        high=high,
        because="" if most <= high else "it feeds: no trip, or a late one",
    )
    return criterion, seen


def _tripped(setup: Setup, severe: Level) -> None:
    """Have it feed, then trip it.

    Raises
    ------
    NotTestable
        It does not feed, or does not trip.
    """
    setup.prepare(None)
    _played(setup, severe)


def _enters(setup: Setup, severe: Level) -> Callable[[], Found]:
    """Make what judges the way back into service."""

    def judge() -> Found:
        lab, enter = setup.lab, setup.of("enter_service")
        _tripped(setup, severe)
        begun_s = lab.now_s - lab.resolution_s
        delay_s, ramp_s = float(enter["delay_s"]), float(enter["ramp_s"])
        band_s = max(setup.accuracy.time_s(delay_s), 2.0 * lab.resolution_s)
        waited_s = delay_s + 1.1 * ramp_s + band_s + WATCHED_S
        course = lab.observe(waited_s, max(lab.resolution_s, band_s / 4.0))
        fed = [one for one in course if one.p_kw > OFF * setup.p_kw]
        criteria = [_delay(enter, fed, begun_s, band_s)]
        if fed:
            criteria += [_ramp(setup, course, begun_s + delay_s, ramp_s, band_s)]
            criteria += [_end(setup, course[-1])]
        return Found(criteria, None, course)

    return judge


def _delay(
    enter: dict[str, Any], fed: Sequence[Sample], begun_s: float, band_s: float
) -> Criterion:
    """Judge when it began to feed."""
    delay_s, ramp_s = float(enter["delay_s"]), float(enter["ramp_s"])
    what, low, high = "time until it feeds", delay_s - band_s, delay_s + band_s + 0.1 * ramp_s
    if not fed:
        return Criterion(what, "s", "failed", None, delay_s, low, high, "it does not enter service")
    return Criterion.within(what, "s", fed[0].t_s - begun_s, Band(low, delay_s, high))


def _ramp(
    setup: Setup, course: Sequence[Sample], from_s: float, ramp_s: float, band_s: float
) -> Criterion:
    """Judge by how much it was ever above the ramp, which may begin a band early."""

    def may_kw(t_s: float) -> float:
        share = (t_s - from_s + band_s) / ramp_s if ramp_s > 0.0 else 1.0
        return setup.p_kw * min(max(share, 0.0), 1.0)

    excess = max(one.p_kw - may_kw(one.t_s) for one in course if one.t_s >= from_s - band_s)
    high = setup.power_band_kw
    because = "" if excess <= high else "steeper than the ramp"
    return Criterion.bounded(
        "most active power above the ramp", "kW", excess, high=high, because=because
    )


def _end(setup: Setup, last: Sample) -> Criterion:
    """Judge whether it feeds all it can in the end."""
    return Criterion.bounded("active power in the end", "kW", last.p_kw, low=UP * setup.p_kw)


def _outside(setup: Setup) -> Iterator[tuple[str, float, float]]:
    """Grids just outside of the window, by a band and a half."""
    enter, accuracy, nominal_hz = setup.of("enter_service"), setup.accuracy, setup.f_nominal_hz
    for at_pu, sign in zip(enter["vm_pu"], (-1.0, 1.0), strict=True):
        vm_pu = at_pu + sign * 1.5 * accuracy.voltage_pu(1e3)
        yield f"{vm_pu:.4g} p.u.", vm_pu, nominal_hz
    for at_hz, sign in zip(enter["f_hz"], (-1.0, 1.0), strict=True):
        f_hz = at_hz + sign * 1.5 * accuracy.frequency_hz(1e3)
        yield f"{f_hz:.5g} Hz", 1.0, f_hz


def _never_enters(setup: Setup, severe: Level, vm_pu: float, f_hz: float) -> Callable[[], Found]:
    """Make what judges that it stays off outside of the window."""

    def judge() -> Found:
        lab, delay_s = setup.lab, float(setup.of("enter_service")["delay_s"])
        _tripped(setup, severe)
        lab.set_grid(vm_pu, f_hz)
        watched_s = 1.2 * delay_s + WATCHED_S
        seen = lab.observe(watched_s, max(lab.resolution_s, watched_s / 200.0))
        most = max(sample.p_kw for sample in seen)
        what = f"most active power in {watched_s:.4g} s"
        return Found([Criterion.bounded(what, "kW", most, high=OFF * setup.p_kw)], None, seen)

    return judge
