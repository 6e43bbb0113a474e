"""Who decides, for every peer, what battery, PV and flexible devices do about its contracts."""

from typing import Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from .spec import Problem, Spec, refuse


class EnergyManagerSpec(Spec):
    """The energy manager of all peers."""

    kind: str = Field(
        default="rule",
        description="rule: follow contracts, and keep a fifth of the charge; rolling: a linear "
        "program says what to keep; or ./file.py:Class, made as `EnergyManagers` is.",
    )
    periods: PositiveInt = Field(
        default=8, description="Delivery periods that a rolling plan looks at."
    )
    every_s: PositiveFloat = Field(
        default=60.0, description="Time between rolling plans; a contract brings one at once. [s]"
    )
    missed_eur_per_kwh: NonNegativeFloat = Field(
        default=1.0,
        description="What a rolling plan takes undelivered energy to cost above retail; a round "
        "figure. [€/kWh]",
    )

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        place, colon, name = self.kind.rpartition(":")
        if self.kind not in ("rule", "rolling") and not (colon and place and name.isidentifier()):
            message = f"no energy manager {self.kind!r}; known: rule, rolling; or ./file.py:Class"
            refuse([Problem(("kind",), message)])
        return self
