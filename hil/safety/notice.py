"""What a guardian leaves for others to find: that it is there, and what it guards."""

import json
import os
from pathlib import Path
from typing import NamedTuple

import psutil

from hil.station import Station

from .order import Order, from_json
from .state import key_of, state_folder

_SUFFIX = ".guardian.json"


class Notice(NamedTuple):
    """What a guardian left for others to find.

    Attributes
    ----------
    order : Order
        What it guards.
    process : psutil.Process or None
        The guardian; None when it is gone without having tidied up.
    """

    order: Order
    process: psutil.Process | None


def notices() -> list[Notice]:
    """Find all guardians of this user."""
    found = (read_notice(file) for file in sorted(state_folder().glob(f"*{_SUFFIX}")))
    return [notice for notice in found if notice is not None]


def notice_file(station: Station) -> Path:
    """Where the guardian of a station leaves its notice."""
    return state_folder() / f"{key_of(station.file)}{_SUFFIX}"


def leave_notice(file: Path, line: str) -> None:
    """Say that this process guards what a line of JSON orders."""
    noted = {"pid": os.getpid(), "began": psutil.Process().create_time(), "order": line}
    file.write_text(json.dumps(noted), "utf-8")


def notice_of(station: Station) -> Notice | None:
    """Find the guardian of one station."""
    return read_notice(notice_file(station))


def read_notice(file: Path) -> Notice | None:
    """Read one notice; None where there is none, or none that can be read."""
    try:
        noted = json.loads(file.read_text("utf-8"))
        order = from_json(noted["order"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        process = psutil.Process(noted["pid"])
        lives = process.create_time() == noted["began"]
    except psutil.NoSuchProcess:
        return Notice(order, None)
    return Notice(order, process if lives else None)
