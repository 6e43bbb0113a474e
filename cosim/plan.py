"""The wires of a run: which box tells which what, within a tick and one tick later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .boxes.recorder import (
    INVERTER_LISTS,
    ISLAND_LISTS,
    ISLAND_SCALARS,
    LISTS,
    PHASE_ATTRS,
    SCALARS,
)
from .boxes.wiring import Wire

CLOCKED_BOXES = (
    "pacer",
    "profiles",
    "manager",
    "operator",
    "devices",
    "der",
    "frequency",
    "grid",
    "meters",
    "recorder",
)
"""Boxes that live by the clock, in the order in which a tick passes them.

Market and contracts live by events: nothing but events passes between them and these, so that
mosaik carries no values on a tick in which nothing happened.
"""


def wires(
    peers: int,
    *,
    devices: bool,
    islanded: bool,
    f_hz: float,
    island_scalars: Mapping[str, tuple[str, float]] = ISLAND_SCALARS,
    by_orders: bool = True,
    unbalanced: bool = False,
    operated: bool = False,
    paced: bool = False,
    flexible: bool = False,
    standards: bool = False,
    following: bool = False,
) -> list[Wire]:
    """Lay out a run's wires.

    Parameters
    ----------
    peers : int
        Length of all arrays.
    devices : bool
        Whether devices play some of the inverters.
    islanded : bool
        Whether frequency follows from the balance.
    island_scalars : mapping
        What is then recorded of it beside a grid's frequency.
    f_hz : float
        Nominal frequency, which holds before the first tick. [Hz]
    by_orders : bool
        Whether there is a market that clears orders.
    unbalanced : bool
        Whether the grid is solved in three phases.
    operated : bool
        Whether an operator acts on the grid.
    paced : bool
        Whether ticks wait for the wall clock.
    standards : bool
        Whether inverters follow standards, so that it is recorded when they are off the grid.
    flexible : bool
        Whether peers have appliances that can be asked to wait.
    following : bool
        Whether loads follow voltage and frequency.
    """
    before = {
        "zeros": np.zeros(peers),
        "ones": np.ones(peers),
        "no": np.zeros(peers, dtype=np.bool_),
        "yes": np.ones(peers, dtype=np.bool_),
        "f_hz": f_hz,
    }
    laid = (
        _slow(before)
        + _tick(before)
        + _settled()
        + _recorded(island_scalars if islanded else {}, unbalanced=unbalanced)
    )
    if by_orders:
        laid += _trade()
    if devices:
        laid += _devices(before)
    if islanded:
        laid += _island(before)
    if operated:
        laid += _operator(before)
    if standards:
        laid.append(_wire("der", "recorder", *(attr for attr, _ in INVERTER_LISTS.values())))
    if flexible:
        shedders = {"operator": operated, "frequency": islanded}
        laid += _flexible(before, *(box for box, there in shedders.items() if there))
    if following:
        laid.append(_later("grid", "profiles", {"Vm[pu]": before["ones"]}))
        laid.append(_later("frequency", "profiles", {"f[Hz]": f_hz}))
    if paced:
        sources = {"operator": operated, "devices": devices}
        laid += _paced(*(box for box in OPENING_BOXES if sources.get(box, True)))
    return laid


def _wire(source: str, target: str, *same: str, **renamed: str) -> Wire:
    """Lay a wire between the fleet entities of two boxes."""
    attrs = {attr: attr for attr in same} | renamed
    return Wire(source=source, target=target, attrs=attrs, source_eid=source, target_eid=target)


def _later(source: str, target: str, initial: Mapping[str, Any], **renamed: str) -> Wire:
    """Lay a wire whose value arrives one tick later, with what holds before that."""
    return Wire(
        source=source,
        target=target,
        attrs={attr: renamed.get(attr, attr) for attr in initial},
        source_eid=source,
        target_eid=target,
        delayed=True,
        initial=initial,
    )


def _slow(before: Mapping[str, Any]) -> list[Wire]:
    """Profiles and energy managers, which step once a second."""
    return [
        _wire("profiles", "manager", "load[kW]", "available[kW]"),
        _wire("profiles", "der", "available[kW]"),
        _wire("profiles", "grid", "P[MW]", "Q[MVar]"),
        _wire("profiles", "meters", "P[MW]", "Q[MVar]"),
        _wire("manager", "der", "setpoint[kW]", "limit[kW]"),
        _later("der", "manager", {"soc[1]": before["zeros"], "tripped": before["no"]}),
        _later("meters", "manager", {"metered[Wh]": before["zeros"]}),
        *_closed_clock("profiles"),
    ]


def _closed_clock(*boxes: str) -> list[Wire]:
    """Hold boxes that open a tick until its last box has seen the one before.

    Else mosaik lets sources run to the end first, and a box overwrites the arrays that it gave
    out before the recorder has read them.
    """
    return [_later("recorder", box, {"tick": -1}) for box in boxes]


OPENING_BOXES = ("profiles", "operator", "devices", "der", "frequency")
"""Boxes that could open a tick, and so have to wait for its time."""


def _paced(*boxes: str) -> list[Wire]:
    """Let sources wait for the pacer, and the pacer for the last box of the tick before."""
    return [*(_wire("pacer", box, "tick") for box in boxes), *_closed_clock("pacer")]


def _tick(before: Mapping[str, Any]) -> list[Wire]:
    """The physics of a tick."""
    return [
        _later("grid", "der", {"Vm[pu]": before["ones"]}),
        _later("frequency", "der", {"f[Hz]": before["f_hz"]}),
        _wire("der", "grid", "P[MW]", "Q[MVar]"),
        _wire("der", "meters", "P[MW]", "Q[MVar]", "tripped", "soc[1]"),
        _wire("grid", "meters", "losses[MW]"),
        *_closed_clock("der", "frequency"),
    ]


def _trade() -> list[Wire]:
    """From orders to contracts."""
    return [_wire("manager", "market", "orders"), _wire("market", "contracts", "cleared")]


def _settled() -> list[Wire]:
    """From meters to settlement, and what contracts tell everybody."""
    return [
        _wire("meters", "contracts", "alarm", "reading"),
        _told("manager", "schedule", "outcome", "caps"),
        _told("meters", "schedule"),
    ]


def _told(target: str, *events: str) -> Wire:
    """Lay the wire on which contracts tell a box what has been agreed, one tick later."""
    return Wire(
        source="contracts",
        target=target,
        attrs={event: event for event in events},
        source_eid="contracts",
        target_eid=target,
        delayed=True,
    )


def _devices(before: Mapping[str, Any]) -> list[Wire]:
    """Devices stand in front of the fleet, which takes their power as measured."""
    return [
        _wire("profiles", "devices", "available[kW]"),
        _wire("manager", "devices", "limit[kW]", "setpoint[kW]"),
        _later("grid", "devices", {"Vm[pu]": before["ones"]}),
        _later("frequency", "devices", {"f[Hz]": before["f_hz"]}),
        _wire(
            "devices",
            "der",
            "store[kW]",
            **{"pv[kW]": "measured[kW]", "q[kvar]": "measured[kvar]"},
        ),
        _wire("devices", "meters", "tripped"),
        _later("devices", "manager", {"tripped": before["no"]}),
        _wire("devices", "recorder", "age[s]", "stale"),
        *_closed_clock("devices"),
    ]


def _flexible(before: Mapping[str, Any], *shedders: str) -> list[Wire]:
    """Managers ask appliances, which hear of it a tick later, as of what nobody served them."""
    zeros = before["zeros"]
    return [
        _later("manager", "profiles", {"ask[kW]": zeros, "free": before["yes"]}),
        *(_later(box, "profiles", {"shed[kW]": zeros}) for box in shedders),
        _wire("profiles", "recorder", "flexible[kW]"),
    ]


def _operator(before: Mapping[str, Any]) -> list[Wire]:
    """The operator switches before the tick's physics, and takes back what cannot flow."""
    return [
        _wire("profiles", "operator", "load[kW]", "available[kW]", **{"Q[MVar]": "load Q[MVar]"}),
        _wire("manager", "operator", "limit[kW]"),
        _later("der", "operator", {"pv[kW]": before["zeros"]}),
        _wire("operator", "der", "cap[kW]", "off", "blown"),
        _wire("operator", "grid", "P[MW]", "Q[MVar]"),
        _wire("operator", "meters", "P[MW]", "Q[MVar]", "shed[kW]"),
        _wire("der", "meters", "curtailed[kW]"),
        *_closed_clock("operator"),
    ]


