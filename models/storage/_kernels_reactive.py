"""Kernels of batteries' reactive power: what comes first, before and after their active power.

They compute; `models.storage.reactive.BatteryReactive` validates and names things. Settings are
rows of `models.inverters._kernels`, so that a battery's inverter reads the curves that a PV
inverter reads.
"""

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from ..inverters._kernels import (
    ABLE_ABSORB,
    ABLE_INJECT,
    ABLE_P,
    CONSTANT_Q,
    KEPT_ABSORB,
    KEPT_INJECT,
    PF,
    Q_MODE,
    Q_SET,
    Q_SHARE,
    TANGENT,
    VOLT_VAR,
    VV_Q,
    VV_V,
    WATT_VAR,
    WV_P,
    WV_Q,
    curve,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Columns of a unit: apparent and active power [kVA], [kW], voltage of full current [p.u.], active
# power that its function leaves [kW], reactive power after its response [p.u. of the former].
S_KVA, P_KW, VM_FULL, MOST_KW, LAG = range(5)
N_UNIT = 5


@njit(cache=True, nogil=True, error_model="numpy")
def _answer(kind: Floats, unit: Floats, wanted: float) -> None:
    """Move the response towards what is wanted; at the first call it is there."""
    if unit[LAG] == unit[LAG]:
        unit[LAG] += kind[Q_SHARE] * (wanted - unit[LAG])
    else:
        unit[LAG] = wanted


@njit(cache=True, nogil=True, error_model="numpy")
def active_room(
    kinds: Floats, kind_of: Ints, units: Floats, vm_pu: Floats, room_kw: Floats
) -> None:
    """Answer the voltage, and give the active power that what comes first leaves.

    Parameters
    ----------
    kinds, kind_of : (m, 129) float64 array, (n,) int64 array
        Settings of every kind, and the kind of every unit.
    units : (n, 5) float64 array
        Columns as named above.
    vm_pu : (n,) float64 array
        [p.u.]
    room_kw : (n,) float64 array
        Receives the largest active power as it stands at full voltage. [kW]
    """
    for place in range(kind_of.size):
        kind, unit = kinds[kind_of[place]], units[place]
        room_kw[place] = min(unit[P_KW], unit[MOST_KW])
        mode = kind[Q_MODE]
        if mode == VOLT_VAR:
            _answer(kind, unit, curve(vm_pu[place], kinds, kind_of[place], VV_V, VV_Q, 4))
        elif mode == CONSTANT_Q:
            _answer(kind, unit, kind[Q_SET])
        else:
            continue
        least = -min(kind[KEPT_ABSORB], kind[ABLE_ABSORB + 4])
        first = min(max(unit[LAG], least), min(kind[KEPT_INJECT], kind[ABLE_INJECT + 4]))
        share = min(1.0, vm_pu[place] / unit[VM_FULL])
        if share > 0.0:
            left = math.sqrt(max(share * share - first * first, 0.0)) / share
            room_kw[place] = min(room_kw[place], left * unit[S_KVA])


@njit(cache=True, nogil=True, error_model="numpy")
def reactive_power(
    kinds: Floats,
    kind_of: Ints,
    units: Floats,
    vm_pu: Floats,
    p_kw: Floats,
    actual_kw: Floats,
    q_kvar: Floats,
) -> None:
    """Compute the reactive power that fits beside the active power.

    Parameters
    ----------
    kinds, kind_of, units, vm_pu
        As `active_room` takes them.
    p_kw, actual_kw : (n,) float64 array
        Active power of this tick, and what really flowed in the last, its answer to frequency
        included; the larger counts. [kW]
    q_kvar : (n,) float64 array
        Receives the injection. [kvar]
    """
    for place in range(kind_of.size):
        kind, unit = kinds[kind_of[place]], units[place]
        s_kva, p = unit[S_KVA], p_kw[place]
        if kind[Q_MODE] == PF:
            _answer(kind, unit, p / s_kva * kind[TANGENT])
        elif kind[Q_MODE] == WATT_VAR:
            answered = curve(abs(p) / unit[P_KW], kinds, kind_of[place], WV_P, WV_Q, 3)
            _answer(kind, unit, answered if p >= 0.0 else -answered)
        elif kind[Q_MODE] != VOLT_VAR and kind[Q_MODE] != CONSTANT_Q:
            q_kvar[place] = 0.0
            continue
        s_now = s_kva * min(1.0, vm_pu[place] / unit[VM_FULL])
        largest_kw = max(abs(p), abs(actual_kw[place]))
        room = math.sqrt(max(s_now * s_now - largest_kw * largest_kw, 0.0))
        load = abs(p) / unit[P_KW]
        most = min(curve(load, kinds, kind_of[place], ABLE_P, ABLE_INJECT, 5) * s_kva, room)
        least = -min(curve(load, kinds, kind_of[place], ABLE_P, ABLE_ABSORB, 5) * s_kva, room)
        q_kvar[place] = min(max(unit[LAG] * s_kva, least), most)
