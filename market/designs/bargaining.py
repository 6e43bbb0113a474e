"""Full P2P of a scenario, negotiated: pairs of orders in, whole trades and how they came about out.

A negotiation starts from the one before, and where it comes to nothing by the gate the last
contracts can hold; so what negotiates remembers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..book import OrderError, Orders
from .account import Account
from .accounting import of_rounds, of_talk
from .admm import Admm, solve_admm
from .consensus import Consensus, solve_consensus
from .full_p2p import solve_full_p2p
from .negotiation import negotiate_over
from .negotiation_spec import NegotiationSpec
from .opening import Standing
from .order_pairs import Pairs
from .problem import Agents, Edges, Outcome, welfare_ueur
from .reading import read_agents

__all__ = ["Bargaining", "Solver", "Struck"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Names = tuple[tuple[str, int], ...]

Solver = Literal["admm", "consensus", "negotiation"]


class Struck(NamedTuple):
    """What was agreed on.

    Attributes
    ----------
    traded_wh : (s, b) int64 array
    worth : (s, b) float array
        What the seller gets. [µ€/Wh]
    account : Account
    """

    traded_wh: Ints
    worth: Floats
    account: Account


class _Kept(NamedTuple):
    """Columns per pair of a gate, (k, s, b), by whose orders they were."""

    sellers: Names
    buyers: Names
    columns: Floats

    def today(self, sellers: Names, buyers: Names) -> Floats:
        """The columns of today's pairs; 0 where one of the two was not there."""
        rows, columns = _found(self.sellers, sellers), _found(self.buyers, buyers)
        known = (rows >= 0)[:, None] & (columns >= 0)[None, :]
        return np.where(known, self.columns[:, rows[:, None], columns[None, :]], 0.0)


class Bargaining:
    """Negotiates gate by gate.

    Parameters
    ----------
    solver : {"admm", "consensus", "negotiation"}
    spec : NegotiationSpec
    """

    def __init__(self, solver: Solver, spec: NegotiationSpec) -> None:
        self._solver, self._spec = solver, spec
        self._standing: _Kept | None = None
        self._contracts: _Kept | None = None

    def strike(self, orders: Orders, pairs: Pairs) -> Struck:
        """Negotiate one delivery period.

        All pairs that may meet talk to each other, for none knows another's limit; a trade beyond
        a limit is then refused.

        Raises
        ------
        OrderError
            When slopes cannot be read, or a silent peer does not exist.
        """
        i, j = np.nonzero(pairs.meets)
        agents, edges = read_agents(orders), pairs.edges(i, j)
        names = _names(orders, pairs.sells), _names(orders, pairs.buys)
        turned = np.where(pairs.sells[i] > pairs.buys[j], -1.0, 1.0)
        best = solve_full_p2p(agents, edges)
        greatest = best.welfare_ueur if best.converged else None
        outcome, standing, account = self._talk(
            orders, agents, edges, self._warm(names, i, j, turned), greatest
        )
        if not outcome.converged and self._spec.at_gate == "last":
            account = replace(account, result="last")
            traded, worth = self._held(orders, pairs, names)
        else:
            traded, worth = _as_table(pairs, i, j, outcome, orders)
        links = np.zeros((3, *pairs.meets.shape))
        links[:, i, j] = turned * standing.trade_wh, standing.price, standing.stiffness
        self._standing = _Kept(*names, links)
        self._contracts = _Kept(*names, np.stack([traded, worth]))
        struck = welfare_ueur(agents, edges, turned * traded[i, j])
        return Struck(traded, worth, account.judged(struck, greatest))

    def _talk(
        self,
        orders: Orders,
        agents: Agents,
        edges: Edges,
        warm: Standing | None,
        greatest_ueur: float | None,
    ) -> tuple[Outcome, Standing, Account]:
        spec = self._spec
        silent = _silent(orders, spec)
        if self._solver == "negotiation":
            talk = negotiate_over(
                spec.network(silent, int(orders.periods[0])),
                agents,
                edges,
                Admm(**spec.limits()),
                terms=spec.terms(),
                warm=warm,
            )
            mute = sorted({orders.peers[orders.peer_index[row]] for row in silent})
            return talk.outcome, talk.standing, of_talk(talk, mute, greatest_ueur)
        if self._solver == "admm":
            found = solve_admm(agents, edges, Admm(**spec.limits()), warm=warm)
        else:
            found = solve_consensus(agents, edges, Consensus(**spec.limits()), warm=warm)
        return found.outcome, found.standing, of_rounds(self._solver, found)

    def _warm(
        self, names: tuple[Names, Names], i: Ints, j: Ints, turned: Floats
    ) -> Standing | None:
        if self._standing is None or not self._spec.warm:
            return None
        trade, price, stiffness = self._standing.today(*names)[:, i, j]
        return Standing(trade_wh=turned * trade, price=price, stiffness=stiffness)

    def _held(
        self, orders: Orders, pairs: Pairs, names: tuple[Names, Names]
    ) -> tuple[Ints, Floats]:
        """The last contracts, as far as today's orders allow: their energies and their limits."""
        traded, worth = np.zeros(pairs.meets.shape, np.int64), np.zeros(pairs.meets.shape)
        if self._contracts is None:
            return traded, worth
        energy, price = self._contracts.today(*names)
        low, high = orders.price_ticks[pairs.sells], orders.price_ticks[pairs.buys]
        fits = (low[:, None] <= price) & (price + pairs.gamma <= high[None, :]) & pairs.meets
        room = orders.energy_wh[pairs.sells].copy(), orders.energy_wh[pairs.buys].copy()
        for i, j in np.argwhere(fits & (energy > 0)).tolist():
            held = min(int(energy[i, j]), int(room[0][i]), int(room[1][j]))
            traded[i, j], worth[i, j] = held, price[i, j]
            room[0][i] -= held
            room[1][j] -= held
        return traded, worth


def _as_table(
    pairs: Pairs, i: Ints, j: Ints, outcome: Outcome, orders: Orders
) -> tuple[Ints, Floats]:
    """Whole trades of pairs that both limits allow, and what sellers get."""
    traded, worth = np.zeros(pairs.meets.shape), np.zeros(pairs.meets.shape)
    traded[i, j], worth[i, j] = np.abs(outcome.trade_wh), outcome.price
    kept = np.where(pairs.gains(orders.price_ticks), traded, 0.0)
    return pairs.whole(kept, len(orders)), worth


def _names(orders: Orders, rows: Ints) -> Names:
    """Whose each order is, and the how manieth of theirs."""
    before: Counter[str] = Counter()
    named = []
    for i in orders.peer_index[rows].tolist():
        peer = orders.peers[i]
        named.append((peer, before[peer]))
        before[peer] += 1
    return tuple(named)


def _found(there: Names, wanted: Names) -> Ints:
    """Where each name stands; -1: nowhere."""
    at = {name: i for i, name in enumerate(there)}
    return np.array([at.get(name, -1) for name in wanted], np.int64)


def _silent(orders: Orders, spec: NegotiationSpec) -> dict[int, int]:
    """Rows of the book whose peers fall silent, and from which round on.

    Raises
    ------
    OrderError
        A peer does not exist.
    """
    if unknown := sorted(set(spec.silent) - set(orders.peers)):
        raise OrderError(
            [f"no peer {name!r} among {len(orders.peers)} peers to be silent" for name in unknown]
        )
    return {
        row: spec.silent[orders.peers[i]]
        for row, i in enumerate(orders.peer_index.tolist())
        if orders.peers[i] in spec.silent
    }
