"""Puts recorded chunks on disk in a thread of its own, so that the tick does not wait.

Every append goes to an Arrow IPC stream at once (that is what a `kill -9` leaves behind)
and, a full chunk at a time, into a Parquet segment. A segment that got its footer replaces
its stream, and closing makes one table of all segments. Which rows stand in which segment
and row group depends on the number of ticks alone, never on the wall clock.
"""

import os
import queue
import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

TICKS_FILE = "ticks.parquet"
SEGMENTS_FOLDER = "recording"
BUFFERS = 3
"""Chunks in flight: one being filled, one being written, one to absorb a slow disk."""


class RecordingError(RuntimeError):
    """The record could not be written; make room or choose another folder, and run again."""


class Buffer:
    """Preallocated room for one chunk of ticks."""

    def __init__(self, ticks: int, scalars: int, lists: Mapping[str, int]) -> None:
        self.tick: npt.NDArray[np.int64] = np.zeros(ticks, dtype=np.int64)
        self.scalars: npt.NDArray[np.float64] = np.empty((ticks, scalars))
        self.lists = {name: np.empty((ticks, width)) for name, width in lists.items()}
        self.forget()

    def forget(self) -> None:
        """Fill with NaN, so that a value nobody wrote is seen as a gap, not as an old value."""
        self.scalars.fill(np.nan)
        for values in self.lists.values():
            values.fill(np.nan)

    def batch(self, start: int, stop: int, schema: Any) -> Any:
        """Rows `start` to `stop` as an Arrow record batch that owns its values."""
        columns = [_column(pa.int64(), self.tick[start:stop].copy())]
        columns += [_column(pa.float64(), values.copy()) for values in self.scalars[start:stop].T]
        for values in self.lists.values():
            flat = _column(pa.float32(), values[start:stop].astype(np.float32).reshape(-1))
            columns.append(pa.FixedSizeListArray.from_arrays(flat, values.shape[1]))
        return pa.record_batch(columns, schema=schema)


def _column(kind: Any, values: npt.NDArray[Any]) -> Any:
    """Arrow array over `values`; `pa.array` would import pandas, a second, in mid-run."""
    return pa.Array.from_buffers(kind, values.size, [None, pa.py_buffer(values)])


def tick_schema(
    scalars: Sequence[str], lists: Mapping[str, int], metadata: Mapping[str, str]
) -> Any:
    """Arrow schema of the tick table: int64 tick, float64 scalars, float32 lists."""
    fields = [pa.field("tick", pa.int64(), nullable=False)]
    fields += [pa.field(name, pa.float64(), nullable=False) for name in scalars]
    for name, width in lists.items():
        value = pa.field("item", pa.float32(), nullable=False)
        fields.append(pa.field(name, pa.list_(value, width), nullable=False))
    return pa.schema(fields, metadata=dict(metadata))


def open_parquet(path: Path, schema: Any) -> Any:
    """Parquet writer whose bytes depend on the rows and pyarrow's version alone.

    Physical signals hardly repeat: a dictionary gains nothing, sorting their bytes by
    significance before compression halves the time.
    """
    encoding = {"tick": "DELTA_BINARY_PACKED"}
    for field in schema:
        if pa.types.is_floating(field.type):
            encoding[field.name] = "BYTE_STREAM_SPLIT"
        elif pa.types.is_fixed_size_list(field.type):
            encoding[f"{field.name}.list.element"] = "BYTE_STREAM_SPLIT"
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=False,
        column_encoding=encoding,
    )


def segment_path(folder: Path, number: int) -> Path:
    """Segment that got its footer."""
    return folder / SEGMENTS_FOLDER / f"ticks-{number:05d}.parquet"


def stream_path(folder: Path, number: int) -> Path:
    """Stream that stands in for a segment until the segment has its footer."""
    return folder / SEGMENTS_FOLDER / f"ticks-{number:05d}.arrows"


