"""Volt-var and volt-watt: reactive and active power along the voltage."""

from collections.abc import Iterator
from typing import Any

from . import characteristics
from .bands import Curve
from .curve_steps import Sweep, plot_of, sweep, within
from .lab import NotTestable, Sample
from .setup import Setup
from .steps import Plot, Step

POWERS = (1.0, 0.66, 0.2)
"""Active power at which the default is tested, in shares of the rating (svp_1547.1)."""


def volt_var(setup: Setup) -> Iterator[Step | Plot]:
    """Up to the highest voltage, down to the lowest, and back, for every curve."""
    for number, settings in characteristics.volt_var(setup).items():
        powers = POWERS if number == "1" and setup.full else (1.0,)
        try:
            setup.prepare("volt_var", settings)
        except NotTestable as refusal:
            yield Step(f"curve {number}", "", "not testable", because=str(refusal))
            continue
        for power in powers:
            yield from _volt_var(setup, number, power, settings)


def _volt_var(
    setup: Setup, number: str, power: float, settings: dict[str, Any]
) -> Iterator[Step | Plot]:
    def target(at: Sample) -> Curve:
        least, most = setup.capability_kvar(at.p_kw)
        q_kvar = tuple(setup.s_kva * q for q in settings["q_pu"])
        return Curve(tuple(settings["v_pu"]), q_kvar, least, most)

    v1, v2, v3, v4 = settings["v_pu"]
    wide, (low, high) = setup.accuracy.voltage_pu(1e3), _window(setup)
    up = [v3 - wide, v3 + wide, (v3 + v4) / 2, v4 - wide, v4 + wide, high]
    down = [v2 + wide, v2 - wide, (v1 + v2) / 2, v1 + wide, v1 - wide, low]
    jumps = [1.0, high, 1.0, low, 1.0]  # large enough to show the response time
    voltages = within([*up, *up[-2::-1], 1.0, *down, *down[-2::-1], *jumps], low, high)
    along = Sweep(
        f"curve {number}, {power:.0%} power",
        "vm_pu",
        "q_kvar",
        voltages,
        lambda vm_pu: setup.lab.set_grid(vm_pu, setup.f_nominal_hz),
        target,
        wide,
        settings["response_s"],
    )
    yield from _at_power(setup, along, power, settings["response_s"])


def volt_watt(setup: Setup) -> Iterator[Step | Plot]:
    """Up to the highest voltage and back, for every curve."""
    for number, settings in characteristics.volt_watt(setup).items():
        powers = POWERS if number == "1" and setup.full else (1.0,)
        try:
            setup.prepare("volt_watt", settings)
        except NotTestable as refusal:
            yield Step(f"curve {number}", "", "not testable", because=str(refusal))
            continue
        for power in powers:
            yield from _volt_watt(setup, number, power, settings)


def _volt_watt(
    setup: Setup, number: str, power: float, settings: dict[str, Any]
) -> Iterator[Step | Plot]:
    p_kw = tuple(setup.p_kw * p for p in settings["p_pu"])
    curve = Curve(tuple(settings["v_pu"]), p_kw, most=power * setup.p_kw)
    v1, v2 = settings["v_pu"]
    wide, (low, high) = setup.accuracy.voltage_pu(1e3), _window(setup)
    up = [low, v1 - wide, v1 + wide, (v1 + v2) / 2, v2 - wide, high]
    along = Sweep(
        f"curve {number}, {power:.0%} power",
        "vm_pu",
        "p_kw",
        within([*up, *up[-2::-1], high, low], low, high),
        lambda vm_pu: setup.lab.set_grid(vm_pu, setup.f_nominal_hz),
        lambda _: curve,
        wide,
        settings["response_s"],
    )
    yield from _at_power(setup, along, power, settings["response_s"])


def _at_power(setup: Setup, along: Sweep, power: float, response_s: float) -> Iterator[Step | Plot]:
    """Feed this much, at nominal voltage until it has settled, and go the way."""
    lab = setup.lab
    lab.set_available(power * setup.p_kw)
    lab.set_grid(1.0, setup.f_nominal_hz)
    at = lab.observe(3.0 * response_s + 1.0, 3.0 * response_s + 1.0)[-1]
    yield plot_of(setup, along, at, _window(setup))
    yield from sweep(setup, along)


def _window(setup: Setup) -> tuple[float, float]:
    """Voltages of continuous operation, less what they can be wrong by. [p.u.]"""
    low, high = setup.of("ride_through")["continuous_vm_pu"]
    wide = setup.accuracy.voltage_pu(1e3)
    return low + wide, high - wide
