"""Opens the three-phase power flow to mosaik: peers hang on single phases, or on all three."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.grid.power_flow import Grid
from models.grid.unbalanced import PHASES, UnbalancedGrid

from .box import FloatArray, model, total
from .clock import Clock
from .grid import GridSim


class UnbalancedGridSim(GridSim):
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

    conductors = 3

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        grid: Grid | UnbalancedGrid,
        clock: Clock,
        peer_bus: Sequence[int] = (),
        phases: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Take the grid and, per peer, the position of its bus and its phases."""
        meta = super().init(sid, time_resolution, grid=grid, clock=clock, peer_bus=peer_bus)
        at = [
            (peer, 3 * bus + PHASES.index(phase), 1 / len(on))
            for peer, (bus, on) in enumerate(zip(peer_bus, phases, strict=True))
            for phase in on
        ]
        self._peer, self._terminal = np.array([a[:2] for a in at], dtype=np.int64).reshape(-1, 2).T
        self._share = np.array([share for *_, share in at])
        return meta

    def _per_bus(self, sources: dict[str, FloatArray], per_peer: FloatArray) -> FloatArray:
        total(sources, per_peer)
        weights = per_peer[self._peer] * self._share
        summed = np.bincount(self._terminal, weights, 3 * self._grid.n_bus).astype(np.float64)
        return summed.reshape(-1, 3)

    def _publish_buses(self, state: Any, values: dict[str, Any]) -> None:
        phase_vm = values["phase Vm[pu]"] = state.vm_pu.ravel()
        weights = phase_vm[self._terminal] * self._share
        values["Vm[pu]"] = np.bincount(self._peer, weights, self._peer_p.size)
        values["bus Vm[pu]"] = self._vm_pu = state.vm_pu.mean(axis=1)
        values["bus P[MW]"] = state.p_bus_mw.sum(axis=1)
        values["bus Q[MVar]"] = state.q_bus_mvar.sum(axis=1)
        values["vuf[%]"] = state.vuf_percent
