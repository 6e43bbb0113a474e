"""Faults of a scenario, gathered: where each stands, what is wrong and what was expected."""

from collections.abc import Sequence
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Keys and indices from the top of the document, as ``("peers", 3, "battery")``."""


def dotted(path: Path) -> str:
    """Return a path as it is printed.

    Examples
    --------
    >>> dotted(("peers", 3, "battery", "p_max_kw"))
    'peers[3].battery.p_max_kw'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault of an input file.

    Parameters
    ----------
    file : str
        The file, as the user named it.
    line, column : int
        Where it stands, counted from 1; zero when the file could not be read at all.
    path : str
        Keys from the top, as ``peers[3].battery``; empty for faults of the notation.
    message : str
        What is wrong, and what was expected.
    """

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class ScenarioError(Exception):
    """The input is wrong; nothing was run and nothing was written.

    Parameters
    ----------
    faults : sequence of Fault
        All of them, in the order of the file.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(str(fault) for fault in self.faults))
