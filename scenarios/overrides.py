"""Change single values of a scenario from outside its file: ``market.mechanism=vcg``.

A path names keys from the top; an item of a list goes by its number or, where items have one, by
its name: ``peers[0].pv.p_kwp``, ``peers.mill.pv.p_kwp``. What is set is checked as if it stood in
the file; its faults name no line.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

import yaml

from .document import Entry
from .faults import Fault, ScenarioError
from .rules import nearest

__all__ = ["Override", "OverrideError", "applied", "overrides_of", "parse_override"]

_PART = re.compile(r"[^.\[\]]+|\[\d+\]")


class OverrideError(ValueError):
    """An override that cannot be read; write it as path=value."""


@dataclass(frozen=True, slots=True)
class Override:
    """One value of a scenario that is set from outside.

    Attributes
    ----------
    path : str
        Keys from the top, as ``peers.mill.pv.p_kwp``.
    value : Any
        As YAML would give it.
    """

    path: str
    value: Any

    def __str__(self) -> str:
        return f"{self.path}={self.value}"


def parse_override(text: str) -> Override:
    """Read ``path=value``; the value is YAML, so ``[3, 5]`` and ``{k: 0.3}`` may be given.

    Raises
    ------
    OverrideError
        No path, no value, or a value that is not YAML.

    Examples
    --------
    >>> parse_override("market.options={k: 0.25}")
    Override(path='market.options', value={'k': 0.25})
    """
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise OverrideError(f"{text!r} sets nothing; expected path=value, as market.mechanism=vcg")
    try:
        return Override(path.strip(), read_value(value))
    except yaml.YAMLError:
        raise OverrideError(f"{text!r}: {value!r} is not YAML; put it in quotes") from None


def read_value(text: str) -> Any:
    """Read one value as a scenario file would: a time of day stays text."""
    plain = text.strip()
    if re.fullmatch(r"[\d:]*\d:\d[\d:.]*", plain):
        return plain  # YAML 1.1 reads 12:24 as 744
    value = yaml.load(plain, Loader=yaml.CSafeLoader)
    return plain if not isinstance(value, str | int | float | bool | list | dict | None) else value


def overrides_of(values: Mapping[str, Any]) -> tuple[Override, ...]:
    """Give overrides of a mapping from paths to values."""
    return tuple(Override(path, value) for path, value in values.items())


def applied(root: Entry, overrides: Sequence[Override], file: FilePath) -> Entry:
    """Set values in a document.

    Raises
    ------
    ScenarioError
        With every path that leads nowhere: no such item of a list, or a value that has no parts.
    """
    faults: list[Fault] = []
    for override in overrides:
        try:
            root = _set(root, _parts(override.path), override.value)
        except OverrideError as error:
            faults.append(Fault(str(file), 0, 0, override.path, str(error)))
    if faults:
        raise ScenarioError(faults)
    return root


def _parts(path: str) -> list[str | int]:
    if re.sub(r"[.\[\]]", "", path) == "" or ".." in path:
        raise OverrideError("is no path; expected keys with dots between them")
    found: Iterable[str] = _PART.findall(path)
    return [int(part[1:-1]) if part.startswith("[") else part for part in found]


def _set(here: Entry, parts: list[str | int], value: Any) -> Entry:
    """Give a copy of an entry in which the value along the parts is another."""
    if not parts:
        return _entry(value, here)
    part, rest = parts[0], parts[1:]
    if isinstance(here.value, dict):
        key = str(part)
        below = here.value.get(key) or replace(here, path=(*here.path, key), value={})
        return replace(here, value=here.value | {key: _set(below, rest, value)})
    if isinstance(here.value, list):
        at = _position(here, part)
        items = [_item(e, part, rest, value) if i == at else e for i, e in enumerate(here.value)]
        return replace(here, value=items)
    raise OverrideError(f"{here.value!r} has no {part!r} in it; expected a key that has parts")


def _item(here: Entry, part: str | int, rest: list[str | int], value: Any) -> Entry:
    """Set a value inside an item; one that goes by its only key, as a check does, keeps it."""
    if isinstance(here.value, dict) and part in here.value:
        return _set(here, [part, *rest], value)
    if here.value == part:
        return _set(replace(here, value={}), [part, *rest], value)
    return _set(here, rest, value)


def _position(here: Entry, part: str | int) -> int:
    """Find an item of a list by its number or by its name."""
    names = [_name(entry) for entry in here.value]
    if isinstance(part, int) and part < len(names):
        return part
    if part in names:
        return names.index(str(part))
    known = [name for name in names if name is not None]
    raise OverrideError(f"no item {part!r} among {len(names)}; {nearest(str(part), known)}")


def _name(entry: Entry) -> str | None:
    """What an item of a list goes by: its name, its prefix, what it is each of, or its check."""
    plain = entry.plain()
    if isinstance(plain, str):
        return plain
    if not isinstance(plain, dict):
        return None
    named = plain.get("name", plain.get("prefix", plain.get("each")))
    return str(named) if named is not None else next(iter(plain), None)


def _entry(value: Any, place: Entry) -> Entry:
    """Give plain values as entries that stand nowhere in the file."""
    if isinstance(value, dict):
        below: Any = {
            str(k): _entry(v, replace(place, path=(*place.path, str(k)))) for k, v in value.items()
        }
    elif isinstance(value, list | tuple):
        below = [_entry(v, replace(place, path=(*place.path, i))) for i, v in enumerate(value)]
    else:
        below = value
    return replace(place, value=below, line=0, column=0, key_line=0, key_column=0)
