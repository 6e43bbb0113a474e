"""Solving communities and hybrids exactly: as pools where their costs allow, else as a QP."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ._kernels_flow import cancel_circles
from ._trees import as_flow, as_groups
from ._wiring import Wiring, wire
from .central import ACCURACY, CentralSolver, Flow, Solver
from .congestion import Congestion
from .hybrid import Cell, Design, check_design, units
from .network import Network
from .pool import clear_pools
from .problem import Agents, Residuals

__all__ = ["NestedOutcome", "solve_design"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class NestedOutcome:
    """What a community or a hybrid decides for one period.

    Units are the design and its parts, each cell before its parts, as `units` walks.

    Attributes
    ----------
    injection_wh : (n,) float array
        p. [Wh]
    inside_wh : (n,) float array
        q: what a member buys inside its community, negative where it sells. [Wh]
    import_wh, export_wh : (n,) float array
        α and β: what a peer buys and sells beyond its community or cell. [Wh]
    price : (units,) float array
        Of each community's pool: the dual of Σ q = 0, positive for a good. A member that sells
        inside gets it less the transaction cost. NaN for a cell, whose prices are its pairs'.
        [µ€/Wh]
    worth : (n,) float array
        What one Wh more is worth to each peer. [µ€/Wh]
    across_wh : tuple of (k, k) float array
        For each cell who sells how much to whom, members first; empty for a community. [Wh]
    market_import_wh, market_export_wh : (units,) float array
        What each manager buys and sells on the market. [Wh]
    traded_wh : (n + 1, n + 1) float array
        Who sells how much to whom in the end, the market last; where energy passes through a
        pool or a manager, all whose energy goes in serve all who take from it alike. [Wh]
    welfare_ueur : float
        Minus all costs, transaction costs, weights and the market's G included. [µ€]
    import_cost_ueur, export_revenue_ueur : float
        What managers pay the market, and are paid, weights apart. [µ€]
    residuals : Residuals
    converged : bool
    congestion : Congestion or None
        What the network's limits add to a Wh's worth at each peer, where some were given.
    """

    injection_wh: Floats
    inside_wh: Floats
    import_wh: Floats
    export_wh: Floats
    price: Floats
    worth: Floats
    across_wh: tuple[Floats, ...]
    market_import_wh: Floats
    market_export_wh: Floats
    traded_wh: Floats
    welfare_ueur: float
    import_cost_ueur: float
    export_revenue_ueur: float
    residuals: Residuals
    converged: bool
    congestion: Congestion | None = None


def solve_design(
    agents: Agents,
    design: Design,
    *,
    network: Network | None = None,
    solver: Solver = "best",
) -> NestedOutcome:
    """Solve a community, a hybrid, or communities nested to any depth.

    With "best", a design whose members have equal weights and whose pair costs are sums of two
    parts is cleared as pools within pools; every other one, and every one where a solver is named,
    as a QP. A community alone is the community design.

    Parameters
    ----------
    agents : Agents
    design : Community or Cell
    network : Network, optional
        Limits on what peers inject together; managers' markets are at its reference. Pools that
        keep them stay pools.
    solver : {"best", "piqp", "highs"}

    Raises
    ------
    DesignError
        When peers and units do not fit, or nothing meets all bounds, with the peers.
    """
    check_design(design, len(agents))
    wiring = wire(agents, design)
    flow = _pooled(wiring, design, len(agents)) if solver == "best" else None
    if flow is not None and network is not None:
        kept = not network.excess_wh(flow.injection_wh).any()
        flow = flow._replace(shadow=np.zeros(len(network))) if kept else None
    if flow is None:
        central = CentralSolver(
            len(wiring.nodes),
            wiring.tail,
            wiring.head,
            passing=wiring.passing,
            solver=solver,
            network=network,
        )
        flow = central.solve(wiring.nodes, wiring.cost)
        _straighten(wiring, flow.flow_wh)
    outcome = _told(agents, design, wiring, flow)
    if network is None:
        return outcome
    return replace(outcome, congestion=network.congestion(flow.shadow))


def _pooled(wiring: Wiring, design: Design, n: int) -> Flow | None:
    """Clear pools within pools; None where the design is none, or they find no balance."""
    groups = as_groups(design, n)
    if groups is None:
        return None
    size, nodes = groups.group.size, wiring.nodes
    found = clear_pools(
        groups, nodes.a[:size], nodes.b[:size], nodes.low_wh[:size], nodes.high_wh[:size]
    )
    near = ACCURACY * float(np.abs(found.injection_wh).max(initial=1.0))
    flow = as_flow(design, wiring, found, near) if found.feasible[0] else None
    if flow is None:
        return None
    potential, injection = np.full(len(nodes), np.nan), np.zeros(len(nodes))
    injection[:size] = found.injection_wh[0]
    price = found.price[0][groups.group[:n]]
    marginal = nodes.marginal(injection)[:n]
    sold, bought = price - groups.sell_cost[:n], price + groups.buy_cost[:n]
    net = injection[:n]
    potential[:n] = np.select([net > 0, net < 0], [sold, bought], np.clip(marginal, sold, bought))
    pools = wiring.pool >= 0
    potential[wiring.pool[pools]] = found.price[0][pools]
    astray = injection - np.bincount(wiring.tail, flow, len(nodes))
    astray += np.bincount(wiring.head, flow, len(nodes))
    return Flow(
        flow_wh=flow,
        injection_wh=injection,
        potential=potential,
        residuals=Residuals(float(np.abs(astray).max()), 0.0, 0.0),
        converged=bool(np.abs(astray).max() <= near),
    )


def _straighten(wiring: Wiring, flow_wh: Floats) -> None:
    """Take circles and what is only rounding out of a solver's flow."""
    order = np.argsort(wiring.tail, kind="stable").astype(np.int64)
    count = np.bincount(wiring.tail, minlength=len(wiring.nodes))
    start = np.append(0, np.cumsum(count)).astype(np.int64)
    near = 1e-9 * float(flow_wh.max(initial=0.0))
    cancel_circles(start, order, wiring.head, flow_wh, near)
    flow_wh[flow_wh <= near] = 0.0


