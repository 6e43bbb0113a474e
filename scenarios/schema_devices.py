"""Devices that play a part of a peer, and what may happen to them."""

from typing import Any, Literal, Self, get_args

from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from .schema_station import OnLossSpec
from .spec import Problem, Spec, refuse
from .times import Duration, Moment

Fault = Literal[
    "trip",
    "reboot",
    "wrong-identity",
    "delay",
    "drop",
    "close",
    "reset",
    "garbage",
    "torn",
    "double",
    "stuck",
    "drift",
    "refuse",
]
FAULTS: tuple[Fault, ...] = get_args(Fault)

OF_REPLIES = ("delay", "drop", "close", "reset", "garbage", "torn", "double")
"""Faults that spoil so many replies, or all of them for so long."""

VALUED = {
    "delay": "seconds by which replies are late",
    "drift": "share by which values grow a second",
    "reboot": "seconds until it is back",
}
"""Faults that need a number, and what it is."""


Beside = Literal["grid-simulator", "pv-simulator", "analyser"]


class DeviceSpec(Spec):
    """A device that plays a part of a peer."""

    role: Literal["inverter"] = Field(default="inverter", description="What it is.")
    emulated: Literal[True] = Field(
        default=True,
        description="An emulator of our own on loopback, started and stopped by the run.",
    )
    p_rated_kw: PositiveFloat | None = Field(
        default=None, description="Rated power; left out, that of the peer's PV. [kW]"
    )
    s_kva: PositiveFloat | None = Field(
        default=None, description="Apparent power; left out, that of the peer's inverter. [kVA]"
    )
    instruments: tuple[Beside, ...] = Field(
        default=(),
        description="What stands beside it, emulated too: the grid simulator gives it its voltage, "
        "the PV simulator its sun, the analyser measures in its stead.",
    )
    reconnect: Duration = Field(
        default=Duration.parse("60 s"),
        description="How long its grid must be good before it feeds again.",
    )
    on_loss: OnLossSpec = Field(
        default=OnLossSpec(), description="What the peer does while nothing is heard of it."
    )
    timeout: Duration = Field(
        default=Duration.parse("5 s"), description="Longest wait for an answer, in wall time."
    )

    @field_validator("instruments")
    @classmethod
    def _has_each_once(cls, given: tuple[Beside, ...]) -> tuple[Beside, ...]:
        twice = sorted({one for one in given if given.count(one) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands there twice; expected each once")
        return given


class DeviceEvent(Spec):
    """Something happens to a device."""

    at: Moment = Field(description="Time of day, or time since the start.")
    device: str = Field(description="Name of the device.")
    instrument: str | None = Field(
        default=None,
        description="Whose fault it is, where it is not its own: role, or name in the station, of "
        "a device that plays the same peer, as grid-simulator or analyser.",
    )
    fault: Fault | None = Field(
        default=None,
        description="What happens. Its inverter trips; it starts anew; another device answers at "
        "its address. Replies are late, are lost, end with a closed or a broken connection, are "
        "garbage, torn, or come twice. What it measures is stuck or drifts; it refuses setpoints.",
    )
    for_: Duration | None = Field(
        default=None,
        alias="for",
        description="After which all faults of this device, and of those beside it, end; left "
        "out, when they are cleared.",
    )
    count: PositiveInt | None = Field(
        default=None, description="How many replies are spoilt; one, unless it says for how long."
    )
    value: float | None = Field(
        default=None,
        ge=0,
        description="How long replies are delayed or a reboot takes; by which share of themselves "
        "values drift a second. [s], [1/s]",
    )
    clear: Literal[True] | None = Field(
        default=None, description="All its faults end; after a trip it reconnects by its own rules."
    )

    @model_serializer(mode="wrap")
    def _as_written(self, told: SerializerFunctionWrapHandler) -> dict[str, Any]:
        plain: dict[str, Any] = told(self)
        return {key.rstrip("_"): value for key, value in plain.items()}

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.fault is None) == (self.clear is None):
            refuse([Problem(("fault",), "says not what happens; expected one of fault, clear")])
        refuse([*self._number_problems(), *self._length_problems()])
        return self

    def _number_problems(self) -> list[Problem]:
        if self.fault in VALUED and self.value is None:
            return [Problem(("fault",), f"{self.fault} needs a value: {VALUED[self.fault]}")]
        if self.fault not in VALUED and self.value is not None:
            expected = " or ".join(VALUED)
            return [Problem(("value",), f"means nothing here; expected it with {expected}")]
        return []

    def _length_problems(self) -> list[Problem]:
        problems = []
        if self.instrument is not None and self.clear:
            message = "means nothing here: faults of all devices of the peer end together"
            problems.append(Problem(("instrument",), message))
        if self.count is not None and self.fault not in OF_REPLIES:
            expected = ", ".join(OF_REPLIES)
            problems.append(Problem(("count",), f"counts replies; expected it with {expected}"))
        if self.for_ is not None and self.clear:
            problems.append(Problem(("for",), "means nothing here; expected it with a fault"))
        if self.for_ is not None and self.count is not None:
            problems.append(Problem(("count",), "and for both say when it ends; expected one"))
        return problems
