"""Many villages of one network: its copies, each with its own transformer, on common cables.

Cost over size wants networks of any size that are alike in everything else; a district of a
thousand households wants the same.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd

from .case import bus_names

__all__ = ["SUBSTATION", "NotCopyable", "copied"]

SUBSTATION = "substation"
"""Bus of the upstream grid, where all cables begin."""

CABLES = {
    10.0: "NA2XS2Y 1x185 RM/25 6/10 kV",
    20.0: "NA2XS2Y 1x185 RM/25 12/20 kV",
}
"""Standard type of pandapower that joins the copies, by nominal voltage in kV."""

_BUSES = {
    "load": ("bus",),
    "sgen": ("bus",),
    "storage": ("bus",),
    "shunt": ("bus",),
    "line": ("from_bus", "to_bus"),
    "trafo": ("hv_bus", "lv_bus"),
    "switch": ("bus",),
}
_POINTED_AT = {"b": "bus", "l": "line", "t": "trafo"}


class NotCopyable(ValueError):
    """A network whose copies cannot be joined; the message says why."""


def copied(net: Any, *, count: int, per_cable: int, apart_km: float, ring: bool = False) -> Any:
    """Join copies of a network.

    Names get the number of their copy in front, ``3/bus``. The upstream grid moves to a new bus,
    the last one, and feeds one cable after the other; a cable passes the copies' former upstream
    buses one by one.

    Parameters
    ----------
    net : pandapowerNet
        With one external grid at 10 or 20 kV; left as it is.
    count, per_cable : int
        Copies, and how many of them hang on one cable.
    apart_km : float
        Length of cable before each copy. [km]
    ring : bool
        Join the ends of each two cables by a line that is out of service, ``tie/1``: a ring that
        is operated open.

    Raises
    ------
    NotCopyable
        Another upstream voltage, several external grids, or elements that we know not to copy.
    """
    upstream = _upstream_bus(net)
    joined = copy.deepcopy(net)
    cable = _cable(joined, upstream)
    tables = [table for table in ("bus", *_BUSES) if len(net[table])]
    strides = {table: int(net[table].index.max()) + 1 for table in tables}
    for table in strides:
        joined[table] = _stacked(net, table, count, strides)
    source = pp.create_bus(joined, vn_kv=float(net.bus.at[upstream, "vn_kv"]), name=SUBSTATION)
    joined.ext_grid["bus"] = source
    buses = upstream + np.arange(count) * strides["bus"]
    before = np.where(np.arange(count) % per_cable == 0, source, buses - strides["bus"])
    names = [f"{number + 1}/cable" for number in range(count)]
    pp.create_lines(joined, before, buses, apart_km, cable, name=names)
    ends = [*buses[per_cable - 1 :: per_cable], *([buses[-1]] if count % per_cable else [])]
    for number, (one, other) in enumerate(zip(ends[::2], ends[1::2], strict=False), 1):
        if ring:
            name = f"tie/{number}"
            pp.create_line(joined, one, other, apart_km, cable, name=name, in_service=False)
    return joined


def _upstream_bus(net: Any) -> int:
    if len(net.ext_grid) != 1:
        raise NotCopyable(f"it has {len(net.ext_grid)} external grids; expected one")
    known = {"bus", "ext_grid", *_BUSES}
    element_tables = {table for table, _ in pp.toolbox.element_bus_tuples()} | {"trafo3w", "gen"}
    others = sorted(table for table in element_tables - known if len(net[table]))
    if others:
        raise NotCopyable(f"it has elements that are not copied: {', '.join(others)}")
    return int(net.ext_grid["bus"].iloc[0])


def _cable(net: Any, upstream: int) -> str:
    vn_kv = float(net.bus.at[upstream, "vn_kv"])
    if vn_kv not in CABLES:
        known = " or ".join(f"{one:g}" for one in CABLES)
        raise NotCopyable(f"its upstream grid has {vn_kv:g} kV; expected {known} kV")
    kind = CABLES[vn_kv]
    if kind not in net.std_types["line"]:
        data = pp.load_std_type(pp.create_empty_network(), kind, "line")
        pp.create_std_type(net, data, kind, "line")
    return kind


def _stacked(net: Any, table: str, count: int, strides: dict[str, int]) -> pd.DataFrame:
    """Put the copies of one table below one another, pointing at their own buses."""
    rows: pd.DataFrame = net[table]
    number = np.repeat(np.arange(count), len(rows))
    stacked: pd.DataFrame = pd.concat([rows] * count)
    stacked.index = pd.Index(stacked.index.to_numpy() + number * strides[table])
    names = bus_names(net) if table == "bus" else _names(rows, table)
    stacked["name"] = [f"{copy + 1}/{name}" for copy in range(count) for name in names]
    for column in _BUSES.get(table, ()):
        stacked[column] = stacked[column].to_numpy() + number * strides["bus"]
    if table == "switch":
        of_kind = stacked["et"].map(lambda kind: strides[_POINTED_AT[kind]]).to_numpy()
        stacked["element"] = stacked["element"].to_numpy() + number * of_kind
    return stacked


def _names(rows: pd.DataFrame, table: str) -> list[str]:
    return [
        name if isinstance(name, str) and name else f"{table} {index}"
        for index, name in rows["name"].items()
    ]
