"""Full P2P: everybody trades bilaterally, and every link may cost its own.

Minimise the peers' costs and γ per traded Wh, so that each peer's trades add up to an injection
within its bounds, what one sells to another is what that one buys from it, sellers only sell and
buyers only buy [1]_. The price of a link is the dual of that reciprocity: a seller n that is
between its bounds gets ``a_n P_n + b_n + γ_n`` for what it sells.

References
----------
.. [1] E. Sorin, L. Bobo and P. Pinson, "Consensus-based approach to peer-to-peer electricity
   markets with product differentiation," IEEE Trans. Power Syst., vol. 34, 2019.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ._slots import Slots, make_slots
from .central import CentralSolver, Flow, Solver
from .network import Network
from .pool import Groups, clear_pools, pro_rata
from .problem import (
    Agents,
    DesignError,
    Edges,
    Outcome,
    Residuals,
    check_problem,
    injections_wh,
    welfare_ueur,
)
from .repair import fit_trades, repair

__all__ = ["FullP2P", "is_pool", "solve_full_p2p"]

Floats = NDArray[np.float64]

_NEAR = 1e-9
"""How near to their bounds a repair leaves injections, relative to the greatest bound. [1]"""


def solve_full_p2p(
    agents: Agents, edges: Edges, *, network: Network | None = None, solver: Solver = "best"
) -> Outcome:
    """Solve full P2P exactly.

    Where everybody can trade with everybody and each side's share of γ is one number, this is a
    pool with a wedge between what buyers pay and sellers get: `is_pool`. It is cleared as such,
    without any solver. All other problems go to the QP solver; naming one does that always.

    Parameters
    ----------
    agents : Agents
    edges : Edges
    network : Network, optional
        Limits on what peers inject together; a pool that keeps them stays one.
    solver : {"best", "piqp", "highs"}

    Returns
    -------
    Outcome
        Trades are feasible to rounding: `repair` moves what the solver left astray, which
        `residuals` tells; its `converged` is False where that is more than the solver's accuracy.

    Raises
    ------
    DesignError
        When peers and links make no market, or no trades meet all bounds; with the peers.
    """
    if solver == "best" and is_pool(agents, edges):
        outcome = _as_pool(agents, edges)
        if network is None:
            return outcome
        if not network.excess_wh(outcome.injection_wh).any():
            return replace(outcome, congestion=network.congestion(np.zeros(len(network))))
    return FullP2P(agents, edges, network=network, solver=solver).solve(agents)


class FullP2P:
    """Solves full P2P over the same links again and again, as costs and bounds change.

    Parameters
    ----------
    agents : Agents
        Their bounds say who sells and who buys, for all solves.
    edges : Edges
    network : Network, optional
        For all solves.
    solver : {"best", "piqp", "highs"}
    """

    def __init__(
        self,
        agents: Agents,
        edges: Edges,
        *,
        network: Network | None = None,
        solver: Solver = "best",
    ) -> None:
        self.edges, self._network = edges, network
        self._slots = make_slots(agents, edges)
        self._sides = np.stack([agents.may_sell, agents.may_buy])
        sale = np.flatnonzero(self._slots.sells)
        owner, link = self._slots.owner, np.empty(self._slots.rev.size, np.int64)
        link[self._slots.first] = link[self._slots.second] = self._slots.link
        forward = np.isin(sale, self._slots.first)
        self._link, self._sign = link[sale], np.where(forward, 1.0, -1.0)
        self._cost = edges.gamma[self._link]
        self._central = CentralSolver(
            len(agents), owner[sale], owner[self._slots.rev[sale]], solver=solver, network=network
        )

    def solve(self, agents: Agents) -> Outcome:
        """Solve for these costs and bounds.

        Raises
        ------
        DesignError
            When no trades meet all bounds, or a peer has changed sides; with the peers.
        """
        now = np.stack([agents.may_sell, agents.may_buy])
        if now.shape != self._sides.shape or (now != self._sides).any():
            raise DesignError(["peers have changed sides; make a solver for what they are now"])
        flow = self._central.solve(agents, self._cost)
        trade = np.asarray(
            np.bincount(self._link, self._sign * flow.flow_wh, len(self.edges)), np.float64
        )
        outcome = _concluded(agents, self.edges, self._slots, flow, trade)
        if self._network is None:
            return outcome
        return replace(outcome, congestion=self._network.congestion(flow.shadow))


def is_pool(agents: Agents, edges: Edges) -> bool:
    """Whether the links make a pool: all who could trade do, for one share of γ on each side."""
    n, gamma = len(agents), (edges.gamma_first, edges.gamma_second)
    if not len(edges) or any(np.ptp(share) > 0 for share in gamma):
        return False
    if gamma[0][0] != gamma[1][0] or gamma[0][0] < 0:
        return False
    sells, buys = agents.may_sell, agents.may_buy
    wanted = np.triu(np.outer(sells, buys) | np.outer(buys, sells), 1)
    if (edges.first < 0).any() or (edges.second >= n).any():
        return False
    wanted[edges.first, edges.second] = False
    return not wanted.any()


def _as_pool(agents: Agents, edges: Edges) -> Outcome:
    """Clear the pool and let each seller serve the buyers in proportion to what they buy."""
    check_problem(agents, edges)
    share = np.full(len(agents), edges.gamma_first[0])
    groups = Groups.pool(len(agents), sell_cost=share, buy_cost=share)
    found = clear_pools(groups, agents.a, agents.b, agents.low_wh, agents.high_wh)
    injection = found.injection_wh[0]
    sold = pro_rata(injection)
    trade = (sold - sold.T)[edges.first, edges.second]
    outcome = Outcome(
        trade_wh=trade,
        price=np.full(len(edges), found.price[0, 0]),
        injection_wh=injection,
        welfare_ueur=welfare_ueur(agents, edges, trade),
        residuals=Residuals(abs(float(injection.sum())), 0.0, 0.0),
        converged=bool(found.feasible[0]),
    )
    return outcome if outcome.converged else repair(outcome, agents, edges)


def _concluded(agents: Agents, edges: Edges, slots: Slots, flow: Flow, trade_wh: Floats) -> Outcome:
    """Make trades feasible and price them."""
    injection, price = flow.injection_wh, _prices(edges, slots, flow.potential, trade_wh)
    if flow.converged:
        # What is as near as a repair would bring it stays as it is.
        net = injections_wh(edges, trade_wh, len(agents))
        astray = np.maximum(agents.low_wh - net, net - agents.high_wh).max(initial=0.0)
        if astray > _NEAR * float(slots.cap_wh.max(initial=0.0)):
            bounds = np.stack([agents.a, agents.b, agents.low_wh, agents.high_wh], axis=1)
            trade_wh = fit_trades(replace(slots, peers=bounds), trade_wh)
            net = injections_wh(edges, trade_wh, len(agents))
        injection = net
    return Outcome(
        trade_wh=trade_wh,
        price=price,
        injection_wh=injection,
        welfare_ueur=welfare_ueur(agents, edges, trade_wh),
        residuals=flow.residuals,
        converged=flow.converged,
    )


def _prices(edges: Edges, slots: Slots, potential: Floats, trade_wh: Floats) -> Floats:
    """Find the dual of reciprocity: the seller's worth of a Wh and its share; where nothing trades,
    the middle of what both sides would accept, or where nothing can, of what it is worth to them.
    """
    price = 0.5 * (potential[edges.first] + potential[edges.second])
    one, other = slots.owner[slots.first], slots.owner[slots.second]
    mine, theirs = slots.gamma[slots.first], slots.gamma[slots.second]
    ahead, back = slots.sells[slots.first], slots.buys[slots.first]
    roof = np.minimum(
        np.where(ahead, potential[one] + mine, np.inf),
        np.where(back, potential[other] + theirs, np.inf),
    )
    floor = np.maximum(
        np.where(ahead, potential[other] - theirs, -np.inf),
        np.where(back, potential[one] - mine, -np.inf),
    )
    used = trade_wh[slots.link]
    sold = potential[one] + edges.gamma_first[slots.link]
    bought = potential[other] + edges.gamma_second[slots.link]
    idle = np.where(used < 0, bought, 0.5 * (roof + floor))
    price[slots.link] = np.where(used > 0, sold, idle)
    return price
