"""One meter per peer: what really flowed, and who falls behind its expected path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ._kernels_meters import (
    ALARMED,
    BOUGHT_WH,
    BOUND_WH,
    CURTAILED_WH,
    DEFICIT_WH,
    NET_WH,
    SHED_WH,
    SOLD_WH,
    TOTAL_WH,
    TRIPPED_TICKS,
    meter_tick,
)

__all__ = ["Meters", "PeriodReading"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PeriodReading:
    """What the meters showed over one period, one entry per peer. [mWh]

    `curtailed_milliwh` is what the grid's operator kept each from feeding in; None where no
    operator curtails.
    """

    net_milliwh: Ints
    shed_milliwh: Ints
    curtailed_milliwh: Ints | None = None


class Meters:
    """The meters of all peers, stepped once per tick.

    The expected path of a contract is its energy spread evenly over its
    period. A peer is called when its cumulative deficit passes the larger of
    `bound_wh` and `bound_share` of what it contracted, or when its device
    has reported a trip for `trip_ticks` ticks in a row (sellers only: a buyer
    whose inverter trips withdraws more, not less); once per period,
    and once more if its device trips after that. Only
    peers with contracts are called. What the operator sheds at a buyer counts
    as accepted.

    Parameters
    ----------
    n_peers : int
        Number of meters.
    dt_s : float
        Length of a tick. [s]
    bound_wh, bound_share : float
        Deficit at which a peer is called. [Wh], [1]
    trip_ticks : int
        Ticks in a row after which a reported trip counts.
    read_ticks : int
        Ticks between looks at what was measured, counted from a period's beginning: nobody is
        called in between.
    """

    def __init__(
        self,
        n_peers: int,
        dt_s: float,
        *,
        bound_wh: float = 20.0,
        bound_share: float = 0.02,
        trip_ticks: int = 3,
        read_ticks: int = 1,
    ) -> None:
        self.dt_s: Final = dt_s
        self._wh_per_kw = dt_s / 3.6
        self._bound_wh, self._bound_share, self._trip_ticks = bound_wh, bound_share, trip_ticks
        self._read_ticks = read_ticks
        self._registers: Floats = np.zeros((8, n_peers))
        self._counters: Ints = np.zeros((2, n_peers), dtype=np.int64)
        self._newly: Ints = np.zeros(n_peers, dtype=np.int64)
        self._nobody: Ints = np.zeros(0, dtype=np.int64)
        self._remainder_mwh: Floats = np.zeros((2, n_peers))
        self._ticks, self._elapsed = 1, 0
        self._curtails = False

    def expect(self, sold_wh: Floats | Ints, bought_wh: Floats | Ints, ticks: int) -> None:
        """Open a period: what each peer sold and bought in it, and its length in ticks."""
        contracted_wh = np.maximum(sold_wh, bought_wh)
        self._registers[SOLD_WH] = sold_wh
        self._registers[BOUGHT_WH] = bought_wh
        self._registers[BOUND_WH] = np.maximum(self._bound_wh, self._bound_share * contracted_wh)
        self._registers[DEFICIT_WH] = 0.0
        self._counters[ALARMED] = 0
        self._ticks, self._elapsed = ticks, 0

    def step(
        self,
        p_kw: Floats,
        shed_kw: Floats,
        tripped: NDArray[np.bool_],
        curtailed_kw: Floats | None = None,
    ) -> Ints:
        """Integrate one tick and give the positions of the peers newly called.

        Parameters
        ----------
        p_kw, shed_kw : (n,) float64 array
            Mean net injection and mean shed load of the tick. [kW]
        tripped : (n,) bool array
            The peer's device reports a trip.
        curtailed_kw : (n,) float64 array, optional
            What the grid's operator kept each from feeding in; counts as delivered. [kW]
        """
        if curtailed_kw is not None:
            self._curtails = True
            self._registers[CURTAILED_WH] += curtailed_kw * self._wh_per_kw
        self._elapsed += 1
        count = meter_tick(
            p_kw,
            shed_kw,
            tripped,
            self._registers,
            self._counters,
            self._newly,
            self._wh_per_kw,
            self._elapsed / self._ticks,
            self._trip_ticks,
            self._elapsed % self._read_ticks == 0,
        )
        return self._newly[:count].copy() if count else self._nobody

    @property
    def deficit_wh(self) -> Floats:
        """How far each peer is behind its expected path (negative: ahead). [Wh]"""
        deficit_wh: Floats = self._registers[DEFICIT_WH]
        return deficit_wh

    @property
    def total_wh(self) -> Floats:
        """Net injection since the beginning, never reset: the audit's register. [Wh]"""
        total_wh: Floats = self._registers[TOTAL_WH]
        return total_wh

    def because(self, peer: int) -> str:
        """Why a peer is called: ``"trip"`` or ``"deficit"``."""
        return "trip" if self._counters[TRIPPED_TICKS, peer] >= self._trip_ticks else "deficit"

    def close(self) -> PeriodReading:
        """Read the period in whole mWh and carry what is left to the next one."""
        exact_mwh = 1000.0 * self._registers[[NET_WH, SHED_WH]] + self._remainder_mwh
        whole_mwh = np.rint(exact_mwh)
        self._remainder_mwh = exact_mwh - whole_mwh
        self._registers[[NET_WH, SHED_WH]] = 0.0
        net, shed = whole_mwh.astype(np.int64)
        return PeriodReading(
            net_milliwh=net, shed_milliwh=shed, curtailed_milliwh=self._curtailed()
        )

    def _curtailed(self) -> Ints | None:
        """Read what was curtailed in whole mWh; a part of one is nobody's. [mWh]"""
        if not self._curtails:
            return None
        curtailed: Ints = np.rint(1000.0 * self._registers[CURTAILED_WH]).astype(np.int64)
        self._registers[CURTAILED_WH] = 0.0
        return curtailed
