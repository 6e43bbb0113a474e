"""The grid of one feeder, solved as an AC power flow in every tick.

pandapower describes the network and builds its admittance matrix; between changes
of topology only that matrix, the injections and the last voltages are touched
(`grid_solver`).
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandapower as pp
from numpy.typing import NDArray
from pandapower.auxiliary import LoadflowNotConverged

from ._kernels import gather_injection, read_network
from .buses import NamedBuses
from .case import Case, Complexes, Floats, build_case, load_net, own_net
from .distance import electrical_distance_ohm
from .loading import Loading
from .solver import Solver
from .state import GridState, PowerFlowDiverged
from .tap import TapData, complete_tap, set_tap, tap_data
from .topology import index_of, isolate_upstream

__all__ = ["Grid", "GridState", "PowerFlowDiverged"]

Switchable = Literal["line", "trafo", "switch"]


class Grid(NamedBuses):
    """One network whose peers say what they inject and learn what voltage they get.

    Parameters
    ----------
    net : pandapowerNet
        Copied; the original stays as it is.
    keep_elements : bool
        False: loads, generators and storage of the network are dropped, since peers
        own them. True: they stay and inject what the network says.
    quick : bool
        False: Newton alone, without the sweeps before it.
    tolerance_pu : float
        Largest nodal mismatch that counts as solved. [p.u.]

    Attributes
    ----------
    bus_names : tuple of str
        Every bus once, in the order of all arrays.
    load_buses : tuple of int
        Positions of the buses that carried a load, in the order of the load table.
    """

    _case: Case
    _solver: Solver

    def __init__(
        self,
        net: Any,
        *,
        keep_elements: bool = False,
        quick: bool = True,
        tolerance_pu: float = 1e-10,
    ) -> None:
        super().__init__(net)
        self.load_buses = tuple(int(net.bus.index.get_loc(bus)) for bus in net.load["bus"])
        self.quick = quick
        self.tolerance_pu = tolerance_pu
        self._net = own_net(net, keep_elements=keep_elements)
        self._vm_reference_pu: float | None = None
        self._joined: Any = None
        self._p_mw = np.zeros(self.n_bus)
        self._q_mvar = np.zeros(self.n_bus)
        self._totals = np.zeros(5)
        self._state = GridState(np.zeros(self.n_bus), np.zeros(self.n_bus), np.zeros(self.n_bus))
        self._adopt(self._build(self._net))

    @classmethod
    def from_json(
        cls, path: str | Path, *, keep_elements: bool = False, quick: bool = True
    ) -> Self:
        """Read a network from pandapower JSON."""
        return cls(load_net(path), keep_elements=keep_elements, quick=quick)

    @classmethod
    def from_net(cls, net: Any, *, keep_elements: bool = False, quick: bool = True) -> Self:
        """Take a pandapower network, which is copied."""
        return cls(net, keep_elements=keep_elements, quick=quick)

    # -- what is where

    @property
    def edges(self) -> NDArray[np.int64]:
        """(m, 2) positions of the buses that lines and transformers join, for drawing."""
        index = self._net.bus.index
        lines = self._net.line[["from_bus", "to_bus"]].to_numpy()
        trafos = self._net.trafo[["hv_bus", "lv_bus"]].to_numpy()
        ends = np.concatenate([lines, trafos]).astype(np.int64)
        positions: NDArray[np.int64] = index.get_indexer(ends.ravel()).astype(np.int64)
        return positions.reshape(-1, 2)

    @property
    def case(self) -> Case:
        """The arrays over nodes that the solver works on; they change with the topology."""
        return self._case

    @property
    def v_node_pu(self) -> Complexes:
        """Complex voltages at the nodes of `case`. [p.u.]"""
        return self._solver.v

    # -- every tick

    @property
    def vm_pu(self) -> Floats:
        """Voltage at each bus as it was last solved, 0 where de-energised. [p.u.]"""
        return self._state.vm_pu

    @property
    def line_ratings_a(self) -> Floats:
        """Rated current of each row of the line table. [A]"""
        rows = self._net.line
        rated: Floats = (1e3 * rows["max_i_ka"] * rows["df"] * rows["parallel"]).to_numpy(
            dtype=np.float64
        )
        return rated

    def element_position(self, table: Switchable, element: str | int) -> int:
        """Position of an element in its table, given by name or index."""
        return int(self._net[table].index.get_loc(index_of(self._net, table, element)))

    def low_voltage_bus(self, trafo: str | int) -> int:
        """Position of the bus at the low-voltage side of a transformer."""
        row = index_of(self._net, "trafo", trafo)
        return int(self._net.bus.index.get_loc(self._net.trafo["lv_bus"].loc[row]))

    def solve(self, p_mw: Floats, q_mvar: Floats) -> GridState:
        """Find the voltages for these injections.

        Parameters
        ----------
        p_mw, q_mvar : (n_bus,) float64 array
            Injection into the grid at each bus. [MW], [Mvar]

        Returns
        -------
        GridState
            The same object every time.

        Raises
        ------
        ValueError
            When an injection is not finite or the arrays have another shape.
        PowerFlowDiverged
            When there is no solution; the last good voltages are kept.
        """
        if p_mw.shape != self._p_mw.shape or q_mvar.shape != self._p_mw.shape:
            raise ValueError(
                f"grid: expected {self.n_bus} injections, got p_mw {p_mw.shape}, "
                f"q_mvar {q_mvar.shape}"
            )
        self._p_mw[:] = p_mw
        self._q_mvar[:] = q_mvar
        case, solver, state = self._case, self._solver, self._state
        bad = gather_injection(
            self._p_mw, self._q_mvar, case.node_of_bus, case.s_static, case.base_mva, solver.s
        )
        if bad >= 0:
            raise ValueError(
                f"grid: injection at bus {self.bus_names[bad]!r} is {p_mw[bad]} MW, "
                f"{q_mvar[bad]} Mvar; expected finite numbers"
            )
        static = solver.solve()
        state.iterations = solver.iterations
        read_network(
            *solver.matrix, solver.v, solver.s, static, case.kind, case.node_of_bus,
            case.lead_of_node, self._p_mw, self._q_mvar, case.base_mva, solver.taken,
            state.vm_pu, state.p_bus_mw, state.q_bus_mvar, self._totals,
        )  # fmt: skip
        (
            state.p_boundary_mw,
            state.q_boundary_mvar,
            state.losses_mw,
            state.mismatch_pu,
            worst,
        ) = self._totals.tolist()
        if not state.mismatch_pu <= 1e-8:
            raise self._diverged(int(worst), state.mismatch_pu, "the solution does not balance")
        state.loading_max_percent = self._loading.largest_percent(solver.v)
        return state

    # -- events

    def set_reference_voltage(self, vm_pu: float) -> None:
        """Set the voltage of the reference, or of all references. [p.u.]

        It acts with the next solution, which starts from voltages scaled alike.
        """
        if not 0 < vm_pu < 2:
            raise ValueError(f"grid: reference voltage {vm_pu} p.u. is outside 0 to 2 p.u.")
        self._solver.set_reference(vm_pu)
        self._vm_reference_pu = vm_pu

    def open_island(self, reference_bus: str, *, vm_pu: float = 1.0) -> None:
        """Part from the upstream grid; this bus holds the voltage from now on.

        External grids and slack generators go, and the transformers towards them
        open, so that the upstream side is dead rather than fed backwards.
        """
        net = self._copy_net()
        self._joined = self._joined or self._copy_net()
        bus = int(net.bus.index[self.bus_position(reference_bus)])
        isolate_upstream(net, bus)
        pp.create_ext_grid(net, bus, vm_pu=vm_pu, name="grid-former")
        self._vm_reference_pu = None
        self._replace(net)

    def close_island(self) -> None:
        """Hang on the upstream grid again, as before `open_island`.

        Raises
        ------
        ValueError
            When it did not part.
        """
        if self._joined is None:
            raise ValueError("grid: it hangs on the upstream grid; expected one that parted")
        net, self._joined, self._vm_reference_pu = self._joined, None, None
        self._replace(net)

    def switch(self, table: Switchable, element: str | int, *, closed: bool) -> None:
        """Open or close a line, a transformer or one of the network's switches.

        Parameters
        ----------
        table : {"line", "trafo", "switch"}
        element : str or int
            Name or index.
        closed : bool

        Raises
        ------
        KeyError
            When there is not exactly one of that name.
        """
        net = self._copy_net()
        column = "closed" if table == "switch" else "in_service"
        net[table].loc[index_of(net, table, element), column] = closed
        self._replace(net)

    def open_line(self, line: str | int) -> None:
        """Take a line out of service, given by name or index."""
        self.switch("line", line, closed=False)

    def close_line(self, line: str | int) -> None:
        """Put a line back into service."""
        self.switch("line", line, closed=True)

    def open_trafo(self, trafo: str | int) -> None:
        """Take a transformer out of service, given by name or index."""
        self.switch("trafo", trafo, closed=False)

    def close_trafo(self, trafo: str | int) -> None:
        """Put a transformer back into service."""
        self.switch("trafo", trafo, closed=True)

    def set_switch(self, switch: str | int, *, closed: bool) -> None:
        """Open or close one of the network's switches, given by name or index."""
        self.switch("switch", switch, closed=closed)

    # -- taps

    def tap(self, trafo: str | int) -> TapData:
        """Read a transformer's tap changer; a ValueError names what the network lacks."""
        return tap_data(self._net, trafo)

    def complete_tap(self, trafo: str | int, data: TapData) -> None:
        """Say what a network does not of a transformer's tap changer."""
        net = self._copy_net()
        complete_tap(net, trafo, data)
        self._replace(net)

    def set_tap(self, trafo: str | int, position: int) -> None:
        """Move a tap; refused where a power flow would ignore it."""
        net = self._copy_net()
        set_tap(net, trafo, position)
        self._replace(net)

    # -- on demand

    def va_degree(self) -> Floats:
        """Voltage angle at each bus, NaN where de-energised. [°]"""
        angle = np.full(self.n_bus, np.nan)
        alive = self._case.node_of_bus >= 0
        angle[alive] = np.angle(self._solver.v[self._case.node_of_bus[alive]], deg=True)
        return angle

    def loading_percent(self) -> Floats:
        """Loading of each row of the line table and then of the transformer table. [%]"""
        return self._loading.percent(self._solver.v)

    def line_loading_percent(self) -> Floats:
        """Loading of each row of the line table, 0 out of service. [%]"""
        return self.loading_percent()[: len(self._net.line)]

    def trafo_loading_percent(self) -> Floats:
        """Loading of each row of the transformer table, 0 out of service. [%]"""
        return self.loading_percent()[len(self._net.line) :]

    def electrical_distance_ohm(self) -> Floats:
        """(n_bus, n_bus) impedance between two buses, see `grid_distance`. [ohm]"""
        return electrical_distance_ohm(self._case)

    def save_case(self, path: str | Path) -> None:
        """Write the network with the present injections as pandapower JSON.

        The injections of the peers are its last static generators, named "peer at
        <bus>"; what is not finite is written as zero and named so.
        """
        Path(path).write_text(pp.to_json(self._with_injections()), encoding="utf-8")

    # -- inside

    def _copy_net(self) -> Any:
        """The network with the reference voltage of this moment."""
        net = copy.deepcopy(self._net)
        if self._vm_reference_pu is not None:
            net.ext_grid["vm_pu"] = self._vm_reference_pu
            net.gen.loc[net.gen["slack"].astype(bool), "vm_pu"] = self._vm_reference_pu
        return net

    def _with_injections(self) -> Any:
        net = self._copy_net()
        for position in np.flatnonzero((self._p_mw != 0) | (self._q_mvar != 0)).tolist():
            p_mw, q_mvar = float(self._p_mw[position]), float(self._q_mvar[position])
            name = f"peer at {self.bus_names[position]}"
            if not np.isfinite(p_mw + q_mvar):
                name, p_mw, q_mvar = f"{name} (was {p_mw} MW, {q_mvar} Mvar)", 0.0, 0.0
            pp.create_sgen(net, int(net.bus.index[position]), p_mw=p_mw, q_mvar=q_mvar, name=name)
        return net

    def _build(self, net: Any) -> Case:
        try:
            return build_case(net)
        except LoadflowNotConverged as fault:
            worst = self.bus_names[0]
            raise PowerFlowDiverged(worst, float("nan"), "pandapower finds no start") from fault

    def _replace(self, net: Any) -> None:
        """Adopt a changed network, keeping the voltages of the buses that stay alive."""
        case = self._build(net)
        before, v_before = self._case, self._solver.v
        kept = (case.node_of_bus >= 0) & (before.node_of_bus >= 0)
        self._net = net
        self._adopt(case)
        if _alike(case.v_start[case.ref], v_before[before.ref]):
            self._solver.v[case.node_of_bus[kept]] = v_before[before.node_of_bus[kept]]

    def _adopt(self, case: Case) -> None:
        self._case = case
        self._loading = Loading(self._net, case)
        self._solver = Solver(
            case, quick=self.quick, tolerance_pu=self.tolerance_pu, report=self._diverged
        )

    def _diverged(self, node: int, mismatch_pu: float, because: str) -> PowerFlowDiverged:
        bus = int(self._case.lead_of_node[node])
        name = self.bus_names[bus] if bus >= 0 else f"auxiliary node {node}"
        return PowerFlowDiverged(name, mismatch_pu, because)


def _alike(a: Complexes, b: Complexes) -> bool:
    """Do two sets of references hold the same voltages, angles included?"""
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=0, atol=1e-9))
