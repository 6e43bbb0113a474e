"""The grid of one feeder in three phases, solved by power-grid-model in every tick.

Households and their PV hang on single phases, so the phases' voltages part; what a
balanced power flow calls the voltage of a bus is then the voltage of none of its phases.
The model object is made once per network; a tick changes its injections only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from power_grid_model import CalculationMethod, ComponentType, PowerGridModel, initialize_array
from power_grid_model.errors import PowerGridError  # type: ignore[attr-defined]  # left out of __all__

from ._kernels_unbalanced import sequence_voltages, unbalance_percent
from .buses import NamedBuses
from .case import Floats, load_net, own_net
from .state import PowerFlowDiverged
from .unbalanced_case import MVA, NotThreePhase, ZeroSequence, complete, convert

__all__ = ["PHASES", "NotThreePhase", "UnbalancedGrid", "UnbalancedState", "ZeroSequence"]

PHASES = ("a", "b", "c")
ERROR_TOLERANCE_PU = 1e-9
SOURCE_TOLERANCE_PU = 1e-6
MAX_SOURCE_ROUNDS = 10
LOWEST_CREDIBLE_PU = 0.5
"""Below it a solution is the low-voltage one, which no feeder can be run at."""

METHODS = (CalculationMethod.iterative_current, CalculationMethod.newton_raphson)
"""The first is quick on feeders; the second is asked where that does not converge."""

WANTED = {
    ComponentType.node: ["energized", "u_pu", "u_angle", "p", "q"],
    ComponentType.line: ["p_from", "p_to", "i_from", "i_to"],
    ComponentType.transformer: ["p_from", "p_to", "i_from", "i_to"],
    ComponentType.source: ["p", "q"],
}


@dataclass(slots=True)
class UnbalancedState:
    """What one tick's power flow found; reused, so copy what you keep."""

    vm_pu: Floats
    """(n_bus, 3) voltage of each phase to neutral, 0 where de-energised. [p.u.]"""
    va_rad: Floats
    """(n_bus, 3) its angle. [rad]"""
    vuf_percent: Floats
    """Voltage unbalance factor at each bus: negative over positive sequence. [%]"""
    p_bus_mw: Floats
    """(n_bus, 3) what the network took at each phase of each bus. [MW]"""
    q_bus_mvar: Floats
    """Likewise. [Mvar]"""
    p_boundary_mw: float = 0.0
    """What the upstream grid gives, all phases. [MW]"""
    q_boundary_mvar: float = 0.0
    """Likewise. [Mvar]"""
    losses_mw: float = 0.0
    """Active losses in lines and transformers. [MW]"""
    mismatch_pu: float = 0.0
    """Largest |taken − injected| of a phase away from the source, on a base of 1 MVA. [p.u.]"""
    loading_max_percent: float = 0.0
    """Of the line or transformer that is loaded most, by its largest phase current. [%]"""


