"""The scenarios that are shipped, and the JSON Schema by which editors complete new ones."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .spec import Spec

FOLDER = Path(__file__).parent
SCHEMA_FILE = FOLDER / "scenario.schema.json"
STATION_SCHEMA_FILE = FOLDER.parent / "stations" / "station.schema.json"


def shipped() -> list[tuple[Path, str]]:
    """Return every shipped scenario with the sentence that it says about itself."""
    from .document import read

    found = []
    for file in sorted(FOLDER.glob("*.yaml")):
        if file.name.endswith(".baseline.yaml"):
            continue  # what a scenario gave, beside it
        about = read(file)[0].plain().get("about", "")
        found.append((file, str(about)))
    return found


def schema_text() -> str:
    """Return the JSON Schema of a scenario, as it is committed."""
    from .schema import Scenario

    return _schema_text(Scenario, "Peerwatt scenario")


def station_schema_text() -> str:
    """Return the JSON Schema of a station, as it is committed."""
    from .schema_station import StationSpec

    return _schema_text(StationSpec, "Peerwatt station")


def _schema_text(model: "type[Spec]", title: str) -> str:
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return json.dumps({**model.model_json_schema(), **head}, indent=2, ensure_ascii=False) + "\n"


def tick_s(file: Path) -> float:
    """Peek at the length of a scenario's tick; the schema's default unless the file says. [s]"""
    from .document import read
    from .faults import ScenarioError
    from .schema import TimeSpec
    from .times import Duration

    default: Duration = TimeSpec.model_fields["tick"].default
    try:
        said = read(file)[0].find(("time", "tick")).value
        return Duration.parse(said).seconds if isinstance(said, str) else default.seconds
    except (ScenarioError, ValueError):
        return default.seconds