def _told(agents: Agents, design: Design, wiring: Wiring, flow: Flow) -> NestedOutcome:
    """Read what peers and managers do from the flow over arcs."""
    n, order = len(agents), list(units(design))
    inside, taken, given = np.zeros(n), np.zeros(n), np.zeros(n)
    market = np.zeros((2, len(order)))
    across = []
    for k, unit in enumerate(order):
        size = unit.members.size
        taken[unit.members] = flow.flow_wh[wiring.spans[k, "import"]][:size]
        given[unit.members] = flow.flow_wh[wiring.spans[k, "export"]][:size]
        across.append(np.zeros((0, 0)))
        if isinstance(unit, Cell):
            pairs = np.zeros((size + len(unit.parts),) * 2)
            pairs[~np.eye(pairs.shape[0], dtype=bool)] = flow.flow_wh[wiring.spans[k, "across"]]
            across[k] = pairs
            taken[unit.members] += pairs.sum(axis=0)[:size]
            given[unit.members] += pairs.sum(axis=1)[:size]
        else:
            bought, sold = (flow.flow_wh[wiring.spans[k, side]] for side in ("buy", "sell"))
            inside[unit.members] = bought - sold
        if unit.import_price is not None:
            market[:, k] = flow.flow_wh[wiring.spans[k, "market"]]
    prices = [(unit.import_price or 0.0, unit.export_price or 0.0) for unit in order]
    paid, earned = (np.array(prices).T * market).sum(axis=1).tolist()
    injection = flow.injection_wh[:n]
    cost = float(agents.cost_ueur(injection).sum() + wiring.cost @ flow.flow_wh) + paid - earned
    pool = np.where(wiring.pool >= 0, wiring.pool, 0)
    return NestedOutcome(
        injection_wh=injection,
        inside_wh=inside,
        import_wh=taken,
        export_wh=given,
        price=np.where(wiring.pool >= 0, flow.potential[pool], np.nan),
        worth=flow.potential[:n],
        across_wh=tuple(across),
        market_import_wh=market[0],
        market_export_wh=market[1],
        traded_wh=_traded(wiring, flow, n),
        welfare_ueur=-cost,
        import_cost_ueur=paid,
        export_revenue_ueur=earned,
        residuals=flow.residuals,
        converged=flow.converged,
    )


def _traded(wiring: Wiring, flow: Flow, n: int) -> Floats:
    """Follow energy from who injects it to who takes it, mixed at every node that passes it on."""
    nodes = len(wiring.nodes)
    into, out = (np.bincount(ends, flow.flow_wh, nodes) for ends in (wiring.head, wiring.tail))
    made = np.maximum(out - into, 0.0)  # what the arcs say, so that it adds up at every node
    kept = np.maximum(into - out, 0.0)
    made[wiring.passing] = kept[wiring.passing] = 0.0
    source = np.minimum(np.arange(nodes), n)  # all markets are one
    mix, traded = np.zeros((nodes, n + 1)), np.zeros((n + 1, n + 1))
    mix[np.arange(nodes), source] = made
    waiting = np.bincount(wiring.head[flow.flow_wh > 0], minlength=nodes)
    leaving = [np.flatnonzero((wiring.tail == node) & (flow.flow_wh > 0)) for node in range(nodes)]
    ready = np.flatnonzero(waiting == 0).tolist()
    while ready:
        node = ready.pop()
        total = mix[node].sum()
        share = mix[node] / total if total > 0 else mix[node]
        traded[:, source[node]] += share * kept[node]
        for arc in leaving[node].tolist():
            to = wiring.head[arc]
            mix[to] += share * flow.flow_wh[arc]
            waiting[to] -= 1
            if not waiting[to]:
                ready.append(int(to))
    return traded
