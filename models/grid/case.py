"""From pandapower's description of a network to the arrays that a power flow needs.

pandapower builds the bus admittance matrix; everything here is read from what its
``runpp`` leaves behind. Its buses become *nodes*: closed bus-bus switches fuse
several buses into one, open line switches add nodes without a bus, and buses
without supply have no node at all.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
from numpy.typing import NDArray
from pandapower.auxiliary import LoadflowNotConverged
from pandapower.pypower.idx_brch import BR_R, BR_X, F_BUS, T_BUS
from pandapower.pypower.idx_bus import BASE_KV, CID_P, CID_Q, CZD_P, CZD_Q, PD, QD
from pandapower.pypower.idx_gen import GEN_BUS, PG
from scipy.sparse import csc_matrix

from ._kernels import PV, REFERENCE

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Ints = NDArray[np.int64]

OWNED_BY_PEERS = ("load", "sgen", "storage", "motor", "asymmetric_load", "asymmetric_sgen")


@dataclass(frozen=True, slots=True)
class VoltageDependence:
    """How the static loads of a network depend on voltage (ZIP, as pandapower has it)."""

    s_load: Complexes
    """Consumption at nominal voltage. [p.u.]"""
    share_i: Complexes
    """Share of constant current, of P (real part) and of Q (imaginary part). [1]"""
    share_z: Complexes
    """Share of constant impedance, likewise. [1]"""

    def injection_change(self, vm_pu: Floats) -> Complexes:
        """Difference to the injection at nominal voltage. [p.u.]"""
        of_p = self.share_i.real * (vm_pu - 1) + self.share_z.real * (vm_pu**2 - 1)
        of_q = self.share_i.imag * (vm_pu - 1) + self.share_z.imag * (vm_pu**2 - 1)
        change: Complexes = -(self.s_load.real * of_p + 1j * self.s_load.imag * of_q)
        return change


@dataclass(frozen=True, slots=True)
class Case:
    """A network as arrays over nodes (per unit) with the way back to its buses."""

    base_mva: float
    ybus: csc_matrix
    v_start: Complexes
    """Voltages that pandapower found. [p.u.]"""
    s_static: Complexes
    """Injection of the elements that stayed in the network, at nominal voltage. [p.u.]"""
    zip_loads: VoltageDependence | None
    ref: NDArray[np.int32]
    pv: NDArray[np.int32]
    pq: NDArray[np.int32]
    kind: Ints
    node_of_bus: Ints
    lead_of_node: Ints
    base_kv: Floats
    yf: Any
    """Currents into the branches from their first end, (n_branch, n_node). [p.u.]"""
    yt: Any
    from_node: Ints
    to_node: Ints
    z_branch: Complexes
    """Series impedance of the branches. [p.u.]"""
    branch_of: dict[str, Ints]
    """For each row of an element's table its branch, or -1 when out of service."""


def load_net(path: str | Path) -> Any:
    """Read a network from pandapower JSON, which is shared: copy it before you change it.

    Raises
    ------
    ValueError
        When the file is not a pandapower network.
    """
    text = Path(path).read_text(encoding="utf-8")
    try:
        net = _parsed(text)
    except Exception as fault:
        raise ValueError(f"{path}: no pandapower network could be read: {fault}") from fault
    if not isinstance(net, pp.pandapowerNet):
        raise ValueError(f"{path}: this JSON is not a pandapower network")
    return net


@lru_cache(maxsize=4)
def _parsed(text: str) -> Any:
    """To read a village takes as long as to play half a minute of it; sweeps read it often."""
    return pp.from_json_string(text)


def own_net(net: Any, *, keep_elements: bool) -> Any:
    """Copy a network, without what the peers own unless it is to stay.

    Loads, static generators, storage units, motors and generators that are not a
    reference go; external grids, shunts, wards and the wires stay.
    """
    own = copy.deepcopy(net)
    own.user_pf_options = {}
    for table in ("trafo", "trafo3w"):
        if len(own[table]) and "tap_dependency_table" not in own[table]:
            own[table]["tap_dependency_table"] = False
    if not keep_elements:
        for table in OWNED_BY_PEERS:
            own[table] = own[table].iloc[:0]
        own.gen = own.gen[own.gen["slack"].astype(bool)]
    return own


