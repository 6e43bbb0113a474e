"""Tables of the standards' settings, for the page that shows them."""

from __future__ import annotations

from typing import Any

from .standards import FOLDER, Profile, profiles


def settings_table(name: str) -> str:
    """Give one standard's settings as a Markdown table: a column of values per profile.

    Parameters
    ----------
    name : str
        Name of the data file, as ``ieee1547-2018``.
    """
    if not (FOLDER / f"{name}.yaml").exists():
        raise ValueError(f"no standard {name!r} among the data files")
    found = {key: one for key, one in profiles().items() if key.startswith(name)}
    first = next(iter(found.values()))
    rows = ["| setting | value | unit | clause | sure |", "|---|---|---|---|---|"]
    for key, setting in first.settings.items():
        told = f"| `{key}` | {_values(key, found)} | {setting.unit} | {setting.clause} |"
        rows.append(f"{told} {setting.sure} |")
    return "\n".join(rows)


def _values(key: str, found: dict[str, Profile]) -> str:
    """Say a value once where all profiles agree; else once for every value, with its profiles."""
    of_value: dict[str, list[str]] = {}
    for name, profile in found.items():
        of_value.setdefault(_told(profile.settings[key].value), []).append(name)
    if len(of_value) == 1:
        return next(iter(of_value))
    return "; ".join(f"{_shortest(names, found)}: {value}" for value, names in of_value.items())


def _shortest(names: list[str], found: dict[str, Profile]) -> str:
    """Name the category that just these profiles share, else all of them."""
    categories: list[set[str]] = [set(name.split("-")) for name in names]
    others: list[set[str]] = [set(name.split("-")) for name in found if name not in names]
    shared = categories[0].intersection(*categories)
    own = sorted(shared.difference(*others)) if others else []
    return own[0] if own else ", ".join(names)


def _told(value: Any) -> str:
    """Write a value on one line."""
    if isinstance(value, list):
        return "[" + ", ".join(map(_told, value)) + "]"
    return str(value)