def _island(before: Mapping[str, Any]) -> list[Wire]:
    """An island's answers to frequency are part of the tick's power flow."""
    zeros = before["zeros"]
    return [
        _wire("profiles", "frequency", "load[kW]", **{"Q[MVar]": "load Q[MVar]"}),
        _wire("der", "frequency", "down[kW]", "up[kW]", **{"P[MW]": "der P[MW]"}),
        _wire("frequency", "grid", "P[MW]", "Q[MVar]", "Vm_ref[pu]", "black"),
        _wire("frequency", "meters", "P[MW]", "Q[MVar]", "shed[kW]", "black"),
        _later("frequency", "der", {"response[kW]": zeros}),
        _later(
            "grid",
            "frequency",
            {"P_boundary[MW]": 0.0, "Q_boundary[MVar]": 0.0, "losses[MW]": 0.0},
            **{"P_boundary[MW]": "P_former[MW]", "Q_boundary[MVar]": "Q_former[MVar]"},
        ),
    ]


def _recorded(island_scalars: Mapping[str, tuple[str, float]], *, unbalanced: bool) -> list[Wire]:
    """Everything that is recorded or audited, from the box that says it."""
    of = {
        "profiles": ["load[kW]"],
        "der": ["pv[kW]", "battery[kW]", "soc[1]"],
        "frequency": ["f[Hz]", "f_min[Hz]", "f_max[Hz]", "rocof[Hz/s]"],
        "grid": [
            "bus Vm[pu]",
            "bus P[MW]",
            "bus Q[MVar]",
            "P_boundary[MW]",
            "Q_boundary[MVar]",
            "losses[MW]",
            "mismatch[pu]",
            "loading_max[%]",
        ],
        "meters": ["P_net[MW]", "Q_net[MVar]", "metered[Wh]"],
    }
    if island_scalars:
        answers = [*island_scalars.values(), *ISLAND_LISTS.values()]
        of["frequency"] += [attr for attr, _ in answers]
    if unbalanced:
        of["grid"] += PHASE_ATTRS.values()
    recorded = {attr for attr, _ in [*SCALARS.values(), *LISTS.values()]}
    assert recorded <= {attr for attrs in of.values() for attr in attrs}
    return [_wire(box, "recorder", *attrs) for box, attrs in of.items()]
