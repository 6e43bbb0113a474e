"""Progress of a run on the terminal: how far, how fast against real time, and what slows it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


class Shown:
    """A bar on the terminal, and what is said behind it."""

    def __init__(self, bar: Progress, dt_s: float | None) -> None:
        self._bar, self._dt_s = bar, dt_s
        self._task = bar.add_task("starting", total=None, speed="", slowest="", vitals="")

    def __call__(
        self, done: int, total: int, elapsed_s: float, by_simulator: Mapping[str, float]
    ) -> None:
        """Take ticks done, ticks in all, wall time, and wall time by simulator. [s]"""
        self._bar.update(
            self._task,
            description="running",
            completed=done,
            total=total,
            speed=speed(done, elapsed_s, self._dt_s),
            slowest=slowest(by_simulator),
        )

    def vitals(self, line: str) -> None:
        """Take how the bench does."""
        self._bar.update(self._task, vitals=line)


def speed(done_ticks: int, elapsed_s: float, dt_s: float | None) -> str:
    """Say how much faster than real time a run is.

    Examples
    --------
    >>> speed(3000, 2.0, 0.1)
    '150 × real time'
    """
    if dt_s is None or elapsed_s <= 0:
        return ""
    return f"{done_ticks * dt_s / elapsed_s:.3g} × real time"


def slowest(by_simulator: Mapping[str, float]) -> str:
    """Name the simulator that takes most of the time, with its share."""
    total_s = sum(by_simulator.values())
    if total_s <= 0:
        return ""
    name = max(by_simulator, key=lambda key: by_simulator[key])
    return f"slowest: {name} {by_simulator[name] / total_s:.0%}"


@contextmanager
def showing(*, quiet: bool, dt_s: float | None) -> Iterator[Shown | None]:
    """Show a bar while the block runs, and give what feeds it; None when nobody watches.

    Parameters
    ----------
    quiet : bool
        Nobody wants to see it.
    dt_s : float or None
        Length of a tick; None when it is not known. [s]
    """
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[speed]}  {task.fields[slowest]}  {task.fields[vitals]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Shown(progress, dt_s)