class SegmentWriter:
    """Writes buffers in a thread; `take` gives a free buffer and waits when the disk is slow."""

    def __init__(self, folder: Path, schema: Any, buffers: list[Buffer], segment_ticks: int):
        self._folder, self._schema, self._segment_ticks = folder, schema, segment_ticks
        (folder / SEGMENTS_FOLDER).mkdir()
        self._number, self._in_segment, self._unwritten = 0, 0, 0
        self._stream: Any = None
        self._parquet: Any = None
        self._failure: Exception | None = None
        self._free: queue.SimpleQueue[Buffer] = queue.SimpleQueue()
        self._jobs: queue.SimpleQueue[tuple[Buffer, int, bool] | None] = queue.SimpleQueue()
        for buffer in buffers:
            self._free.put(buffer)
        self._thread = threading.Thread(target=self._work, name="recording", daemon=True)
        self._thread.start()

    def take(self) -> Buffer:
        """Give a free buffer, waiting for one if need be."""
        return self._free.get()

    def put(self, buffer: Buffer, stop: int, *, full: bool) -> None:
        """Have the rows of `buffer` up to `stop` appended; a full one returns to the free ones.

        Raises
        ------
        RecordingError
            An earlier append failed.
        """
        self._raise_failure()
        self._jobs.put((buffer, stop, full))

    def close(self) -> None:
        """Write what is left and make one table of the segments."""
        self._jobs.put(None)
        self._thread.join()
        self._raise_failure()
        self._compact()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise RecordingError(
                f"{self._folder}: recording stopped ({self._failure}); what was written before "
                f"can be read; make room or choose another folder, and run again"
            ) from self._failure

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._attempt(self._append, *job)
        self._attempt(self._end_segment)

    def _attempt(self, action: Any, *arguments: Any) -> None:
        if self._failure is None:
            try:
                action(*arguments)
            except Exception as failure:
                self._failure = failure
        if self._failure is not None and arguments:
            self._free.put(arguments[0])  # nobody shall wait for a writer that gave up

    def _append(self, buffer: Buffer, stop: int, full: bool) -> None:
        if self._stream is None:
            self._begin_segment()
        self._stream.write_batch(buffer.batch(self._unwritten, stop, self._schema))
        self._buffer, self._unwritten = buffer, stop
        if full:
            self._end_chunk()
            self._free.put(buffer)
            if self._in_segment >= self._segment_ticks:
                self._end_segment()

    def _begin_segment(self) -> None:
        stream = pa.OSFile(str(stream_path(self._folder, self._number)), "wb")
        self._stream = pa.ipc.new_stream(stream, self._schema)
        self._sink = stream
        path = segment_path(self._folder, self._number).with_suffix(".part")
        self._parquet = open_parquet(path, self._schema)

    def _end_chunk(self) -> None:
        """Make one row group of the rows in the buffer."""
        self._parquet.write_batch(self._buffer.batch(0, self._unwritten, self._schema))
        self._in_segment += self._unwritten
        self._unwritten = 0
        self._buffer.forget()

    def _end_segment(self) -> None:
        if self._stream is None:
            return
        if self._unwritten:
            self._end_chunk()
        self._parquet.close()
        path = segment_path(self._folder, self._number)
        _replace(path.with_suffix(".part"), path)
        self._stream.close()
        self._sink.close()
        stream_path(self._folder, self._number).unlink()
        self._stream, self._in_segment = None, 0
        self._number += 1

    def _compact(self) -> None:
        """Make one table of all segments, its row groups as they are in the segments."""
        part = self._folder / f"{TICKS_FILE}.part"
        if self._number == 1:
            _replace(segment_path(self._folder, 0), part)
        else:
            with open_parquet(part, self._schema) as whole:
                for number in range(self._number):
                    segment = pq.ParquetFile(segment_path(self._folder, number))
                    for group in range(segment.num_row_groups):
                        whole.write_table(segment.read_row_group(group))
                    segment.close()
        _replace(part, self._folder / TICKS_FILE)
        shutil.rmtree(self._folder / SEGMENTS_FOLDER)


def _replace(part: Path, whole: Path) -> None:
    """Give a finished file its name, its content on the disk first."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(whole)
