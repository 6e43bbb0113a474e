"""Opens the power flow to mosaik: powers of all peers in, voltages and boundary out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from models.grid.power_flow import Grid

from .box import Box, FloatArray, Inputs, model, only, total
from .clock import NEVER, Clock

if TYPE_CHECKING:
    from models.grid.unbalanced import UnbalancedGrid

DARK = ("P_boundary[MW]", "Q_boundary[MVar]", "losses[MW]", "mismatch[pu]", "loading_max[%]")
"""What is zero where nothing flows."""


class GridSim(Box):
    """Solves the feeder once a tick.

    The fleet entity takes powers as (n_peers,) arrays from any number of sources and adds them
    up per bus; the children, one per bus, take single injections. Injection is positive.
    """

    models = {
        "Grid": model(
            [
                "P[MW]",
                "Q[MVar]",
                "Vm_ref[pu]",
                "black",
                "Vm[pu]",
                "bus Vm[pu]",
                "bus P[MW]",
                "bus Q[MVar]",
                "P_boundary[MW]",
                "Q_boundary[MVar]",
                "losses[MW]",
                "mismatch[pu]",
                "loading_max[%]",
            ]
        ),
        "Bus": model(["P[MW]", "Q[MVar]", "Vm[pu]"], public=False),
    }

    conductors = 1
    """Over how many a child's injection at a bus is spread evenly."""

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        grid: Grid | UnbalancedGrid,
        clock: Clock,
        peer_bus: Sequence[int] = (),
    ) -> dict[str, Any]:
        """Take the grid and, per peer, the position of its bus."""
        self._grid, self._clock = grid, clock
        self._peer_bus = np.array(peer_bus, dtype=np.int64)
        self._peer_p, self._peer_q = np.zeros((2, len(peer_bus)))
        meta: dict[str, Any] = self.meta
        return meta

    def children(self, eid: str) -> list[dict[str, Any]]:
        return [{"eid": f"bus:{name}", "type": "Bus"} for name in self._grid.bus_names]

    def advance(self, time: int, inputs: Inputs) -> int | None:
        if not self._clock.is_physics(time):
            return self._clock.preroll if time < self._clock.preroll else NEVER
        of_grid = inputs.get("grid", {})
        if "black" in of_grid and only(of_grid["black"]):
            return self._go_dark(time)
        if "Vm_ref[pu]" in of_grid:
            self._grid.set_reference_voltage(float(only(of_grid["Vm_ref[pu]"])))
        p_mw = self._per_bus(of_grid.get("P[MW]", {}), self._peer_p)
        q_mvar = self._per_bus(of_grid.get("Q[MVar]", {}), self._peer_q)
        if len(inputs) > ("grid" in inputs):
            self._add_children(inputs, p_mw, q_mvar)
        self._publish(self._grid.solve(p_mw, q_mvar))
        return self._next(time)

    def _next(self, time: int) -> int:
        return time + 1 if time + 1 < self._clock.end else NEVER

    def _go_dark(self, time: int) -> int:
        """Nothing forms a voltage any more, so nothing flows."""
        values, dark = self.values["grid"], np.zeros(self._grid.n_bus)
        values["bus Vm[pu]"] = values["bus P[MW]"] = values["bus Q[MVar]"] = self._vm_pu = dark
        values["Vm[pu]"] = dark[self._peer_bus]
        for attr in DARK:
            values[attr] = 0.0
        return self._next(time)

    def _per_bus(self, sources: dict[str, FloatArray], per_peer: FloatArray) -> FloatArray:
        total(sources, per_peer)
        # Without peers, bincount would count in whole numbers.
        summed = np.bincount(self._peer_bus, weights=per_peer, minlength=self._grid.n_bus)
        return summed.astype(np.float64, copy=False)

    def _add_children(self, inputs: Inputs, p_mw: FloatArray, q_mvar: FloatArray) -> None:
        for eid, attrs in inputs.items():
            if eid != "grid":
                bus = self._grid.bus_position(eid.removeprefix("bus:"))
                p_mw[bus] += sum(map(float, attrs.get("P[MW]", {}).values())) / self.conductors
                q_mvar[bus] += sum(map(float, attrs.get("Q[MVar]", {}).values())) / self.conductors

    def _publish(self, state: Any) -> None:
        values = self.values["grid"]
        self._publish_buses(state, values)
        values["P_boundary[MW]"] = state.p_boundary_mw
        values["Q_boundary[MVar]"] = state.q_boundary_mvar
        values["losses[MW]"] = state.losses_mw
        values["mismatch[pu]"] = state.mismatch_pu
        values["loading_max[%]"] = state.loading_max_percent

    def _publish_buses(self, state: Any, values: dict[str, Any]) -> None:
        values["bus Vm[pu]"] = self._vm_pu = state.vm_pu
        values["Vm[pu]"] = state.vm_pu[self._peer_bus]
        values["bus P[MW]"] = state.p_bus_mw
        values["bus Q[MVar]"] = state.q_bus_mvar

    def get_data(self, outputs: Any) -> dict[str, dict[str, Any]]:
        data = super().get_data({eid: attrs for eid, attrs in outputs.items() if eid == "grid"})
        for eid in outputs:
            if eid != "grid" and "Vm[pu]" in self.values["grid"]:
                bus = self._grid.bus_position(eid.removeprefix("bus:"))
                data[eid] = {"Vm[pu]": float(self._vm_pu[bus])}
        return data
