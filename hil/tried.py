"""Steps that are all taken, whatever becomes of one."""

from collections.abc import Callable, Iterable

__all__ = ["all_tried"]


def all_tried(steps: Iterable[Callable[[], None]]) -> None:
    """Take every step; the first failure is raised once all were tried, the others its notes."""
    first: Exception | None = None
    for step in steps:
        try:
            step()
        except Exception as failure:
            if first is None:
                first = failure
            else:
                first.add_note(str(failure))
    if first is not None:
        raise first
