"""The board between the tick and those who speak to devices: newest asked, newest readings.

A page of shared memory. Each side has one writing process, which makes a count odd while it
writes; a reader who meets an odd count, or another after than before, looks again, and keeps
what he had when that does not help. So neither process ever waits for the other.
"""

import threading
from multiprocessing.shared_memory import SharedMemory
from typing import NamedTuple, Self

import numpy as np

from hil.exchange import Asked, FloatArray

_LOOKS = 3
_ASKED, _READ, _MESSAGES = range(3)  # counts
P_KW, Q_KVAR, TRIPPED, ENERGY_KWH, MEASURED_S = range(5)
_HEAD = 64  # the counts have a cache line of their own


class Row(NamedTuple):
    """A reading as it stands on the board. [kW], [kvar], 0 or 1, [kWh], [s]

    `measured_s` is `time.monotonic`, which all processes of a machine share; −inf before the
    first reading.
    """

    p_kw: float
    q_kvar: float
    tripped: float
    energy_kwh: float
    measured_s: float


NO_READING = Row(0.0, 0.0, 1.0, 0.0, -np.inf)


class Board:
    """The page, for one number of nodes.

    Parameters
    ----------
    nodes : int
        How many.
    name : str, optional
        Of a page that somebody else made; made anew without it.

    Attributes
    ----------
    name : str
        By which other processes open it.
    """

    def __init__(self, nodes: int, *, name: str | None = None) -> None:
        n_asked, n_read = 1 + 3 * nodes, nodes * len(Row._fields)
        size = _HEAD + 8 * (n_asked + n_read)
        self._owns = name is None
        self._memory = SharedMemory(name=name, create=name is None, size=size)
        self.name, self._nodes = self._memory.name, nodes
        # Scalars through a memoryview: a tenth of what numpy takes for one.
        assert self._memory.buf is not None
        self._counts = self._memory.buf[:_HEAD].cast("q")
        self._asked: FloatArray = np.ndarray((n_asked,), np.float64, self._memory.buf, _HEAD)
        self._rows: FloatArray = np.ndarray(
            (nodes, len(Row._fields)), np.float64, self._memory.buf, _HEAD + 8 * n_asked
        )
        self._writing = threading.Lock()
        self._spare = np.empty(n_asked)
        self._seen = np.array(nodes * [NO_READING])
        if self._owns:
            self._rows[:] = self._seen

    def __enter__(self) -> Self:
        """Open already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of it."""
        self.close()

    def close(self) -> None:
        """Let go of it; whoever made it takes it away."""
        # The arrays hold the memory open.
        del self._asked, self._rows
        self._counts.release()
        self._memory.close()
        if self._owns:
            self._memory.unlink()

    def ask(self, asked: Asked) -> None:
        """Write what the tick asks."""
        n, spare, counts = self._nodes, self._spare, self._counts
        spare[0] = asked.f_hz
        spare[1 : 1 + n] = asked.available_kw
        spare[1 + n : 1 + 2 * n] = asked.limit_kw
        spare[1 + 2 * n :] = asked.vm_pu
        counts[_ASKED] += 1
        self._asked[:] = spare
        counts[_ASKED] += 1

    def asked(self) -> tuple[int, Asked] | None:
        """Read what was asked last, with the number of the question; None when it is torn."""
        for _ in range(_LOOKS):
            count = self._counts[_ASKED]
            copy = self._asked.copy()
            if count % 2 == 0 and count == self._counts[_ASKED]:
                given = copy[1:].reshape(3, self._nodes)
                return count // 2, Asked(given[0], given[1], given[2], float(copy[0]))
        return None

    def write(self, node: int, row: Row) -> None:
        """Write the reading of one node; threads of one process take turns."""
        with self._writing:
            self._counts[_READ] += 1
            self._rows[node] = row
            self._counts[_READ] += 1

    def readings(self) -> FloatArray:
        """Read all nodes, a row like `Row` for each; as they were before when torn."""
        for _ in range(_LOOKS):
            count = self._counts[_READ]
            copy = self._rows.copy()
            if count % 2 == 0 and count == self._counts[_READ]:
                self._seen = copy
                break
        return self._seen

    def message(self) -> None:
        """Count a message that was sent beside the board; one thread at a time."""
        self._counts[_MESSAGES] += 1

    @property
    def messages(self) -> int:
        """How many messages were sent beside the board."""
        return int(self._counts[_MESSAGES])
