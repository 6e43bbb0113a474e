"""Heat and melting, tick by tick: first-order steps that are exact while the load is constant."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def heat_lines(load_pu: Floats, share: Floats, state: Floats) -> None:
    """Move the temperature rise of m lines towards the square of their load.

    Parameters
    ----------
    load_pu : (m,) float64 array
        Current over rated current. [1]
    share : (m,) float64 array
        1 - exp(-dt/tau). [1]
    state : (m,) float64 array
        Rise over the rated rise, changed in place. [1]
    """
    for i in range(state.size):
        state[i] += share[i] * (load_pu[i] * load_pu[i] - state[i])


@njit(cache=True, nogil=True)
def wear_out(
    current_a: Floats, dt_s: float, log_i: Floats, log_t: Floats, least_a: Floats, worn: Floats
) -> int:
    """Use up the fuses and relays of n lines: dt over the time in which each current operates.

    Parameters
    ----------
    current_a : (n,) float64 array
        [A]
    dt_s : float
        [s]
    log_i, log_t : (n, k) float64 array
        Points of the characteristics, by rising current: logarithms of A and of s.
    least_a : (n,) float64 array
        Current at or below which nothing operates, and what was used up recovers. [A]
    worn : (n,) float64 array
        What is used up, changed in place; from 1 on it has operated. [1]

    Returns
    -------
    int
        The first of those that operate now, or -1.
    """
    first = -1
    for i in range(worn.size):
        if worn[i] >= 1.0:
            continue
        if not current_a[i] > least_a[i]:
            worn[i] = 0.0
            continue
        x, last = np.log(current_a[i]), log_i.shape[1] - 1
        k = 1
        while k < last and x > log_i[i, k]:
            k += 1
        slope = (log_t[i, k] - log_t[i, k - 1]) / (log_i[i, k] - log_i[i, k - 1])
        if x > log_i[i, last]:
            slope = -2.0  # adiabatic: constant I²t
            k = last
        worn[i] += dt_s / np.exp(log_t[i, k] + slope * (x - log_i[i, k]))
        if worn[i] >= 1.0 and first < 0:
            first = i
    return first
