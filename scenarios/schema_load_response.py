"""How a peer's load follows voltage and frequency: by the parts of the ZIP model."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from models.loads.zip_parts import CONSTANT_POWER, RESIDENTIAL, ZipParams

from .spec import Problem, Spec, refuse

__all__ = ["KNOWN_RESPONSES", "LoadResponse", "LoadResponseSpec"]

KNOWN_RESPONSES = {"constant_power": CONSTANT_POWER, "residential": RESIDENTIAL}

_PART = "Part of its {power} power at constant {what}. [1]"


def _part(default: float, power: str, what: str) -> Any:
    return Field(default=default, description=_PART.format(power=power, what=what))


class LoadResponseSpec(Spec):
    """Parts of a load at constant impedance, current and power; each three sum to 1."""

    p_z: float = _part(0.0, "active", "impedance")
    p_i: float = _part(0.0, "active", "current")
    p_p: float = _part(1.0, "active", "power")
    q_z: float = _part(0.0, "reactive", "impedance")
    q_i: float = _part(0.0, "reactive", "current")
    q_p: float = _part(1.0, "reactive", "power")
    p_per_hz: float = Field(
        default=0.0,
        description="Change of active power with frequency; in an island its load_percent_per_hz "
        "takes the place of this. [1/Hz]",
    )
    q_per_hz: float = Field(
        default=0.0, description="Change of reactive power with frequency. [1/Hz]"
    )

    @model_validator(mode="after")
    def _is_a_load(self) -> Self:
        try:
            self.params()
        except ValueError as fault:
            refuse([Problem((), str(fault))])
        return self

    def params(self) -> ZipParams:
        """Give it as the model takes it."""
        return ZipParams(**self.model_dump())


def _by_name(given: Any) -> Any:
    """Read a known response by its name."""
    if not isinstance(given, str):
        return given
    if given not in KNOWN_RESPONSES:
        names = ", ".join(KNOWN_RESPONSES)
        raise ValueError(f"no load response {given!r}; known: {names}; or parts by name")
    of = KNOWN_RESPONSES[given]
    return {name: getattr(of, name) for name in LoadResponseSpec.model_fields}


LoadResponse = Annotated[
    LoadResponseSpec,
    BeforeValidator(_by_name, json_schema_input_type=LoadResponseSpec | str),
]
"""A known response by name, or its parts."""
