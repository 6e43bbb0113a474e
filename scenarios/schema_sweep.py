"""A sweep: one scenario, the paths that vary, and how their values are chosen.

A sweep file is YAML like a scenario, with the same kind of faults. On the command line a range is
``0.2..0.9``, ``1..100:log`` or ``2..40:whole``, and a list is ``vcg,mcafee``.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    NonNegativeInt,
    PositiveInt,
    Tag,
    ValidationError,
    model_validator,
)

from . import document
from .document import Entry
from .faults import Fault, ScenarioError, dotted
from .messages import message
from .overrides import OverrideError, read_value
from .spec import Problem, Spec, refuse

__all__ = [
    "Choice",
    "Sampling",
    "Span",
    "SweepSpec",
    "is_sweep",
    "load_sweep",
    "parse_axis",
    "parse_search",
    "parse_seeds",
]

Sampling = Literal["grid", "random", "latin-hypercube", "sobol"]

_RANGE = re.compile(r"\s*([^\s,.]\S*?|\.\d\S*?)\.\.(.+?)(?::(log|whole))?\s*")


class Span(Spec):
    """A range of numbers."""

    low: float = Field(description="One end, which is among the values. [1]")
    high: float = Field(description="The other end. [1]")
    log: bool = Field(default=False, description="Spread by ratios rather than by differences.")
    whole: bool = Field(default=False, description="Whole numbers only.")

    @model_validator(mode="after")
    def _has_an_extent(self) -> Self:
        problems = []
        if not self.low < self.high:
            problems.append(Problem(("high",), f"{self.high:g} is not above low, {self.low:g}"))
        if self.log and self.low <= 0:
            text = f"{self.low:g} has no logarithm; expected more than 0 where log is true"
            problems.append(Problem(("low",), text))
        if self.whole and not (self.low.is_integer() and self.high.is_integer()):
            text = f"{self.low:g} to {self.high:g} are not whole; expected whole ends"
            problems.append(Problem(("low",), text))
        refuse(problems)
        return self


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple | dict | Span) else (value,)


Choice = tuple[Any, ...]
"""Values as they would stand in the scenario."""


def _kind_of_axis(value: Any) -> str:
    return "<range>" if isinstance(value, dict | Span) else "<values>"


Axis = Annotated[
    Annotated[Span, Tag("<range>")] | Annotated[Choice, Tag("<values>")],
    Discriminator(_kind_of_axis),
    BeforeValidator(_as_list),
]


def _kind_of_seeds(value: Any) -> str:
    return "<which>" if isinstance(value, list | tuple) else "<how many>"


Seeds = Annotated[
    Annotated[PositiveInt, Tag("<how many>")]
    | Annotated[Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)], Tag("<which>")],
    Discriminator(_kind_of_seeds),
]


class SweepSpec(Spec):
    """What a sweep plays."""

    sweep: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_\-]*$", max_length=60)] = Field(
        description="Name; its folder is called so."
    )
    about: str = Field(default="", description="What is asked, in a sentence.")
    scenario: str = Field(description="Scenario that is varied, a YAML file beside this one.")
    set: dict[str, Axis] = Field(
        default_factory=dict,
        description="Paths of the scenario, each with values or {low, high, log, whole}.",
    )
    seeds: Seeds = Field(
        default=1, description="How many, counted up from the scenario's own; or which."
    )
    sampling: Sampling = Field(default="grid", description="How values are chosen.")
    points: PositiveInt | None = Field(
        default=None,
        description="Combinations to draw; in a grid, values of every range, five if left out.",
    )

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        problems = []
        if self.sampling != "grid" and self.points is None:
            text = f"missing; expected how many combinations {self.sampling} sampling draws"
            problems.append(Problem(("points",), text))
        if self.sampling == "sobol" and self.points and self.points & (self.points - 1):
            below = 1 << (self.points.bit_length() - 1)
            text = f"{self.points} is no power of two, as Sobol points need for their balance; "
            problems.append(Problem(("points",), text + f"expected {below} or {2 * below}"))
        if self.sampling == "grid" and self.points is not None and self.points < 2:
            problems.append(Problem(("points",), "a range has two ends; expected two at least"))
        for path, axis in self.set.items():
            if path == "seed":
                problems.append(Problem(("set", path), "seeds are varied by the key 'seeds'"))
            elif axis == ():
                problems.append(Problem(("set", path), "names no value; expected one at least"))
            elif isinstance(axis, tuple) and len({repr(one) for one in axis}) < len(axis):
                problems.append(Problem(("set", path), "names a value twice; expected it once"))
        refuse(problems)
        return self


def load_sweep(file: Path) -> SweepSpec:
    """Read a sweep file.

    Raises
    ------
    ScenarioError
        With every fault of the file, each with line and column.
    """
    root, faults = document.read(file)
    try:
        spec = SweepSpec.model_validate(root.plain())
    except ValidationError as error:
        faults = [*faults, *_faults(error, root, str(file))]
    if faults:
        raise ScenarioError(faults)
    return spec


def is_sweep(file: Path) -> bool:
    """Whether a file is a sweep rather than a scenario; its faults are told when it is read."""
    return "sweep" in document.read(file)[0].value


def _faults(error: ValidationError, root: Entry, file: str) -> list[Fault]:
    found = []
    for one in error.errors():
        if one["type"] == "problems":
            problems: list[Problem] = one["ctx"]["problems"]
            told = [((*one["loc"], *problem.path), problem.message) for problem in problems]
        else:
            told = [(one["loc"], message(one, SweepSpec))]
        at_key = one["type"] == "extra_forbidden"
        for location, text in told:
            parts = tuple(part for part in location if not str(part).startswith("<"))
            entry = root.find(parts)
            place = (entry.key_line, entry.key_column) if at_key else (entry.line, entry.column)
            found.append(Fault(file, *place, dotted(parts), text))
    return found


def parse_axis(text: str) -> tuple[str, Span | Choice]:
    """Read ``path=a,b,c``, ``path=low..high``, ``path=low..high:log`` or ``:whole``.

    Raises
    ------
    OverrideError
        No path, no value, or a range that is none.

    Examples
    --------
    >>> parse_axis("market.mechanism=vcg,mcafee")
    ('market.mechanism', ('vcg', 'mcafee'))
    """
    path, told = _parts(text)
    if _RANGE.fullmatch(told) is None:
        return path, tuple(_value(text, part) for part in _split(told))
    low, high, how = _ends(text, told)
    return path, span(text, low, high, how)


def parse_search(text: str) -> tuple[str, float, float, Span]:
    """Read ``path=easy..hard``, where to look for the last value that holds.

    Returns
    -------
    path : str
    easy, hard : float
        In the order given; the second may be the lower.
    range : Span
        The same, from the lower to the higher.

    Raises
    ------
    OverrideError
        No path, or no range.
    """
    path, told = _parts(text)
    easy, hard, how = _ends(text, told)
    if how == "log":
        raise OverrideError(f"{text!r}: bisection goes by differences; expected it without ':log'")
    return path, easy, hard, span(text, min(easy, hard), max(easy, hard), how)


def span(text: str, low: float, high: float, how: str | None) -> Span:
    """Make a range, its faults told with what was typed."""
    try:
        return Span(low=low, high=high, log=how == "log", whole=how == "whole")
    except ValidationError as error:
        reasons = "; ".join(str(one["msg"]) for one in error.errors())
        raise OverrideError(f"{text!r}: {reasons}") from None


def _parts(text: str) -> tuple[str, str]:
    path, equals, told = text.partition("=")
    if not equals or not path.strip() or not told.strip():
        raise OverrideError(f"{text!r} varies nothing; expected path=a,b,c or path=low..high")
    return path.strip(), told


def _ends(text: str, told: str) -> tuple[float, float, str | None]:
    found = _RANGE.fullmatch(told)
    try:
        low, high, how = found.groups() if found else ("", "", None)
        return float(low), float(high), how
    except ValueError:
        raise OverrideError(f"{text!r}: no range; expected numbers, low..high") from None


def parse_seeds(text: str) -> int | tuple[int, ...]:
    """Read ``10``, how many, or ``3,5,8``, which.

    Raises
    ------
    OverrideError
        Neither.
    """
    parts = text.strip().split(",")
    if not all(part.strip().isdigit() for part in parts) or parts == ["0"]:
        raise OverrideError(f"seeds {text!r}: expected how many, as 10, or which, as 3,5,8")
    return int(parts[0]) if len(parts) == 1 else tuple(int(part) for part in parts)


def _value(text: str, part: str) -> Any:
    try:
        return read_value(part)
    except yaml.YAMLError:
        raise OverrideError(f"{text!r}: {part!r} is not YAML; put it in quotes") from None


def _split(text: str) -> list[str]:
    """Split at commas that stand outside brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        else:
            depth += (sign in "[{") - (sign in "]}")
        if sign == "," and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += sign
    return parts
