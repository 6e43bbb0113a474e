"""The call auction: one sealed book, one price for all, the k-double auction."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from ..book import Clearing, OrderError, Orders
from ._kernels import clear_uniform, reach_of_book

__all__ = ["UniformPrice"]

Ints = NDArray[np.int64]


class _Cross(NamedTuple):
    last_bid: int
    last_ask: int
    low: int
    high: int
    bid_share: int
    ask_share: int
    any_trade: bool
    in_turn: bool


class UniformPrice:
    """Clear as much as crosses; everybody trades at one price between the marginal orders.

    Bids are served from the highest and asks from the lowest limit. Among equal limits the
    earlier arrival goes first, then the smaller order number, so the result does not depend on
    the order of the book's rows.

    Every price in ``[low, high]`` clears the same trades: `low` is the higher of the last ask that
    trades and the first bid that does not, `high` the lower of the last bid that trades and the
    first ask that does not; an order filled in part counts on both sides. The price is
    ``floor(low + k · (high − low))`` [1]_ [2]_. It is one price for all, so there is no surplus.

    Parameters
    ----------
    options : UniformPrice.Options, optional

    References
    ----------
    .. [1] R. Wilson, "Incentive efficiency of double auctions," Econometrica, vol. 53, 1985.
    .. [2] M. A. Satterthwaite and S. R. Williams, "Bilateral trade with the sealed bid k-double
       auction," J. Econ. Theory, vol. 48, 1989.
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it."""

        k: float = Field(
            default=0.5,
            ge=0,
            le=1,
            description="Where in the range of clearing prices the price lies: 0 favours buyers, "
            "1 sellers. [1]",
        )

    def __init__(self, options: UniformPrice.Options | None = None) -> None:
        self._k = Fraction(str((options or self.Options()).k))

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period.

        Raises
        ------
        OrderError
            When the book holds orders for more than one period.
        """
        if len(orders.periods) > 1:
            named = ", ".join(map(str, orders.periods))
            raise OrderError(
                [f"orders for periods {named} in one book; clear each orders.for_period(period)"]
            )
        filled_wh = np.zeros(len(orders), dtype=np.int64)
        cross = _cross(orders, filled_wh)
        if not cross.any_trade:
            return Clearing(price_ticks=None, filled_wh=filled_wh)
        if not cross.in_turn:
            _share_in_turn(orders, orders.is_buy, cross.last_bid, cross.bid_share, filled_wh)
            _share_in_turn(orders, ~orders.is_buy, cross.last_ask, cross.ask_share, filled_wh)
        return Clearing(
            price_ticks=cross.low + int(self._k * (cross.high - cross.low)),
            filled_wh=filled_wh,
            price_range_ticks=(cross.low, cross.high),
        )


def _cross(orders: Orders, filled_wh: Ints) -> _Cross:
    """Find the trades; a book with few orders over many ticks is ranked first."""
    lowest_ask, highest_bid = map(int, reach_of_book(orders.price_ticks, orders.is_buy))
    if lowest_ask > highest_bid:
        return _Cross(0, 0, 0, 0, -1, -1, any_trade=False, in_turn=True)
    if highest_bid - lowest_ask <= 4 * len(orders) + 2**14:
        return _cross_ticks(orders, orders.price_ticks, lowest_ask, highest_bid, filled_wh)
    ticks, rank = np.unique(orders.price_ticks, return_inverse=True)
    rank.flags.writeable = False  # as the book's columns are: one compiled kernel serves both
    lowest, highest = np.searchsorted(ticks, (lowest_ask, highest_bid)).tolist()
    ranked = _cross_ticks(orders, rank, lowest, highest, filled_wh)
    last_bid, last_ask, low, high = ticks[list(ranked[:4])].tolist()
    return ranked._replace(last_bid=last_bid, last_ask=last_ask, low=low, high=high)


def _cross_ticks(
    orders: Orders, tick: Ints, lowest_ask: int, highest_bid: int, filled_wh: Ints
) -> _Cross:
    found = clear_uniform(
        tick,
        orders.energy_wh,
        orders.is_buy,
        orders.arrival,
        orders.order_id,
        lowest_ask,
        highest_bid,
        filled_wh,
    )
    return _Cross(*found)


def _share_in_turn(
    orders: Orders, side: NDArray[np.bool_], tick: int, share_wh: int, filled_wh: Ints
) -> None:
    """Share out what a marginal tick gets, earliest arrival first, then by order number."""
    if share_wh < 0:
        return
    rows = np.flatnonzero(side & (orders.price_ticks == tick))
    rows = rows[np.lexsort((orders.order_id[rows], orders.arrival[rows]))]
    energy_wh = orders.energy_wh[rows]
    before_wh = np.cumsum(energy_wh) - energy_wh
    filled_wh[rows] = np.clip(share_wh - before_wh, 0, energy_wh)
