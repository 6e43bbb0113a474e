"""Reactive power by active power or by order, and the limit of active power."""

import math
from collections.abc import Callable, Iterator
from typing import Any

from .bands import Curve
from .curve_steps import Sweep, plot_of, sweep
from .lab import NotTestable, Sample
from .setup import Found, Setup, attempt, settled
from .steps import Criterion, Plot, Point, Step

RAMP_S = 30.0
"""Time in which a limit must hold (IEEE 1547-2018, 4.6.2), where the standard gives no longer."""

SUNS = (1.0, 0.66, 0.2, 0.66, 1.0)
LIMITS = (0.66, 0.33, 0.0, 1.0)


def constant_power_factor(setup: Setup) -> Iterator[Step | Plot]:
    """The least power factor that the capability allows, both ways, at three powers."""
    able = setup.of("capability")
    for excitation, key in (("absorb", "absorb_pu"), ("inject", "inject_pu")):
        sign = 1.0 if excitation == "inject" else -1.0
        cos_phi = math.ceil(100.0 * math.sqrt(1.0 - able[key][-1] ** 2)) / 100.0
        settings = {
            "cos_phi": cos_phi,
            "excitation": excitation,
            "response_s": setup.of("constant_pf")["response_s"],
        }
        tangent = sign * math.sqrt(1.0 / cos_phi**2 - 1.0)

        def target(_: Sample, tangent: float = tangent) -> Curve:
            return Curve((0.0, setup.s_kva), (0.0, tangent * setup.s_kva))

        name = f"power factor {cos_phi:g}, {excitation}"
        yield from _by_sun(setup, name, "constant_pf", settings, target)


def constant_q(setup: Setup) -> Iterator[Step | Plot]:
    """Most and half of what it can absorb and inject, at three powers."""
    able = setup.of("capability")
    absorb, inject = able["absorb_pu"][-1], able["inject_pu"][-1]
    for q_pu in (inject, 0.5 * inject, -0.5 * absorb, -absorb):
        settings = {"q_pu": q_pu, "response_s": setup.of("constant_q")["response_s"]}

        def target(at: Sample, q_pu: float = q_pu) -> Curve:
            least, most = setup.capability_kvar(at.p_kw)
            return Curve((0.0,), (q_pu * setup.s_kva,), least, most)

        yield from _by_sun(setup, f"Q {q_pu:+.3g} p.u.", "constant_q", settings, target)


def watt_var(setup: Setup) -> Iterator[Step | Plot]:
    """Reactive power along active power."""
    settings = setup.of("watt_var")
    corners = tuple(setup.p_kw * p for p in settings["p_pu"])

    def target(at: Sample) -> Curve:
        least, most = setup.capability_kvar(at.p_kw)
        return Curve(corners, tuple(setup.s_kva * q for q in settings["q_pu"]), least, most)

    yield from _by_sun(setup, "curve 1", "watt_var", settings, target, (0.1, 0.35, 0.5, 0.75, 1.0))


def _by_sun(
    setup: Setup,
    series: str,
    function: str,
    settings: dict[str, Any],
    target: Callable[[Sample], Curve],
    suns: tuple[float, ...] = SUNS,
) -> Iterator[Step | Plot]:
    """Switch a function on and change what the sun gives."""
    try:
        setup.prepare(function, settings)
    except NotTestable as refusal:
        yield Step(series, "", "not testable", because=str(refusal))
        return
    lab, response_s = setup.lab, settings["response_s"]
    at = lab.observe(3.0 * response_s, 3.0 * response_s)[-1]
    along = Sweep(
        series,
        "p_kw",
        "q_kvar",
        [setup.p_kw * sun for sun in suns],
        lab.set_available,
        target,
        setup.power_band_kw,
        response_s,
    )
    yield plot_of(setup, along, at, (0.0, setup.p_kw))
    yield from sweep(setup, along)


def limit_power(setup: Setup) -> Iterator[Step | Plot]:
    """Down in three steps under a full sun, and up again."""
    try:
        setup.prepare(None)
    except NotTestable as refusal:
        yield Step("limit", "", "not testable", because=str(refusal))
        return
    ramp_s = max(RAMP_S, float(setup.of("power_limit")["ramp_s"]))
    before = 1.0
    for limit in LIMITS:
        ramp_share = ramp_s * abs(limit - before) if ramp_s > RAMP_S else ramp_s
        yield _limit(setup, limit, max(RAMP_S, ramp_share))
        before = limit


def _limit(setup: Setup, limit: float, allowed_s: float) -> Step:
    p_kw = limit * setup.p_kw

    def judge() -> Found:
        lab = setup.lab
        lab.set_limit(p_kw)
        waited = allowed_s + setup.accuracy.time_s(allowed_s)
        course = lab.observe(waited, max(lab.resolution_s, allowed_s / 60.0))
        after = lab.observe(5.0, max(lab.resolution_s, 0.5))
        last = settled(after, 5.0)
        band = Curve((0.0,), (p_kw,)).band(p_kw, 0.0, setup.power_band_kw)
        criterion = Criterion.within(
            f"active power {waited:.3g} s after the order", "kW", last.p_kw, band
        )
        return Found([criterion], Point(p_kw, last.p_kw), [*course, *after])

    return attempt(f"limit {limit:.0%}", f"limit {p_kw:.4g} kW", judge, series="")
