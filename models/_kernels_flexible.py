"""Thermostats and charge points, device by device: what they want, and what they do when asked."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@njit(cache=True, nogil=True)
def _next(k: int, x: Floats, phi: Floats, gamma: Floats, out_c: float, heat_kw: float) -> float:
    """Give the temperature of device k's first node after a step."""
    kept_c: float = phi[k, 0, 0] * x[k, 0] + phi[k, 0, 1] * x[k, 1]
    come_c: float = gamma[k, 0, 0] * out_c + gamma[k, 0, 1] * heat_kw
    return kept_c + come_c


@njit(cache=True, nogil=True)
def switch(
    x: Floats,
    on: Bools,
    since_s: Floats,
    phi: Floats,
    gamma: Floats,
    ambient_c: Floats,
    gains_kw: Floats,
    heat_kw: Floats,
    low_c: Floats,
    high_c: Floats,
    p_kw: Floats,
    dwell_s: Floats,
    of_peer: Ints,
    ask_kw: Floats,
    served: Floats,
    dt_s: float,
    drawn_kw: Floats,
) -> None:
    """Switch m devices and move their temperatures by one step, exactly.

    A device foresees the step: it switches only where it would leave its comfort bounds
    otherwise, or where it is asked to and may.

    Parameters
    ----------
    x : (m, 2) float64 array
        Temperatures of the two nodes, changed in place. [°C]
    on : (m,) bool array
        Changed in place.
    since_s : (m,) float64 array
        Time since the last switching, changed in place. [s]
    phi, gamma : (m, 2, 2) float64 array
        Of the exact step: from nodes, and from (ambient [°C], heat into the first node [kW]).
    ambient_c, gains_kw : (m,) float64 array
        What the weather does, and heat from elsewhere. [°C], [kW]
    heat_kw : (m,) float64 array
        Heat into the first node when on; negative where it cools. [kW]
    low_c, high_c : (m,) float64 array
        Comfort bounds of the first node. [°C]
    p_kw, dwell_s : (m,) float64 array
        Power when on; how long a device stays as it is unless comfort wants it. [kW], [s]
    of_peer : (m,) int64 array
        Peer that each device belongs to.
    ask_kw : (n,) float64 array
        Change of consumption that is asked of every peer; what devices give is taken off. [kW]
    served : (n,) float64 array
        Part of what a peer draws that the grid really gives it. [1]
    drawn_kw : (m,) float64 array
        Filled: power that is drawn in this step where all is served. [kW]
    """
    for k in range(on.size):
        without_c = _next(k, x, phi, gamma, ambient_c[k], gains_kw[k])
        with_c = _next(k, x, phi, gamma, ambient_c[k], gains_kw[k] + heat_kw[k])
        if heat_kw[k] > 0.0:
            must, must_not = without_c < low_c[k], with_c > high_c[k]
        else:
            must, must_not = without_c > high_c[k], with_c < low_c[k]
        asked = ask_kw[of_peer[k]]
        state = on[k]
        if must_not:
            state = False
        elif must:
            state = True
        elif since_s[k] >= dwell_s[k] and abs(asked) >= 0.5 * p_kw[k]:
            state = asked > 0.0
        since_s[k] += dt_s
        if state != on[k]:
            since_s[k] = 0.0
            ask_kw[of_peer[k]] -= p_kw[k] if state else -p_kw[k]
        on[k] = state
        drawn_kw[k] = p_kw[k] if state else 0.0
        into_kw = gains_kw[k] + (heat_kw[k] * served[of_peer[k]] if state else 0.0)
        first_c = _next(k, x, phi, gamma, ambient_c[k], into_kw)
        second_c = (
            phi[k, 1, 0] * x[k, 0]
            + phi[k, 1, 1] * x[k, 1]
            + gamma[k, 1, 0] * ambient_c[k]
            + gamma[k, 1, 1] * into_kw
        )
        x[k, 0] = first_c
        x[k, 1] = second_c


