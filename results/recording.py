"""Records every tick of a run, cheaply, so that a `kill -9` costs its last second at most.

The caller copies straight into a preallocated row. Once a second of wall time, and whenever
a chunk is full, the rows since are shown to the checkers in full precision and handed to a
thread that writes them (`_segments.py`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ._segments import (
    BUFFERS,
    SEGMENTS_FOLDER,
    TICKS_FILE,
    Buffer,
    RecordingError,
    SegmentWriter,
    tick_schema,
)

__all__ = ["Chunk", "RecordingError", "Row", "TickRecorder", "read_ticks"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Chunk:
    """Consecutive recorded rows in full precision, as views that are valid during the call."""

    tick: npt.NDArray[np.int64]
    scalars: Mapping[str, FloatArray]
    lists: Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class Row:
    """Where the values of one tick go: `row.lists["vm_pu"][:] = ...`, `row.scalars[3] = ...`."""

    scalars: FloatArray
    lists: Mapping[str, FloatArray]


class TickRecorder:
    """Writes one row per tick to `ticks.parquet` of a run folder.

    Parameters
    ----------
    folder : Path
        The run folder; exists and holds no record yet.
    scalars : sequence of str
        Names of the float64 columns, in the order of `Row.scalars`.
    lists : mapping of str to int
        Names and widths of the list columns, stored as float32.
    metadata : mapping of str to str
        Goes to the table's schema: names of buses and peers as JSON, tick length, start.
    chunk_ticks : int
        Rows of a row group; also the longest a checker waits in a fast run.
    segment_ticks : int
        Rows of a segment; rounded up to whole chunks.
    flush_s : float
        Wall time after which rows are handed to the writer. [s]
    clock : callable
        Wall clock. [s]

    Notes
    -----
    Use it as a context manager: left by an exception, it still makes the record whole, but
    does not check the last rows, so that the exception stays the one that is seen.
    """

    def __init__(
        self,
        folder: Path,
        *,
        scalars: Sequence[str],
        lists: Mapping[str, int],
        metadata: Mapping[str, str],
        chunk_ticks: int = 600,
        segment_ticks: int = 36_000,
        flush_s: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.scalar_names, self.list_names = tuple(scalars), tuple(lists)
        self._chunk_ticks, self._flush_s, self._clock = chunk_ticks, flush_s, clock
        buffers = [Buffer(chunk_ticks, len(scalars), lists) for _ in range(BUFFERS)]
        self._rows = {id(buffer): _rows(buffer) for buffer in buffers}
        schema = tick_schema(scalars, lists, metadata)
        self._writer = SegmentWriter(folder, schema, buffers, segment_ticks)
        self._checkers: list[Callable[[Chunk], None]] = []
        self._closed = False
        self._begin_chunk()
        self._due = clock() + flush_s

    def check_with(self, checker: Callable[[Chunk], None]) -> None:
        """Show every row to `checker` before it is handed on; it raises if it finds a fault."""
        self._checkers.append(checker)

    def row(self, tick: int) -> Row:
        """Give the row of `tick` to copy into; `commit` ends it."""
        self._buffer.tick[self._filled] = tick
        return self._views[self._filled]

    def commit(self) -> None:
        """End the row; now and then hand rows to the checkers and the writer."""
        self._filled += 1
        if self._filled == self._chunk_ticks or self._clock() >= self._due:
            self._hand_over(check=True)

    def write(self, tick: int, scalars: npt.ArrayLike, lists: Mapping[str, FloatArray]) -> None:
        """Copy one whole row; each value of `lists` has its column's width."""
        row = self.row(tick)
        row.scalars[:] = scalars
        for name, place in row.lists.items():
            place[:] = lists[name]
        self.commit()

    def close(self, *, check: bool = True) -> None:
        """Hand over what is left and make the record whole; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self._hand_over(check=check)
        finally:
            self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(check=kind is None)

    def _begin_chunk(self) -> None:
        self._buffer = self._writer.take()
        self._views = self._rows[id(self._buffer)]
        self._filled = self._handed = 0

    def _hand_over(self, *, check: bool) -> None:
        """Check the rows since last time and have them written, whatever the checkers say."""
        buffer, start, stop = self._buffer, self._handed, self._filled
        full = stop == self._chunk_ticks
        try:
            if check and stop > start:
                self._check(buffer, start, stop)
        finally:
            if stop > start:
                self._writer.put(buffer, stop, full=full)
                self._handed = stop
            if full:
                self._begin_chunk()
            self._due = self._clock() + self._flush_s

    def _check(self, buffer: Buffer, start: int, stop: int) -> None:
        columns = buffer.scalars[start:stop].T
        chunk = Chunk(
            buffer.tick[start:stop],
            dict(zip(self.scalar_names, columns, strict=True)),
            {name: values[start:stop] for name, values in buffer.lists.items()},
        )
        for checker in self._checkers:
            checker(chunk)


def _rows(buffer: Buffer) -> list[Row]:
    """Views of every row, made once: making them costs more than filling them."""
    return [
        Row(buffer.scalars[i], {name: values[i] for name, values in buffer.lists.items()})
        for i in range(buffer.tick.size)
    ]


def read_ticks(folder: Path) -> Any:
    """Read the tick table of a run, finished or killed, as a `pyarrow.Table`.

    Raises
    ------
    FileNotFoundError
        The folder holds no record.
    """
    if (folder / TICKS_FILE).exists():
        return pq.ParquetFile(folder / TICKS_FILE).read()  # pq.read_table imports pandas
    recording = folder / SEGMENTS_FOLDER
    tables = [pq.ParquetFile(path).read() for path in sorted(recording.glob("*.parquet"))]
    for path in sorted(recording.glob("*.arrows")):
        if not path.with_suffix(".parquet").exists():
            tables += read_stream(path)
    if not tables:
        raise FileNotFoundError(f"{folder}: no recorded tick; is it a run folder?")
    return pa.concat_tables(tables)


def read_stream(path: Path) -> list[Any]:
    """Read a stream up to the batch that was being written when its writer was killed."""
    batches: list[Any] = []
    with pa.OSFile(str(path)) as file:
        try:
            reader = pa.ipc.open_stream(file)
            while True:
                batches.append(reader.read_next_batch())
        except (StopIteration, pa.ArrowInvalid, OSError):
            return [pa.Table.from_batches(batches)] if batches else []
