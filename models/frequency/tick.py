"""What one tick of an island came to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import _kernels_names as kernel

Floats = NDArray[np.float64]


@dataclass(slots=True)
class IslandTick:
    """What one tick came to; means over the tick unless said otherwise.

    Attributes
    ----------
    f_hz, f_min_hz, f_max_hz, f_end_hz : float
        Mean, extrema and end; 0 when black. [Hz]
    rocof_hz_per_s : float
        Steepest instantaneous slope, with its sign. [Hz/s]
    rocof_500ms_hz_per_s : float
        Steepest slope over a sliding window of 500 ms, with its sign. [Hz/s]
    response_kw : (n,) array
        What frequency made each peer's inverter add to its baseline. [kW]
    served_kw : (n,) array
        Load as served: self-regulation and shedding included. [kW]
    shed_fraction : (n,) array
        Share of each peer's load that was switched off. [1]
    generators_kw : (n_generators,) array
        Electrical power of each: mechanical less what its rotor took up. [kW]
    generator_kw : float
        Their sum. [kW]
    stores_kw : (n_stores,) array
        Power of each store beside the former. [kW]
    secondary_kw : float
        Integral of secondary control at the tick's end. [kW]
    former_expected_kw : float
        What is left for the former; the power flow's residual decides. [kW]
    former_soc : float
        State of charge at the start of the tick. [1]
    reference_vm_pu : float
        Voltage to hold at the former's bus. [p.u.]
    droop_offset_hz : float
        Deviation that the former's droop leaves for good at this power. [Hz]
    unexplained_kw : float
        Power that last tick's power flow took beyond what the last step and the
        losses explain; 0 when all are wired to the same numbers. [kW]
    black : bool
        The former has tripped: nothing is supplied in this tick or later.
    stages_shed : int
        Stages that have acted and were not restored.
    """

    f_hz: float
    f_min_hz: float
    f_max_hz: float
    f_end_hz: float
    rocof_hz_per_s: float
    rocof_500ms_hz_per_s: float
    response_kw: Floats
    served_kw: Floats
    shed_fraction: Floats
    generators_kw: Floats
    generator_kw: float
    stores_kw: Floats
    secondary_kw: float
    former_expected_kw: float
    former_soc: float
    reference_vm_pu: float
    droop_offset_hz: float
    unexplained_kw: float
    black: bool
    stages_shed: int

    @classmethod
    def at_rest(
        cls,
        nominal_hz: float,
        answered: Floats,
        generators_kw: Floats,
        stores_kw: Floats,
        *,
        former_soc: float,
        vm_pu: float,
    ) -> IslandTick:
        """Before the first tick; the arrays are kept, not copied."""
        return cls(
            f_hz=nominal_hz,
            f_min_hz=nominal_hz,
            f_max_hz=nominal_hz,
            f_end_hz=nominal_hz,
            rocof_hz_per_s=0.0,
            rocof_500ms_hz_per_s=0.0,
            response_kw=answered[kernel.RESPONSE],
            served_kw=answered[kernel.SERVED],
            shed_fraction=answered[kernel.SHED],
            generators_kw=generators_kw,
            generator_kw=0.0,
            stores_kw=stores_kw,
            secondary_kw=0.0,
            former_expected_kw=0.0,
            former_soc=former_soc,
            reference_vm_pu=vm_pu,
            droop_offset_hz=0.0,
            unexplained_kw=0.0,
            black=False,
            stages_shed=0,
        )

    def darken(self, der_kw: Floats) -> None:
        """Tell of no supply: everything that feeds or draws is off."""
        self.black = True
        self.f_hz = self.f_min_hz = self.f_max_hz = self.f_end_hz = 0.0
        self.rocof_hz_per_s = self.rocof_500ms_hz_per_s = 0.0
        self.droop_offset_hz = self.unexplained_kw = 0.0
        self.generator_kw = self.former_expected_kw = self.reference_vm_pu = 0.0
        self.generators_kw[:] = self.stores_kw[:] = 0.0
        self.secondary_kw = 0.0
        self.served_kw[:] = 0.0
        self.shed_fraction[:] = 1.0
        np.negative(der_kw, out=self.response_kw)
