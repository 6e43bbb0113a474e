"""What the ticks of a run asked of its devices and were told, kept so that it can be had again.

One JSON line for each exchange, in ``bench/exchange.jsonl`` of the run folder. A run with real
devices is repeated from it without them, tick by tick, whatever their drivers and their timing
were then; it is refused where it asks something else. The bytes on each device's wire are
another record, see `hil.link.record`.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, NoReturn, Self

import numpy as np

from hil.exchange import Answered, Asked, Exchange, Happened
from hil.link.replay import ReplayError

TAPE_FILE = "exchange.jsonl"
FORMAT = "peerwatt exchange 1"
_ASKED = ("available_kw", "limit_kw", "vm_pu")
_ANSWERED = Answered._fields


class Head(NamedTuple):
    """What a tape begins with.

    Attributes
    ----------
    nodes : tuple of str
    dt_s : float
        Length of a tick. [s]
    live : bool
        Devices kept their own time.
    on_station : bool
        They stood in a station file, of which the run folder keeps a copy.
    """

    nodes: tuple[str, ...]
    dt_s: float
    live: bool
    on_station: bool


class Taping:
    """An exchange whose every tick is kept.

    Parameters
    ----------
    exchange : Exchange
    file : Path
    head : Head
    say : callable
        Told once, in words, when a full disk ends the tape; the run goes on.
    """

    def __init__(
        self, exchange: Exchange, file: Path, head: Head, *, say: Callable[[str], None]
    ) -> None:
        self.names = exchange.names
        self._exchange, self._file, self._say = exchange, file, say
        self._out: int | None = None
        self._line: dict[str, Any] = {"format": FORMAT, **head._asdict()}

    def __enter__(self) -> Self:
        """Begin the tape."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._out = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Keep the last line too."""
        self._flush()
        self._close()

    def exchange(self, asked: Asked) -> Answered:
        """Pass it on, and keep it."""
        self._flush()
        answered = self._exchange.exchange(asked)
        self._line = {"f_hz": asked.f_hz, "asked": [getattr(asked, of).tolist() for of in _ASKED]}
        self._line["answered"] = [of.tolist() for of in answered]
        return answered

    def happened(self) -> tuple[Happened, ...]:
        """Pass it on, and keep it."""
        told = self._exchange.happened()
        if told:
            self._line["happened"] = [*self._line.get("happened", ()), *told]
        return told

    def refused(self, told: Sequence[tuple[str, str]]) -> None:
        """Keep which faults were not taken."""
        if told:
            self._line["refused"] = [*self._line.get("refused", ()), *told]

    def inject(self, name: str, fault: str, *values: float) -> None:
        """Pass it on."""
        self._exchange.inject(name, fault, *values)

    def clear_faults(self, name: str) -> None:
        """Pass it on."""
        self._exchange.clear_faults(name)

    def _flush(self) -> None:
        """Append the line that is complete now."""
        if self._out is None:
            return
        line = json.dumps(self._line).encode() + b"\n"
        try:
            if os.write(self._out, line) < len(line):
                raise OSError(28, os.strerror(28))
        except OSError as failure:
            self._close()
            because = failure.strerror or str(failure)
            self._say(f"{self._file}: {because}; the run goes on and cannot be replayed")

    def _close(self) -> None:
        out, self._out = self._out, None
        if out is not None:
            os.close(out)


class Played:
    """Devices of a tape, as they were then.

    Parameters
    ----------
    folder : Path
        Run folder.

    Attributes
    ----------
    head : Head

    Raises
    ------
    ReplayError
        There is no tape in it.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "bench" / TAPE_FILE
        self._lines = self._read()
        self._place, self._line = next(self._lines, (1, {}))
        if self._line.get("format") != FORMAT:
            raise ReplayError(f"{self._file}:1: no record of devices; expected {FORMAT!r}")
        head = {key: self._line[key] for key in Head._fields}
        self.head = Head(**head | {"nodes": tuple(head["nodes"])})
        self.names = self.head.nodes

    def check(self, nodes: Sequence[str], dt_s: float) -> None:
        """Refuse a run whose devices or ticks are others.

        Raises
        ------
        ReplayError
        """
        if set(nodes) != set(self.names) or dt_s != self.head.dt_s:
            raise ReplayError(
                f"{self._file}: devices of {', '.join(self.names)} in ticks of {self.head.dt_s:g} "
                f"s; the scenario has devices of {', '.join(nodes) or 'nobody'} in ticks of "
                f"{dt_s:g} s; replay what was recorded"
            )

    def exchange(self, asked: Asked) -> Answered:
        """Answer as then, if the same is asked.

        Raises
        ------
        ReplayError
            Something else is asked, or nothing was any more.
        """
        found = next(self._lines, None)
        if found is None:
            raise ReplayError(f"{self._file}:{self._place}: the record ends here, the run goes on")
        self._place, self._line = found
        now = [getattr(asked, of).tolist() for of in _ASKED]
        if now != self._line["asked"] or asked.f_hz != self._line["f_hz"]:
            self._refuse(now, asked.f_hz)
        answered = map(np.array, self._line["answered"])
        return Answered(*answered)

    def happened(self) -> tuple[Happened, ...]:
        """Tell what happened then."""
        return tuple(Happened(*told) for told in self._line.pop("happened", ()))

    def refused(self) -> tuple[tuple[str, str], ...]:
        """Tell which faults were not taken then."""
        return tuple((device, because) for device, because in self._line.pop("refused", ()))

    def inject(self, name: str, fault: str, *values: float) -> None:
        """Do nothing: what it did then is on the tape."""

    def clear_faults(self, name: str) -> None:
        """Likewise."""

    def _read(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Read lines as they are needed; one that its process could not end is left out."""
        try:
            with self._file.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    if not line.endswith(b"\n"):
                        return
                    yield number, self._parsed(number, line)
        except FileNotFoundError:
            raise ReplayError(
                f"{self._file}: no such file; expected the folder of a run in real time, or with "
                "a station"
            ) from None

    def _parsed(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, Mapping):
            raise ReplayError(f"{self._file}:{number}: no line of a record: {line[:80]!r}")
        return dict(found)

    def _refuse(self, now: list[list[float]], f_hz: float) -> NoReturn:
        """Say where now and then part."""
        said = f"frequency {self._line['f_hz']!r} Hz", f"{f_hz!r} Hz"
        for what, then_all, now_all in zip(_ASKED, self._line["asked"], now, strict=True):
            for node, then, here in zip(self.names, then_all, now_all, strict=True):
                if then != here:
                    said = f"{node} {what} {then!r}", repr(here)
        raise ReplayError(
            f"{self._file}:{self._place}: asked then: {said[0]}, now {said[1]}; scenario, code or "
            "seed changed since: record anew, or replay what was recorded"
        )
