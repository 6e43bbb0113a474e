"""The board between the tick and those who speak to devices: newest asked, newest readings.

A page of shared memory. Each field has one writer, who makes its count odd while he writes; a
reader who meets an odd count, or another after than before, looks again, and keeps what he had
when that does not help. So nobody ever waits for anybody.
"""

from multiprocessing.shared_memory import SharedMemory
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from hil.exchange import Asked

_LOOKS = 3
_COUNT, P_KW, Q_KVAR, TRIPPED, ENERGY_KWH, MEASURED_S = range(6)
_COLUMNS = 8  # a cache line each
_HEAD = 64  # count of what is asked, count of messages; a cache line


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
        size = _HEAD + 8 * (1 + 3 * nodes) + 8 * _COLUMNS * nodes
        self._owns = name is None
        self._memory = SharedMemory(name=name, create=name is None, size=size)
        self.name, self._nodes = self._memory.name, nodes
        page: NDArray[np.uint8] = np.ndarray((size,), np.uint8, self._memory.buf)
        self._counts: NDArray[np.int64] = page[:16].view(np.int64)
        self._asked = page[_HEAD : _HEAD + 8 * (1 + 3 * nodes)].view(np.float64)
        rows = page[_HEAD + self._asked.nbytes : size].view(np.float64)
        self._rows = rows.reshape(nodes, _COLUMNS)
        self._spare = np.empty(1 + 3 * nodes)
        self._seen = np.zeros((nodes, _COLUMNS))
        self._seen[:, 1:6] = NO_READING
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
        del self._counts, self._asked, self._rows
        self._memory.close()
        if self._owns:
            self._memory.unlink()

    def ask(self, asked: Asked) -> None:
        """Write what the tick asks."""
        n, spare = self._nodes, self._spare
        spare[0] = asked.f_hz
        spare[1 : 1 + n] = asked.available_kw
        spare[1 + n : 1 + 2 * n] = asked.limit_kw
        spare[1 + 2 * n :] = asked.vm_pu
        self._counts[0] += 1
        self._asked[:] = spare
        self._counts[0] += 1

    def asked(self) -> tuple[int, Asked] | None:
        """Read what was asked last, with the number of the question; None when it is torn."""
        n = self._nodes
        for _ in range(_LOOKS):
            count = int(self._counts[0])
            copy = self._asked.copy()
            if count % 2 == 0 and count == self._counts[0]:
                f_hz, given = float(copy[0]), copy[1:].reshape(3, n)
                return count // 2, Asked(given[0], given[1], given[2], f_hz)
        return None

    def write(self, node: int, row: Row) -> None:
        """Write the reading of one node; only its own thread does."""
        mine = self._rows[node]
        mine[_COUNT] += 1.0
        mine[1:6] = row
        mine[_COUNT] += 1.0

    def readings(self) -> NDArray[np.float64]:
        """Read all nodes: rows of `Row` from column 1 on; a torn row is as it was before."""
        counts = self._rows[:, _COUNT]
        for _ in range(_LOOKS):
            before = counts.copy()
            copy = self._rows.copy()
            whole = (before == counts) & (before % 2.0 == 0.0)
            if whole.all():
                break
            copy[~whole] = self._seen[~whole]
        self._seen = copy
        return copy

    def message(self) -> None:
        """Count a message that was sent beside the board."""
        self._counts[1] += 1

    @property
    def messages(self) -> int:
        """How many messages were sent beside the board."""
        return int(self._counts[1])
