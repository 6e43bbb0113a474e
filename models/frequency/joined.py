"""An island that may hang on the grid above: it parts, goes black, starts again, and joins.

While it hangs on the grid, frequency is the grid's: generators hold their set powers, the former
and the stores beside it rest, PV reduces by P(f) at that frequency. When the feeder opens, the
former takes over from where frequency is; without one the village is black. It joins again only
where both sides of the open breaker are alike (`SynchroCheck`), or onto a dead village.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from . import _kernels_names as kernel
from .area_parameters import SynchroCheck
from .island import IslandFrequency
from .parameters import IslandParams
from .process import FrequencyTick
from .tables import set_powers
from .tick import IslandTick

Floats = NDArray[np.float64]

SLIP_HZ = 0.05
"""How much faster than the grid a village turns while it waits to join, so that its angle comes
round; of the order of automatic synchronisers, unverified."""

RESTORE_WITHIN_HZ = 0.5
"""Load is restored, stage by stage, while frequency is this near to nominal."""


class FrequencySource(Protocol):
    """What the grid above does by itself."""

    def step(self) -> FrequencyTick: ...


class JoinedIsland(IslandFrequency):
    """An island with a feeder that opens and closes.

    Parameters
    ----------
    params : IslandParams
    n_peers : int
    dt_s : float
        [s]
    source : FrequencySource
        Frequency of the grid above.
    connected : bool
        Whether it begins on the grid.
    has_former : bool
        False: `params.former` stands for none, and the village is black whenever it is alone.
    check : SynchroCheck
    restore_every_s : float
        Time from one restored stage to the next after a black start. [s]

    Attributes
    ----------
    connected : bool
    angle_deg : float
        Of the island's voltage beyond the grid's, since it parted. [degrees]
    """

    def __init__(
        self,
        params: IslandParams,
        n_peers: int,
        dt_s: float,
        *,
        source: FrequencySource,
        connected: bool = True,
        has_former: bool = True,
        check: SynchroCheck | None = None,
        restore_every_s: float = 10.0,
    ) -> None:
        super().__init__(params, n_peers, dt_s)
        self._source, self._has_former = source, has_former
        self._check = check or SynchroCheck()
        self._restore_every_s, self._restore_in_s = restore_every_s, math.inf
        self.connected, self.angle_deg = connected, 0.0
        self._grid_hz = params.nominal_hz
        self._synchronising = False
        if not has_former and not connected:
            self.trip_former()

    # -- what happens to it

    def part(self, angle_deg: float = 0.0) -> None:
        """Open the feeder: the former takes over where frequency is, or the village is black.

        Parameters
        ----------
        angle_deg : float
            By how much the village's voltage leads the grid's as it parts. [degrees]
        """
        if not self.connected:
            return
        self.connected, self.angle_deg = False, angle_deg
        self._begin(self._grid_hz - self.params.nominal_hz)
        self.restore()
        for row, generator in enumerate(self.params.generators):
            self._set_generator(row, generator.p_set_kw)
        self._tick.black = not self._has_former

    def differences(self, vm_pu: float) -> dict[str, float]:
        """How far both sides of the open breaker are apart, by `SynchroCheck`'s names.

        Parameters
        ----------
        vm_pu : float
            Difference of the voltages. [p.u.]
        """
        f_hz = self._tick.f_end_hz - self._grid_hz
        angle_deg = (self.angle_deg + 180.0) % 360.0 - 180.0
        return {"f_hz": f_hz, "vm_pu": vm_pu, "angle_deg": angle_deg}

    def join(self, vm_pu: float = 0.0) -> list[str]:
        """Close the feeder if the sides are alike, or the village is dead; else turn towards it.

        Parameters
        ----------
        vm_pu : float
            Difference of the voltages. [p.u.]

        Returns
        -------
        list of str
            What forbids it; empty when it is closed.
        """
        faults = [] if self._tick.black else self._check.faults(**self.differences(vm_pu))
        self._synchronising = bool(faults)
        if not faults:
            self._constants[kernel.SECONDARY_AIM] = 0.0
            self.connected, self._restore_in_s = True, math.inf
            self.restore()
        return faults

    def give_up(self) -> None:
        """Wait no longer to join: secondary control aims at nominal frequency again."""
        self._synchronising = False
        self._constants[kernel.SECONDARY_AIM] = 0.0

    def black_start(self, load_kw: Floats) -> list[str]:
        """Energise a dead village from the former, with all stages shed; they come back in turn.

        Parameters
        ----------
        load_kw : (n,) array
            Load that waits at every peer, shed or not. [kW]

        Returns
        -------
        list of str
            What forbids it; empty when it runs from the next step on, at rest.
        """
        if self.connected or not self._tick.black:
            return ["it is not black"]
        if not self._has_former or self._store.empty:
            return ["no grid-former with charge is there"]
        need_kw, (low_kw, high_kw) = self._unshed_kw(load_kw), self._store.limits_kw(0.0)
        rows = np.flatnonzero(self._generators[:, kernel.ONLINE]).tolist()
        online = [self.params.generators[row] for row in rows]
        sets_kw = set_powers(online, need_kw, low_kw, high_kw)
        former_kw = need_kw - math.fsum(sets_kw)
        if not low_kw <= former_kw <= high_kw:
            reach = f"{low_kw:.3g} to {high_kw:.3g} kW"
            return [f"of {need_kw:.3g} kW the former would have {former_kw:.3g} kW, not {reach}"]
        self._begin(0.0)
        for row, set_kw in zip(rows, sets_kw, strict=True):
            self._set_generator(row, set_kw)
        self._constants[kernel.FORMER_SET] = former_kw
        self._stages[:, kernel.ACTIVE] = 1.0
        self._tick.black, self._restore_in_s = False, self._restore_every_s
        return []

    def _unshed_kw(self, load_kw: Floats) -> float:
        """Load that no stage sheds. [kW]"""
        if not self._stage_of_peer.size:
            return float(load_kw.sum()) * (1.0 - float(self._stages[:, kernel.SHARE].sum()))
        return float(load_kw[self._stage_of_peer < 0].sum())

    # -- every tick

    def step(
        self,
        *,
        load_kw: Floats,
        der_kw: Floats,
        down_kw: Floats,
        up_kw: Floats,
        losses_kw: float = 0.0,
        former_kw: float | None = None,
        former_kvar: float = 0.0,
    ) -> IslandTick:
        """Carry the village through one tick; see `IslandFrequency.step`.

        While it hangs on the grid, `former_kw` counts only where it has just joined: the
        former's last tick is booked with it.
        """
        grid = self._source.step()
        before_hz, self._grid_hz = self._grid_hz, grid.f_hz
        if self.connected:
            self.close(former_kw)
            return self._beside(grid, load_kw, der_kw, down_kw, up_kw)
        if self._synchronising:
            aim_hz = before_hz - self.params.nominal_hz + SLIP_HZ
            self._constants[kernel.SECONDARY_AIM] = aim_hz
        tick = super().step(
            load_kw=load_kw,
            der_kw=der_kw,
            down_kw=down_kw,
            up_kw=up_kw,
            losses_kw=losses_kw,
            former_kw=former_kw,
            former_kvar=former_kvar,
        )
        if not self._has_former:
            tick.former_soc = 0.0
        if not tick.black:
            self.angle_deg += 360.0 * (tick.f_hz - grid.f_hz) * self.dt_s
            self._restore_in_turn(tick)
        return tick

    def _beside(
        self, grid: FrequencyTick, load_kw: Floats, der_kw: Floats, down_kw: Floats, up_kw: Floats
    ) -> IslandTick:
        """Report a tick on the grid: its frequency, generators at their set powers."""
        self._bring(load_kw, der_kw, down_kw, up_kw)
        tick, c = self._tick, self._constants
        tick.f_hz, tick.f_min_hz, tick.f_max_hz = grid.f_hz, grid.f_min_hz, grid.f_max_hz
        tick.f_end_hz = grid.f_hz
        tick.rocof_hz_per_s = tick.rocof_500ms_hz_per_s = grid.rocof_hz_per_s
        over_hz = max(grid.f_hz - self.params.nominal_hz - c.item(kernel.DOWN_START), 0.0)
        rated = kernel.DOWN_RATED if c[kernel.RATED] else kernel.DOWN
        reduced_kw = c.item(kernel.DOWN_GAIN) * over_hz * self._brought_kw[rated]
        np.minimum(reduced_kw, self._brought_kw[kernel.DOWN], out=reduced_kw)
        np.negative(reduced_kw, out=tick.response_kw)
        tick.served_kw[:], tick.shed_fraction[:] = self._brought_kw[kernel.LOAD], 0.0
        for row, generator in enumerate(self.params.generators):
            tick.generators_kw[row] = self._generators[row, kernel.ONLINE] * generator.p_set_kw
        tick.generator_kw = float(tick.generators_kw.sum())
        self.generator_kwh += tick.generator_kw * self.dt_s / 3600
        self.mechanical_kwh += tick.generator_kw * self.dt_s / 3600
        tick.stores_kw[:] = 0.0
        tick.secondary_kw = tick.former_expected_kw = 0.0
        tick.droop_offset_hz = tick.unexplained_kw = 0.0
        tick.former_soc = self._store.soc if self._has_former else 0.0
        tick.reference_vm_pu = self._store.vm_pu
        tick.black, tick.stages_shed = False, 0
        return tick

    # -- inside

    def _begin(self, deviation_hz: float) -> None:
        """Forget everything that lags, and start alone from this deviation. [Hz]"""
        self._x[:] = 0.0
        self._x[kernel.F] = deviation_hz
        self._memory[: kernel.RING] = 0.0
        self._memory[kernel.RING :] = deviation_hz
        self._stores[:, kernel.S_SET], self._constants[kernel.FORMER_SET] = 0.0, 0.0
        fast = self._stores[:, kernel.KIND] == kernel.FAST
        self._stores[fast, kernel.S_CLOCK] = -1.0
        self._store.vm_pu = float(self.params.former.vm_set_pu)
        self._stepped = self._tripping = False

    def _restore_in_turn(self, tick: IslandTick) -> None:
        """After a black start, switch one stage on again, the last to act first."""
        active = np.flatnonzero(self._stages[:, kernel.ACTIVE])
        if not active.size or math.isinf(self._restore_in_s):
            self._restore_in_s = math.inf
            return
        self._restore_in_s -= self.dt_s
        near = abs(tick.f_end_hz - self.params.nominal_hz) <= RESTORE_WITHIN_HZ
        if self._restore_in_s <= 0 and near:
            self.restore(int(active[-1]))
            self._restore_in_s = self._restore_every_s
