"""Which trades the grid admits: the limits that it holds, and caps on what sellers may inject."""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from .schema_peers import Name
from .spec import Problem, Spec, refuse

LEAST_BAND_PU = 0.01
"""A narrower voltage band is taken for a slip of the pen. [p.u.]"""

Caps = Literal["none", "dynamic"] | dict[Name, NonNegativeFloat]


class AdmissionSpec(Spec):
    """Limits that the schedule of all trades must hold; trades beyond them are cut or rejected."""

    low_pu: PositiveFloat = Field(default=0.90, description="Lowest voltage at any bus. [p.u.]")
    high_pu: Annotated[float, Field(gt=0, lt=2)] = Field(
        default=1.10, description="Highest voltage at any bus. [p.u.]"
    )
    loading_percent: PositiveFloat = Field(
        default=100.0, description="Highest loading of any line or transformer. [%]"
    )
    caps: Caps = Field(
        default="none",
        description="What a seller's trades may add up to: no cap, 'dynamic' for the largest "
        "injection that all sellers may make at once at the grid's present state, or kW by peer.",
    )

    @model_validator(mode="after")
    def _leaves_a_band(self) -> Self:
        if self.high_pu - self.low_pu < LEAST_BAND_PU:
            message = (
                f"{self.low_pu:g} to {self.high_pu:g} p.u. is no band; expected low_pu at least "
                f"{LEAST_BAND_PU:g} p.u. below high_pu"
            )
            refuse([Problem(("low_pu",), message)])
        return self
