"""The Vickrey–Clarke–Groves auction: everybody pays what its being there costs the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ..book import Clearing, Orders
from ._merit import nothing, peer_prices, worth_of_place
from .uniform_price import UniformPrice

__all__ = ["VickreyClarkeGroves"]

Ints = NDArray[np.int64]


class VickreyClarkeGroves:
    """Clear as much as crosses; each peer pays or gets what the others would gain without it.

    Who trades is as in `UniformPrice`, ties included. For the price, a peer is removed with all
    its orders together [1]_ [2]_ [3]_: the energy that it buys would go to the highest bids left
    out or would not be sold by the dearest of the asks served, whichever is worth more, and that
    worth is what it pays. What a seller gets is found likewise. No second clearing is needed,
    because nobody else's trade changes but at the margin.

    Buyers pay too little for what sellers get, so ``surplus_ueur`` is negative or zero: a
    deficit, which the operator bears. It is never levied on the peers, for that would undo the
    truthfulness.

    One price per Wh holds for all that a peer buys, and one for all that it sells. Where its
    money is not a whole number of ticks per Wh, some of its Wh are one tick dearer
    (``dearer_wh``), so that its money is exact. A peer that both buys and sells trades the smaller
    of the two with itself at the uniform price.

    Properties: individually rational; efficient; incentive compatible, to the µ€; *not* budget
    balanced. It honours limits only: no origin, no partner.

    Parameters
    ----------
    options : VickreyClarkeGroves.Options, optional

    References
    ----------
    .. [1] W. Vickrey, "Counterspeculation, auctions, and competitive sealed tenders," J. Finance,
       vol. 16, 1961.
    .. [2] E. H. Clarke, "Multipart pricing of public goods," Public Choice, vol. 11, 1971.
    .. [3] T. Groves, "Incentives in teams," Econometrica, vol. 41, 1973.
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """It has none."""

    def __init__(self, options: VickreyClarkeGroves.Options | None = None) -> None:
        self._options = options or self.Options()

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period.

        Raises
        ------
        OrderError
            When the book holds orders for more than one period.
        """
        told = UniformPrice().clear(orders)
        if told.price_ticks is None:
            return nothing(orders)
        paid_ueur, got_ueur = _money(orders, told.filled_wh, told.price_ticks)
        bought_wh = np.where(orders.is_buy, told.filled_wh, 0)
        paid_ticks, paid_dearer_wh = peer_prices(orders, bought_wh, paid_ueur)
        got_ticks, got_dearer_wh = peer_prices(orders, told.filled_wh - bought_wh, got_ueur)
        return Clearing(
            price_ticks=None,
            filled_wh=told.filled_wh,
            order_price_ticks=np.where(orders.is_buy, paid_ticks, got_ticks),
            surplus_ueur=int(paid_ueur.sum() - got_ueur.sum()),
            dearer_wh=paid_dearer_wh + got_dearer_wh,
        )


def _money(orders: Orders, filled_wh: Ints, own_ticks: int) -> tuple[Ints, Ints]:
    """Money that peers pay and get. [µ€]"""
    buy, peer, left_wh = orders.is_buy, orders.peer_index, orders.energy_wh - filled_wh
    bought_wh, sold_wh = np.zeros((2, len(orders.peers)), dtype=np.int64)
    np.add.at(bought_wh, peer[buy], filled_wh[buy])
    np.add.at(sold_wh, peer[~buy], filled_wh[~buy])
    paid_ueur = worth_of_place(
        np.maximum(bought_wh - sold_wh, 0),
        orders.price_ticks,
        np.where(buy, left_wh, filled_wh),
        peer,
        highest_first=True,
    )
    got_ueur = worth_of_place(
        np.maximum(sold_wh - bought_wh, 0),
        orders.price_ticks,
        np.where(buy, filled_wh, left_wh),
        peer,
        highest_first=False,
    )
    itself_ueur = own_ticks * np.minimum(bought_wh, sold_wh)
    return paid_ueur + itself_ueur, got_ueur + itself_ueur
