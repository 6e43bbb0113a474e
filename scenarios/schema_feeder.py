"""The feeder of a village that may stand alone: how it opens, closes, goes black and starts."""

from typing import Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from .spec import Problem, Spec, refuse
from .times import Duration, Moment


class SynchroCheckSpec(Spec):
    """How alike both sides of the open feeder have to be before it closes.

    The defaults are IEEE 1547-2018's for 0 to 500 kVA (clause 4.10.4, unverified).
    """

    f_hz: PositiveFloat = Field(default=0.3, le=2, description="Difference of frequencies. [Hz]")
    vm_pu: PositiveFloat = Field(default=0.1, le=0.5, description="Of voltages. [p.u.]")
    angle_deg: PositiveFloat = Field(default=20.0, le=90, description="Of angles. [°]")


class FeederSpec(Spec):
    """The village hangs on the upstream grid until an event opens its feeder."""

    synchro_check: SynchroCheckSpec = Field(
        default=SynchroCheckSpec(), description="What both sides are held to before it closes."
    )
    restore_every: Duration = Field(
        default=Duration.parse("10 s"),
        description="After a black start, time from one restored stage of shedding to the next.",
    )


class FeederEvent(Spec):
    """The feeder to the upstream grid opens or closes."""

    at: Moment = Field(description="Time of day, or time since the start.")
    feeder: Literal["open", "fault", "close"] = Field(
        description="It is opened by command, trips by a fault, or is to close: when both sides "
        "are alike, or the village is dead."
    )
    within: Duration | None = Field(
        default=None,
        description="How long closing waits for both sides to be alike; left out, until the end.",
    )

    @model_validator(mode="after")
    def _waits_to_close(self) -> Self:
        if self.within is not None and self.feeder != "close":
            refuse([Problem(("within",), "means nothing here; expected it with feeder: close")])
        return self


class IslandEvent(Spec):
    """An island is switched off, or started again from its grid-former."""

    at: Moment = Field(description="Time of day, or time since the start.")
    island: Literal["black_out", "black_start"] = Field(description="What is commanded.")
