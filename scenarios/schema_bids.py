"""How peers forecast and bid, and which bidder makes orders of what they know."""

from typing import Any, Literal, Self

from pydantic import Field, NonNegativeFloat, model_validator

from .spec import Problem, Range, Spec, refuse
from .times import Duration


class AgentSpec(Spec):
    """The bidder of a peer or of a group."""

    agent: str = Field(
        description="A known name, ./file.py:Class beside the scenario, or package.module:Class."
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="Options of the bidder, checked by itself."
    )


class BidSpec(AgentSpec):
    """How peers forecast and bid, unless one says otherwise of its bidder."""

    agent: str = Field(
        default="margin",
        description="Bidder of all peers that name none: a known name, ./file.py:Class beside the "
        "scenario, or package.module:Class.",
    )
    forecast: Literal["persistence", "profile", "blend"] = Field(
        default="blend",
        description="What the next period is expected to be: as the last minutes, as the profile "
        "says, or half of each.",
    )
    load_error: NonNegativeFloat = Field(
        default=0.10, description="Standard deviation of the load forecast, relative. [1]"
    )
    pv_error: NonNegativeFloat = Field(
        default=0.10, description="Standard deviation of the PV forecast, relative. [1]"
    )
    share: float = Field(
        default=0.8, ge=0, le=1, description="Part of the forecast that a peer offers. [1]"
    )
    margin: Range = Field(
        default=Range(0.1, 0.4),
        description="Distance of a limit price from the own tariff, as part of the span between "
        "feed-in and retail; drawn per peer. [1]",
    )
    arrive_within: Duration = Field(
        default=Duration.parse("2 min"),
        description="A peer's orders arrive at a moment of this time before the gate that is drawn "
        "for each peer and period.",
    )

    @model_validator(mode="after")
    def _stays_between_the_tariffs(self) -> Self:
        if self.margin.high > 1:
            message = f"{self.margin.high:g} is above 1; a margin is a part of the tariff span"
            refuse([Problem(("margin",), message)])
        return self
