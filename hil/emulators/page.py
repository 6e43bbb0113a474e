"""Tables for `docs/emulators.md`: commands, settings and faults, from the code itself."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from .faults import FAULTS
from .instrument import Manners
from .inverter_functions import FunctionalInverter
from .node import Placed, build_instrument
from .settings import PARAMETERS
from .world import World

__all__ = [
    "commands_table",
    "common_table",
    "faults_table",
    "functions_table",
    "settings_table",
]

_NEEDED: Mapping[str, Mapping[str, Any]] = {
    "inverter": {"p_rated_kw": 5.0, "s_kva": 5.0, "standard": "ieee1547-2018-b-ii"},
    "storage": {"p_max_kw": 5.0, "capacity_kwh": 10.0},
}
_ENTRY = re.compile(r"^(\w[\w, ]*) : .*\n((?: {4}.*\n?)+)", re.M)


def common_table() -> str:
    """Commands that every role has."""
    return _table(_common())


def commands_table(role: str) -> str:
    """Commands that a role has beside those of all; of an inverter those without a standard."""
    own, common = _described(role), _common()
    return _table(
        {
            name: about
            for name, about in own.items()
            if name not in common and (role != "inverter" or "FUNCtion" not in name)
        }
    )


def functions_table() -> str:
    """Commands of an inverter with a standard's functions."""
    own = _described("inverter")
    return _table({name: about for name, about in own.items() if "FUNCtion" in name})


def faults_table() -> str:
    """Faults that can be ordered."""
    return "\n".join(
        ["| fault | what goes wrong |", "|---|---|"]
        + [f"| `{name.lower()}` | {about} |" for name, about in FAULTS.items()]
    )


def settings_table(role: str | None) -> str:
    """Settings of a role; of any role for None."""
    lines = ["| setting | unless given | meaning |", "|---|---|---|"]
    for kind in (Manners,) if role is None else PARAMETERS[role]:
        about = _meanings(kind)
        lines += [
            f"| `{one.name}` | {_default(one)} | {about.get(one.name, '')} |"
            for one in fields(kind)
        ]
    return "\n".join(lines)


def _described(role: str) -> Mapping[str, str]:
    """Commands of a role, with what they do."""
    placed = Placed(name="0", role=role, settings=_NEEDED.get(role, {}))
    instrument = build_instrument(World(f_nominal_hz=60.0), placed)
    assert role != "inverter" or isinstance(instrument, FunctionalInverter)
    return instrument.described


def _common() -> Mapping[str, str]:
    """Commands that every role has; an analyser lacks the watchdog, having nothing to revert."""
    first, *others = (_described(role) for role in PARAMETERS if role != "analyser")
    return {name: first[name] for name in first if all(name in other for other in others)}


def _table(commands: Mapping[str, str]) -> str:
    """Write commands as Markdown.

    A query that only reads back stands beside its command, and ``FETCh`` is ``MEASure``.
    """
    lines = ["| command | parameters, or answer |", "|---|---|"]
    for name, about in commands.items():
        if name.startswith("FETCh") or (name.endswith("?") and name[:-1] in commands):
            continue
        told = commands.get(f"{name}?")
        asked = "" if told is None else ", and its query" + (f": {told}" if told else "")
        lines.append(f"| `{name}` | {_escaped(about + asked)} |")
    return "\n".join(lines)


def _escaped(text: str) -> str:
    """Keep a bar inside its cell."""
    return text.replace("|", "\\|")


def _default(one: Field[Any]) -> str:
    """Say what a setting is unless it is given."""
    if one.default is MISSING:
        return "needed" if one.default_factory is MISSING else "none"
    if one.default == "" or one.default == ():
        return "none"
    return f"{one.default}"


def _meanings(kind: type) -> dict[str, str]:
    """Read what a class's docstring says of each of its fields."""
    found = {}
    for names, text in _ENTRY.findall(inspect.getdoc(kind) or ""):
        for name in names.split(","):
            found[name.strip()] = " ".join(text.split())
    return found
