"""Reads the standards' data files: which settings, from which clause, and how sure we are.

A file holds what all its categories share and groups of categories, one of each group making a
profile: ``ieee1547-2018`` with ``a`` or ``b`` and ``i``, ``ii`` or ``iii``.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_type_hints

import yaml

from .functions import InverterFunctions

FOLDER = Path(__file__).parent / "by_standard"


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of a standard: what, where it stands, and whether we could check it."""

    value: Any
    unit: str
    clause: str
    sure: Literal["verified", "unverified"]


@dataclass(frozen=True, slots=True)
class Profile:
    """One standard with one category of each of its groups.

    Attributes
    ----------
    name : str
        As a scenario names it.
    standard, edition, title : str
    sources : tuple of str
        Where the verified values were read.
    settings : mapping of str to Setting
        By dotted key, in the order of the file.
    """

    name: str
    standard: str
    edition: str
    title: str
    sources: tuple[str, ...]
    settings: Mapping[str, Setting]

    def functions(self, overrides: Mapping[str, Any] | None = None) -> InverterFunctions:
        """Make the functions, single values replaced: ``{"volt_var": {"response_s": 1}}``."""
        values = {key: setting.value for key, setting in self.settings.items()}
        for part, replaced in (overrides or {}).items():
            values |= {f"{part}.{key}": value for key, value in replaced.items()}
        made: InverterFunctions = _made(InverterFunctions, "", values)
        return made


@cache
def profiles() -> Mapping[str, Profile]:
    """All profiles, by name."""
    found = {}
    for file in sorted(FOLDER.glob("*.yaml")):
        read = yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)
        groups = [list(group) for group in read["categories"]]
        for chosen in itertools.product(*groups):
            settings = dict(read["common"])
            for group, category in zip(read["categories"], chosen, strict=True):
                settings |= group[category]
            name = "-".join([file.stem, *chosen])
            found[name] = Profile(
                name,
                read["standard"],
                read["edition"],
                read["title"],
                tuple(read["sources"]),
                {key: _setting(given) for key, given in settings.items()},
            )
    return found


def _setting(given: Mapping[str, Any]) -> Setting:
    return Setting(given["value"], given.get("unit", ""), given["clause"], given["sure"])


def _made(kind: Any, prefix: str, values: Mapping[str, Any]) -> Any:
    """Build a dataclass from dotted keys; a missing one is a fault of the data file."""
    hints: dict[str, Any] = get_type_hints(kind)
    found = {}
    for field in fields(kind):
        hint, key = hints[field.name], prefix + field.name
        found[field.name] = (
            _made(hint, f"{key}.", values) if is_dataclass(hint) else _frozen(values[key])
        )
    return kind(**found)


def _frozen(value: Any) -> Any:
    """Make lists tuples, all the way down."""
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value
