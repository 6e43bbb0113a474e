"""What came out of a run, and is it good enough?

The names below are fetched when they are first used, so that importing this folder costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .checks import CHECKS, Check, CheckError, check_options, find_check, run_checks
    from .folder import EventLog, Manifest, Status, write_json
    from .invariants import InvariantViolated
    from .metrics import Metric, key_figures
    from .reading import Record
    from .recording import Chunk, RecordingError, Row, TickRecorder, read_ticks
    from .report import write_report
    from .tables import SCHEMAS, TableError, read_table, write_table
    from .verdict import Verdict, verdict_passed, write_verdict

__all__ = [
    "CHECKS",
    "SCHEMAS",
    "Check",
    "CheckError",
    "Chunk",
    "EventLog",
    "InvariantViolated",
    "Manifest",
    "Metric",
    "Record",
    "RecordingError",
    "Row",
    "Status",
    "TableError",
    "TickRecorder",
    "Verdict",
    "check_options",
    "find_check",
    "key_figures",
    "read_table",
    "read_ticks",
    "run_checks",
    "verdict_passed",
    "write_json",
    "write_report",
    "write_table",
    "write_verdict",
]

_HOMES = {
    "checks": ("CHECKS", "Check", "CheckError", "check_options", "find_check", "run_checks"),
    "folder": ("EventLog", "Manifest", "Status", "write_json"),
    "invariants": ("InvariantViolated",),
    "metrics": ("Metric", "key_figures"),
    "reading": ("Record",),
    "recording": ("Chunk", "RecordingError", "Row", "TickRecorder", "read_ticks"),
    "report": ("write_report",),
    "tables": ("SCHEMAS", "TableError", "read_table", "write_table"),
    "verdict": ("Verdict", "verdict_passed", "write_verdict"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
