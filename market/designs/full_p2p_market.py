"""Full P2P as a mechanism of a scenario: orders in, bilateral trades with their own prices out."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, NonNegativeInt, PositiveInt, model_validator

from ..book import ClearedTrades, Clearing, OrderError, Orders
from ..mechanisms._merit import nothing
from ..preferences import allowed, premium_ticks
from .bargaining import Bargaining
from .full_p2p import solve_full_p2p
from .graphs import Pairs as Partners
from .graphs import given, nearest, random_partners
from .negotiation_spec import NegotiationSpec
from .order_pairs import Pairs
from .pool import Groups, clear_pools, pro_rata
from .problem import DesignError
from .reading import PRICED, read_agents, refuse_books, trades_to_clearing

__all__ = ["FullP2PMarket", "Given", "Nearest", "Random"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Nearest(BaseModel, extra="forbid", frozen=True):
    """Each peer's partners are those to whom the network charge is least."""

    nearest: PositiveInt = Field(description="How many each peer names. [-]")


class Random(BaseModel, extra="forbid", frozen=True):
    """Each peer's partners are drawn by lot, once for all periods."""

    random: PositiveInt = Field(description="How many each peer names. [-]")
    seed: int = Field(default=0, description="Seed of the lots.")


class Given(BaseModel, extra="forbid", frozen=True):
    """Partners are as listed."""

    links: tuple[tuple[str, str], ...] = Field(description="Pairs of peers by name.")


