"""Opens the three-phase power flow to mosaik: peers hang on single phases, or on all three."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.grid_unbalanced import PHASES, UnbalancedGrid

from .box import Box, FloatArray, Inputs, model, total
from .clock import NEVER, Clock


class UnbalancedGridSim(Box):
    """Solves the feeder in three phases once a tick.

    To its neighbours it is the balanced grid's box; besides it tells the voltage of every
    phase and the unbalance factor. A peer on three phases injects evenly, and its voltage is
    their mean. Injection is positive.
    """

    models = {
        "Grid": model(
            [
                "P[MW]",
                "Q[MVar]",
                "Vm[pu]",
                "bus Vm[pu]",
                "bus P[MW]",
                "bus Q[MVar]",
                "phase Vm[pu]",
                "vuf[%]",
                "P_boundary[MW]",
                "Q_boundary[MVar]",
                "losses[MW]",
                "mismatch[pu]",
                "loading_max[%]",
            ]
        ),
        "Bus": model(["P[MW]", "Q[MVar]", "Vm[pu]"], public=False),
    }

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        grid: UnbalancedGrid,
        clock: Clock,
        peer_bus: Sequence[int] = (),
        phases: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Take the grid and, per peer, the position of its bus and its phases."""
        self._grid, self._clock = grid, clock
        at = [
            (peer, 3 * bus + PHASES.index(phase), 1 / len(on))
            for peer, (bus, on) in enumerate(zip(peer_bus, phases, strict=True))
            for phase in on
        ]
        self._peer, self._terminal = np.array([a[:2] for a in at], dtype=np.int64).reshape(-1, 2).T
        self._share = np.array([share for *_, share in at])
        self._peer_p, self._peer_q = np.zeros((2, len(peer_bus)))
        meta: dict[str, Any] = self.meta
        return meta

    def children(self, eid: str) -> list[dict[str, Any]]:
        return [{"eid": f"bus:{name}", "type": "Bus"} for name in self._grid.bus_names]

    def advance(self, time: int, inputs: Inputs) -> int | None:
        if not self._clock.is_physics(time):
            return self._clock.preroll if time < self._clock.preroll else NEVER
        of_grid = inputs.get("grid", {})
        p_mw = self._per_phase(of_grid.get("P[MW]", {}), self._peer_p)
        q_mvar = self._per_phase(of_grid.get("Q[MVar]", {}), self._peer_q)
        for eid, attrs in inputs.items():
            if eid != "grid":
                bus = self._grid.bus_position(eid.removeprefix("bus:"))
                p_mw[bus] += sum(map(float, attrs.get("P[MW]", {}).values())) / 3
                q_mvar[bus] += sum(map(float, attrs.get("Q[MVar]", {}).values())) / 3
        self._publish(self._grid.solve(p_mw, q_mvar))
        return time + 1 if time + 1 < self._clock.end else NEVER

    def _per_phase(self, sources: dict[str, FloatArray], per_peer: FloatArray) -> FloatArray:
        total(sources, per_peer)
        weights = per_peer[self._peer] * self._share
        summed = np.bincount(self._terminal, weights, 3 * self._grid.n_bus).astype(np.float64)
        return summed.reshape(-1, 3)

    def _publish(self, state: Any) -> None:
        values = self.values["grid"]
        phase_vm = values["phase Vm[pu]"] = state.vm_pu.ravel()
        weights = phase_vm[self._terminal] * self._share
        values["Vm[pu]"] = np.bincount(self._peer, weights, self._peer_p.size)
        values["bus Vm[pu]"] = self._vm_pu = state.vm_pu.mean(axis=1)
        values["bus P[MW]"] = state.p_bus_mw.sum(axis=1)
        values["bus Q[MVar]"] = state.q_bus_mvar.sum(axis=1)
        values["vuf[%]"] = state.vuf_percent
        values["P_boundary[MW]"] = state.p_boundary_mw
        values["Q_boundary[MVar]"] = state.q_boundary_mvar
        values["losses[MW]"] = state.losses_mw
        values["mismatch[pu]"] = state.mismatch_pu
        values["loading_max[%]"] = state.loading_max_percent

    def get_data(self, outputs: Any) -> dict[str, dict[str, Any]]:
        data = super().get_data({eid: attrs for eid, attrs in outputs.items() if eid == "grid"})
        for eid in outputs:
            if eid != "grid" and "Vm[pu]" in self.values["grid"]:
                bus = self._grid.bus_position(eid.removeprefix("bus:"))
                data[eid] = {"Vm[pu]": float(self._vm_pu[bus])}
        return data
