"""Every byte between link and wire, one JSON line each, so that a run can be had again.

A line goes to the operating system in one append, with nothing kept back: what was recorded
survives ``kill -9``. A disk that is full ends the recording, never the run, and is told once.

.. code-block:: json

    {"t": 0.0, "what": "begin", "text": "peerwatt link 1", "device": "roof", "at": "2026-01-01T…"}
    {"t": 0.001, "what": "open"}
    {"t": 0.001, "what": "sent", "bytes": "*IDN?\\n"}
    {"t": 0.002, "what": "heard", "bytes": "Maker,Model,1,1\\n"}
"""

import json
import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from .transport import Lost, Opener, Overlong, Silent, Transport

FORMAT = "peerwatt link 1"
_T = TypeVar("_T")


class Recorder:
    """Records the links of a run, one file for each device, in one folder.

    Parameters
    ----------
    folder : Path
        Where the files go; made when it is missing.
    say : callable
        Told once, in words, when the recording ends before the run does.

    Attributes
    ----------
    ended_because : str or None
        Why it ended before the run did.
    """

    def __init__(self, folder: Path, *, say: Callable[[str], None]) -> None:
        self.folder, self._say = folder, say
        self.ended_because: str | None = None
        self._began_s = time.monotonic()
        self._files: dict[str, int] = {}

    def __enter__(self) -> Self:
        """Recording already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the files."""
        self.close()

    def close(self) -> None:
        """Close the files; links that go on are no longer recorded."""
        files, self._files = self._files, {}
        for file in files.values():
            os.close(file)

    def path(self, device: str) -> Path:
        """Where the lines of a device go."""
        return self.folder / (re.sub(r"[^\w.-]", "_", device) + ".jsonl")

    def tap(self, device: str) -> Callable[[Opener], Opener]:
        """What `open_link` takes as ``tap``, to record the link of this device."""
        self._begin(device)

        def tapped(opener: Opener) -> Opener:
            return lambda after_doubt: self._open(device, opener, after_doubt)

        return tapped

    def put(self, device: str, what: str, data: bytes | None = None, text: str = "") -> None:
        """Append one line; does nothing once the recording has ended."""
        file = self._files.get(device)
        if file is None:
            return
        entry: dict[str, object] = {"t": round(time.monotonic() - self._began_s, 6), "what": what}
        if data is not None:
            entry["bytes"] = data.decode("latin-1")
        if text:
            entry["text"] = text
        self._append(file, entry)

    def _begin(self, device: str) -> None:
        """Open the file of a device, once."""
        if device in self._files or self.ended_because is not None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self._files[device] = os.open(self.path(device), flags, 0o644)
        except OSError as failure:
            self._end(failure)
            return
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        begin = {"t": 0.0, "what": "begin", "text": FORMAT, "device": device, "at": at}
        self._append(self._files[device], begin)

    def _append(self, file: int, entry: dict[str, object]) -> None:
        """Write a whole line or none."""
        line = json.dumps(entry).encode() + b"\n"
        try:
            written = os.write(file, line)
            if written < len(line):
                os.ftruncate(file, os.fstat(file).st_size - written)
                raise OSError(f"{written} of {len(line)} bytes were written")
        except OSError as failure:
            self._end(failure)

    def _end(self, failure: OSError) -> None:
        """Stop recording everything, and say so; half a record would look like a whole one."""
        self.ended_because = failure.strerror or str(failure)
        self.close()
        self._say(
            f"{self.folder}: {self.ended_because}; what the devices are told and say is no longer "
            "recorded, the run goes on and cannot be replayed beyond this point"
        )

    def _open(self, device: str, opener: Opener, after_doubt: bool) -> Transport:
        """Open the wire, and note whether somebody was there."""
        try:
            transport = opener(after_doubt)
        except Lost as why:
            self.put(device, "absent", text=str(why))
            raise
        self.put(device, "open")
        return _Tapped(self, device, transport)


class _Tapped:
    """A transport that notes what passes; see `Transport`."""

    def __init__(self, recorder: Recorder, device: str, transport: Transport) -> None:
        self.remembers = transport.remembers
        self._recorder, self._device, self._transport = recorder, device, transport

    def send(self, data: bytes) -> None:
        """Note it before it goes: what was lost on the way was sent all the same."""
        self._recorder.put(self._device, "sent", data)
        try:
            self._transport.send(data)
        except Lost as fault:
            self._recorder.put(self._device, "unsent", text=str(fault))
            raise

    def receive(self, wait_s: float) -> bytes:
        """Note what came, or why nothing did."""
        line = self._noting_faults(lambda: self._transport.receive(wait_s))
        self._recorder.put(self._device, "heard", line)
        return line

    def unasked(self) -> bytes:
        """Note what lay there."""
        found = self._noting_faults(self._transport.unasked)
        if found:
            self._recorder.put(self._device, "unasked", found)
        return found

    def close(self) -> None:
        """Note that the connection ends here."""
        self._recorder.put(self._device, "closed")
        self._transport.close()

    def _noting_faults(self, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except Silent as fault:
            self._recorder.put(self._device, "silent", fault.heard)
            raise
        except Lost as fault:
            self._recorder.put(self._device, "lost", text=str(fault))
            raise
        except Overlong:
            self._recorder.put(self._device, "overlong")
            raise
