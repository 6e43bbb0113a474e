"""What the safety system did, line by line, on the disk before it goes on."""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Journal:
    """Appends JSON lines to a file, each flushed to the disk; a full disk never stops it."""

    def __init__(self, path: Path, *, who: str) -> None:
        self.path, self._who = path, who

    def write(self, event: str, **details: Any) -> None:
        """Note what happened, now; where the file cannot be written, on standard error."""
        note = {"at": datetime.now(UTC).isoformat(), "who": self._who, "event": event, **details}
        line = json.dumps(note, ensure_ascii=False, default=str) + "\n"
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(file, line.encode())
                os.fsync(file)
            finally:
                os.close(file)
        except OSError:
            sys.stderr.write(line)

    def read(self) -> list[dict[str, Any]]:
        """Everything noted so far, by anybody."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]