class UnbalancedGrid(NamedBuses):
    """One network whose peers inject at single phases and learn their phase's voltage.

    Parameters
    ----------
    net : pandapowerNet
        Copied; the original stays as it is.
    filling : ZeroSequence, optional
        What to take for zero-sequence data that the network lacks; without it, such a network
        is refused.
    keep_elements : bool
        False: loads, generators and storage of the network are dropped, since peers own them.
        True: they stay and inject what the network says.

    Attributes
    ----------
    bus_names : tuple of str
        Every bus once, in the order of all arrays.

    Raises
    ------
    NotThreePhase
        With everything that the network lacks.

    Notes
    -----
    The upstream grid holds the positive sequence at its bus, as in pandapower, and has its
    short-circuit impedance in the other two. power-grid-model has that impedance in all three,
    so the voltage behind it is raised until the bus has what it shall.
    """

    def __init__(
        self, net: Any, *, filling: ZeroSequence | None = None, keep_elements: bool = False
    ) -> None:
        own = own_net(net, keep_elements=keep_elements)
        if filling is not None:
            complete(own, filling)
        super().__init__(own)
        self._case = convert(own)
        self._model = PowerGridModel(self._case.data, system_frequency=float(own.f_hz))
        self._wanted: Any = {
            kind: names for kind, names in WANTED.items() if kind in self._case.data
        }
        self._loads = initialize_array("update", "asym_load", self.n_bus)
        self._loads["id"] = self._case.data[ComponentType.asym_load]["id"]
        self._source = initialize_array("update", "source", 1)
        source = self._case.data[ComponentType.source]
        self._source["id"] = source["id"]
        self._angle_rad = float(source["u_ref_angle"][0])
        self.set_reference_voltage(self._case.vm_source_pu)
        phases, buses = np.zeros((4, self.n_bus, 3)), np.zeros(self.n_bus)
        self._state = UnbalancedState(phases[0], phases[1], buses, phases[2], phases[3])
        self._positive, self._negative = np.zeros((2, self.n_bus))

    @classmethod
    def from_json(
        cls,
        path: str | Path,
        *,
        filling: ZeroSequence | None = None,
        keep_elements: bool = False,
    ) -> Self:
        """Read a network from pandapower JSON."""
        return cls(load_net(path), filling=filling, keep_elements=keep_elements)

    @property
    def single_phase_factor(self) -> float:
        """By how much more an injection into one phase moves it than one spread over three.

        At most: 2 + Z0/Z1, of the line or transformer with the largest ratio. [1]
        """
        lines, trafos = (
            self._case.data.get(kind) for kind in (ComponentType.line, ComponentType.transformer)
        )
        largest = 1.0
        if lines is not None:
            size = np.hypot(lines["r1"], lines["x1"])
            zero = np.hypot(lines["r0"], lines["x0"])
            largest = float((zero[size > 0] / size[size > 0]).max(initial=largest))
        if trafos is not None:
            ohm = trafos["uk"] * trafos["u2"] ** 2 / trafos["sn"]
            more = 3 * np.hypot(trafos["r_grounding_to"], trafos["x_grounding_to"])
            largest = max(largest, float((1 + more / ohm).max()))
        return 2.0 + largest

    def set_reference_voltage(self, vm_pu: float) -> None:
        """Set the positive sequence at the upstream grid's bus. [p.u.]"""
        if not 0 < vm_pu < 2:
            raise ValueError(f"grid: reference voltage {vm_pu} p.u. is outside 0 to 2 p.u.")
        self._reference = vm_pu * np.exp(1j * self._angle_rad)
        self._behind, self._drawn_pu = self._reference, 0j

    def solve(self, p_mw: Floats, q_mvar: Floats) -> UnbalancedState:
        """Find the voltages for these injections.

        Parameters
        ----------
        p_mw, q_mvar : (n_bus, 3) float64 array
            Injection into the grid at each phase of each bus. [MW], [Mvar]

        Returns
        -------
        UnbalancedState
            The same object every time.

        Raises
        ------
        ValueError
            When an injection is not finite or the arrays have another shape.
        PowerFlowDiverged
            When there is no solution, or only one below half the rated voltage.
        """
        self._check(p_mw, q_mvar)
        # A load takes what a negative injection gives.
        self._loads["p_specified"] = -MVA * (p_mw + self._case.p_static_mw)
        self._loads["q_specified"] = -MVA * (q_mvar + self._case.q_static_mvar)
        found = self._hold_source()
        self._read(found)
        return self._state

    def _check(self, p_mw: Floats, q_mvar: Floats) -> None:
        shape = (self.n_bus, 3)
        if p_mw.shape != shape or q_mvar.shape != shape:
            raise ValueError(
                f"grid: expected injections {shape}, got p_mw {p_mw.shape}, q_mvar {q_mvar.shape}"
            )
        good = np.isfinite(p_mw + q_mvar)
        if not good.all():
            bus, phase = divmod(int(good.argmin()), 3)
            raise ValueError(
                f"grid: injection at bus {self.bus_names[bus]!r}, phase {PHASES[phase]} is "
                f"{p_mw[bus, phase]} MW, {q_mvar[bus, phase]} Mvar; expected finite numbers"
            )

    def _hold_source(self) -> Any:
        """Solve with the voltage behind the upstream impedance that holds its bus.

        It starts from the last one and the drop that the change of load will make, so that one
        round is the rule.
        """
        node = self._case.source_node
        drawn_pu = (self._loads["p_specified"].sum() + 1j * self._loads["q_specified"].sum()) / MVA
        change = np.conj((drawn_pu - self._drawn_pu) / self._reference)
        self._behind = self._behind + self._case.source_impedance_pu * change
        self._drawn_pu = drawn_pu
        for _ in range(MAX_SOURCE_ROUNDS):
            found = self._calculate()
            nodes = found[ComponentType.node]
            phases = nodes["u_pu"][node] * np.exp(1j * nodes["u_angle"][node])
            off = self._reference - (phases * TURNS).sum() / 3
            if abs(off) <= SOURCE_TOLERANCE_PU:
                return found
            self._behind = self._behind + off
        self.set_reference_voltage(abs(self._reference))
        raise self._diverged(found, "the upstream grid cannot hold its bus")

    def _calculate(self) -> Any:
        self._source["u_ref"] = abs(self._behind)
        self._source["u_ref_angle"] = np.angle(self._behind)
        self._model.update(
            update_data={
                ComponentType.asym_load: self._loads,
                ComponentType.source: self._source,
            }
        )
        because = ""
        for method in METHODS:
            try:
                found = self._model.calculate_power_flow(
                    symmetric=False,
                    calculation_method=method,
                    error_tolerance=ERROR_TOLERANCE_PU,
                    max_iterations=100,
                    output_component_types=self._wanted,
                )
            except PowerGridError as fault:
                because = str(fault).strip().splitlines()[0]
                continue
            node = found[ComponentType.node]
            alive = node["energized"].astype(bool)
            if node["u_pu"][alive].min(initial=1.0) >= LOWEST_CREDIBLE_PU:
                return found
            raise self._diverged(found, "only a solution at collapsed voltage")
        raise self._diverged(None, because)

    def _diverged(self, found: Any, because: str) -> PowerFlowDiverged:
        vm_pu = self._state.vm_pu if found is None else found[ComponentType.node]["u_pu"]
        lowest = np.where(vm_pu > 0, vm_pu, np.inf).min(axis=1)
        return PowerFlowDiverged(self.bus_names[int(lowest.argmin())], float("nan"), because)

    def _read(self, found: Any) -> None:
        state, node = self._state, found[ComponentType.node]
        alive = node["energized"].astype(bool)[:, None]
        state.vm_pu[:] = np.where(alive, node["u_pu"], 0.0)
        state.va_rad[:] = np.where(alive, node["u_angle"], 0.0)
        sequence_voltages(state.vm_pu, state.va_rad, self._positive, self._negative)
        unbalance_percent(self._positive, self._negative, state.vuf_percent)
        source = found[ComponentType.source]
        state.p_boundary_mw = float(source["p"].sum()) / MVA
        state.q_boundary_mvar = float(source["q"].sum()) / MVA
        state.p_bus_mw[:] = np.where(alive, node["p"], 0.0) / MVA
        state.q_bus_mvar[:] = np.where(alive, node["q"], 0.0) / MVA
        self._read_branches(found, state)
        state.mismatch_pu = self._mismatch(alive)

    def _read_branches(self, found: Any, state: UnbalancedState) -> None:
        kinds = (ComponentType.line, ComponentType.transformer)
        rows = [found[kind] for kind in kinds if kind in found]
        state.losses_mw = sum(float((r["p_from"] + r["p_to"]).sum()) for r in rows) / MVA
        ends = [np.stack([r["i_from"].max(1), r["i_to"].max(1)], axis=1) for r in rows]
        loading = 100 * np.concatenate(ends) / self._case.rated_a
        state.loading_max_percent = float(loading.max(initial=0.0))

    def _mismatch(self, alive: NDArray[np.bool_]) -> float:
        """Largest distance from what was asked for, in MVA, the base of the balanced grid."""
        p_off = MVA * self._state.p_bus_mw + self._loads["p_specified"]
        q_off = MVA * self._state.q_bus_mvar + self._loads["q_specified"]
        off = np.where(alive, np.hypot(p_off, q_off), 0.0)
        off[self._case.source_node] = 0.0
        return float(off.max()) / MVA


TURNS = np.exp(2j * np.pi / 3 * np.arange(3))
"""1, a, a²: phases turned by it add up to the positive sequence."""
