"""What of a run folder is not a table: manifest, event log, wall-clock timing, network.

JSON is written with sorted keys, whole or not at all; the event log grows line by line.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

__all__ = ["EventLog", "Manifest", "Status", "write_json", "write_whole"]

Status = Literal["running", "finished", "interrupted", "broken"]


def write_whole(path: Path, text: str) -> Path:
    """Write a file so that readers see the old one or the new one, never a part."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path


def write_json(path: Path, content: Any) -> None:
    """Write `content` whole, keys sorted."""
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
    write_whole(path, f"{text}\n")


class Manifest:
    """How a run came to be, and whether it came to its end (`manifest.json`).

    Parameters
    ----------
    folder : Path
        The run folder.
    content : mapping
        Anything JSON can say. The report and the checks read, where given: `scenario`
        (name), `about`, `seed`, `command`, `start` (ISO 8601), `dt_s`, `ticks`,
        `ticks_per_period`, `islanded`, `peers` (name to kind), `roles`, `versions`,
        `hashes`, `machine`, `resolved` (the scenario with every default).
    """

    def __init__(self, folder: Path, content: Mapping[str, Any]) -> None:
        self._path = folder / "manifest.json"
        self.content = {**content, "status": "running"}
        write_json(self._path, self.content)

    def end(self, status: Status, **more: Any) -> None:
        """State how the run ended, and what else is known by now."""
        self.content |= {**more, "status": status}
        write_json(self._path, self.content)


class EventLog:
    """`events.jsonl`: one line per event, on its way to the disk before the call returns."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "events.jsonl").open("a", encoding="utf-8", newline="\n")

    def write(self, tick: int, kind: str, **what: Any) -> None:
        """Append an event: `kind` names it, `what` has the names and values it is about."""
        line = {"tick": tick, "kind": kind, **what}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
