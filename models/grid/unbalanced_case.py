"""From pandapower's description of a network to what power-grid-model solves in three phases.

A three-phase calculation needs what a balanced one does not: zero-sequence impedances of
lines and transformers, winding connections, and the short-circuit power upstream. Where a
network has none of it, `complete` fills in ratios that somebody answers for; `convert`
refuses a network that still lacks something, all of it at once.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from power_grid_model import ComponentType, initialize_array

from .case import Floats, Ints

MVA = 1e6
VOLTAGE_FACTOR = 1.1
"""c of IEC 60909, with which pandapower gets the upstream impedance from a short-circuit power."""

WINDINGS = {"Dyn": (2, 1), "YNyn": (1, 1)}
"""Connections that are modelled, as power-grid-model numbers the windings: 1 wye_n, 2 delta."""

LINE_DATA = ("r0_ohm_per_km", "x0_ohm_per_km", "c0_nf_per_km")
TRAFO_DATA = ("vk0_percent", "vkr0_percent", "mag0_percent", "mag0_rx", "si0_hv_partial")
SOURCE_DATA = ("s_sc_max_mva", "rx_max")
NOT_MODELLED = (
    "trafo3w", "gen", "impedance", "ward", "xward", "shunt", "dcline", "motor", "svc", "tcsc",
    "ssc", "vsc",
)  # fmt: skip


class NotThreePhase(ValueError):
    """The network cannot be solved in three phases; the message says what it lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroSequence:
    """What to take where a network has no zero-sequence data.

    Attributes
    ----------
    line_r0, line_x0, line_c0 : float
        Zero over positive sequence, of lines' resistance, reactance and capacitance. With the
        return in a fourth core like the others, resistance is fourfold by Kirchhoff's law. [1]
    trafo_z0 : float
        Likewise, of transformers' short-circuit impedance. [1]
    s_sc_mva : float
        Short-circuit power of the grid above. [MVA]
    rx : float
        Resistance over reactance of the grid above. [1]
    """

    line_r0: float = 4.0
    line_x0: float = 4.0
    line_c0: float = 1.0
    trafo_z0: float = 1.0
    s_sc_mva: float = 100.0
    rx: float = 0.1


@dataclass(frozen=True, slots=True)
class ThreePhaseCase:
    """A network as power-grid-model takes it; positions in the bus table are node ids.

    Attributes
    ----------
    data : dict
        Input arrays by component.
    p_static_mw, q_static_mvar : (n_bus, 3) float64 array
        What the network's own elements inject. [MW], [Mvar]
    source_node : int
    vm_source_pu : float
        Positive sequence that the upstream grid holds there. [p.u.]
    source_impedance_pu : complex
        Of the upstream grid, on 1 MVA. [p.u.]
    rated_a : (m, 2) float64 array
        Rated currents of both ends of every line, then every transformer; infinite where there
        is no rating. [A]
    """

    data: dict[ComponentType, Any]
    p_static_mw: Floats
    q_static_mvar: Floats
    source_node: int
    vm_source_pu: float
    source_impedance_pu: complex
    rated_a: Floats


def complete(net: Any, filling: ZeroSequence) -> None:
    """Fill in what a network lacks for a three-phase calculation; what it has stays.

    Parameters
    ----------
    net : pandapowerNet
        Changed in place.
    filling : ZeroSequence
    """
    line, trafo, source = net.line, net.trafo, net.ext_grid
    for column, ratio, of in (
        ("r0_ohm_per_km", filling.line_r0, "r_ohm_per_km"),
        ("x0_ohm_per_km", filling.line_x0, "x_ohm_per_km"),
        ("c0_nf_per_km", filling.line_c0, "c_nf_per_km"),
    ):
        _fill(line, column, ratio * line[of])
    _fill(trafo, "vk0_percent", filling.trafo_z0 * trafo["vk_percent"])
    _fill(trafo, "vkr0_percent", filling.trafo_z0 * trafo["vkr_percent"])
    _fill(trafo, "mag0_percent", 1e6)  # no path for zero sequence beside the windings
    _fill(trafo, "mag0_rx", 0.0)
    _fill(trafo, "si0_hv_partial", 0.5)
    _fill(source, "s_sc_max_mva", filling.s_sc_mva)
    _fill(source, "rx_max", filling.rx)
    _fill(source, "x0x_max", 1.0)
    _fill(source, "r0x0_max", filling.rx)


