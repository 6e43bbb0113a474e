"""A baseline as a text file: stable order, one value per line, read back without surprises."""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, Field, NonNegativeInt, ValidationError

from .baseline_place import BaselineError
from .folder import write_whole

__all__ = [
    "FORMAT",
    "Baseline",
    "Elsewhere",
    "Figure",
    "Listing",
    "Made",
    "Series",
    "Tolerance",
    "allowance",
    "read_baseline",
    "within",
    "write_baseline",
]

FORMAT = 1

_SHARE = re.compile(r"^\s*(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*%\s*$")


def _tolerance(value: Any) -> Any:
    """Take a number that is not negative, or a share such as "2 %"."""
    if isinstance(value, str) and _SHARE.match(value):
        return value
    if isinstance(value, bool) or value is None:
        raise ValueError("expected a number, 0 or more, or a share such as 2 %")
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not number >= 0:
        raise ValueError("expected a number, 0 or more, or a share such as 2 %")
    return number


Tolerance = Annotated[float | str, BeforeValidator(_tolerance)]
"""How far a value may be off: in its unit, or as a share of what was accepted."""


class Made(BaseModel, extra="forbid", frozen=True):
    """How the accepted run was made."""

    peerwatt: str = ""
    seed: int | None = None
    processor: str = ""
    architecture: str = ""
    portable: bool = False
    ticks: NonNegativeInt = 0
    tick_s: float = 0.0


class Elsewhere(BaseModel, extra="forbid", frozen=True):
    """What may be off on another type of processor, where floats differ in their last bits."""

    money_ueur: Tolerance = Field(1000.0, description="Of each account. [µ€]")
    energy_wh: Tolerance = Field(0.01, description="Delivered, of each contract. [Wh]")


class Figure(BaseModel, extra="forbid", frozen=True):
    """One key figure."""

    value: float | None
    unit: str
    tolerance: Tolerance


class Series(BaseModel, extra="forbid", frozen=True):
    """One signal, window by window over the run."""

    unit: str
    tolerance: Tolerance
    values: list[float | None]


class Listing(BaseModel, extra="forbid", frozen=True):
    """Contracts, or bills, a line each.

    Attributes
    ----------
    count, energy_wh : int
        Of all, listed or not.
    agreed, outcome : str
        Hash of what was agreed, and of what became of it; of all, listed or not.
    lines : list of str
        The first of them.
    """

    count: NonNegativeInt = 0
    energy_wh: int = 0
    agreed: str = ""
    outcome: str = ""
    lines: list[str] = []


class Baseline(BaseModel, extra="forbid", frozen=True):
    """What a scenario is expected to give."""

    format: Literal[1]
    scenario: str
    made: Made
    inputs: dict[str, str] = {}
    elsewhere: Elsewhere = Elsewhere(money_ueur=1000.0, energy_wh=0.01)
    checks: dict[str, str] = {}
    fates: dict[str, int] = {}
    money_ueur: dict[str, int] = {}
    metrics: dict[str, Figure] = {}
    series: dict[str, Series] = {}
    trades: Listing = Listing()
    bills: Listing = Listing()
    bits: dict[str, str] = {}


def within(old: float | None, new: float | None, tolerance: float | str) -> bool:
    """Whether a value is no further off than allowed.

    Parameters
    ----------
    old, new : float or None
        None is not within any tolerance of a number.
    tolerance : float or str
        In the values' unit, or as a share of the old one.
    """
    if old is None or new is None or math.isnan(old) or math.isnan(new):
        both = [None if v is None or math.isnan(v) else v for v in (old, new)]
        return both == [None, None]
    if old == new:
        return True
    allowed = allowance(old, tolerance)
    by = abs(new - old)
    return by <= allowed or math.isclose(by, allowed, rel_tol=1e-9)


def allowance(old: float, tolerance: float | str) -> float:
    """How far a value may be off, in its unit."""
    if isinstance(tolerance, str):
        share = _SHARE.match(tolerance)
        assert share is not None  # its validator has seen to that
        return abs(old) * float(share[1]) / 100
    return tolerance


def read_baseline(file: Path) -> Baseline:
    """Read a baseline.

    Raises
    ------
    BaselineError
        There is none, or it is at fault; the message has every fault, one per line.
    """
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        raise BaselineError(f"{file}: there is no baseline yet") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BaselineError(f"{file}: cannot be read: {error}") from None
    try:
        return Baseline.model_validate(yaml.load(text, Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
        raise BaselineError(f"{file}{at}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise BaselineError(f"{file}: {error}") from None
    except ValidationError as error:
        faults = [_fault(file, one) for one in error.errors(include_url=False)]
        raise BaselineError("\n".join(faults)) from None


def _fault(file: Path, one: Mapping[str, Any]) -> str:
    place = ".".join(map(str, one["loc"])) or "the whole file"
    told = str(one["msg"]).removeprefix("Value error, ")
    got = "" if one["type"] == "missing" else f"; got {one['input']!r}"
    return f"{file}, {place}: {told[0].lower()}{told[1:]}{got if len(got) < 90 else ''}"


def write_baseline(baseline: Baseline, file: Path) -> bool:
    """Write a baseline whole or not at all, and say whether that changes the file."""
    text = baseline_text(baseline)
    if file.exists() and file.read_text("utf-8") == text:
        return False
    write_whole(file, text)
    return True


HEAD = """\
# What this scenario is expected to give, written by `peerwatt baseline accept`.
# Review its changes, and keep it beside the scenario. Tolerances are yours to edit, and accepting
# again keeps them (comments it does not): a number in the unit of the value, or a share of it as
# 2 %; 0 is exactly. What has no tolerance has to be the same.
"""


def baseline_text(baseline: Baseline) -> str:
    """Give the text of a baseline's file; one baseline always has one text."""
    told = baseline.model_dump()
    for listing in ("trades", "bills"):
        if not told[listing]["count"]:
            del told[listing]
    return HEAD + "\n".join(_lines(told, 0)) + "\n"


def _lines(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    indent = "  " * depth
    for key, entry in value.items():
        if isinstance(entry, Mapping) and entry:
            yield f"{indent}{_text(key)}:"
            yield from _lines(entry, depth + 1)
        elif isinstance(entry, list) and entry:
            yield f"{indent}{_text(key)}:"
            yield from (f"{indent}  - {_scalar(item)}" for item in entry)
        else:
            yield f"{indent}{_text(key)}: {_scalar(entry)}"


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    return _text(value) if isinstance(value, str) else "{}" if isinstance(value, dict) else "[]"


def _float(value: float) -> str:
    """Say a float so that YAML reads the same one."""
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    text = repr(value)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text


_PLAIN = re.compile(r"^[^\W\d](?:[\w .,;/()→µ€+%=:<>*-]*[\w.)/%])?$")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def _text(text: str) -> str:
    """Write text as it is where YAML takes it for text, else between quotes."""
    plain = _PLAIN.match(text) and ": " not in text and text.lower() not in _WORDS
    return text if plain and text.isprintable() else f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
