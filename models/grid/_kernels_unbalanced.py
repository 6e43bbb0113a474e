"""Three phases to symmetrical components and back, as kernels: arrays in, arrays out."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TURN = complex(-0.5, math.sqrt(3) / 2)
"""Fortescue's operator a: a turn by 120°."""


@njit(cache=True, nogil=True)
def sequence_voltages(u_pu: Floats, u_angle: Floats, positive: Floats, negative: Floats) -> None:
    """Magnitudes of the positive and the negative sequence of phase voltages.

    Parameters
    ----------
    u_pu, u_angle : (n, 3) float64 array
        Voltages of the phases a, b, c to neutral. [p.u.], [rad]
    positive, negative : (n,) float64 array
        Result. [p.u.]

    References
    ----------
    .. [1] C. L. Fortescue, "Method of symmetrical co-ordinates applied to the solution of
       polyphase networks," Trans. AIEE, vol. 37, no. 2, pp. 1027–1140, 1918.
    """
    for bus in range(u_pu.shape[0]):
        a, b, c = (
            u_pu[bus, 0] * np.exp(1j * u_angle[bus, 0]),
            u_pu[bus, 1] * np.exp(1j * u_angle[bus, 1]),
            u_pu[bus, 2] * np.exp(1j * u_angle[bus, 2]),
        )
        back = _TURN.conjugate()
        positive[bus] = abs(a + _TURN * b + back * c) / 3
        negative[bus] = abs(a + back * b + _TURN * c) / 3


@njit(cache=True, nogil=True)
def unbalance_percent(positive: Floats, negative: Floats, factor: Floats) -> None:
    """Voltage unbalance factor: negative over positive sequence, 0 where nothing is alive. [%]

    Parameters
    ----------
    positive, negative : (n,) float64 array
        Magnitudes of the sequences. [p.u.]
    factor : (n,) float64 array
        Result. [%]
    """
    for bus in range(positive.size):
        alive = positive[bus] > 1e-9
        factor[bus] = 100 * negative[bus] / positive[bus] if alive else 0.0
