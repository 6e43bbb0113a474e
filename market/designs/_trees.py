"""A design as pools within pools, where its costs allow: weights alike, pair costs that add up."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._wiring import Wiring
from .community import Community
from .hybrid import Cell, Design, units
from .pool import Groups, Pooled

__all__ = ["as_flow", "as_groups", "halves"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def halves(between: ArrayLike) -> Floats | None:
    """Each participant's part of pair costs, where every cost is the sum of two; else None.

    Three costs between three always are such sums; a part is below 0 where going round is cheaper.
    """
    table = np.asarray(between, dtype=np.float64)
    k, apart = table.shape[0], ~np.eye(table.shape[0], dtype=bool)
    if k == 1:
        return np.zeros(1)
    if (table != table.T).any():
        return None
    part = np.full(k, 0.5 * table[0, 1])
    if k > 2:
        part[0] = 0.5 * (table[0, 1] + table[0, 2] - table[1, 2])
        part[1:] = table[0, 1:] - part[0]
    near = 1e-12 * max(float(table.max()), 1.0)
    return part if (np.abs(part[:, None] + part - table)[apart] <= near).all() else None


def as_groups(design: Design, n: int) -> Groups | None:
    """Read a design as pools within pools, or None where it is none.

    Groups are the units of the design in their order; peers are followed by each market's seller
    and buyer, as the design's wiring has them.
    """
    order = list(units(design))
    if not all(unit.uniform for unit in order if isinstance(unit, Community)):
        return None
    number = {id(unit): k for k, unit in enumerate(order)}
    markets = sum(unit.import_price is not None for unit in order)
    groups = Groups(
        parent=np.zeros(len(order), np.int64),
        up=np.zeros(len(order)),
        down=np.zeros(len(order)),
        group=np.zeros(n + 2 * markets, np.int64),
        sell_cost=np.zeros(n + 2 * markets),
        buy_cost=np.zeros(n + 2 * markets),
    )
    seller = n
    for k, unit in enumerate(order):
        crossing = (
            _enter_cell(groups, k, unit, number)
            if isinstance(unit, Cell)
            else (_enter_community(groups, k, unit))
        )
        if crossing is None:
            return None
        inward, outward = crossing
        groups.up[k] += outward
        groups.down[k] += inward
        if unit.import_price is not None and unit.export_price is not None:
            if unit.import_price + inward < unit.export_price - outward:
                return None
            groups.group[seller : seller + 2] = k
            groups.sell_cost[seller], groups.buy_cost[seller] = inward, -inward
            groups.buy_cost[seller + 1], groups.sell_cost[seller + 1] = outward, -outward
            seller += 2
    wedges = groups.up[1:] + groups.down[1:], groups.sell_cost + groups.buy_cost
    return groups if all((wedge >= 0).all() for wedge in wedges) else None


def _enter_community(groups: Groups, k: int, unit: Community) -> tuple[float, float]:
    """Put members into their pool; what crossing costs beyond it: a Wh that crosses pays no
    transaction inside, which its seller or buyer pays to the pool all the same."""
    groups.group[unit.members] = k
    groups.sell_cost[unit.members] = groups.buy_cost[unit.members] = unit.transaction
    weights = np.asarray(unit.gamma_import), np.asarray(unit.gamma_export)
    inward, outward = (float(weight[0]) - unit.transaction for weight in weights)
    return inward, outward


def _enter_cell(
    groups: Groups, k: int, unit: Cell, number: dict[int, int]
) -> tuple[float, float] | None:
    part = halves(unit.between)
    if part is None:
        return None
    crossed = k > 0 or unit.import_price is not None
    if crossed and np.ptp(part) > 0:
        return None
    members, inner = unit.members, [number[id(one)] for one in unit.parts]
    groups.group[members], groups.parent[inner] = k, k
    groups.sell_cost[members] = groups.buy_cost[members] = part[: members.size]
    groups.up[inner] += part[members.size :]
    groups.down[inner] += part[members.size :]
    return (unit.outside - float(part[0]),) * 2 if crossed else (0.0, 0.0)


def as_flow(design: Design, wiring: Wiring, found: Pooled, near: float) -> Floats | None:
    """Lay what pools found over the design's arcs, all alike sharing in proportion. [Wh]

    None where a unit would pass on more than its own people sell or buy, which a pool may but a
    design may not.
    """
    injection, exchange = found.injection_wh[0], found.exchange_wh[0]
    flow = np.zeros(wiring.tail.size)
    order = list(units(design))
    number = {id(unit): k for k, unit in enumerate(order)}
    at = _peers(order)
    for k, unit in enumerate(order):
        net = injection[unit.members]
        if isinstance(unit, Cell):
            net = np.append(net, exchange[[number[id(part)] for part in unit.parts]])
        sold, bought = np.maximum(net, 0.0), np.maximum(-net, 0.0)
        enters, leaves = max(-exchange[k], 0.0), max(exchange[k], 0.0)
        if (k, "market") in wiring.spans:
            taken, given = injection[at[k]], -injection[at[k] + 1]
            flow[wiring.spans[k, "market"]] = taken, given
            enters, leaves = enters + taken, leaves + given
        if enters > bought.sum() + near or leaves > sold.sum() + near:
            return None
        imported = bought * (min(enters / bought.sum(), 1.0) if bought.any() else 0.0)
        exported = sold * (min(leaves / sold.sum(), 1.0) if sold.any() else 0.0)
        flow[wiring.spans[k, "import"]] = imported
        flow[wiring.spans[k, "export"]] = exported
        _inside(flow, wiring, k, sold - exported, bought - imported)
    return flow


def _inside(flow: Floats, wiring: Wiring, k: int, sold: Floats, bought: Floats) -> None:
    if (k, "sell") in wiring.spans:
        flow[wiring.spans[k, "sell"]] = sold
        flow[wiring.spans[k, "buy"]] = bought
        return
    total = bought.sum()
    pairs = np.outer(sold, bought / total) if total > 0 else np.zeros((sold.size, sold.size))
    flow[wiring.spans[k, "across"]] = pairs[~np.eye(sold.size, dtype=bool)]


def _peers(order: list[Design]) -> dict[int, int]:
    """Where each market's seller stands among the nodes."""
    n = sum(unit.members.size for unit in order)
    traders = [k for k, unit in enumerate(order) if unit.import_price is not None]
    return {k: n + 2 * i for i, k in enumerate(traders)}
