"""Worker processes that play points: each is started once, and replaced when it dies.

`concurrent.futures` gives up the whole pool when one worker dies, and its workers outlive a parent
that was killed; here a worker's death costs its point a second try, and workers die with the pool.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Protocol, Self

from .points import Recorded, Task, lost

__all__ = ["GROWTH_MB", "PlayPoint", "Players", "Pool", "PoolBroken", "cores"]

GROWTH_MB = 300.0
"""A worker that has grown by so much since its first point makes room for a fresh one. [MB]"""

TRIES = 2
STILLBORN = 3
"""Workers that may die in a row before they are ready."""

PlayPoint = Callable[[Task], Recorded]
_SPAWN = multiprocessing.get_context("spawn")
_READY = "ready"


class Players(Protocol):
    """Whoever plays tasks, as long as the block lasts."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def played(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Recorded]]:
        """Play tasks, and give each with its record as it is finished."""


class PoolBroken(RuntimeError):
    """Workers cannot even start."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pool:
    """A number of worker processes, for as long as the block lasts.

    Parameters
    ----------
    play : callable
        Plays a task in a worker; a function of a module.
    workers : int
    begin : callable, optional
        Called once in every worker before it gets its first task.
    growth_mb : float
        How much a worker may grow. [MB]
    """

    def __init__(
        self,
        play: PlayPoint,
        workers: int,
        *,
        begin: Callable[[], None] | None = None,
        growth_mb: float = GROWTH_MB,
    ) -> None:
        self._play, self._begin, self._growth_mb = play, begin, growth_mb
        self._size = workers
        self._workers: list[_Worker] = []
        self._stillborn = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.ask_to_end(at_once=kind is not None)
        for worker in self._workers:
            worker.end()

    def played(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Recorded]]:
        """Play tasks, and give each with its record as it is finished.

        Raises
        ------
        PoolBroken
            One worker after another dies before it is ready.
        """
        waiting = deque((task, 1) for task in tasks)
        while len(self._workers) < min(self._size, len(waiting)):
            self._workers.append(self._fresh())
        while waiting or any(worker.task for worker in self._workers):
            for worker in self._workers:
                if waiting and worker.is_idle and worker.give(*waiting[0]):
                    waiting.popleft()
            for worker in self._with_news():
                task, attempt, record = worker.news()
                if record is not None and task is not None:
                    yield task, record
                elif worker.is_over and task is not None and attempt < TRIES:
                    waiting.appendleft((task, attempt + 1))
                elif worker.is_over and task is not None:
                    yield task, lost(task, f"{TRIES} workers died of it: {worker.how_it_ended()}")
                if worker.is_over:
                    self._replace(worker)

    def _with_news(self) -> list[_Worker]:
        ready = set(wait([worker.connection for worker in self._workers]))
        return [worker for worker in self._workers if worker.connection in ready]

    def _replace(self, worker: _Worker) -> None:
        self._stillborn = 0 if worker.was_ready else self._stillborn + 1
        if self._stillborn >= STILLBORN:
            raise PoolBroken(
                f"{STILLBORN} workers in a row died while they started: {worker.how_it_ended()}"
            )
        worker.ask_to_end(at_once=True)
        worker.end()
        self._workers[self._workers.index(worker)] = self._fresh()

    def _fresh(self) -> _Worker:
        return _Worker(self._play, self._begin, self._growth_mb)


class _Worker:
    """One worker process, as the pool sees it."""

    def __init__(self, play: PlayPoint, begin: Callable[[], None] | None, growth_mb: float) -> None:
        self.connection, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(
            target=_work, args=(theirs, play, begin, growth_mb), daemon=False
        )
        with _one_thread_each():
            self._process.start()
        theirs.close()
        self.task: Task | None = None
        self._attempt = 0
        self.was_ready = self.is_over = False

    @property
    def is_idle(self) -> bool:
        return self.was_ready and self.task is None and not self.is_over

    def give(self, task: Task, attempt: int) -> bool:
        """Hand over a task; not to a worker that has died meanwhile, which is news."""
        try:
            self.connection.send(task)
        except OSError:
            return False
        self.task, self._attempt = task, attempt
        return True

    def news(self) -> tuple[Task | None, int, Recorded | None]:
        """The task it had, at which try, and its record if it has one; or it is over."""
        task, attempt = self.task, self._attempt
        try:
            told = self.connection.recv()
        except (EOFError, OSError):
            self.task, self.is_over = None, True
            return task, attempt, None
        if told == _READY:
            self.was_ready = True
            return None, 0, None
        record, self.is_over = told
        self.task = None
        return task, attempt, record

    def how_it_ended(self) -> str:
        self._process.join(5)
        code = self._process.exitcode
        if code is None or code >= 0:
            return f"exit code {code}"
        with suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
        return f"killed by signal {-code}"

    def ask_to_end(self, *, at_once: bool) -> None:
        """Let it end after its task, or with the next tick of its run."""
        self.connection.close()
        if at_once and (self.task is not None or not self.was_ready):
            self._process.terminate()

    def end(self) -> None:
        """Wait until it has left its devices safe; not for ever."""
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let what is started have one thread per process: the pool has the cores."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({} if value is None else {name: value})


def _work(
    connection: Connection, play: PlayPoint, begin: Callable[[], None] | None, growth_mb: float
) -> None:
    """Play tasks until there are none, or until the pool is gone."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Ctrl-C is for the pool
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=_leave_with_the_pool, daemon=True).start()
    if begin is not None:
        begin()
    connection.send(_READY)
    first_mb = 0.0
    with suppress(EOFError, OSError):
        while True:
            record = play(connection.recv())
            used_mb = _used_mb()
            first_mb = first_mb or used_mb
            is_last = used_mb - first_mb > growth_mb
            connection.send((record, is_last))
            if is_last:
                return


def _leave_with_the_pool() -> None:
    """End at once when the pool's process is gone, even if it was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _used_mb() -> float:
    import psutil

    used: int = psutil.Process().memory_info().rss
    return used / 1e6
