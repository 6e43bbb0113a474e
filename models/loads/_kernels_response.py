"""What loads draw at a voltage and a frequency other than nominal."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def zip_scale(
    vm_pu: Floats,
    df_hz: float,
    z: Floats,
    i: Floats,
    p: Floats,
    per_hz: Floats,
    break_pu: float,
    scale: Floats,
) -> None:
    """Give the part of their nominal power that n loads draw.

    Parameters
    ----------
    vm_pu : (n,) float64 array
        Voltage; what is not a positive number is a dark bus, which draws nothing;
        beyond 2 p.u. nothing draws more. [p.u.]
    df_hz : float
        Frequency less nominal, counted up to 100; not a number counts as nominal. [Hz]
    z, i, p : (n,) float64 array
        Parts of constant impedance, current and power; their sum is 1. [1]
    per_hz : (n,) float64 array
        Change of power with frequency, of the nominal one. [1/Hz]
    break_pu : float
        Voltage below which everything is an impedance, so that nothing draws without end from a
        voltage that collapses. [p.u.]
    scale : (n,) float64 array
        Filled. [1]
    """
    if not np.isfinite(df_hz):
        df_hz = 0.0
    df_hz = min(max(df_hz, -100.0), 100.0)
    for k in range(scale.size):
        v = vm_pu[k]
        if not (v > 0.0 and np.isfinite(v)):
            scale[k] = 0.0
            continue
        u = min(max(v, break_pu), 2.0)
        drawn = z[k] * u * u + i[k] * u + p[k]
        if v < break_pu:
            drawn *= (v / break_pu) ** 2
        scale[k] = drawn * max(1.0 + per_hz[k] * df_hz, 0.0)
