"""Where a scenario's baseline is, and which scenario a run folder is a run of."""

import hashlib
import json
import shlex
from pathlib import Path
from typing import Any

__all__ = ["BaselineError", "baseline_file", "is_run", "scenario_of", "was_edited"]


class BaselineError(ValueError):
    """A baseline, or what is to be held against it, is wrong; mend what is named."""


def baseline_file(scenario: Path) -> Path:
    """Give the file beside a scenario that its baseline is kept in."""
    return scenario.with_name(f"{scenario.stem}.baseline.yaml")


def is_run(path: Path) -> bool:
    """Whether a path is the folder of a run."""
    return (path / "manifest.json").is_file()


def scenario_of(run: Path) -> Path:
    """Find the scenario file that a run was made from.

    It is looked for where the run's command named it, then here and in `scenarios`; of several
    the one whose content the run has read.

    Raises
    ------
    BaselineError
        It is not found.
    """
    manifest = _manifest(run)
    hashes: dict[str, str] = manifest.get("hashes") or {}
    names = [name for name in hashes if name.endswith((".yaml", ".yml"))]
    places = [Path(), Path("scenarios"), *(word.parent for word in _words(manifest))]
    found = [place / name for name in names for place in places if (place / name).is_file()]
    if not found:
        named = " or ".join(names) or "its scenario"
        raise BaselineError(
            f"{run}: {named} is not found from here; give the scenario's file by --scenario"
        )
    return min(found, key=lambda file: (_sha256(file) != hashes[file.name], found.index(file)))


def was_edited(run: Path, scenario: Path) -> bool:
    """Whether a scenario's file is not the one any more that a run has read."""
    read = (_manifest(run).get("hashes") or {}).get(scenario.name)
    return read is not None and scenario.is_file() and _sha256(scenario) != read


def _manifest(run: Path) -> dict[str, Any]:
    try:
        told = json.loads((run / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BaselineError(f"{run / 'manifest.json'}: cannot be read: {error}") from None
    return told if isinstance(told, dict) else {}


def _words(manifest: dict[str, Any]) -> list[Path]:
    """Words of the run's command that may name files."""
    command = str(manifest.get("command", ""))
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    return [Path(word) for word in words if word.endswith((".yaml", ".yml"))]


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