def bus_names(net: Any) -> tuple[str, ...]:
    """Name every bus once: nameless ones "bus <index>", repeated ones with their index."""
    names: list[str] = []
    taken: set[str] = set()
    for index, name in zip(net.bus.index, net.bus["name"], strict=True):
        clear = name if isinstance(name, str) and name else f"bus {index}"
        if clear in taken:
            clear = f"{clear} ({index})"
        taken.add(clear)
        names.append(clear)
    return tuple(names)


def build_case(net: Any) -> Case:
    """Run pandapower once and take over its matrix, its voltages and its numbering.

    Parameters
    ----------
    net : pandapowerNet
        Gets pandapower's results as a side effect.

    Raises
    ------
    LoadflowNotConverged
        When pandapower finds no solution for the network as it stands.
    ValueError
        When nothing feeds the network.
    """
    if not reference_buses(net):
        raise ValueError("grid: no bus has a supply; give it an external grid or an island")
    _run(net)
    internal = net._ppc["internal"]
    if "bus" not in internal:  # pandapower solves nothing then
        return _bare_case(net)
    bus, branch = internal["bus"], internal["branch"]
    node_of_bus = _nodes(net, len(bus))
    kind = np.zeros(len(bus), dtype=np.int64)
    kind[internal["pv"]] = PV
    kind[internal["ref"]] = REFERENCE
    return Case(
        base_mva=float(internal["baseMVA"]),
        ybus=csc_matrix(internal["Ybus"]),
        v_start=np.ascontiguousarray(internal["V"], dtype=np.complex128),
        s_static=_static_injection(internal),
        zip_loads=_voltage_dependence(bus.real, float(internal["baseMVA"])),
        ref=internal["ref"].astype(np.int32),
        pv=internal["pv"].astype(np.int32),
        pq=internal["pq"].astype(np.int32),
        kind=kind,
        node_of_bus=node_of_bus,
        lead_of_node=_lead_buses(net, node_of_bus, len(bus)),
        base_kv=bus[:, BASE_KV].real.astype(np.float64),
        yf=internal["Yf"],
        yt=internal["Yt"],
        from_node=branch[:, F_BUS].real.astype(np.int64),
        to_node=branch[:, T_BUS].real.astype(np.int64),
        z_branch=branch[:, BR_R].real + 1j * branch[:, BR_X].real,
        branch_of=_branches(net, internal["branch_is"]),
    )


def _bare_case(net: Any) -> Case:
    """Nothing conducts: the buses with a supply are live, each for itself, and all others dark."""
    live = sorted(
        {
            (int(net.bus.index.get_loc(bus)), float(vm_pu))
            for table in (net.ext_grid, net.gen[net.gen["slack"].astype(bool)])
            for bus, vm_pu, on in zip(
                table["bus"], table["vm_pu"], table["in_service"], strict=True
            )
            if on
        }
    )
    buses = np.array([bus for bus, _ in live], dtype=np.int64)
    n = buses.size
    node_of_bus = np.full(len(net.bus), -1, dtype=np.int64)
    node_of_bus[buses] = np.arange(n)
    nothing = csc_matrix((1, n), dtype=np.complex128)
    none = np.full(1, 0, dtype=np.int64)
    return Case(
        base_mva=float(net.sn_mva),
        ybus=csc_matrix((n, n), dtype=np.complex128),
        v_start=np.array([vm_pu for _, vm_pu in live], dtype=np.complex128),
        s_static=np.zeros(n, dtype=np.complex128),
        zip_loads=None,
        ref=np.arange(n, dtype=np.int32),
        pv=np.zeros(0, dtype=np.int32),
        pq=np.zeros(0, dtype=np.int32),
        kind=np.full(n, REFERENCE, dtype=np.int64),
        node_of_bus=node_of_bus,
        lead_of_node=buses,
        base_kv=net.bus["vn_kv"].to_numpy(dtype=np.float64)[buses],
        yf=nothing,
        yt=nothing,
        from_node=none,
        to_node=none,
        z_branch=np.zeros(1, dtype=np.complex128),
        branch_of={
            table: np.full(len(net[table]), -1, dtype=np.int64) for table in ("line", "trafo")
        },
    )


