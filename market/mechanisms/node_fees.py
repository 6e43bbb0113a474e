"""Fees per node inside the clearing: contracts with the clearing house pay entry and exit.

Where a fee does not ask who the partner is, each side knows its own before it trades. The clearing
can then take it in, and everybody's limit holds with the fee.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..book import ClearedTrades, Clearing, Mechanism, Orders
from ..network.charges import ChargeError

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["NodeFees", "node_fees"]

Ints = NDArray[np.int64]


class NodeFees:
    """Let a mechanism clear a book net of each order's fee, and add the fees to its result.

    A buyer's limit is lowered by its exit fee and a seller's raised by its entry fee; the
    mechanism clears that book. A buyer then pays the mechanism's price and its exit fee, a seller
    gets the price less its entry fee, and the grid's owner gets both fees. A contract between
    them has the price that the seller nets, and as fee its entry and the buyer's exit fee: the
    way from node to node, billed to the buyer. Paths of pairs play no role [1]_.

    Properties are those of the mechanism, fees included: an order's limit moves by an amount that
    nothing said in the market can change, so whoever had no reason to misreport its value has
    none to misreport its value net of fee, and nobody trades beyond its limit. What is efficient
    net of fees is efficient where the fees are the grid's true costs. The mechanism's surplus
    remains the operator's. It honours what the mechanism honours.

    Parameters
    ----------
    mechanism : Mechanism
        Any mechanism for orders that does not take the book's charges into account itself.

    References
    ----------
    .. [1] T. Baroche, P. Pinson, R. Le Goff Latimier and H. Ben Ahmed, "Exogenous cost allocation
       in peer-to-peer electricity markets," IEEE Trans. Power Syst., vol. 34, 2019 (charges that
       are known before the market clears; the form per node is ours).
    """

    def __init__(self, mechanism: Mechanism) -> None:
        self._mechanism = mechanism

    @property
    def Options(self) -> type[BaseModel]:
        """What a scenario may say about the mechanism."""
        return self._mechanism.Options

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period, at the entry and exit fees that it brings.

        Returns
        -------
        Clearing
            ``price_ticks`` and ``price_range_ticks`` are the mechanism's, between the nodes;
            ``order_price_ticks`` are what buyers pay in all and what sellers net.

        Raises
        ------
        ChargeError
            When the book has no charges per node.
        OrderError
            When the mechanism cannot clear the book.
        """
        fee_ticks = node_fees(orders)
        if fee_ticks is None:
            raise ChargeError(
                ["the book brings no charges per node; give it node_charges(charges)"]
            )
        toward_buyer = np.where(orders.is_buy, fee_ticks, -fee_ticks)
        told = self._mechanism.clear(orders.at_limits(orders.price_ticks - toward_buyer))
        if told.trades is not None:
            return _with_trades(orders, told, told.trades, fee_ticks)
        if not told.filled_wh.any():
            return told
        return replace(told, order_price_ticks=told.prices() + toward_buyer, fee_ticks=fee_ticks)


def node_fees(orders: Orders) -> Ints | None:
    """Give each order's fee: entry at a seller's node, exit at a buyer's; None: no such charges.

    Returns
    -------
    (n,) int64 array or None
        [µ€/Wh]
    """
    charges = orders.charges
    if charges is None or charges.entry_ticks is None or charges.exit_ticks is None:
        return None
    place = charges.place[orders.peer_index]
    return np.where(orders.is_buy, charges.exit_ticks[place], charges.entry_ticks[place])


def _with_trades(
    orders: Orders, told: Clearing, trades: ClearedTrades, fee_ticks: Ints
) -> Clearing:
    """Add fees to trades that the mechanism made itself."""
    entry = fee_ticks[trades.sell_row]
    made = ClearedTrades(
        sell_row=trades.sell_row,
        buy_row=trades.buy_row,
        energy_wh=trades.energy_wh,
        price_ticks=trades.price_ticks - entry,
        receipt_ticks=None if trades.receipt_ticks is None else trades.receipt_ticks - entry,
        fee_ticks=entry + fee_ticks[trades.buy_row],
    )
    return replace(told, order_price_ticks=made.mean_price_ticks(len(orders)), trades=made)
