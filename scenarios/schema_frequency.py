"""Frequency of the upstream grid as an input: a process, a record, or an event that happened."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveFloat, model_validator

from .spec import Problem, Spec, refuse
from .times import Duration

Hertz = Annotated[float, Field(gt=40, lt=70)]


def _slopes(value: Any) -> Any:
    """Refuse a droop by which frequency would not say who is to give more."""
    if isinstance(value, int | float) and value <= 0:
        message = f"a droop of {value:g} % shares no load: frequency would not move with power"
        raise ValueError(f"{message}; expected above 0, below 100 %")
    return value


def _turns(value: Any) -> Any:
    """Refuse an inertia with which frequency would jump."""
    if isinstance(value, int | float) and value <= 0:
        message = f"an inertia constant of {value:g} s stores no energy: frequency would jump"
        raise ValueError(f"{message}; expected above 0 s")
    return value


DroopPercent = Annotated[PositiveFloat, Field(lt=100), BeforeValidator(_slopes)]
InertiaS = Annotated[PositiveFloat, BeforeValidator(_turns)]

_OF_THE_WALK = ("deviation_hz", "relaxation")


class FrequencySpec(Spec):
    """Frequency of the upstream grid, which a village cannot move."""

    mode: Literal["nominal", "ornstein_uhlenbeck"] = Field(
        default="ornstein_uhlenbeck",
        description="Always nominal, or a mean-reverting random walk around it.",
    )
    nominal_hz: Hertz = Field(default=50.0, description="Nominal frequency. [Hz]")
    deviation_hz: NonNegativeFloat = Field(
        default=0.02, lt=1, description="Standard deviation of the random walk. [Hz]"
    )
    relaxation: Duration = Field(
        default=Duration.parse("2 min"),
        description="Time after which a deviation has faded to 1/e.",
    )
    trace: str | None = Field(
        default=None,
        description="In place of a mode: a CSV or Parquet file beside the scenario with columns "
        "t_s [s] and f_hz [Hz], joined by straight lines.",
    )
    event: str | None = Field(
        default=None,
        description="In place of a mode: a disturbance rebuilt from public reports, such as "
        "gb-2019-08-09, ce-2021-01-08-north-west or ce-2021-01-08-south-east.",
    )
    starts_after: Duration | None = Field(
        default=None,
        description="Time into the run at which trace or event begins, until then its first "
        "value; left out, at once.",
    )

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        given = self.model_fields_set
        named = [name for name in ("trace", "event") if getattr(self, name) is not None]
        problems = []
        if len(named) == 2:
            problems.append(Problem(("event",), "stands beside trace; expected one of the two"))
        for name in sorted(given & {"mode", *_OF_THE_WALK}) if named else ():
            message = f"stands beside {named[0]}, which says it all; leave it out"
            problems.append(Problem((name,), message))
        if self.starts_after is not None and not named:
            problems.append(Problem(("starts_after",), "needs a trace or an event to start"))
        refuse(problems)
        return self
