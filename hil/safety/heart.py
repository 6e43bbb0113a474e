"""Who drives the bench, and whether they live: a page of memory that all of them share.

Each driving process has a seat with its number and a count that it raises; the guardian looks
at both, and answers with its own count and, once it has tripped, with the reason. A beat is one
write to memory: it neither waits nor fails when the guardian hangs or a disk is full.
"""

import fcntl
import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

from hil.errors import UnsafeError

SEATS = 16
BLIND_S = 5.0
"""How long the guardian may look away while the bench goes on. [s]"""
_HEAD = struct.Struct("=qq240s")  # tripped, count of the guardian, reason
_SEAT = struct.Struct("=qqqq32s")  # process, count, whether it drives, whether it rests, name
_SIZE = _HEAD.size + SEATS * _SEAT.size
_COUNT = struct.Struct("=q")


class Seated(NamedTuple):
    """One process at the bench.

    Attributes
    ----------
    pid : int
    beats : int
        So far.
    drives : bool
        It speaks to devices, so it must be gone before the guardian does.
    rests : bool
        No beats are due, as between the last tick and the end.
    name : str
    """

    pid: int
    beats: int
    drives: bool
    rests: bool
    name: str


class Heart:
    """The shared page; made by the run, opened by its path in every other process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._page = mmap.mmap(self._file, _SIZE)

    @classmethod
    def make(cls, path: Path) -> Self:
        """Make the page, empty; its bytes are written, so that no full disk ends a beat."""
        path.write_bytes(bytes(_SIZE))
        return cls(path)

    def close(self) -> None:
        """Let go of it."""
        self._page.close()
        os.close(self._file)

    def trip(self, reason: str) -> None:
        """Tell everybody that the bench is being made safe; the first reason stays."""
        if self.tripped is None:
            text = reason.encode()[:240].decode(errors="ignore").encode()
            self._page[16 : _HEAD.size] = text.ljust(240, b"\0")
            _COUNT.pack_into(self._page, 0, 1)

    @property
    def tripped(self) -> str | None:
        """Why the bench is being made safe; None while it is not."""
        if not self._page[0]:
            return None
        return self._page[16 : _HEAD.size].rstrip(b"\0").decode()

    @property
    def looks(self) -> int:
        """How often the guardian has looked."""
        return int(_COUNT.unpack_from(self._page, 8)[0])

    def look(self) -> None:
        """Count one look of the guardian."""
        _COUNT.pack_into(self._page, 8, self.looks + 1)

    def seats(self) -> list[Seated]:
        """Everybody at the bench."""
        found = []
        for at in self._places():
            pid, beats, drives, rests, name = _SEAT.unpack_from(self._page, at)
            if pid:
                seated = Seated(
                    pid,
                    beats,
                    bool(drives),
                    bool(rests),
                    name.rstrip(b"\0").decode(errors="ignore"),
                )
                found.append(seated)
        return found

    def sit(self, name: str, *, drives: bool) -> "Seat":
        """Take a free seat for this process.

        Raises
        ------
        RuntimeError
            There are more processes than seats.
        """
        with self._alone():
            for at in self._places():
                if not _COUNT.unpack_from(self._page, at)[0]:
                    fields = os.getpid(), 0, drives, True, name.encode()[:32]
                    _SEAT.pack_into(self._page, at, *fields)
                    return Seat(self, at)
        raise RuntimeError(f"{name}: all {SEATS} seats at the bench are taken")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep two processes from taking one seat."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    @staticmethod
    def _places() -> range:
        return range(_HEAD.size, _SIZE, _SEAT.size)


class Seat:
    """This process at the bench; it rests until its first beat."""

    def __init__(self, heart: Heart, at: int) -> None:
        self._heart, self._page, self._at = heart, heart._page, at
        self._beats, self._rests = 0, True
        self._looks, self._looked_s = -1, 0.0

    def beat(self) -> None:
        """Show that this process lives, and see that the guardian does.

        Raises
        ------
        UnsafeError
            The bench is being made safe, or the guardian has not looked for `BLIND_S`.
        """
        self._beats += 1
        _COUNT.pack_into(self._page, self._at + 8, self._beats)
        if self._rests:
            self._rest(False)
        if (reason := self._heart.tripped) is not None:
            raise UnsafeError(f"the guardian makes the bench safe: {reason}")
        looks, now_s = self._heart.looks, time.monotonic()
        if looks != self._looks:
            self._looks, self._looked_s = looks, now_s
        elif now_s - self._looked_s > BLIND_S:
            raise UnsafeError(
                f"the guardian has not looked for {BLIND_S:g} s; nothing is driven without one"
            )

    def rest(self) -> None:
        """Say that no beats are due until the next one."""
        self._rest(True)

    def _rest(self, rests: bool) -> None:
        self._rests = rests
        _COUNT.pack_into(self._page, self._at + 24, rests)
        self._looks = -1

    def leave(self) -> None:
        """Go; the guardian no longer minds whether this process lives."""
        _SEAT.pack_into(self._page, self._at, 0, 0, 0, 0, b"")
