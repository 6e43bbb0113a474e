"""What two runs were made from: settings that differ, by path, and versions and machines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Setting", "making_changes", "scenario_changes"]

ABSENT = "–"
"""Said of what only the other run has."""

MAKING = ("seed", "overrides", "start", "dt_s", "ticks", "status", "versions", "machine", "hashes")
"""Entries of the manifest that say how a run was made and how it ended."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that differs, by its path from the top."""

    path: str
    a: str
    b: str


def scenario_changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Setting]:
    """Settings of two manifests that differ: what files and command lines say, with defaults.

    What was drawn from them (which house has how many panels) is told only where the settings
    are the same.
    """
    resolved = a.get("resolved") or {}, b.get("resolved") or {}
    said = [_leaves(one.get("scenario") or {}) for one in resolved]
    changes = _differences(*said)
    if changes:
        return changes
    return _differences(
        *(_leaves({k: v for k, v in r.items() if k != "scenario"}) for r in resolved)
    )


def making_changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Setting]:
    """Seed, versions, machine, and hashes of the inputs that differ."""
    return _differences(*(_leaves({key: run.get(key) for key in MAKING}) for run in (a, b)))


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Setting]:
    return [
        Setting(path, _told(a.get(path, ABSENT)), _told(b.get(path, ABSENT)))
        for path in dict.fromkeys([*a, *b])
        if a.get(path, ABSENT) != b.get(path, ABSENT)
    ]


def _leaves(value: Any) -> dict[str, Any]:
    return dict(_walk(value, ""))


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every single value under a path; items of a list go by their name where they have one."""
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            yield from _walk(below, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        for i, item in enumerate(value):
            name = _name(item)
            yield from _walk(item, f"{path}[{i}]" if name is None else f"{path}.{name}")
    else:
        yield path, value


def _name(item: Any) -> str | None:
    if isinstance(item, str):
        return item
    if not isinstance(item, Mapping):
        return None
    name = item.get("name", item.get("prefix"))
    return name if isinstance(name, str) else None


def _told(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
