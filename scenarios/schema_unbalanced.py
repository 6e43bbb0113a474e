"""A feeder in three phases: what is taken for the data that balanced networks do not hold."""

from typing import Literal

from pydantic import Field, PositiveFloat

from .spec import Spec

Phase = Literal["a", "b", "c", "abc"]

LARGEST_SINGLE_PHASE_KVA = 4.6
"""Above it a device feeds all three phases; the value is that of VDE-AR-N 4105 (its clause is
unverified)."""


class UnbalancedSpec(Spec):
    """What to take where the network lacks zero-sequence data; what it has stays."""

    line_r0: PositiveFloat = Field(
        default=4.0,
        description="Zero over positive sequence of lines' resistance; fourfold where the return "
        "is a fourth core like the others. [1]",
    )
    line_x0: PositiveFloat = Field(
        default=4.0, description="Zero over positive sequence of lines' reactance. [1]"
    )
    line_c0: PositiveFloat = Field(
        default=1.0, description="Zero over positive sequence of lines' capacitance. [1]"
    )
    trafo_z0: PositiveFloat = Field(
        default=1.0,
        description="Zero over positive sequence of transformers' short-circuit impedance. [1]",
    )
    s_sc_mva: PositiveFloat = Field(
        default=100.0, description="Short-circuit power of the grid above. [MVA]"
    )
    rx: PositiveFloat = Field(
        default=0.1, description="Resistance over reactance of the grid above. [1]"
    )
