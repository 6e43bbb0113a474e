"""Thermostats and charge points, device by device: what they want, and what they do when asked."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HEAT_KW, LOW_C, HIGH_C, P_KW, DWELL_S = range(5)
"""Rows of what devices with a thermostat are."""
LOWEST_C, HIGHEST_C, OUTSIDE_S, DRAWN_KWH = range(4)
"""Rows of what is kept account of."""
COMFORT_SLACK_K = 1e-9
"""Rounding that is no discomfort. [K]"""


@njit(cache=True, nogil=True)
def _next(k: int, x: Floats, phi: Floats, gamma: Floats, out_c: float, heat_kw: float) -> float:
    """Give the temperature of device k's first node after a step."""
    kept_c: float = phi[k, 0, 0] * x[k, 0] + phi[k, 0, 1] * x[k, 1]
    come_c: float = gamma[k, 0, 0] * out_c + gamma[k, 0, 1] * heat_kw
    return kept_c + come_c


@njit(cache=True, nogil=True)
def asked(ask_kw: Floats, free: Bools, steered: Bools, left_kw: Floats, nobody: Bools) -> None:
    """Sort out what devices of n peers are really asked for.

    Parameters
    ----------
    ask_kw, free, steered : (n,) arrays
        Change of consumption [kW]; peers that ask for nothing; peers whose devices listen.
    left_kw : (n,) float64 array
        Filled: what is asked, 0 where nobody asks or what is asked is no number. [kW]
    nobody : (n,) bool array
        Filled: peers whose devices do as they would alone.
    """
    for n in range(ask_kw.size):
        nobody[n] = free[n] or not steered[n]
        left_kw[n] = ask_kw[n] if np.isfinite(ask_kw[n]) and not nobody[n] else 0.0


