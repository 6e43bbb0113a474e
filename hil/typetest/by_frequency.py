"""Frequency droop: active power above and below nominal frequency."""

from collections.abc import Iterator
from typing import Any

from . import characteristics
from .bands import Curve
from .curve_steps import Sweep, plot_of, sweep, within
from .lab import NotTestable
from .setup import Setup, settled
from .steps import Plot, Step


def frequency_droop(setup: Setup) -> Iterator[Step | Plot]:
    """Above nominal power falls; below, at full sun, there is no more to give, and none goes.

    Notes
    -----
    IEEE 1547-2018, 6.5.2.7: p = p_pre − (f − f_n − dead band) / (f_n · droop), with the power
    p_pre that was fed when the dead band was left. Above p_pre a PV inverter in full sun has
    nothing, so that power must stay.
    """
    for number, settings in characteristics.frequency_droop(setup).items():
        try:
            setup.prepare("frequency_droop", settings)
        except NotTestable as refusal:
            yield Step(f"curve {number}", "", "not testable", because=str(refusal))
            continue
        for side in ("over", "under"):
            yield from _side(setup, number, settings, side)


def _side(setup: Setup, number: str, settings: dict[str, Any], side: str) -> Iterator[Step | Plot]:
    lab, nominal_hz = setup.lab, setup.f_nominal_hz
    lab.set_grid(1.0, nominal_hz)
    before = settled(lab.observe(3.0 * settings["response_s"] + 1.0, lab.resolution_s), 1.0)
    wide = setup.accuracy.frequency_hz(1e3)
    low_hz, high_hz = setup.of("ride_through")["continuous_f_hz"]
    curve = _curve(before.p_kw, setup, settings, low_hz, high_hz)
    if side == "over":
        edge_hz, end_hz = nominal_hz + settings["dead_over_hz"], high_hz - wide
    else:
        edge_hz, end_hz = nominal_hz - settings["dead_under_hz"], low_hz + wide
    out = wide if side == "over" else -wide
    way = [edge_hz - out, edge_hz + out, (edge_hz + end_hz) / 2, end_hz]
    along = Sweep(
        f"curve {number}, {side}-frequency",
        "f_hz",
        "p_kw",
        within([*way, *way[-2::-1], nominal_hz, end_hz, nominal_hz], low_hz, high_hz),
        lambda f_hz: lab.set_grid(1.0, f_hz),
        lambda _: curve,
        wide,
        settings["response_s"],
    )
    yield plot_of(setup, along, before, tuple(sorted((nominal_hz - 2 * out, end_hz))))
    yield from sweep(setup, along)


def _curve(
    before_kw: float, setup: Setup, settings: dict[str, Any], low_hz: float, high_hz: float
) -> Curve:
    """Power by frequency, from what was fed before, down to none."""
    edge_hz = setup.f_nominal_hz + settings["dead_over_hz"]
    per_hz = setup.p_kw / (setup.f_nominal_hz * settings["droop_over"])
    x = (low_hz, edge_hz, high_hz)
    y = (before_kw, before_kw, before_kw - (high_hz - edge_hz) * per_hz)
    return Curve(x, y, least=0.0)
