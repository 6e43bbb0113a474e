"""What batteries' inverters do with reactive power: the functions that PV inverters have.

Reactive power comes first, or as much of it as a standard keeps, and active power takes what the
apparent power leaves; or the other way round, as the settings say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..draws import Floats
from ..inverters.fleet import meeting_pu, settings_row
from ..inverters.functions import InverterFunctions
from . import _kernels_reactive as k
from .battery import BatteryParams


class BatteryReactive:
    """Inverters of n batteries.

    Parameters
    ----------
    batteries : sequence of n BatteryParams
        Each with a finite apparent power.
    functions : sequence of n InverterFunctions
        Of these, the source of reactive power and the capability count.
    dt_s : float
        Length of a tick. [s]

    Raises
    ------
    ValueError
        Settings that no inverter can have; a battery without an apparent power.

    Notes
    -----
    A battery that charges answers constant power factor and watt-var with the opposite sign, as
    OpenDER's does; volt-var and constant Q know no direction.
    """

    def __init__(
        self,
        batteries: Sequence[BatteryParams],
        functions: Sequence[InverterFunctions],
        *,
        dt_s: float,
    ) -> None:
        kinds = list(dict.fromkeys(functions))
        number = {kind: index for index, kind in enumerate(kinds)}
        self._kinds = np.array([settings_row(kind, dt_s) for kind in kinds])
        self._kind_of = np.array([number[kind] for kind in functions], dtype=np.int64)
        self._units = np.array(
            [_unit(own, kind) for own, kind in zip(batteries, functions, strict=True)]
        )
        self._room_kw, self._q_kvar = np.zeros((2, len(batteries)))

    def active_room_kw(self, vm_pu: Floats) -> Floats:
        """Answer the voltage; give the largest active power, at full voltage. (n,) [kW]"""
        k.active_room(self._kinds, self._kind_of, self._units, vm_pu, self._room_kw)
        return self._room_kw

    def reactive_kvar(self, vm_pu: Floats, p_kw: Floats, actual_kw: Floats) -> Floats:
        """Give the reactive power beside an active power. (n,) [kvar]

        Parameters
        ----------
        vm_pu, p_kw, actual_kw : (n,) float64 array
            Voltage; active power of this tick, and what really flowed in the last. [p.u.], [kW]
        """
        k.reactive_power(
            self._kinds, self._kind_of, self._units, vm_pu, p_kw, actual_kw, self._q_kvar
        )
        return self._q_kvar


def _unit(own: BatteryParams, kind: InverterFunctions) -> Floats:
    if not 0.0 < own.s_kva < math.inf or not own.p_max_kw > 0.0:
        raise ValueError(
            f"s_kva is {own.s_kva} and p_max_kw {own.p_max_kw}; reactive power needs both above 0 "
            "and finite"
        )
    row = np.zeros(k.N_UNIT)
    row[:] = own.s_kva, own.p_max_kw, own.vm_full_pu, math.inf, math.nan
    if kind.reactive == "constant_pf":
        row[k.MOST_KW] = own.s_kva * kind.constant_pf.cos_phi
    elif kind.reactive == "watt_var":
        row[k.MOST_KW] = own.p_max_kw * meeting_pu(kind, own.p_max_kw / own.s_kva)
    return row