@njit(cache=True, nogil=True)
def switch(
    x: Floats,
    on: Bools,
    since_s: Floats,
    phi: Floats,
    gamma: Floats,
    ambient_c: Floats,
    gains_kw: Floats,
    params: Floats,
    of_peer: Ints,
    ask_kw: Floats,
    served: Floats,
    dt_s: float,
    books: Floats,
    drawn_kw: Floats,
    total_kw: Floats,
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
    params : (5, m) float64 array
        Rows: heat into the first node when on, negative where it cools [kW]; comfort bounds of
        the first node [°C]; power when on [kW]; how long a device stays as it is unless comfort
        wants it [s].
    of_peer : (m,) int64 array
        Peer that each device belongs to.
    ask_kw : (n,) float64 array
        Change of consumption that is asked of every peer; what devices give is taken off. [kW]
    served : (n,) float64 array
        Part of what a peer draws that the grid really gives it. [1]
    books : (4, m) float64 array
        Rows, changed in place: lowest and highest temperature of the first node [°C], time
        outside its comfort [s], energy that was served [kWh].
    drawn_kw : (m,) float64 array
        Filled: power that is drawn in this step where all is served. [kW]
    total_kw : (n,) float64 array
        What that is of every peer is added to it. [kW]
    """
    for k in range(on.size):
        heat_kw, low_c, high_c = params[HEAT_KW, k], params[LOW_C, k], params[HIGH_C, k]
        p_kw, peer = params[P_KW, k], of_peer[k]
        without_c = _next(k, x, phi, gamma, ambient_c[k], gains_kw[k])
        with_c = _next(k, x, phi, gamma, ambient_c[k], gains_kw[k] + heat_kw)
        if heat_kw > 0.0:
            must, must_not = without_c < low_c, with_c > high_c
        else:
            must, must_not = without_c > high_c, with_c < low_c
        state = on[k]
        if must_not:
            state = False
        elif must:
            state = True
        elif since_s[k] >= params[DWELL_S, k] and abs(ask_kw[peer]) >= 0.5 * p_kw:
            state = ask_kw[peer] > 0.0
        since_s[k] += dt_s
        if state != on[k]:
            since_s[k] = 0.0
            ask_kw[peer] -= p_kw if state else -p_kw
        on[k] = state
        drawn_kw[k] = p_kw if state else 0.0
        total_kw[peer] += drawn_kw[k]
        into_kw = gains_kw[k] + (heat_kw * served[peer] if state else 0.0)
        first_c = _next(k, x, phi, gamma, ambient_c[k], into_kw)
        second_c = (
            phi[k, 1, 0] * x[k, 0]
            + phi[k, 1, 1] * x[k, 1]
            + gamma[k, 1, 0] * ambient_c[k]
            + gamma[k, 1, 1] * into_kw
        )
        x[k, 0], x[k, 1] = first_c, second_c
        books[LOWEST_C, k] = min(books[LOWEST_C, k], first_c)
        books[HIGHEST_C, k] = max(books[HIGHEST_C, k], first_c)
        if not low_c - COMFORT_SLACK_K <= first_c <= high_c + COMFORT_SLACK_K:
            books[OUTSIDE_S, k] += dt_s
        books[DRAWN_KWH, k] += drawn_kw[k] * served[peer] * dt_s / 3600.0


@njit(cache=True, nogil=True)
def endurance(
    x: Floats,
    on: Bools,
    phi: Floats,
    gamma: Floats,
    ambient_c: Floats,
    gains_kw: Floats,
    params: Floats,
    steps: int,
    lasts: Ints,
) -> None:
    """Count the steps for which m devices could be held in the other state within their comfort.

    Parameters are those of `switch`, for steps of another length; `lasts` (m,) is filled with
    at most `steps`.
    """
    for k in range(on.size):
        into_kw = gains_kw[k] + (0.0 if on[k] else params[HEAT_KW, k])
        a, b = x[k, 0], x[k, 1]
        lasts[k] = 0
        for _ in range(steps):
            first = phi[k, 0, 0] * a + phi[k, 0, 1] * b
            second = phi[k, 1, 0] * a + phi[k, 1, 1] * b
            a = first + gamma[k, 0, 0] * ambient_c[k] + gamma[k, 0, 1] * into_kw
            b = second + gamma[k, 1, 0] * ambient_c[k] + gamma[k, 1, 1] * into_kw
            if not params[LOW_C, k] <= a <= params[HIGH_C, k]:
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
    total_kw: Floats,
) -> bool:
    """Charge m vehicles for one step, so that each can still be full when it leaves.

    Parameters
    ----------
    needed_kwh : (m,) float64 array
        Energy that batteries still want, changed in place. [kWh]
    left_s : (m,) float64 array
        Time until departure, changed in place; 0 or less where nothing is plugged in. [s]
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
    total_kw : (n,) float64 array
        What that is of every peer is added to it. [kW]

    Returns
    -------
    bool
        Whether anybody left by the end of this step.
    """
    dt_h, gone = dt_s / 3600.0, False
    for k in range(needed_kwh.size):
        drawn_kw[k], stay_s = 0.0, left_s[k]
        if stay_s <= 0.0:
            rate_kw[k] = 0.0
            continue
        left_s[k] = stay_s - dt_s
        gone = gone or left_s[k] <= 0.0
        if needed_kwh[k] <= 0.0:
            rate_kw[k] = 0.0
            continue
        peer = of_peer[k]
        wanted = most_kw[k] if free[peer] else rate_kw[k] + ask_kw[peer]
        wanted = min(wanted, most_kw[k])
        if wanted < least_kw[k]:
            wanted = least_kw[k] if wanted >= 0.5 * least_kw[k] else 0.0
        later_kwh = most_kw[k] * efficiency[k] * max(left_s[k], 0.0) / 3600.0
        if needed_kwh[k] - wanted * efficiency[k] * dt_h > later_kwh:
            wanted = most_kw[k]
        if not free[peer]:
            ask_kw[peer] -= wanted - rate_kw[k]
        rate_kw[k] = wanted
        time_h = min(dt_h, stay_s / 3600.0)
        taken_kwh = min(wanted * efficiency[k] * time_h, needed_kwh[k])
        needed_kwh[k] -= taken_kwh * served[peer]
        drawn_kw[k] = taken_kwh / efficiency[k] / dt_h
        total_kw[peer] += drawn_kw[k]
    return gone
