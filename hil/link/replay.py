"""A recorded device, answering as it did then: a run on the bench is had again without it.

The link above it is the real one with all its checks, so that what failed then fails again.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn

from hil.errors import BenchError

from .options import LinkOptions
from .proofs import proof_of
from .record import FORMAT
from .transport import Lost, Overlong, Silent, Transport
from .visa import VisaLink


class ReplayError(BenchError):
    """What is sent is not what was recorded: scenario, code or seed changed; record anew."""


_ANSWERS = ("heard", "silent", "lost", "overlong")
_UNASKED = ("unasked", "silent", "lost", "overlong")


class Entry(NamedTuple):
    """One line of a record: when, what, and the bytes or words that belong to it."""

    line: int
    t_s: float
    what: str
    data: bytes
    text: str


def open_replay(
    path: Path,
    *,
    name: str,
    timeout_s: float = 1.0,
    expected_identity: str | None = None,
    options: LinkOptions | None = None,
    paced: bool = False,
) -> VisaLink:
    """Open a link to what was recorded.

    Parameters
    ----------
    path : Path
        What `hil.link.record.Recorder` left for the device.
    name, timeout_s, expected_identity, options
        As they were given to `hil.link.visa.open_link` then.
    paced : bool
        Whether answers take as long as they took then; at once otherwise.

    Raises
    ------
    ReplayError
        The file is no record, or does not begin like this.
    LinkError, IdentityError
        The device failed then, too.
    """
    device = Replay(path, paced=paced)
    link = VisaLink(
        device.open,
        address=str(path),
        timeout_s=timeout_s,
        expected_identity=expected_identity,
        name=name,
        proof=proof_of((options or LinkOptions()).proof),
    )
    link.connect()
    return link


def read_record(path: Path) -> list[Entry]:
    """Read a record; a last line that was cut off by the end of its process is left out.

    Raises
    ------
    ReplayError
        It is none.
    """
    entries = []
    raw = path.read_bytes().split(b"\n")
    for number, line in enumerate(raw[:-1], start=1):
        try:
            found = json.loads(line)
            data = str(found.get("bytes", "")).encode("latin-1")
            text = str(found.get("text", ""))
            entries.append(Entry(number, float(found["t"]), str(found["what"]), data, text))
        except (ValueError, KeyError, TypeError, AttributeError) as wrong:
            raise ReplayError(f"{path}:{number}: no line of a record: {line[:80]!r}") from wrong
    if not entries or entries[0].what != "begin" or entries[0].text != FORMAT:
        raise ReplayError(f"{path}:1: no record of a link; expected {FORMAT!r}")
    return [entry for entry in entries if entry.what not in ("begin", "closed")]


class Replay:
    """The device of a record, through all its connections; it opens itself as its transport."""

    remembers = False

    def __init__(
        self, path: Path, *, paced: bool = False, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._path, self._entries, self._next = path, read_record(path), 0
        self._paced, self._sleep = paced, sleep
        self._sent_s = 0.0
        self._wrong: ReplayError | None = None

    @property
    def is_finished(self) -> bool:
        """Whether everything in the record has happened again."""
        return self._next == len(self._entries)

    def open(self, after_doubt: bool) -> Transport:
        """Connect, if it connected then."""
        entry = self._pop("connecting", "open", "absent")
        if entry.what == "absent":
            raise Lost(entry.text)
        return self

    def send(self, data: bytes) -> None:
        """Take what was sent then, and nothing else."""
        entry = self._pop(f"sending {data!r}", "sent")
        if entry.data != data:
            self._refuse(entry, f"sending {data!r}")
        self._sent_s = entry.t_s
        if not self.is_finished and self._entries[self._next].what == "unsent":
            raise Lost(self._pop("sending", "unsent").text)

    def receive(self, wait_s: float) -> bytes:
        """Answer as it did then."""
        entry = self._pop("waiting for an answer", *_ANSWERS)
        if self._paced:
            self._sleep(max(0.0, entry.t_s - self._sent_s))
        return _outcome(entry)

    def unasked(self) -> bytes:
        """Have the same come unasked as then."""
        if self.is_finished or self._entries[self._next].what not in _UNASKED:
            return b""
        return _outcome(self._pop("looking", *_UNASKED))

    def close(self) -> None:
        """Close nothing."""

    def _pop(self, doing: str, *expected: str) -> Entry:
        """Take the next line, which must be of these kinds."""
        entry = self._peek(doing)
        if entry.what not in expected:
            self._refuse(entry, doing)
        self._next += 1
        return entry

    def _peek(self, doing: str) -> Entry:
        """Look at the next line."""
        if self._wrong is not None:
            raise self._wrong
        if self.is_finished:
            last = self._entries[-1].line if self._entries else 1
            self._wrong = ReplayError(f"{self._path}:{last}: the record ends here, now {doing}")
            raise self._wrong
        return self._entries[self._next]

    def _refuse(self, entry: Entry, doing: str) -> NoReturn:
        """Say where now and then part, and answer nothing more."""
        then = f"{entry.what} {entry.data!r}" if entry.data else f"{entry.what} {entry.text}"
        self._wrong = ReplayError(
            f"{self._path}:{entry.line}: then {then.strip()}, now {doing}; scenario, code or seed "
            "changed since: record anew, or replay what was recorded"
        )
        raise self._wrong


def _outcome(entry: Entry) -> bytes:
    """Have happen what happened then."""
    match entry.what:
        case "silent":
            raise Silent(entry.data)
        case "lost":
            raise Lost(entry.text)
        case "overlong":
            raise Overlong(entry.data)
    return entry.data