class FullP2PMarket:
    """Bilateral trades of the greatest welfare, each pair with its own price: full P2P.

    The design of [1]_. What a pair's trade costs, γ, is the book's network charge less the buyer's
    premium for this seller, both borne by the buyer, and a transaction cost. The outcome is
    `solve_full_p2p`'s in whole Wh, or what peers negotiate instead (`Bargaining`); orders may be
    quadratic (`slope`, see `reading`). A pair's price is the dual of its reciprocity rounded down
    to a whole tick, which no limit forbids. Among pairs that are equally good, energy is spread as
    the solver has it: pro rata in a pool.

    The transaction cost is the operator's. Properties: individually rational; budget balanced but
    for the transaction cost; efficient; *not* incentive compatible.

    Parameters
    ----------
    options : FullP2PMarket.Options, optional

    References
    ----------
    .. [1] E. Sorin, L. Bobo and P. Pinson, "Consensus-based approach to peer-to-peer electricity
       markets with product differentiation," IEEE Trans. Power Syst., vol. 34, 2019.
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it."""

        transaction_ticks: NonNegativeInt = Field(
            default=0, description="What every traded Wh costs beside network charges. [µ€/Wh]"
        )
        partners: Nearest | Random | Given | None = Field(
            default=None, description="Who may trade with whom; everybody if left out."
        )
        solver: Literal["central", "admm", "consensus", "negotiation"] = Field(
            default="central",
            description="Solved centrally; in synchronous rounds of offers, by ADMM or by relaxed "
            "consensus + innovation; or negotiated message by message over a network.",
        )
        negotiation: NegotiationSpec | None = Field(
            default=None, description="How peers negotiate, where they do."
        )

        @model_validator(mode="after")
        def _negotiates_where_it_says_how(self) -> Self:
            if self.negotiation is not None and self.solver == "central":
                raise ValueError("negotiation means nothing where the solver is central")
            return self

    def __init__(self, options: FullP2PMarket.Options | None = None) -> None:
        told = self._options = options or self.Options()
        self._bargaining = None
        if told.solver != "central":
            self._bargaining = Bargaining(told.solver, told.negotiation or NegotiationSpec())

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period.

        Raises
        ------
        OrderError
            When the book holds orders for more than one period or too many, wishes or slopes that
            cannot be read, or partners that do not exist.
        """
        refuse_books(orders)
        sells, buys = np.flatnonzero(~orders.is_buy), np.flatnonzero(orders.is_buy)
        if not sells.size or not buys.size:
            return nothing(orders)
        pairs, account = self._pairs(orders, sells, buys), None
        if not pairs.meets.any():
            return nothing(orders)
        if self._bargaining is not None:
            traded, worth, account = self._bargaining.strike(orders, pairs)
        elif pairs.meets.all() and np.ptp(pairs.gamma) == 0:
            traded, worth = _as_pool(orders, pairs)
        else:
            traded, worth = _by_solver(orders, pairs)
        if not traded.any():
            return replace(nothing(orders), negotiation=account)
        return replace(self._priced(orders, pairs, traded, worth), negotiation=account)

    def _pairs(self, orders: Orders, sells: Ints, buys: Ints) -> Pairs:
        """Say which asks and bids may meet, and what a Wh between them costs."""
        one, other = sells[:, None], buys[None, :]
        seller, buyer = orders.peer_index[one], orders.peer_index[other]
        meets = allowed(orders, one, other) & (seller != buyer)
        gamma = self._options.transaction_ticks - premium_ticks(orders, one, other)
        if orders.charges is not None:
            gamma = gamma + orders.charges.between(seller, buyer)
        if self._options.partners is not None:
            meets &= _linked(orders, self._options.partners)[seller, buyer]
        return Pairs(sells, buys, meets, np.broadcast_to(gamma, meets.shape).astype(np.float64))

    def _priced(self, orders: Orders, pairs: Pairs, traded: Ints, worth: Floats) -> Clearing:
        i, j = np.nonzero(traded)
        sell, buy = pairs.sells[i], pairs.buys[j]
        fee = None
        extra = self._options.transaction_ticks - premium_ticks(orders, sell, buy)
        if orders.charges is not None:
            fee = orders.charges.between(orders.peer_index[sell], orders.peer_index[buy])
            extra = extra + fee
        price = np.floor(worth[i, j] + PRICED).astype(np.int64)
        limit = orders.price_ticks
        price = np.clip(price, limit[sell], limit[buy] - extra)
        kept = self._options.transaction_ticks
        trades = ClearedTrades(
            sell_row=sell,
            buy_row=buy,
            energy_wh=traded[i, j],
            price_ticks=price + kept,
            receipt_ticks=price if kept else None,
            fee_ticks=fee,
        )
        return trades_to_clearing(orders, trades)


def _as_pool(orders: Orders, pairs: Pairs) -> tuple[Ints, Floats]:
    """Clear a book in which all pairs cost the same; give trades and what sellers get."""
    agents, gamma = read_agents(orders), float(pairs.gamma[0, 0])
    groups = Groups.pool(len(orders), 0.0, max(gamma, 0.0))
    if gamma < 0:  # a premium that all pay: buyers' limits are that much higher
        groups = groups._replace(buy_cost=np.where(orders.is_buy, gamma, 0.0))
        groups = groups._replace(sell_cost=np.where(orders.is_buy, -gamma, 0.0))
    found = clear_pools(groups, agents.a, agents.b, agents.low_wh, agents.high_wh)
    traded = pro_rata(found.injection_wh[0])[np.ix_(pairs.sells, pairs.buys)]
    return pairs.whole(traded, len(orders)), np.full(traded.shape, found.price[0, 0])


def _by_solver(orders: Orders, pairs: Pairs) -> tuple[Ints, Floats]:
    """Clear a book whose pairs cost different things, as far as they can gain at all."""
    traded, price = np.zeros(pairs.meets.shape), np.zeros(pairs.meets.shape)
    i, j = np.nonzero(pairs.gains(orders.price_ticks))
    if not i.size:
        return traded.astype(np.int64), price
    outcome = solve_full_p2p(read_agents(orders), pairs.edges(i, j))
    if not outcome.converged:
        raise DesignError(
            [f"full P2P found no solution: {outcome.residuals}; check the book's units"]
        )
    traded[i, j], price[i, j] = np.abs(outcome.trade_wh), outcome.price
    # The seller bears none of γ, so the price of every pair in use is what the Wh is worth to it.
    used = traded > 0
    worth = np.where(used, price, 0.0).sum(axis=1) / np.maximum(used.sum(axis=1), 1)
    return pairs.whole(traded, len(orders)), np.broadcast_to(worth[:, None], traded.shape)


def _linked(orders: Orders, partners: Nearest | Random | Given) -> Bools:
    """Say which peers are partners, (n_peers, n_peers).

    Raises
    ------
    OrderError
        When there are no charges to go by, or a partner does not exist.
    """
    n = len(orders.peers)
    try:
        first, second = _graph(orders, partners, n)
    except DesignError as error:
        raise OrderError(error.faults) from None
    linked = np.zeros((n, n), np.bool_)
    linked[first, second] = linked[second, first] = True
    return linked


def _graph(orders: Orders, partners: Nearest | Random | Given, n: int) -> Partners:
    if isinstance(partners, Random):
        return random_partners(n, partners.random, partners.seed)
    if isinstance(partners, Nearest):
        if orders.charges is None:
            raise DesignError(
                ["partners go by network charges, but the book brings none; charge by distance"]
            )
        fees = orders.charges.fee_ticks
        return nearest(fees + fees.T, partners.nearest, orders.charges.place)
    position = {name: i for i, name in enumerate(orders.peers)}
    unknown = sorted({name for link in partners.links for name in link} - set(position))
    if unknown:
        raise DesignError([f"no peer {name!r} among {n} peers to be a partner" for name in unknown])
    return given([[position[one], position[other]] for one, other in partners.links], n)
