"""The grid operator's hand: taps, fuses, relays, switching, and the traffic light."""

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, model_validator

from .spec import Problem, Spec, refuse
from .times import Duration, Moment

Element = NonNegativeInt | str


class TapSpec(Spec):
    """A tap changer that moves under load."""

    trafo: Element = Field(default=0, description="Transformer, by name or index.")
    vm_set_pu: PositiveFloat = Field(
        default=1.0, description="Voltage that it holds at the low-voltage side. [p.u.]"
    )
    dead_band_pu: PositiveFloat = Field(
        default=0.02, description="Half the width of the band in which it rests. [p.u.]"
    )
    delay_s: PositiveFloat = Field(
        default=30.0, description="Time outside the band before its first step. [s]"
    )
    next_delay_s: PositiveFloat = Field(
        default=10.0, description="Time before each step that follows. [s]"
    )
    side: Literal["hv", "lv"] | None = Field(
        default=None,
        description="Winding that it changes. This and the next three complete a network that "
        "says too little of its tap changer; left out, the network's own data count.",
    )
    step_percent: PositiveFloat | None = Field(default=None, le=10, description="One step. [%]")
    lowest: int | None = Field(default=None, description="Lowest position.")
    highest: int | None = Field(default=None, description="Highest position.")

    @property
    def completes(self) -> bool:
        """Whether it says what the tap changer is."""
        return self.side is not None

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        given = [getattr(self, n) for n in ("side", "step_percent", "lowest", "highest")]
        problems = []
        if any(one is None for one in given) and any(one is not None for one in given):
            message = "tap data are incomplete; expected side, step_percent, lowest and highest"
            problems.append(Problem(("side",), message))
        if (
            self.lowest is not None
            and self.highest is not None
            and not (self.lowest <= 0 <= self.highest)
        ):
            message = f"{self.lowest} to {self.highest} does not hold 0, where the tap begins"
            problems.append(Problem(("lowest",), message))
        if self.step_percent is not None and 200 * self.dead_band_pu <= self.step_percent:
            message = (
                f"±{self.dead_band_pu:g} p.u. is no wider than a step of {self.step_percent:g} %: "
                f"it would hunt; expected more than ±{self.step_percent / 200:g} p.u."
            )
            problems.append(Problem(("dead_band_pu",), message))
        refuse(problems)
        return self


class ProtectionSpec(Spec):
    """A fuse or a relay that opens a line."""

    line: Element = Field(description="Line, by name or index.")
    fuse_a: int | None = Field(
        default=None, description="Rated current of a gG fuse, 16 to 400 A. [A]"
    )
    pickup_a: PositiveFloat | None = Field(default=None, description="Setting of a relay. [A]")
    time_multiplier: PositiveFloat = Field(default=0.1, description="Of the relay. [1]")
    curve: Literal["standard_inverse", "very_inverse", "extremely_inverse"] = Field(
        default="standard_inverse", description="Of the relay, IEC 60255-151."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.fuse_a is None) == (self.pickup_a is None):
            refuse([Problem((), "is not one device; expected fuse_a or pickup_a")])
        ratings = (16, 20, 25, 32, 40, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400)
        if self.fuse_a is not None and self.fuse_a not in ratings:
            known = ", ".join(map(str, ratings))
            refuse([Problem(("fuse_a",), f"no gG fuse of {self.fuse_a} A; known: {known}")])
        return self


class TrafficLightSpec(Spec):
    """Green: trade freely. Yellow: calls for flexibility. Red: the operator curtails."""

    low_pu: PositiveFloat = Field(default=0.9, description="Below it, red. [p.u.]")
    high_pu: PositiveFloat = Field(default=1.1, description="Above it, red. [p.u.]")
    loading_percent: PositiveFloat = Field(default=100.0, description="Above it, red. [%]")
    yellow_pu: NonNegativeFloat = Field(
        default=0.02, description="Yellow begins this far inside the voltage limits. [p.u.]"
    )
    yellow_percent: PositiveFloat = Field(
        default=80.0, description="Yellow begins at this share of the loading limit. [%]"
    )
    every: Duration = Field(
        default=Duration.parse("1 s"), description="How often the operator looks and decides."
    )
    hold: Duration = Field(
        default=Duration.parse("30 s"),
        description="How long it has to be better before the light says so.",
    )

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        problems = []
        if not self.low_pu + self.yellow_pu < self.high_pu - self.yellow_pu:
            message = (
                f"{self.low_pu:g} to {self.high_pu:g} p.u. leaves no green between yellow bands "
                f"of {self.yellow_pu:g} p.u."
            )
            problems.append(Problem(("yellow_pu",), message))
        if self.yellow_percent > 100:
            message = f"{self.yellow_percent:g} % is beyond red; expected 100 % at most"
            problems.append(Problem(("yellow_percent",), message))
        refuse(problems)
        return self


class OperatorSpec(Spec):
    """What the grid operator does during a run."""

    taps: tuple[TapSpec, ...] = Field(default=(), description="On-load tap changers.")
    protection: tuple[ProtectionSpec, ...] = Field(default=(), description="Fuses and relays.")
    light: TrafficLightSpec | None = Field(default=None, description="The traffic light.")
    line_tau: Duration = Field(
        default=Duration.parse("30 min"), description="Thermal time constant of the lines."
    )


class _SwitchEvent(Spec):
    at: Moment = Field(description="Time of day, or time since the start.")
    state: Literal["open", "closed"] = Field(description="What it is from then on.")


class LineEvent(_SwitchEvent):
    """A line trips, or is put back."""

    line: Element = Field(description="Name or index.")


class TrafoEvent(_SwitchEvent):
    """A transformer is opened or closed."""

    trafo: Element = Field(description="Name or index.")


class SwitchEvent(_SwitchEvent):
    """One of the network's switches is opened or closed."""

    switch: Element = Field(description="Name or index.")


def switched(event: object) -> tuple[Literal["line", "trafo", "switch"], Element] | None:
    """Give table and element of a switching event; None for any other."""
    kinds: tuple[Literal["line", "trafo", "switch"], ...] = ("line", "trafo", "switch")
    for kind in kinds:
        if isinstance(event, _SwitchEvent) and hasattr(event, kind):
            return kind, getattr(event, kind)
    return None
