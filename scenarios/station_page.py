"""The keys of a station file as tables for `docs/stations.md`, from the schema itself."""

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .schema_loop import LoopSpec
from .schema_station import (
    BenchDeviceSpec,
    InterlockSpec,
    LimitsSpec,
    LinkSpec,
    OnLossSpec,
    SafeStateSpec,
    StationSpec,
)

__all__ = ["SECTIONS", "key_table"]

SECTIONS: dict[str, type[BaseModel]] = {
    "the station": StationSpec,
    "interlock": InterlockSpec,
    "each of devices": BenchDeviceSpec,
    "limits": LimitsSpec,
    "safe_state": SafeStateSpec,
    "on_loss": OnLossSpec,
    "loop": LoopSpec,
    "link": LinkSpec,
}
"""Models of a station file, by where they stand in it."""


def key_table(section: str) -> str:
    """Write a Markdown table of one section: key, what it says, and its default."""
    lines = ["| key | what it says | default |", "|---|---|---|"]
    for name, field in SECTIONS[section].model_fields.items():
        told = (field.description or "").replace("|", "\\|").replace("<", "&lt;")
        lines.append(f"| `{name}` | {told} | {_default(field)} |")
    return "\n".join(lines)


def _default(field: FieldInfo) -> str:
    """Say a default as YAML does."""
    if field.is_required():
        return "needed"
    default = field.get_default(call_default_factory=True)
    if default is None or default in ("", {}) or isinstance(default, BaseModel):
        return "–"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
