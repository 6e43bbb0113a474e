"""From a scenario's operator to what its box takes, and what it tells settlement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from market.delivery.meters import PeriodReading
from models.grid.curtail import Limits
from models.grid.power_flow import Grid
from models.grid.protection import Fuse, Protection, Relay
from models.grid.tap import TapControl, TapData
from scenarios.resolve import ResolvedScenario
from scenarios.rules_operator import has_operator
from scenarios.schema_operator import OperatorSpec, ProtectionSpec, TapSpec, TrafficLightSpec
from scenarios.schema_operator import switched as switching_of

from .operator import Switching
from .operator_light import TrafficLight

__all__ = ["completed", "curtailment_rows", "operates", "operator_options", "traffic_light"]


def operates(resolved: ResolvedScenario) -> bool:
    """Tell whether anybody acts on the grid."""
    return has_operator(resolved.scenario)


def completed(resolved: ResolvedScenario, grid: Grid) -> Grid:
    """Write into a grid what the scenario says of its tap changers."""
    spec = resolved.scenario.operator
    for tap in spec.taps if spec is not None else ():
        if tap.side is not None:
            assert tap.step_percent is not None
            assert tap.lowest is not None
            assert tap.highest is not None
            data = TapData(
                side=tap.side,
                step_percent=tap.step_percent,
                lowest=tap.lowest,
                highest=tap.highest,
            )
        else:
            data = grid.tap(tap.trafo)
        # Also where the network has all of it but the type, without which a tap does nothing.
        grid.complete_tap(tap.trafo, data)
    return grid


def traffic_light(resolved: ResolvedScenario) -> TrafficLight | None:
    """Make the light that a scenario asks for."""
    spec = resolved.scenario.operator
    light: TrafficLightSpec | None = spec.light if spec is not None else None
    if light is None:
        return None
    tick = resolved.scenario.time.tick
    limits = Limits(
        light.low_pu, light.high_pu, light.loading_percent, light.yellow_pu, light.yellow_percent
    )
    return TrafficLight(
        limits, every_ticks=light.every.in_ticks(tick), hold_ticks=light.hold.in_ticks(tick)
    )


def operator_options(
    resolved: ResolvedScenario, grid: Grid, *, preroll: int, light: TrafficLight | None
) -> dict[str, Any]:
    """Give what the operator's box takes beside clock, peers and log."""
    spec = resolved.scenario.operator or OperatorSpec()
    lines = [(one.line, grid.element_position("line", one.line)) for one in spec.protection]
    devices = [_device(one) for one in spec.protection]
    return {
        "switching": _switching(resolved, preroll),
        "taps": [_tap(resolved, grid, tap) for tap in spec.taps],
        "protected": lines,
        "protection": Protection(devices, dt_s=resolved.dt_s) if devices else None,
        "light": light,
        "line_tau_s": spec.line_tau.seconds,
    }


def _switching(resolved: ResolvedScenario, preroll: int) -> list[Switching]:
    time = resolved.scenario.time
    found: list[Switching] = []
    for event in resolved.scenario.events:
        if (what := switching_of(event)) is not None:
            at = preroll + event.at.after(time.start).in_ticks(time.tick)
            found.append((at, *what, getattr(event, "state", "") == "closed"))
    return found


def _tap(resolved: ResolvedScenario, grid: Grid, tap: TapSpec) -> Any:
    control = TapControl(
        grid.tap(tap.trafo),
        vm_set_pu=tap.vm_set_pu,
        dead_band_pu=tap.dead_band_pu,
        delay_s=tap.delay_s,
        next_delay_s=tap.next_delay_s,
        dt_s=resolved.dt_s,
    )
    return tap.trafo, grid.low_voltage_bus(tap.trafo), control


def _device(spec: ProtectionSpec) -> Fuse | Relay:
    if spec.fuse_a is not None:
        return Fuse(spec.fuse_a)
    assert spec.pickup_a is not None
    return Relay(spec.pickup_a, spec.time_multiplier, spec.curve)


def curtailment_rows(
    period: int, reading: PeriodReading, peers: Sequence[str], sold_milliwh: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Give a period's rows of the table ``curtailments``: what was kept from flowing, by peer."""
    if reading.curtailed_milliwh is None:
        return []
    rows = []
    columns = (reading.net_milliwh, reading.curtailed_milliwh, reading.shed_milliwh)
    for peer, net, curtailed, shed in zip(
        peers, *(column.tolist() for column in columns), strict=True
    ):
        sold = sold_milliwh.get(peer, 0)
        credit = max(0, min(curtailed, sold - min(net, sold))) if sold else 0
        if curtailed or shed:
            rows.append(
                {
                    "period": period,
                    "peer": peer,
                    "curtailed_milliwh": curtailed,
                    "shed_milliwh": shed,
                    "credited_milliwh": credit,
                }
            )
    return rows
