"""Where processes of one user find what other processes of his do with a station."""

import hashlib
import os
from pathlib import Path


def state_folder() -> Path:
    """Find the folder of state: of ``PEERWATT_STATE``, or of the XDG base directories; made."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    folder = Path(os.environ.get("PEERWATT_STATE") or Path(home) / "peerwatt")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def key_of(station_file: Path) -> str:
    """Name a station by its file, whatever the way there is called."""
    whole = station_file.resolve()
    return f"{whole.stem}-{hashlib.sha256(os.fsencode(whole)).hexdigest()[:12]}"