@njit(cache=True, nogil=True)
def endurance(
    x: Floats,
    on: Bools,
    phi: Floats,
    gamma: Floats,
    ambient_c: Floats,
    gains_kw: Floats,
    heat_kw: Floats,
    low_c: Floats,
    high_c: Floats,
    steps: int,
    lasts: Ints,
) -> None:
    """Count the steps for which m devices could be held in the other state within their comfort.

    Parameters are those of `switch`, for steps of another length; `lasts` (m,) is filled with
    at most `steps`.
    """
    for k in range(on.size):
        into_kw = gains_kw[k] + (0.0 if on[k] else heat_kw[k])
        a, b = x[k, 0], x[k, 1]
        lasts[k] = 0
        for _ in range(steps):
            first = phi[k, 0, 0] * a + phi[k, 0, 1] * b
            second = phi[k, 1, 0] * a + phi[k, 1, 1] * b
            a = first + gamma[k, 0, 0] * ambient_c[k] + gamma[k, 0, 1] * into_kw
            b = second + gamma[k, 1, 0] * ambient_c[k] + gamma[k, 1, 1] * into_kw
            if not low_c[k] <= a <= high_c[k]:
                break
            lasts[k] += 1


@njit(cache=True, nogil=True)
def charge(
    needed_kwh: Floats,
    left_s: Floats,
    rate_kw: Floats,
    least_kw: Floats,
    most_kw: Floats,
    efficiency: Floats,
    of_peer: Ints,
    ask_kw: Floats,
    free: Bools,
    served: Floats,
    dt_s: float,
    drawn_kw: Floats,
) -> None:
    """Charge m vehicles for one step, so that each can still be full when it leaves.

    Parameters
    ----------
    needed_kwh : (m,) float64 array
        Energy that batteries still want, changed in place. [kWh]
    left_s : (m,) float64 array
        Time until departure; 0 or less where nothing is plugged in. [s]
    rate_kw : (m,) float64 array
        Rate that was last chosen, changed in place. [kW]
    least_kw, most_kw : (m,) float64 array
        Smallest and largest charging power; in between is allowed, and none. [kW]
    efficiency : (m,) float64 array
        From the grid into the battery. [1]
    of_peer : (m,) int64 array
        Peer that each charge point belongs to.
    ask_kw : (n,) float64 array
        Change of consumption that is asked of every peer; what vehicles give is taken off. [kW]
    free : (n,) bool array
        Peers that ask for nothing: their vehicles charge at once.
    served : (n,) float64 array
        Part of what a peer draws that the grid really gives it. [1]
    drawn_kw : (m,) float64 array
        Filled: mean power that is drawn in this step where all is served. [kW]
    """
    dt_h = dt_s / 3600.0
    for k in range(needed_kwh.size):
        drawn_kw[k] = 0.0
        if left_s[k] <= 0.0 or needed_kwh[k] <= 0.0:
            rate_kw[k] = 0.0
            continue
        peer = of_peer[k]
        wanted = most_kw[k] if free[peer] else rate_kw[k] + ask_kw[peer]
        wanted = min(wanted, most_kw[k])
        if wanted < least_kw[k]:
            wanted = least_kw[k] if wanted >= 0.5 * least_kw[k] else 0.0
        later_kwh = most_kw[k] * efficiency[k] * max(left_s[k] - dt_s, 0.0) / 3600.0
        if needed_kwh[k] - wanted * efficiency[k] * dt_h > later_kwh:
            wanted = most_kw[k]
        if not free[peer]:
            ask_kw[peer] -= wanted - rate_kw[k]
        rate_kw[k] = wanted
        time_h = min(dt_h, left_s[k] / 3600.0)
        taken_kwh = min(wanted * efficiency[k] * time_h, needed_kwh[k])
        needed_kwh[k] -= taken_kwh * served[peer]
        drawn_kw[k] = taken_kwh / efficiency[k] / dt_h
