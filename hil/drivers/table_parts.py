"""The parts of a command table: what a role asks, as one kind of device wants to hear it.

A table is a YAML file of data. Its commands hold placeholders from a fixed list, which are
replaced by numbers and phases; nothing in it is executed.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    model_validator,
)

from hil.roles import Role

Unit = Literal["W", "kW", "var", "kvar", "V", "kV", "A", "Hz", "Wh", "kWh", "s", "ms", "%", "1"]
_FACTORS: dict[str, float] = {
    "W": 1e-3, "kW": 1.0, "var": 1e-3, "kvar": 1.0, "V": 1.0, "kV": 1e3, "A": 1.0, "Hz": 1.0,
    "Wh": 1e-3, "kWh": 1.0, "s": 1.0, "ms": 1e-3, "%": 1e-2, "1": 1.0,
}  # fmt: skip
"""Of one of the device's unit in ours: kW, kvar, V, A, Hz, kWh, s, 1."""

UNITS: dict[str, tuple[str, ...]] = {
    "kw": ("W", "kW", "%", "1"),
    "kvar": ("var", "kvar", "%", "1"),
    "v": ("V", "kV"),
    "a": ("A",),
    "hz": ("Hz",),
    "kwh": ("Wh", "kWh"),
    "s": ("s", "ms"),
    "soc": ("%", "1"),
}

HOLES = re.compile(r"\{([a-z_]*)\}")
_STATES = ("running", "tripped", "waiting")


def fill(template: str, **values: str) -> str:
    """Put values where a command has their names in braces; nothing else is looked at."""
    return HOLES.sub(lambda hole: values[hole.group(1)], template)


def _command(text: str) -> str:
    """Take one line of printable ASCII with holes that there are."""
    if not text.isascii() or not text.isprintable() or not text.strip() or len(text) > 400:
        raise ValueError(f"{text!r} is no command; expected a line of printable ASCII")
    rest = HOLES.sub("", text)
    unknown = set(HOLES.findall(text)) - {"value", "positive", "negative", "phase", "list"}
    if unknown or "{" in rest or "}" in rest:
        raise ValueError(
            f"{text!r}: expected no braces but {{value}}, {{positive}}, {{negative}}, "
            "{list} and {phase}"
        )
    return text


def _query(text: str) -> str:
    """Take a command that is answered, and that says nothing but the phase it means."""
    if "?" not in text:
        raise ValueError(f"{text!r} asks nothing; expected a query with ?")
    if set(HOLES.findall(text)) - {"phase"}:
        raise ValueError(f"{text!r}: a query has no hole but {{phase}}")
    return text