def _fill(table: Any, column: str, values: Any) -> None:
    table[column] = table[column].fillna(values) if column in table else values


def convert(net: Any) -> ThreePhaseCase:
    """Take over a pandapower network.

    Parameters
    ----------
    net : pandapowerNet

    Raises
    ------
    NotThreePhase
        With everything that it lacks, or that is not modelled.
    """
    if faults := _faults(net):
        raise NotThreePhase(f"grid: no three-phase calculation: {'; '.join(faults)}")
    first_line = len(net.bus)
    first_trafo = first_line + len(net.line)
    first_link = first_trafo + len(net.trafo)
    links = _links(net, first_link)
    first_load = first_link + len(links)
    source = net.ext_grid[net.ext_grid["in_service"].astype(bool)]
    node = int(net.bus.index.get_loc(source["bus"].iloc[0]))
    data = {
        ComponentType.node: _nodes(net),
        ComponentType.line: _lines(net, first_line),
        ComponentType.transformer: _trafos(net, first_trafo),
        ComponentType.link: links,
        ComponentType.asym_load: _injections(net, first_load),
        ComponentType.source: _source(source, node, first_load + len(net.bus)),
    }
    return ThreePhaseCase(
        {kind: rows for kind, rows in data.items() if len(rows)},
        _static(net, "p", "mw"),
        _static(net, "q", "mvar"),
        node,
        float(source["vm_pu"].iloc[0]),
        _impedance_pu(source.iloc[0]),
        _rated(net, data[ComponentType.transformer]),
    )


def _faults(net: Any) -> list[str]:
    """Say what keeps a network from being solved in three phases."""
    faults = [
        f"{len(net[table])} of {table!r} are not modelled"
        for table in NOT_MODELLED
        if table in net and len(net[table]) and net[table]["in_service"].any()
    ]
    sources = int(net.ext_grid["in_service"].sum())
    if sources != 1:
        faults.append(f"{sources} external grids, expected 1")
    for table, columns in (("line", LINE_DATA), ("trafo", TRAFO_DATA), ("ext_grid", SOURCE_DATA)):
        rows = net[table]
        lacking = [c for c in columns if len(rows) and (c not in rows or rows[c].isna().any())]
        if lacking:
            faults.append(f"{table!r} lacks {', '.join(lacking)}")
    faults += [fault for row in net.trafo.itertuples() for fault in _trafo_faults(row)]
    delta = sum(
        int((net[table]["type"] == "delta").sum())
        for table in ("asymmetric_load", "load")
        if "type" in net[table]
    )
    if delta:
        faults.append(f"{delta} loads between phases (delta) are not modelled")
    return faults


def _trafo_faults(row: Any) -> list[str]:
    name, faults = f"transformer {row.name!r}", []
    group = getattr(row, "vector_group", None)
    if _connection(group) not in WINDINGS:
        faults.append(f"{name} has vector group {group!r}, expected one of {', '.join(WINDINGS)}")
    elif (row.shift_degree / 30) % 2 != (_connection(group) == "Dyn"):
        faults.append(f"{name}: {group} does not turn by {row.shift_degree:g}°")
    if moved := np.nan_to_num(row.tap_pos - row.tap_neutral):
        if getattr(row, "tap_changer_type", None) != "Ratio":
            faults.append(f"{name} stands at tap {moved:+g}, but has no tap changer of type Ratio")
        if np.nan_to_num(row.tap_step_degree):
            faults.append(f"{name} turns the angle by its taps, which is not modelled")
    return faults


def _connection(group: Any) -> str:
    """Vector group without its clock number: Dyn of Dyn5."""
    return re.sub(r"\d+$", "", group) if isinstance(group, str) else ""


def _nodes(net: Any) -> Any:
    rows = initialize_array("input", "node", len(net.bus))
    rows["id"] = np.arange(len(net.bus))
    rows["u_rated"] = 1e3 * net.bus["vn_kv"]
    return rows


