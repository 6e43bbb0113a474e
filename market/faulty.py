"""The error that names everything that was wrong at once."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Faulty"]


class Faulty(ValueError):
    """Something that cannot be worked with; each kind says what to mend.

    Parameters
    ----------
    faults : sequence of str
        Everything that was wrong, one line each.

    Attributes
    ----------
    faults : tuple of str
    """

    def __init__(self, faults: Sequence[str]) -> None:
        # As one argument: a worker process gives back an error that it can make again from them.
        super().__init__(tuple(faults))
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n".join(self.faults)
