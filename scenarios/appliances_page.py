"""Keys of appliances and of load responses as tables for `docs/appliances.md`, from the schema."""

from pydantic import BaseModel

from .schema_appliances import (
    THERMAL,
    AppliancesSpec,
    EvSpec,
    HabitsSpec,
    SessionSpec,
    ThermalSpec,
)
from .schema_load_response import KNOWN_RESPONSES, LoadResponseSpec
from .spec import Range

__all__ = ["defaults_table", "key_table", "response_table"]

SECTIONS: dict[str, type[BaseModel]] = {
    "appliances": AppliancesSpec,
    "ev": EvSpec,
    "sessions": SessionSpec,
    "habits": HabitsSpec,
    "load_response": LoadResponseSpec,
}
"""Models by where they stand, without the things with a thermostat."""


def key_table(section: str) -> str:
    """Write a Markdown table of one section: key, what it says, and its default."""
    lines = ["| key | what it says | default |", "|---|---|---|"]
    for name, field in SECTIONS[section].model_fields.items():
        default = "needed" if field.is_required() else _told(field.default)
        lines.append(f"| `{name}` | {field.description} | {default} |")
    return "\n".join(lines)


def defaults_table() -> str:
    """Write a Markdown table of all things with a thermostat: a key a row, a kind a column."""
    models = {kind: _thermal(kind) for kind in THERMAL}
    lines = [f"| key | {' | '.join(f'`{kind}`' for kind in THERMAL)} |"]
    lines.append("|---" * (1 + len(THERMAL)) + "|")
    for name in dict.fromkeys(name for of in models.values() for name in of.model_fields):
        cells = [
            _told(of.model_fields[name].default) if name in of.model_fields else ""
            for of in models.values()
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def response_table() -> str:
    """Write a Markdown table of the known load responses."""
    names = list(LoadResponseSpec.model_fields)
    lines = [f"| | {' | '.join(f'`{name}`' for name in names)} |", "|---" * (1 + len(names)) + "|"]
    for known, of in KNOWN_RESPONSES.items():
        cells = " | ".join(f"{getattr(of, name):g}" for name in names)
        lines.append(f"| `{known}` | {cells} |")
    return "\n".join(lines)


def _thermal(kind: str) -> type[ThermalSpec]:
    annotation = AppliancesSpec.model_fields[kind].annotation
    found = next(one for one in getattr(annotation, "__args__", ()) if one is not type(None))
    assert isinstance(found, type)
    assert issubclass(found, ThermalSpec)
    return found


def _told(default: object) -> str:
    """Say a default as YAML does."""
    if default is None or default == ():
        return "–"
    if isinstance(default, Range):
        default = default.plain()
    if isinstance(default, tuple | list):
        return f"[{', '.join(f'{end:g}' for end in default)}]"
    return str(default).lower() if isinstance(default, bool) else f"{default:g}"
