"""The hybrid: communities inside, peers and managers trading above, nested to any depth.

A cell is a market of single peers and of parts, which are communities or cells again: a building in
a neighbourhood in a cell. Above, everybody trades bilaterally at a cost per pair, as in full P2P; a
part takes part with what its members export and import in sum, ``Σ trades = Σ β − Σ α`` [1]_. (The
text after equation (3c) there swaps the two; the equation is right.) A manager does not trade
through: what a part imports is for its members.

References
----------
.. [1] T. Sousa, T. Soares, P. Pinson, F. Moret, T. Baroche and E. Sorin, "Peer-to-peer and
   community-based markets: a comprehensive review," Renew. Sustain. Energy Rev., vol. 104, 2019.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .community import Community, market_faults
from .problem import DesignError

__all__ = ["Cell", "Design", "check_design", "units"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Cell:
    """Peers and parts who trade with one another bilaterally.

    Attributes
    ----------
    members : (k,) int64 array
        Peers who trade here for themselves.
    parts : tuple of Community or Cell
    between : (k + parts, k + parts) float array, or one number for all
        What a Wh from one to another costs, members first; 0 or more. [µ€/Wh]
    outside : float
        What a Wh costs that one of them sells or buys beyond the cell. [µ€/Wh]
    import_price, export_price : float or None
        As in `Community`.

    Raises
    ------
    DesignError
        With every fault: nobody in it, tables of the wrong size, negative costs, one price without
        the other.
    """

    members: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    parts: tuple[Community | Cell, ...] = ()
    between: Floats | float = 0.0
    outside: float = 0.0
    import_price: float | None = None
    export_price: float | None = None

    def __post_init__(self) -> None:
        members = np.array(self.members, dtype=np.int64)
        object.__setattr__(self, "members", members)
        object.__setattr__(self, "parts", tuple(self.parts))
        size = members.size + len(self.parts)
        costs = np.asarray(self.between, dtype=np.float64)
        if costs.shape not in ((), (size, size)):
            raise DesignError(
                [f"cell: between has shape {costs.shape}, expected one number or ({size}, {size})"]
            )
        object.__setattr__(self, "between", np.broadcast_to(costs, (size, size)))
        if faults := _cell_faults(self):
            raise DesignError(faults)


Design = Community | Cell
"""A tree of communities and cells; a community alone is the community design."""


def units(design: Design) -> Iterator[Design]:
    """Walk through a design, each cell before its parts."""
    yield design
    for part in design.parts if isinstance(design, Cell) else ():
        yield from units(part)


def check_design(design: Design, n: int) -> None:
    """Hold a design's members against n peers.

    Raises
    ------
    DesignError
        With every fault: members that do not exist, are in two places, or peers in none.
    """
    members = np.concatenate([unit.members for unit in units(design)])
    faults = [
        f"peer {i} is a member but there are peers 0 to {n - 1} only"
        for i in members[(members < 0) | (members >= n)].tolist()
    ]
    count = np.bincount(members[(members >= 0) & (members < n)], minlength=n)
    faults += [
        f"peer {i} is in {count[i]} communities or cells; every peer belongs to one"
        for i in np.flatnonzero(count != 1).tolist()
    ]
    if faults:
        raise DesignError(faults)


def _cell_faults(cell: Cell) -> list[str]:
    if not cell.members.size and not cell.parts:
        return ["a cell with neither members nor parts; give it some or leave it out"]
    faults = []
    table = np.asarray(cell.between)
    apart = ~np.eye(table.shape[0], dtype=bool)
    if not (table[apart] >= 0).all() or np.isinf(table[apart]).any():
        faults.append("cell: a cost between two is below 0 or no finite number")
    if not cell.outside >= 0 or np.isinf(cell.outside):
        faults.append(f"cell: outside is {cell.outside:g} µ€/Wh, expected 0 or more")
    return faults + market_faults(cell.import_price, cell.export_price, 2 * cell.outside, "cell")
