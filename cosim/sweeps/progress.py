"""Progress of a sweep on the terminal: how many points, how many did not pass, and how long yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .points import Recorded
from .sweep import Watch

__all__ = ["Eta", "watching"]

EVERY_S = 30
"""How often a line is printed where there is no terminal. [s]"""


class Eta:
    """Guesses how long it takes yet, from the points that were played here.

    Examples
    --------
    >>> eta = Eta(now_s=100.0, done=4)
    >>> eta.told(now_s=130.0, done=7, of=10)
    '30 s left'
    """

    def __init__(self, *, now_s: float, done: int) -> None:
        self._began_s, self._before = now_s, done

    def told(self, *, now_s: float, done: int, of: int) -> str:
        """Say how long yet; nothing while nothing is known."""
        played = done - self._before
        if played <= 0 or done >= of:
            return ""
        left_s = (of - done) * (now_s - self._began_s) / played
        if left_s < 90:
            return f"{left_s:.0f} s left"
        return f"{left_s / 60:.0f} min left" if left_s < 5400 else f"{left_s / 3600:.1f} h left"


@contextmanager
def watching(*, quiet: bool) -> Iterator[Watch | None]:
    """Show how far a sweep is while the block runs: a bar, or a line every half minute."""
    console = Console(stderr=True)
    if quiet:
        yield None
    elif console.is_terminal:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[told]}"),
            console=console,
            transient=True,
        ) as bar:
            task = bar.add_task("points", total=None, told="starting workers")
            yield _Told(
                lambda done, of, told: bar.update(task, completed=done, total=of, told=told)
            )
    else:
        yield _Told(_Lines(console).show)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console, self._last_s = console, time.monotonic()

    def show(self, done: int, of: int, told: str) -> None:
        if time.monotonic() - self._last_s >= EVERY_S or (done == of and of):
            self._last_s = time.monotonic()
            self._console.print(f"{done} of {of} points  {told}".rstrip(), highlight=False)


class _Told:
    """Puts what a sweep reports into words."""

    def __init__(self, show: Callable[[int, int, str], None]) -> None:
        self._show, self._amiss = show, 0
        self._eta: Eta | None = None

    def __call__(self, done: int, of: int, record: Recorded | None) -> None:
        now_s = time.monotonic()
        if record is None:
            self._eta = Eta(now_s=now_s, done=done)
            self._show(done, of, "")
            return
        self._amiss += record["status"] != "passed"
        left = "" if self._eta is None else self._eta.told(now_s=now_s, done=done, of=of)
        amiss = f"{self._amiss} not passed" if self._amiss else ""
        self._show(done, of, "  ".join(part for part in (amiss, left) if part))
