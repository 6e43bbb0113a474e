"""Kernels of ageing: rainflow counting of one state of charge over time.

They compute; `models.storage.ageing` validates and names things.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]


@njit(cache=True, nogil=True)
def turning_points(series: Floats, out: Floats) -> int:
    """Keep the first and the last value of a series, and those where it turns.

    Parameters
    ----------
    series : (m,) float64 array
        Values in their order.
    out : (m,) float64 array
        Receives the turning points at its beginning.

    Returns
    -------
    int
        How many there are; consecutive ones differ.
    """
    kept = 0
    for value in series:
        if kept > 0 and value == out[kept - 1]:
            continue
        if kept > 1 and (out[kept - 1] - out[kept - 2]) * (value - out[kept - 1]) > 0.0:
            kept -= 1  # goes on in the same direction: the value before was no turn
        out[kept] = value
        kept += 1
    return kept


@njit(cache=True, nogil=True)
def count_rainflow(points: Floats, stack: Floats, out: Floats) -> int:
    """Count the cycles in a row of turning points.

    Parameters
    ----------
    points : (m,) float64 array
        Turning points; consecutive ones differ.
    stack : (m,) float64 array
        Room to work in.
    out : (2, m) float64 array
        Receives range and count (1 or ½) of every cycle at its beginning.

    Returns
    -------
    int
        How many cycles and half cycles there are.

    Notes
    -----
    X is the newest range, Y the one before; a Y that holds the starting point is half a
    cycle and moves the start on; what is left in the end is halves. Steps 1 to 6 of [1]_.

    References
    ----------
    .. [1] ASTM E1049-85 (2017), "Standard practices for cycle counting in fatigue analysis,"
       clause 5.4.4.
    """
    held = counted = 0
    for point in points:
        stack[held] = point
        held += 1
        while held >= 3:
            newest = abs(stack[held - 1] - stack[held - 2])
            before = abs(stack[held - 2] - stack[held - 3])
            if newest < before:
                break
            out[0, counted] = before
            if held == 3:  # the range before holds the starting point
                out[1, counted] = 0.5
                stack[0], stack[1] = stack[1], stack[2]
                held = 2
            else:
                out[1, counted] = 1.0
                stack[held - 3] = stack[held - 1]
                held -= 2
            counted += 1
    for place in range(held - 1):
        out[0, counted], out[1, counted] = abs(stack[place + 1] - stack[place]), 0.5
        counted += 1
    return counted
