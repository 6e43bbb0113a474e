"""Plays points by Dask, on a cluster that is there or on one of this machine.

The same point function as in the pool; records come back to whoever asked, who alone writes them.
A cluster's workers have to see the scenario's files under the same path, and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .points import Recorded, Task, lost
from .pool import PlayPoint

__all__ = ["DaskPool", "NoScheduler"]

CONNECT_S = 10
TRIES = 2


class NoScheduler(RuntimeError):
    """There is no such scheduler, or no Dask; mend that and ask again."""


class DaskPool:
    """Dask's workers, for as long as the block lasts.

    Parameters
    ----------
    play : callable
        Plays a task in a worker; a function of a module.
    scheduler : str
        Address as ``tcp://127.0.0.1:8786``, or "local".
    workers : int
        Of a local cluster.
    scratch : Path
        Where a local cluster keeps its files.
    """

    def __init__(self, play: PlayPoint, scheduler: str, *, workers: int, scratch: Path) -> None:
        self._play, self._scheduler = play, scheduler
        self._workers, self._scratch = workers, scratch
        self._open = ExitStack()

    def __enter__(self) -> Self:
        try:
            dask: Any = import_module("dask")
            distributed: Any = import_module("distributed")
        except ImportError:
            raise NoScheduler(
                "--scheduler needs Dask, which is not installed; expected "
                "pip install 'peerwatt[dask]'"
            ) from None
        # A task that has taken a worker with it is tried on another, and then given up.
        settings = {"distributed.scheduler.allowed-failures": TRIES - 1}
        self._open.enter_context(dask.config.set(settings))
        where: Any = self._scheduler
        try:
            if where == "local":
                where = self._open.enter_context(
                    distributed.LocalCluster(
                        n_workers=self._workers,
                        threads_per_worker=1,
                        host="127.0.0.1",
                        dashboard_address="127.0.0.1:0",  # any port, and nobody else's business
                        local_directory=str(self._scratch),
                        silence_logs=logging.CRITICAL,
                    )
                )
            self._client = self._open.enter_context(distributed.Client(where, timeout=CONNECT_S))
        except (OSError, ValueError) as error:
            self._open.close()
            raise NoScheduler(
                f"no Dask scheduler answers at {self._scheduler!r}; expected an address as "
                f"tcp://127.0.0.1:8786, or local ({' '.join(str(error).split())})"
            ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    def played(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Recorded]]:
        """Play tasks, and give each with its record as it is finished."""
        distributed: Any = import_module("distributed")
        futures = {self._client.submit(self._play, task, pure=False): task for task in tasks}
        try:
            for future in distributed.as_completed(futures):
                task = futures.pop(future)
                yield task, _result(future, task)
        finally:
            self._client.cancel(list(futures))


def _result(future: Any, task: Task) -> Recorded:
    try:
        record: Recorded = future.result()
    except Exception as error:  # whatever happens to workers, scheduler and network
        text = " ".join(str(error).split())[:300]
        return lost(task, f"its worker was lost: {type(error).__name__}: {text}")
    return record
