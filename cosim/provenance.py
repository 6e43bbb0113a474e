"""What a run was made with: versions, hashes, machine, command."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PACKAGES = (
    "peerwatt",
    "mosaik",
    "pandapower",
    "lightsim2grid",
    "numba",
    "numpy",
    "scipy",
    "simpy",
    "PyVISA",
    "PyVISA-py",
    "pyarrow",
)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages whose numbers a run's numbers depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        found[name] = importlib.metadata.version(name)
    return found


def hashes(files: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of every file, by name."""
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()
    }


def machine() -> dict[str, Any]:
    """What of the machine can show in the last bit of a number."""
    return {
        "processor": _processor(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "portable": os.environ.get("PEERWATT_PORTABLE") == "1",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


def command() -> str:
    """The command line, as it was typed."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