def _branch(net: Any, table: str, kind: str, first: int, ends: tuple[str, str]) -> Any:
    """Rows of a kind of branch, with their ends, opened where a switch is open."""
    elements = net[table]
    rows = initialize_array("input", kind, len(elements))
    rows["id"] = first + np.arange(len(elements))
    opened = net.switch[(net.switch["et"] == table[0]) & ~net.switch["closed"].astype(bool)]
    for side, end in zip(("from", "to"), ends, strict=True):
        rows[f"{side}_node"] = net.bus.index.get_indexer(elements[end])
        closed = elements["in_service"].to_numpy(dtype=bool).copy()
        for bus, element in zip(opened["bus"], opened["element"], strict=True):
            closed &= (elements.index != element) | (elements[end] != bus).to_numpy()
        rows[f"{side}_status"] = closed & _alive(net)[rows[f"{side}_node"]]
    return rows


def _alive(net: Any) -> NDArray[np.bool_]:
    alive: NDArray[np.bool_] = net.bus["in_service"].to_numpy(dtype=bool)
    return alive


def _lines(net: Any, first: int) -> Any:
    line = net.line
    rows = _branch(net, "line", "line", first, ("from_bus", "to_bus"))
    length, parallel = line["length_km"].to_numpy(), line["parallel"].to_numpy()
    for sequence, at in (("1", ""), ("0", "0")):
        for what in "rx":
            rows[what + sequence] = line[f"{what}{at}_ohm_per_km"] * length / parallel
        rows["c" + sequence] = 1e-9 * line[f"c{at}_nf_per_km"] * length * parallel
        rows["tan" + sequence] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        loss = 1e-6 * line["g_us_per_km"] / (2e-9 * np.pi * net.f_hz * line["c_nf_per_km"])
    rows["tan1"] = np.nan_to_num(loss.to_numpy(dtype=np.float64), posinf=0.0)
    rows["i_n"] = 1e3 * (line["max_i_ka"] * line["df"] * parallel).fillna(np.inf)
    return rows


def _trafos(net: Any, first: int) -> Any:
    trafo = net.trafo
    rows = _branch(net, "trafo", "transformer", first, ("hv_bus", "lv_bus"))
    if not len(trafo):
        return rows
    sn_mva = (trafo["sn_mva"] * trafo["parallel"]).to_numpy()
    rows["u1"], rows["u2"] = 1e3 * trafo["vn_hv_kv"], 1e3 * trafo["vn_lv_kv"]
    rows["sn"] = MVA * sn_mva
    rows["uk"] = trafo["vk_percent"] / 100
    rows["pk"] = trafo["vkr_percent"] / 100 * MVA * sn_mva
    rows["i0"] = trafo["i0_percent"] / 100
    rows["p0"] = 1e3 * trafo["pfe_kw"] * trafo["parallel"]
    windings = [WINDINGS[_connection(group)] for group in trafo["vector_group"]]
    rows["winding_from"], rows["winding_to"] = np.array(windings).reshape(-1, 2).T
    rows["clock"] = np.round(trafo["shift_degree"] / 30) % 12
    at_low = (trafo["tap_side"] == "lv").to_numpy()
    rows["tap_side"] = at_low
    steps = np.nan_to_num((trafo["tap_pos"] - trafo["tap_neutral"]).to_numpy(dtype=np.float64))
    rows["tap_nom"], rows["tap_pos"] = 0, steps
    rows["tap_min"], rows["tap_max"] = np.minimum(steps, 0), np.maximum(steps, 0)
    step_pu = np.nan_to_num(trafo["tap_step_percent"].to_numpy(dtype=np.float64)) / 100
    rows["tap_size"] = step_pu * np.where(at_low, rows["u2"], rows["u1"])
    grounding = _grounding_ohm(trafo)
    rows["r_grounding_to"], rows["x_grounding_to"] = grounding.real, grounding.imag
    return rows


def _grounding_ohm(trafo: Any) -> NDArray[np.complex128]:
    """Impedance in the low-voltage neutral that makes up zero sequence of Dyn. [ohm]

    power-grid-model has one short-circuit impedance for all sequences, and 3·Z of the neutral
    comes on top in zero sequence; pandapower has a T of its own, the high-voltage side of
    which the delta shorts. So Z is a third of the difference, and may well be negative.
    """
    of = {column: _numbers(trafo, column) for column in (*TRAFO_DATA, "vk_percent", "vkr_percent")}
    rated_mva = _numbers(trafo, "sn_mva") * _numbers(trafo, "parallel")
    ohm = _numbers(trafo, "vn_lv_kv") ** 2 / rated_mva / 100

    def impedance(size: str, resistance: str) -> Any:
        return ohm * (of[resistance] + 1j * np.sqrt(of[size] ** 2 - of[resistance] ** 2))

    z1 = impedance("vk_percent", "vkr_percent")
    z0 = impedance("vk0_percent", "vkr0_percent")
    share, rx = of["si0_hv_partial"], of["mag0_rx"]
    z_mag = ohm * of["vk0_percent"] * of["mag0_percent"] / 100 * (rx + 1j) / np.hypot(rx, 1)
    high, low = share * z0, (1 - share) * z0
    is_dyn = np.array([_connection(group) == "Dyn" for group in trafo["vector_group"]])
    seen = np.where(is_dyn, low + high * z_mag / (high + z_mag), z0)
    difference: NDArray[np.complex128] = (seen - z1) / 3
    return difference