Command = Annotated[str, AfterValidator(_command)]
Query = Annotated[str, AfterValidator(_command), AfterValidator(_query)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class _Sourced(_Part):
    """Something that has been seen to work, or only read about."""

    verified: bool | None = Field(
        default=None, description="Tried against the device, or one that its source names."
    )
    source: str | None = Field(default=None, description="Against what, or where it is written.")


class Number(_Sourced):
    """How a number of the device becomes one of ours: number × scale × unit × sign."""

    unit: Unit = "1"
    scale: float = Field(default=1.0, description="One of the device's in its unit.")
    sign: Literal[1, -1] = Field(default=1, description="-1 where the device counts the other way.")

    def factor(self, rated: float = 1.0) -> float:
        """One of the device's number in our unit; a share is of what is rated."""
        share = rated if self.unit in ("%", "1") else 1.0
        return _FACTORS[self.unit] * self.scale * self.sign * share


class Setting(Number):
    """A quantity that is set, and read back."""

    send: Command = Field(description="What sets it, with {value}; {positive} and {negative} are "
                          "its size one way and the other.")  # fmt: skip
    ask: Query = Field(description="What reads it back.")
    ask_negative: Query | None = Field(
        default=None, description="What reads back its size the other way, where that is apart."
    )
    at_zero: Command | None = Field(
        default=None, description="What is sent instead for 0; it is then not read back."
    )
    decimals: Annotated[int, Field(ge=0, le=9)] = 3
    tolerance: PositiveFloat = Field(
        default=0.01, description="How far what it holds may be from it, in the device's number."
    )
    suffix: str = Field(default="", description="What stands after the number in its answers.")
    words: dict[str, float] = Field(
        default_factory=dict,
        description="Words in place of numbers: the first that means a value is sent for it.",
    )

    @model_validator(mode="after")
    def _says_what_it_sets(self) -> Self:
        holes = set(HOLES.findall(self.send))
        if not holes & {"value", "positive"}:
            raise ValueError(f"{self.send!r} says no {{value}}")
        if ("negative" in holes) != (self.ask_negative is not None):
            raise ValueError("{negative} and ask_negative go together")
        if self.tolerance < 0.5 * 10.0**-self.decimals and not self.words:
            raise ValueError(
                f"tolerance {self.tolerance} is below what {self.decimals} decimals can say"
            )
        return self


class Read(Number):
    """A quantity that is read."""

    ask: Query | None = Field(default=None, description="What asks for it; {phase} asks for each.")
    field: Annotated[int, Field(ge=0)] | list[Annotated[int, Field(ge=0)]] = Field(
        default=0,
        description="Which of the answer's fields; a list has one for each phase a, b, c.",
    )
    fields: Annotated[int, Field(ge=1, le=255)] = Field(
        default=1, description="How many fields the answer has, between commas."
    )
    suffix: str = Field(default="", description="What stands after the number.")
    words: dict[str, str] = Field(
        default_factory=dict, description="Of a state: the device's word, and ours."
    )
    balanced: bool = Field(default=False, description="One number that holds for every phase.")
    constant: float | None = Field(
        default=None, description="What it is always: reactive power of a DC device is 0."
    )

    @model_validator(mode="after")
    def _is_asked_or_known(self) -> Self:
        if (self.ask is None) == (self.constant is None):
            raise ValueError("expected either ask or constant")
        chosen = self.field if isinstance(self.field, list) else [self.field]
        if not chosen or max(chosen) >= self.fields:
            raise ValueError(f"field {self.field} of {self.fields}, counted from 0")
        if isinstance(self.field, list) and (len(chosen) != 3 or "{phase}" in (self.ask or "")):
            raise ValueError("field lists one for each of three phases, and then asks once")
        unknown = set(self.words.values()) - set(_STATES)
        if unknown:
            raise ValueError(f"no state {', '.join(sorted(unknown))}; known: {', '.join(_STATES)}")
        return self

    @property
    def is_by_phase(self) -> bool:
        """Whether each phase has a number of its own."""
        return isinstance(self.field, list) or "{phase}" in (self.ask or "")


class Program(_Sourced):
    """How a source is given a list of steps to play by itself."""

    clear: Command | None = Field(default=None, description="Forgets what was loaded before.")
    vm_v: Command = Field(description="Sets voltages, with {list}. [V]")
    f_hz: Command = Field(description="Sets frequencies, with {list}. [Hz]")
    dwell_s: Command = Field(description="Sets lengths, with {list}. [s]")
    start: Command = Field(description="Plays them.")
    running: Query = Field(description="Answers whether it still plays.")
    ended: str = Field(description="Its answer when it does not.")
    dwell_scale: PositiveFloat = Field(default=1.0, description="Of one second: 1000 for ms.")
    most: Annotated[int, Field(ge=1)] = Field(default=100, description="Most steps it takes.")


class RoleTable(_Part):
    """What the device sets and reads in one role."""

    set: dict[str, Setting] = Field(default_factory=dict)
    read: dict[str, Read] = Field(default_factory=dict)
    program: Program | None = None
    open: list[Command] = Field(
        default=[], description="Sent on every new connection in this role, after the table's."
    )


class Speaks(_Part):
    """How the device talks.

    Attributes
    ----------
    proof : str
        How an answer is tied to its question, see `hil.link`.
    compound : bool
        Whether several commands may stand on one line, between ``;:``.
    errors : str or None
        What takes the oldest error out of its queue: ``SYST:ERR?``.
    emulated : bool
        Whether it has our emulator's ``SIM:`` commands.
    """

    proof: Literal["tag", "errors", "done", "fresh", "none"] = "tag"
    compound: bool = True
    errors: Query | None = "SYST:ERR?"
    emulated: bool = False


class Table(_Sourced):
    """The commands of one kind of device."""

    dialect: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9\-]*$")]
    about: str
    speaks: Speaks = Speaks()
    phases: dict[Literal["a", "b", "c"], str] = Field(
        default={"a": "1", "b": "2", "c": "3"}, description="What {phase} is."
    )
    open: list[Command] = Field(default=[], description="Sent on every new connection, one by one.")
    roles: Annotated[dict[Role, RoleTable], Field(min_length=1)]
