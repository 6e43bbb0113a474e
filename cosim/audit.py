"""What must hold on every tick of a run, looked at while it runs.

The slack of a power flow closes any sum, so the auditor compares what different boxes
integrated on their own: the power that the solved voltages draw at every bus against the
meters' registers there, the stores' charge against what left them, and what the lines lost, by
their currents, against what is missing between all injections.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from results.invariants import (
    metered_power_is_grid_power,
    mismatch_is_small,
    nothing_is_missing,
    soc_is_a_share,
    stores_and_losses_balance,
)

from .boxes.box import FloatArray, only

CHUNK_TICKS = 500
CHUNK_VALUES = 200_000
"""What is held stays in a processor's cache, also of ten thousand peers."""


@dataclass(frozen=True)
class EnergyBooks:
    """Energy that boxes integrated by themselves since the start, in total. [kWh]"""

    stored_kwh: float
    conversion_loss_kwh: float
    produced_kwh: float
    consumed_kwh: float


class Auditor:
    """Keeps some ticks, up to hundreds, in full precision and judges them together.

    Parameters
    ----------
    bus_names, peers : sequence of str
        Columns of what is compared.
    peer_bus : sequence of int
        Bus of every peer.
    references : sequence of int
        Buses that the boundary or a generator feeds beside the peers; left out of the
        comparison with meters, since nobody meters the upstream grid.
    dt_s : float
        Length of a tick. [s]
    books : callable
        The boxes' own energy integrals at the beginning of the present tick.
    islanded : bool
        What crosses the boundary comes out of a store that the books hold already; a recorded
        `connected` says so of every tick instead.
    """

    def __init__(
        self,
        *,
        bus_names: Sequence[str],
        peers: Sequence[str],
        peer_bus: Sequence[int],
        references: Sequence[int],
        dt_s: float,
        books: Callable[[], EnergyBooks],
        islanded: bool = False,
    ) -> None:
        n_bus, n_peers = len(bus_names), len(peers)
        self._compared = np.setdiff1d(np.arange(n_bus), np.asarray(references))
        self._places = [bus_names[bus] for bus in self._compared]
        self._bus_names, self._peers = bus_names, peers
        self._chunk = chunk = min(CHUNK_TICKS, max(20, CHUNK_VALUES // (n_bus + n_peers)))
        rows = np.arange(chunk)[:, None]
        self._n_bus, self._cell = n_bus, rows * n_bus + np.asarray(peer_bus, dtype=np.int64)
        self._dt_h = dt_s / 3600
        self._books, self._outside = books, 0.0 if islanded else 1.0
        self._tick = np.zeros(chunk, dtype=np.int64)
        self._bus_p, self._bus_q, self._vm = np.zeros((3, chunk, n_bus))
        self._net_q, self._soc = np.zeros((2, chunk, n_peers))
        self._registers = np.zeros((chunk + 1, n_peers))
        self._mismatch, self._losses, self._crossing = np.zeros((3, chunk))
        self._held = 0
        self._line_loss_kwh = self._imported_kwh = self._exported_kwh = 0.0
        self._opening: EnergyBooks | None = None
        self.ticks = 0
        self.last_tick = 0

    def see(self, tick: int, given: Mapping[str, Mapping[str, Any]]) -> None:
        """Take one tick as the recorder saw it."""
        if self._opening is None:
            self._opening = self._books()
        row = self._held
        self._tick[row] = self.last_tick = tick
        self._bus_p[row] = only(given["bus P[MW]"])
        self._bus_q[row] = only(given["bus Q[MVar]"])
        self._vm[row] = only(given["bus Vm[pu]"])
        self._net_q[row] = only(given["Q_net[MVar]"])
        self._soc[row] = only(given["soc[1]"])
        self._registers[row + 1] = only(given["metered[Wh]"])
        self._mismatch[row] = only(given["mismatch[pu]"])
        self._losses[row] = only(given["losses[MW]"])
        outside = float(only(given["connected"])) if "connected" in given else self._outside
        self._crossing[row] = outside * only(given["P_boundary[MW]"])
        self._held = row + 1
        if self._held == self._chunk:
            self.judge()

    def judge(self) -> None:
        """Judge what is held.

        Raises
        ------
        InvariantViolated
            With the first tick and place at which two boxes disagree.
        """
        held = slice(0, self._held)
        tick = self._tick[held]
        if not self._held:
            return
        nothing_is_missing(tick, self._vm[held], what="voltage", places=self._bus_names)
        self._compare_power(tick, held)
        mismatch_is_small(tick, self._mismatch[held])
        soc_is_a_share(tick, self._soc[held], places=self._peers)
        self._line_loss_kwh += 1e3 * self._dt_h * float(self._losses[held].sum())
        crossing_kwh = 1e3 * self._dt_h * self._crossing[held]
        self._imported_kwh += float(np.maximum(crossing_kwh, 0.0).sum())
        self._exported_kwh += float(np.maximum(-crossing_kwh, 0.0).sum())
        self._registers[0] = self._registers[self._held]
        self.ticks += self._held
        self._held = 0

    def _compare_power(self, tick: Any, held: slice) -> None:
        metered_mw = np.diff(self._registers[: self._held + 1], axis=0) * (1e-6 / self._dt_h)
        for unit, used, metered in (
            ("kW", self._bus_p[held], metered_mw),
            ("kvar", self._bus_q[held], self._net_q[held]),
        ):
            metered_power_is_grid_power(
                tick,
                1e3 * used[:, self._compared],
                1e3 * self._per_bus(metered)[:, self._compared],
                places=self._places,
                unit=unit,
                # The solver meets a bus's balance to 1e-10 p.u. of 1 MVA, a tenth of a milliwatt;
                # a register of many kWh resolves no better either.
                tolerance=1e-5,
            )

    def _per_bus(self, values: FloatArray) -> FloatArray:
        """Add up peers' values at their buses, a row per tick.

        A product of matrices would wait for BLAS's threads, for long on a busy machine.
        """
        ticks = len(values)
        cells = self._cell[:ticks].ravel()
        weights = values.ravel()
        summed: FloatArray = np.bincount(cells, weights, ticks * self._n_bus).astype(np.float64)
        return summed.reshape(ticks, self._n_bus)

    def close(self) -> None:
        """Judge the rest, and the energy of the whole run."""
        self.judge()
        if self._opening is None:
            return
        opening, closing = self._opening, self._books()
        one: FloatArray = np.ones(1)
        stores_and_losses_balance(
            self._tick[:1],
            stored_kwh=(closing.stored_kwh - opening.stored_kwh) * one,
            conversion_loss_kwh=closing.conversion_loss_kwh * one,
            line_loss_kwh=self._line_loss_kwh * one,
            energy_in_kwh=(closing.produced_kwh + self._imported_kwh) * one,
            energy_out_kwh=(closing.consumed_kwh + self._exported_kwh) * one,
        )


__all__ = ["Auditor", "EnergyBooks"]