def _links(net: Any, first: int) -> Any:
    """Closed switches between two buses."""
    joined = net.switch[(net.switch["et"] == "b") & net.switch["closed"].astype(bool)]
    rows = initialize_array("input", "link", len(joined))
    rows["id"] = first + np.arange(len(joined))
    for side, end in (("from", "bus"), ("to", "element")):
        rows[f"{side}_node"] = net.bus.index.get_indexer(joined[end])
        rows[f"{side}_status"] = _alive(net)[rows[f"{side}_node"]]
    return rows


def _injections(net: Any, first: int) -> Any:
    """One load for every bus, which carries whatever is injected there."""
    rows = initialize_array("input", "asym_load", len(net.bus))
    rows["id"] = first + np.arange(len(net.bus))
    rows["node"] = np.arange(len(net.bus))
    rows["status"] = _alive(net)
    rows["type"] = 0  # constant power
    rows["p_specified"] = rows["q_specified"] = 0.0
    return rows


def _source(source: Any, node: int, number: int) -> Any:
    rows = initialize_array("input", "source", 1)
    given = source.iloc[0]
    rows["id"], rows["node"], rows["status"] = number, node, 1
    rows["u_ref"], rows["u_ref_angle"] = given["vm_pu"], np.deg2rad(given["va_degree"])
    rows["sk"] = MVA * given["s_sc_max_mva"] / VOLTAGE_FACTOR
    rows["rx_ratio"] = given["rx_max"]
    x0 = given.get("x0x_max", 1.0)
    zero = x0 * np.hypot(1.0, given.get("r0x0_max", given["rx_max"]))
    rows["z01_ratio"] = zero / np.hypot(1.0, given["rx_max"])
    return rows


def _impedance_pu(source: Any) -> complex:
    rx = float(source["rx_max"])
    return complex(rx, 1) / math.hypot(rx, 1) * VOLTAGE_FACTOR / float(source["s_sc_max_mva"])


def _rated(net: Any, trafos: Any) -> Floats:
    line = 1e3 * (net.line["max_i_ka"] * net.line["df"] * net.line["parallel"]).to_numpy()
    line = np.where(line > 0, line, np.inf)
    derated = trafos["sn"] * net.trafo["df"].to_numpy() / np.sqrt(3)
    ends = (trafos["u1"], trafos["u2"])
    return np.stack([np.concatenate([line, derated / end]) for end in ends], axis=1)


def _static(net: Any, what: str, unit: str) -> Floats:
    """(n_bus, 3) injection of the network's own elements."""
    total = np.zeros((len(net.bus), 3))
    column = f"{what}_{unit}"
    for table, sign in (("load", -1), ("sgen", 1), ("storage", -1)):
        rows = net[table]
        even = sign * (rows[column] * rows["scaling"] * rows["in_service"]).to_numpy() / 3
        np.add.at(total, _positions(net, rows), even[:, None].astype(np.float64))
    for table, sign in (("asymmetric_load", -1), ("asymmetric_sgen", 1)):
        rows = net[table]
        phases = rows[[f"{what}_{phase}_{unit}" for phase in "abc"]].to_numpy(dtype=np.float64)
        scale = sign * (rows["scaling"] * rows["in_service"]).to_numpy(dtype=np.float64)
        np.add.at(total, _positions(net, rows), scale[:, None] * phases)
    return total


def _numbers(table: Any, column: str) -> Floats:
    """A column as floats: some of pandapower's networks hold numbers as objects."""
    found: Floats = table[column].to_numpy(dtype=np.float64)
    return found


def _positions(net: Any, rows: Any) -> Ints:
    found: Ints = net.bus.index.get_indexer(rows["bus"]).astype(np.int64)
    return found
