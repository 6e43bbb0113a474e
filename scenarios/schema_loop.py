"""The loop that a grid simulator closes over its node: how gently, and what it may bear."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, model_validator

from hil.station import GridLoop

from .spec import Problem, Spec, refuse
from .times import Duration

_DEFAULT = GridLoop()
Pair = tuple[PositiveFloat, PositiveFloat]


class LoopSpec(Spec):
    """How voltage and frequency of the node go to the source, and what is tried before."""

    response: Duration | None = Field(
        default=None,
        description="Time to 90 % of a first-order lag on voltage and frequency; left out, none.",
    )
    v_slew_pu_per_s: PositiveFloat | None = Field(
        default=None, description="Fastest change of its voltage; left out, none. [p.u./s]"
    )
    f_slew_hz_per_s: PositiveFloat | None = Field(
        default=None, description="Fastest change of its frequency; left out, none. [Hz/s]"
    )
    ahead: Duration | None = Field(
        default=None,
        description="Delay that is made up for by linear extrapolation, which lowers the bound; "
        "left out, none.",
    )
    delay_ticks: NonNegativeInt | None = Field(
        default=None,
        description="Between a voltage and the power that answers it, beyond the tick that every "
        "such loop takes; left out, 0 in lockstep and 2 in real time. [1]",
    )
    v_window_pu: Pair | None = Field(
        default=None,
        description="What the source is never asked to leave; left out, 0.85 to 1.15. [p.u.]",
    )
    f_window_hz: Pair | None = Field(
        default=None,
        description="Likewise; left out, 0.94 to 1.04 of the nominal frequency. [Hz]",
    )
    r_ohm: NonNegativeFloat | None = Field(
        default=None,
        description="Resistance between the node and its stiff grid, with x_ohm; left out, what "
        "the scenario's grid has there. [Ω]",
    )
    x_ohm: NonNegativeFloat | None = Field(default=None, description="Its reactance. [Ω]")
    v_steps_pu: Annotated[list[PositiveFloat], Field(min_length=2, max_length=50)] = Field(
        default=list(_DEFAULT.v_steps_pu),
        description="Voltages that commissioning visits, rising; the device's steepest slope must "
        "lie between two neighbours. [p.u.]",
    )
    f_step_hz: PositiveFloat = Field(
        default=_DEFAULT.f_step_hz, description="By what it steps the frequency. [Hz]"
    )
    settle: Duration = Field(
        default=Duration.parse("2 s"), description="Until the device's answer to a step stands."
    )

    @model_validator(mode="after")
    def _says_what_can_be(self) -> Self:
        problems = []
        if (self.r_ohm is None) != (self.x_ohm is None):
            key = "r_ohm" if self.r_ohm is None else "x_ohm"
            problems.append(Problem((key,), "missing; expected r_ohm and x_ohm, or neither"))
        for key in ("v_window_pu", "f_window_hz"):
            window = getattr(self, key)
            if window is not None and not window[0] < window[1]:
                message = f"{window[0]:g} to {window[1]:g}; expected the lower bound first"
                problems.append(Problem((key,), message))
        if any(not low < high for low, high in pairwise(self.v_steps_pu)):
            problems.append(Problem(("v_steps_pu",), "expected voltages that rise"))
        refuse(problems)
        return self

    def loop(self) -> GridLoop:
        """Say it as the bench hears it."""
        inf = float("inf")
        return GridLoop(
            response_s=_seconds(self.response),
            v_slew_pu_per_s=self.v_slew_pu_per_s or inf,
            f_slew_hz_per_s=self.f_slew_hz_per_s or inf,
            ahead_s=_seconds(self.ahead),
            delay_steps=self.delay_ticks,
            v_window_pu=self.v_window_pu,
            f_window_hz=self.f_window_hz,
            r_ohm=self.r_ohm,
            x_ohm=self.x_ohm,
            v_steps_pu=tuple(self.v_steps_pu),
            f_step_hz=self.f_step_hz,
            settle_s=self.settle.seconds,
        )


def _seconds(duration: Duration | None) -> float:
    return 0.0 if duration is None else duration.seconds
