"""What the process of the devices and the run tell one another beside the board."""

from typing import NamedTuple


class Ready(NamedTuple):
    """All devices are open and have been read once."""


class Failed(NamedTuple):
    """A node could not be told or read, and why; once for each reason."""

    name: str
    because: str


class Refused(NamedTuple):
    """A fault that was to be injected, or cleared, was not taken."""

    name: str
    because: str
    at_s: float


class Quieted(NamedTuple):
    """A node was made safe because the run asked nothing any more."""

    name: str
    because: str
    at_s: float


class Broken(NamedTuple):
    """The process ends with this error."""

    failure: Exception


class Inject(NamedTuple):
    """Make a node's device misbehave; with no fault, behave again."""

    name: str
    fault: str | None
    values: tuple[float, ...]


class Stop(NamedTuple):
    """Make everything safe, and end."""