def _run(net: Any) -> None:
    """Solve with pandapower, from its DC start or, failing that, from a flat one."""
    options = {"calculate_voltage_angles": True, "max_iteration": 50, "numba": False}
    try:
        pp.runpp(net, init="auto", **options)
    except LoadflowNotConverged:
        pp.runpp(net, init="flat", **options)


def _static_injection(internal: dict[str, Any]) -> Complexes:
    """Injection of what stayed in the network, without what its references deliver.

    At the references pandapower's own `Sbus` holds the guess of its DC start.
    """
    bus, gen, ref = internal["bus"].real, internal["gen"].real, internal["ref"]
    others = np.delete(gen, internal["ref_gens"], axis=0)
    p_gen_mw = np.zeros(len(bus))
    np.add.at(p_gen_mw, others[:, GEN_BUS].astype(np.int64), others[:, PG])
    s_static = np.array(internal["Sbus"], dtype=np.complex128)
    s_static[ref] = (p_gen_mw - bus[:, PD] - 1j * bus[:, QD])[ref] / internal["baseMVA"]
    return s_static


def _nodes(net: Any, n_node: int) -> Ints:
    """Node of each bus; pandapower puts the buses without supply behind the others."""
    nodes = net._pd2ppc_lookups["bus"][net.bus.index.to_numpy()].astype(np.int64)
    nodes[nodes >= n_node] = -1
    return np.ascontiguousarray(nodes)


def _lead_buses(net: Any, node_of_bus: Ints, n_node: int) -> Ints:
    """One bus for each node; where a reference sits, the bus that it is connected to."""
    lead = np.full(n_node, -1, dtype=np.int64)
    for bus in range(node_of_bus.size - 1, -1, -1):
        if node_of_bus[bus] >= 0:
            lead[node_of_bus[bus]] = bus
    for bus_index in reference_buses(net):
        position = int(net.bus.index.get_loc(bus_index))
        if node_of_bus[position] >= 0:
            lead[node_of_bus[position]] = position
    return lead


def reference_buses(net: Any) -> list[int]:
    """Indices of the buses at which the voltage is given."""
    grids = net.ext_grid[net.ext_grid["in_service"].astype(bool)]
    gens = net.gen[net.gen["in_service"].astype(bool) & net.gen["slack"].astype(bool)]
    return [*grids["bus"].tolist(), *gens["bus"].tolist()]


def _branches(net: Any, in_service: NDArray[np.bool_]) -> dict[str, Ints]:
    """Position of each line and transformer among the branches in service."""
    position = np.where(in_service, np.cumsum(in_service) - 1, -1).astype(np.int64)
    ranges: Iterable[tuple[str, tuple[int, int]]] = net._pd2ppc_lookups["branch"].items()
    return {element: position[first:last] for element, (first, last) in ranges}


def _voltage_dependence(bus: Floats, base_mva: float) -> VoltageDependence | None:
    share_i = np.asarray(bus[:, CID_P] + 1j * bus[:, CID_Q], dtype=np.complex128)
    share_z = np.asarray(bus[:, CZD_P] + 1j * bus[:, CZD_Q], dtype=np.complex128)
    if not (share_i.any() or share_z.any()):
        return None
    s_load = np.asarray((bus[:, PD] + 1j * bus[:, QD]) / base_mva, dtype=np.complex128)
    return VoltageDependence(s_load, share_i, share_z)
