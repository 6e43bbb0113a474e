"""A run folder as a comparison reads it: whatever is missing is empty, and said in words.

Nothing here calls for pandas, as some ways of pyarrow's do: it takes longer to load than two runs
take to compare.
"""

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ._segments import TICKS_FILE
from .metrics import Metric, key_figures
from .reading import Record
from .tables import SCHEMAS, read_table

__all__ = ["CompareError", "OpenedRun", "open_run"]


class CompareError(ValueError):
    """What was to be compared cannot be; give the folder of a run."""


class OpenedRun(Record):
    """One recorded run, finished or not, whole or not.

    Attributes
    ----------
    gaps : list of str
        What is missing from it, in words.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.gaps: list[str] = []
        if self.status != "finished":
            self.gaps.append(f"the run is {self.status}")
        if not self.ticks.num_rows:
            self.gaps.append("no tick is recorded")
        elif "tick" not in self.ticks.column_names:
            raise CompareError(f"{folder / TICKS_FILE}: no column 'tick'; is it a run folder?")
        unsettled = not (folder / "contracts.parquet").exists()
        if unsettled:
            self.gaps.append("no table of contracts")

    @property
    def status(self) -> str:
        """How the run ended."""
        return str(self.manifest.get("status", "unknown"))

    @property
    def end_tick(self) -> int:
        """First tick after the record."""
        return int(self.tick[-1]) + 1 if self.ticks.num_rows else 0

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """The event log."""
        try:
            return super().events
        except ValueError as error:
            raise CompareError(f"{self.folder / 'events.jsonl'}: no JSON: {error}") from None

    def _json(self, name: str) -> Any:
        try:
            found = super()._json(name)
        except ValueError as error:
            raise CompareError(f"{self.folder / name}: no JSON: {error}") from None
        if found is not None and not isinstance(found, dict):
            raise CompareError(f"{self.folder / name}: expected names with values, in braces")
        return found

    @cached_property
    def ticks(self) -> Any:
        """The tick table; without rows if none is recorded."""
        try:
            with _readable(self.folder / TICKS_FILE):
                return super().ticks
        except FileNotFoundError:
            return pa.Table.from_batches([], schema=pa.schema([("tick", pa.int64())]))

    def table(self, name: str) -> Any:
        """One of the small tables; of a run that left none, its empty schema."""
        if name not in self._tables:
            path = self.folder / f"{name}.parquet"
            with _readable(path):
                there = path.exists() or name in SCHEMAS
                self._tables[name] = read_table(self.folder, name) if there else pa.table({})
        return self._tables[name]

    @cached_property
    def figures(self) -> dict[str, Metric]:
        """Key figures by name, as the verdict tells them; worked out if there is no verdict."""
        if self.verdict is None:
            return {figure.key: figure for figure in key_figures(self)}
        return {
            key: Metric(key, told.get("label", key), _number(told["value"]), told.get("unit", ""))
            for key, told in self.verdict.get("metrics", {}).items()
        }

    @cached_property
    def tick(self) -> npt.NDArray[np.int64]:
        """Recorded ticks, counted from the start of the physics."""
        return _numbers(self.ticks["tick"])

    def scalar(self, column: str) -> npt.NDArray[np.float64]:
        """One value per recorded tick."""
        return _numbers(self.ticks[column])

    def values(self, column: str) -> npt.NDArray[np.float32]:
        """One row per recorded tick, one column per bus or peer."""
        chunked = self.ticks[column]
        return _numbers(chunked).reshape(len(chunked), chunked.type.list_size)

    def same_bytes(self, other: "OpenedRun", name: str) -> bool:
        """Whether both folders hold the same file of this name."""
        mine, theirs = self.folder / name, other.folder / name
        if not (mine.is_file() and theirs.is_file()):
            return False
        return mine.stat().st_size == theirs.stat().st_size and _digest(mine) == _digest(theirs)


def open_run(folder: Path) -> OpenedRun:
    """Open a run folder.

    Raises
    ------
    CompareError
        No run is there, or a file of it cannot be read.
    """
    if not (folder / "manifest.json").is_file():
        found = "is no folder" if not folder.is_dir() else "holds no run"
        raise CompareError(f"{folder} {found}; expected a folder with manifest.json")
    return OpenedRun(folder)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        told = str(error).partition("\n")[0]
        raise CompareError(f"{path}: cannot be read: {told}") from None


def _number(value: float | str | None) -> float | None:
    """Read a number that JSON may have as text (NaN, infinity); no number is none at all."""
    number = None if value is None else float(value)
    return None if number is None or math.isnan(number) else number


def _numbers(column: Any) -> npt.NDArray[Any]:
    """Give an Arrow column as one array; `to_numpy` would import pandas."""
    arrays = [np.from_dlpack(_flat(chunk)) for chunk in column.chunks]
    return np.concatenate(arrays) if arrays else np.zeros(0)


def _flat(chunk: Any) -> Any:
    """Values of a chunk, of lists one after the other."""
    if not pa.types.is_fixed_size_list(chunk.type):
        return chunk
    width = chunk.type.list_size
    return chunk.values.slice(chunk.offset * width, len(chunk) * width)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()
