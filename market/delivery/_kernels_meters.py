"""The meters' tick: registers and expected paths of all peers in one pass."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Rows of the register array.
NET_WH, SHED_WH, TOTAL_WH, DEFICIT_WH, SOLD_WH, BOUGHT_WH, BOUND_WH = range(7)
CURTAILED_WH = 7
# Rows of the counter array.
TRIPPED_TICKS, ALARMED = range(2)
FOR_DEFICIT, FOR_TRIP = 1, 2


@njit(cache=True, nogil=True)
def meter_tick(
    p_kw: Floats,
    shed_kw: Floats,
    tripped: NDArray[np.bool_],
    registers: Floats,
    counters: Ints,
    newly: Ints,
    wh_per_kw: float,
    path_share: float,
    trip_ticks: int,
    looks: bool,
) -> int:
    """Integrate one tick and compare every peer with its expected path.

    Parameters
    ----------
    p_kw, shed_kw : (n,) float64 array
        Mean net injection and mean shed load over the tick. [kW]
    tripped : (n,) bool array
        The peer's device reports a trip.
    registers : (8, n) float64 array
        Updated in place: net injection and shed energy of the period, net
        injection since the beginning, deficit; read: sold and bought energy,
        deficit at which the peer is called, and what was curtailed in the period. [Wh]
    counters : (2, n) int64 array
        Ticks in a row with a trip; why the peer was called in this period, 0 if it was not.
    newly : (n,) int64 array
        Output: positions of the peers called in this tick.
    wh_per_kw : float
        Length of a tick in Wh per kW.
    path_share : float
        Elapsed share of the period at the end of this tick.
    trip_ticks : int
        Ticks in a row after which a trip counts.
    looks : bool
        Whether meters look at what they measured; nobody is called otherwise.

    Returns
    -------
    int
        How many entries of `newly` are valid.
    """
    count = 0
    for i in range(p_kw.size):
        energy_wh = p_kw[i] * wh_per_kw
        registers[NET_WH, i] += energy_wh
        registers[SHED_WH, i] += shed_kw[i] * wh_per_kw
        registers[TOTAL_WH, i] += energy_wh
        sold_wh = registers[SOLD_WH, i]
        bought_wh = registers[BOUGHT_WH, i]
        counters[TRIPPED_TICKS, i] = counters[TRIPPED_TICKS, i] + 1 if tripped[i] else 0
        if sold_wh == 0.0 and bought_wh == 0.0:
            continue
        if sold_wh > 0.0:
            given_wh = max(registers[NET_WH, i], 0.0) + registers[CURTAILED_WH, i]
            deficit_wh = sold_wh * path_share - given_wh
        else:
            accepted_wh = max(-registers[NET_WH, i], 0.0) + registers[SHED_WH, i]
            deficit_wh = bought_wh * path_share - accepted_wh
        registers[DEFICIT_WH, i] = deficit_wh
        trip = sold_wh > 0.0 and counters[TRIPPED_TICKS, i] >= trip_ticks
        reason = FOR_TRIP if trip else FOR_DEFICIT if deficit_wh > registers[BOUND_WH, i] else 0
        if looks and reason > counters[ALARMED, i]:
            counters[ALARMED, i] = reason
            newly[count] = i
            count += 1
    return count
