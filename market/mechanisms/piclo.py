"""Matching by buyers' ranked wishes and locality, as in the Piclo trial."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from .._luck import scatter
from ..book import Clearing, Orders
from ._choices import choose
from ._platform import cleared, refuse_periods

__all__ = ["Piclo"]


class Piclo:
    """Give every buyer the generators it ranks highest, near ones first, at their own prices.

    Buyers come in turn: by arrival, then order number, or by a lottery among peers that is drawn
    anew for every period. Each takes what is left of the generators it may have: by the rank of
    its ``prefers``, the unnamed last; among equals those of its own ``zone`` first, then those
    with a lower network charge, then the cheaper, then by their turn. What it takes it pays at
    the generator's posted price, plus the charge, up to its limit and the premium of its wishes.

    The result is stable for generators that serve in that turn, and the only one that is: where a
    buyer would rather have had a generator than what it got, that generator is sold out to buyers
    before it. With one turn for all generators, deferred acceptance [1]_ with divisible energy
    [2]_ comes to this, and to rank untruthfully gains a buyer nothing.

    *From the pilot* (Good Energy and Open Utility, Great Britain, 2015 to 2016 [3]_): matching
    for each period from meter data, generators' prices and consumers' priorities, by preference
    and locality; the generator's own price. *Left out*: the supplier that sells the rest and
    carries the imbalance (here the settlement's supplier), a generator's say in who buys from it,
    and the platform's fees. How the pilot divided a generator that too many wanted is not known
    to us; the turn is ours. What is said of the pilot is from memory of [3]_, unverified.

    Properties: individually rational; budget balanced, each trade has one price; not efficient,
    ranks come before price; incentive compatible for buyers' ranks, not for limits or energy of
    sellers. It honours ``prefers`` (ranks, and premiums beyond the limit), ``only_preferred``,
    ``zone`` and the book's charges.

    *Example.* Wind asks 200 ticks for 300 Wh, a roof in the street 250 for 200 Wh. Anna comes
    first, wants 250 Wh and ranks ``local``; Bert wants 300 Wh and ranks ``wind``; both pay up to
    300. Anna takes the roof's 200 Wh at 250 and 50 Wh of wind at 200, Bert the other 250 Wh of
    wind at 200; 50 Wh of his are left for the supplier. At a uniform price all would pay the
    same.

    Parameters
    ----------
    options : Piclo.Options, optional

    References
    ----------
    .. [1] D. Gale and L. S. Shapley, "College admissions and the stability of marriage," Amer.
       Math. Monthly, vol. 69, 1962.
    .. [2] M. Baïou and M. Balinski, "The stable allocation (or ordinal transportation) problem,"
       Math. Oper. Res., vol. 27, 2002.
    .. [3] C. Zhang, J. Wu, C. Long and M. Cheng, "Review of existing peer-to-peer energy trading
       projects," Energy Procedia, vol. 105, pp. 2563-2568, 2017.
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it."""

        seed: int | None = Field(
            default=None,
            description="Draws the turn in which buyers choose, anew for every period; without "
            "it they choose in order of arrival. [-]",
        )

    def __init__(self, options: Piclo.Options | None = None) -> None:
        self._seed = (options or self.Options()).seed

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period.

        Raises
        ------
        OrderError
            When the book holds orders for more than one period, or malformed wishes.
        """
        refuse_periods(orders)
        chosen = choose(orders, self._turn(orders), near_first=True, once=False)
        return cleared(orders, *chosen, orders.price_ticks[chosen.sell_row])

    def _turn(self, orders: Orders) -> NDArray[np.intp]:
        """Rows in the turn of their peers; a peer with many orders draws one lot."""
        if self._seed is None or not len(orders):
            return orders.turn
        peers = np.arange(len(orders.peers), dtype=np.uint64)
        lot = scatter(scatter(peers, self._seed), orders.periods[0])
        peer = orders.peer_index[orders.turn]
        return orders.turn[np.lexsort((peer, lot[peer]))]
