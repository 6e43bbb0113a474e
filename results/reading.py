"""Reads a run folder back: what checks, metrics and the report know of a run.

Nothing is read before it is asked for, and a run that was killed can be read like another.
"""

import json
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .recording import read_ticks
from .tables import read_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Record"]

Array = npt.NDArray[np.float64]


class Record:
    """One recorded run, by its folder alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tables: dict[str, Any] = {}

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """How the run came to be; empty if that was not recorded."""
        found: dict[str, Any] = self._json("manifest.json") or {}
        return found

    @cached_property
    def network(self) -> dict[str, Any] | None:
        """Buses and lines of the feeder, if recorded."""
        found: dict[str, Any] | None = self._json("network.json")
        return found

    @cached_property
    def verdict(self) -> dict[str, Any] | None:
        """What the checks found, if they were made."""
        found: dict[str, Any] | None = self._json("verdict.json")
        return found

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """The event log, without the line that was being written when a run was killed."""
        path = self.folder / "events.jsonl"
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in lines]

    @cached_property
    def ticks(self) -> Any:
        """The tick table, as a `pyarrow.Table`."""
        return read_ticks(self.folder)

    @cached_property
    def tick(self) -> npt.NDArray[np.int64]:
        """Recorded ticks, counted from the start of the physics."""
        ticks: npt.NDArray[np.int64] = self.ticks["tick"].to_numpy()
        return ticks

    def has(self, column: str) -> bool:
        """Whether the tick table has a column."""
        return column in self.ticks.column_names

    def scalar(self, column: str) -> Array:
        """One value per recorded tick."""
        values: Array = self.ticks[column].to_numpy()
        return values

    def values(self, column: str) -> npt.NDArray[np.float32]:
        """One row per recorded tick, one column per bus or peer."""
        chunked = self.ticks[column]
        flat: npt.NDArray[np.float32] = chunked.combine_chunks().flatten().to_numpy()
        return flat.reshape(len(chunked), chunked.type.list_size)

    def names(self, column: str) -> tuple[str, ...]:
        """Whose values a list column holds: `buses`, their phases, `devices` or `peers`."""
        width = self.ticks[column].type.list_size
        kinds = (self.phases, self.buses) if column.startswith(("vm_", "vuf_")) else (self.peers,)
        kinds = (self.devices,) if column.startswith("device_") else kinds
        for given in kinds:
            if len(given) == width:
                return given
        return tuple(f"{column} {i}" for i in range(width))

    def frame(self, column: str) -> "pd.DataFrame":
        """A list column with ticks as index and the names of buses or peers as columns."""
        import pandas as pd

        return pd.DataFrame(self.values(column), index=self.tick, columns=list(self.names(column)))

    def table(self, name: str) -> Any:
        """One of the small tables, as a `pyarrow.Table`; read once."""
        if name not in self._tables:
            self._tables[name] = read_table(self.folder, name)
        return self._tables[name]

    def rows(self, name: str) -> list[dict[str, Any]]:
        """One of the small tables as rows; integers stay integers, what is missing is None."""
        found: list[dict[str, Any]] = self.table(name).to_pylist()
        return found

    @cached_property
    def buses(self) -> tuple[str, ...]:
        """Names of the buses, in the order of the list columns."""
        return tuple(json.loads(self._metadata("buses", "[]")))

    @cached_property
    def phases(self) -> tuple[str, ...]:
        """Names of the phases of all buses, `bus.a`; none where the feeder is balanced."""
        return tuple(json.loads(self._metadata("phases", "[]")))

    @cached_property
    def peers(self) -> tuple[str, ...]:
        """Names of the peers, in the order of the list columns."""
        return tuple(json.loads(self._metadata("peers", "[]")))

    @cached_property
    def devices(self) -> tuple[str, ...]:
        """Names of the devices, in the order of the list columns that begin with `device_`."""
        return tuple(json.loads(self._metadata("devices", "[]")))

    @cached_property
    def played(self) -> dict[str, str]:
        """Peer that each device played."""
        found: dict[str, str] = json.loads(self._metadata("played", "{}"))
        return found

    @cached_property
    def dt_s(self) -> float:
        """Length of a tick. [s]"""
        return float(self._metadata("dt_s", "1"))

    @cached_property
    def start(self) -> datetime | None:
        """Local time at the start of the physics, if recorded."""
        text = self._metadata("start", "").strip('"')
        return datetime.fromisoformat(text) if text else None

    @property
    def islanded(self) -> bool:
        """Whether the feeder ran without the grid above it."""
        return bool(self.manifest.get("islanded", False))

    @cached_property
    def market(self) -> dict[str, str]:
        """The market's `mechanism`, its `summary`, and its `kind`: "orders" or "rule"."""
        scenario = (self.manifest.get("resolved") or {}).get("scenario") or {}
        named = scenario.get("market") or {} if isinstance(scenario, dict) else {}
        kind = "rule" if self.table("bills").num_rows else "orders"
        known = {"mechanism": str(named.get("mechanism", "")), "summary": "", "kind": kind}
        return known | (self.manifest.get("market") or {})

    def period_begin(self, period: int) -> str:
        """Time of day at which a delivery period begins; its number if its length is unknown."""
        return self._period_time(period) or str(period)

    def period_span(self, period: int) -> str:
        """Say a delivery period, as in "12:00 to 12:15"; in longer runs with its day."""
        begin, end = self._period_time(period), self._period_time(period + 1)
        return f"{begin} to {end.split()[-1]}" if begin else f"Period {period}"

    def _period_time(self, period: int) -> str:
        length = self.manifest.get("ticks_per_period")
        if not length:
            return ""
        days = self.ticks.num_rows * self.dt_s > 86_400
        return f"{self.moment(period * length):{'%a %H:%M' if days else '%H:%M'}}"

    def moment(self, tick: int) -> datetime:
        """Local time at the start of a tick; without a recorded start, since 1970."""
        start = self.start or datetime(1970, 1, 1)
        return start + timedelta(seconds=tick * self.dt_s)

    def clock(self, tick: int) -> str:
        """Time of day at the start of a tick, as in 12:24:03.1."""
        at = self.moment(tick)
        tenths = round(at.microsecond / 1e5)
        return f"{at:%H:%M:%S}.{tenths}" if 0 < tenths < 10 else f"{at:%H:%M:%S}"

    def _metadata(self, key: str, otherwise: str) -> str:
        given: bytes | None = (self.ticks.schema.metadata or {}).get(key.encode())
        return otherwise if given is None else given.decode()

    def _json(self, name: str) -> Any:
        path = self.folder / name
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
