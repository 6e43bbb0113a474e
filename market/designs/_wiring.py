"""A design as a flow problem: peers, and for each community and cell the nodes it needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .community import Community
from .hybrid import Cell, Design, units
from .problem import Agents

__all__ = ["Wiring", "wire"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Wiring(NamedTuple):
    """Nodes and arcs of a design.

    Attributes
    ----------
    nodes : Agents
        Peers, then every market's seller and buyer, then what only passes on.
    passing : (nodes,) bool array
    tail, head : (k,) int64 array
    cost : (k,) float array
        [µ€/Wh]
    spans : dict
        Slices of arcs by unit and kind: (unit, "sell"), "buy", "import", "export" per member of a
        community; (unit, "across") row by row for a cell; (unit, "market") two arcs.
    pool : (units,) int64 array
        Node of each community's pool, −1 of a cell.
    """

    nodes: Agents
    passing: NDArray[np.bool_]
    tail: Ints
    head: Ints
    cost: Floats
    spans: dict[tuple[int, str], slice]
    pool: Ints


class _Arcs:
    """Arcs as they are drawn."""

    def __init__(self) -> None:
        self.columns: list[tuple[Ints, Ints, Floats]] = []
        self.spans: dict[tuple[int, str], slice] = {}
        self.count = 0

    def draw(
        self, unit: int, kind: str, tail: Ints | int, head: Ints | int, cost: Floats | float
    ) -> None:
        """Add arcs; single nodes and costs are for all of them."""
        one, other, worth = np.broadcast_arrays(np.atleast_1d(tail), head, cost)
        self.columns.append((one, other, worth))
        self.spans[unit, kind] = slice(self.count, self.count + one.size)
        self.count += one.size


def wire(agents: Agents, design: Design) -> Wiring:
    """Draw a design's nodes and arcs: member to pool to member, and through exporters above."""
    order = list(units(design))
    traders = [k for k, unit in enumerate(order) if unit.import_price is not None]
    n, size = len(agents), len(order)
    market = {k: n + 2 * i for i, k in enumerate(traders)}
    first = n + 2 * len(traders)  # each unit's pool, importer and exporter follow
    nodes = _nodes(agents, [order[k] for k in traders], 3 * size)
    arcs = _Arcs()
    number = {id(unit): k for k, unit in enumerate(order)}
    for k, unit in enumerate(order):
        pool = first + 3 * k
        enters, leaves = pool + 1, pool + 2
        if isinstance(unit, Community):
            arcs.draw(k, "sell", unit.members, pool, unit.transaction)
            arcs.draw(k, "buy", pool, unit.members, unit.transaction)
            arcs.draw(k, "import", enters, unit.members, unit.gamma_import)
            arcs.draw(k, "export", unit.members, leaves, unit.gamma_export)
        else:
            parts = first + 3 * np.array([number[id(part)] for part in unit.parts], np.int64)
            _draw_cell(arcs, k, unit, parts, enters, leaves)
        if k in market:
            ends = np.array([market[k], leaves]), np.array([enters, market[k] + 1])
            arcs.draw(k, "market", *ends, 0.0)
    tail, head, cost = (np.concatenate(column) for column in zip(*arcs.columns, strict=True))
    passing = np.arange(len(nodes)) >= first
    return Wiring(
        nodes=nodes,
        passing=passing,
        tail=tail.astype(np.int64),
        head=head.astype(np.int64),
        cost=cost.astype(np.float64),
        spans=arcs.spans,
        pool=np.array(
            [first + 3 * k if isinstance(u, Community) else -1 for k, u in enumerate(order)]
        ),
    )


def _draw_cell(arcs: _Arcs, k: int, cell: Cell, parts: Ints, enters: int, leaves: int) -> None:
    sells, buys = np.append(cell.members, parts + 2), np.append(cell.members, parts + 1)
    apart = ~np.eye(sells.size, dtype=bool)
    one, other = np.nonzero(apart)
    arcs.draw(k, "across", sells[one], buys[other], np.asarray(cell.between)[apart])
    arcs.draw(k, "import", enters, buys, cell.outside)
    arcs.draw(k, "export", sells, leaves, cell.outside)


def _nodes(agents: Agents, traders: Sequence[Design], passing: int) -> Agents:
    """Peers, market sellers and buyers without limit, and nodes that inject nothing."""
    most = float(np.maximum(np.abs(agents.low_wh), np.abs(agents.high_wh)).sum())
    prices = [(unit.import_price or 0.0, unit.export_price or 0.0) for unit in traders]
    linear, none = np.zeros(2 * len(traders)), np.zeros(passing)
    return Agents(
        a=np.concatenate([agents.a, linear, none]),
        b=np.concatenate([agents.b, np.array(prices).ravel(), none]),
        c=np.concatenate([agents.c, linear, none]),
        low_wh=np.concatenate([agents.low_wh, np.tile([0.0, -most], len(traders)), none]),
        high_wh=np.concatenate([agents.high_wh, np.tile([most, 0.0], len(traders)), none]),
    )
