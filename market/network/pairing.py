"""Who trades with whom after an anonymous clearing: the pairing with the least total fee.

Peers at one place pay the same fees, so the transport problem is solved between places and its
result shared out among their peers. What comes out is columns (`pair_columns`), which is what a
large market needs, or a list of trades (`pair_trades`). Ten thousand peers at 116 places are
cleared at the uniform price and paired as columns in about 3 ms; with fees per node inside the
clearing (`market.mechanisms.node_fees`) in about 1 ms, of which the clearing is a sixth; building
six thousand trades one by one takes fifteen times as long
(tests/bench/test_bench_village_market.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..book import ClearedTrades, Clearing, Orders, Trade
from ._pools import Pools, inverse, pools_of, summed
from ._shares import Cells, Side, share_out
from .charges import Charges
from .least_fee import PairingError, least_fee_flow

__all__ = ["PairedTrades", "PairingError", "pair_columns", "pair_trades"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class PairedTrades:
    """Trades between peers, as columns of length m.

    Attributes
    ----------
    sell_row, buy_row : (m,) int64 array
        Rows of the book.
    energy_wh : (m,) int64 array
        [Wh]
    price_ticks : (m,) int64 array
        What the buyer pays, without fee. [µ€/Wh]
    fee_ticks : (m,) int64 array
        What it pays the grid's owner on top. [µ€/Wh]
    receipt_ticks : (m,) int64 array
        What the seller gets. [µ€/Wh]
    """

    sell_row: Ints
    buy_row: Ints
    energy_wh: Ints
    price_ticks: Ints
    fee_ticks: Ints
    receipt_ticks: Ints

    def __len__(self) -> int:
        return self.energy_wh.size

    def take(self, rows: NDArray[np.intp]) -> PairedTrades:
        """Give these trades, in this order."""
        return PairedTrades(
            self.sell_row[rows],
            self.buy_row[rows],
            self.energy_wh[rows],
            self.price_ticks[rows],
            self.fee_ticks[rows],
            self.receipt_ticks[rows],
        )

    def named(self, orders: Orders) -> list[Trade]:
        """Give them one by one, with the names of their peers."""
        columns = (
            orders.peer_index[self.sell_row],
            orders.peer_index[self.buy_row],
            self.energy_wh,
            self.price_ticks,
            self.fee_ticks,
            orders.order_id[self.sell_row],
            orders.order_id[self.buy_row],
            self.receipt_ticks,
        )
        name = orders.peers.__getitem__
        return [
            Trade(name(sells), name(buys), wh, paid, fee, ask, bid, None if got == paid else got)
            for sells, buys, wh, paid, fee, ask, bid, got in zip(
                *(column.tolist() for column in columns), strict=True
            )
        ]


def pair_trades(clearing: Clearing, orders: Orders, charges: Charges | Ints) -> list[Trade]:
    """Pair sellers and buyers of a clearing so that the total fee is least, one by one.

    As `pair_columns`, but a list: by seller's name, then buyer's, then the orders' turn; where the
    clearing brings its own trades, those in their order.
    """
    paired = pair_columns(clearing, orders, charges)
    if clearing.trades is None:
        rank, peer, turn = name_rank(orders.peers), orders.peer_index, inverse(orders.turn)
        sell, buy = paired.sell_row, paired.buy_row
        keys = (paired.price_ticks, turn[buy], turn[sell], rank[peer[buy]], rank[peer[sell]])
        paired = paired.take(np.lexsort(keys))
    return paired.named(orders)


def pair_columns(clearing: Clearing, orders: Orders, charges: Charges | Ints) -> PairedTrades:
    """Pair sellers and buyers of a clearing so that the total fee is least.

    Parameters
    ----------
    clearing : Clearing
        Of `orders`; energy balances.
    orders : Orders
    charges : Charges or (n_peers, n_peers) int64 array
        Fee from seller to buyer, peers as in ``orders.peers``. Fees that the clearing has taken
        into account are not looked up again. [µ€/Wh]

    Returns
    -------
    PairedTrades
        Place by place. Every order's trades sum to what it was filled, energy and money, and no
        peer trades with itself. Where the clearing brings its own trades: those, in their order.

    Raises
    ------
    PairingError
        When somebody has to trade with itself.

    Notes
    -----
    Which peer stands first in ``orders.peers`` or in the book makes no difference. Energy of
    several orders of one peer is pooled; their earliest arrivals are paired first, and of an order
    at two prices the cheaper energy. Fees per node cost the same however peers are paired, so then
    all places are one. For the method and its limit in size see `least_fee_flow`.
    """
    told = _as_charges(charges, len(orders.peers))
    if clearing.trades is not None:
        return _as_cleared(clearing.trades, orders, told)
    place, fee_ticks = told.place, told.fee_ticks
    if clearing.fee_ticks is not None or told.entry_ticks is not None:
        place, fee_ticks = np.zeros_like(place), np.zeros((1, 1), dtype=np.int64)
    rank, filled = name_rank(orders.peers), np.where(orders.is_buy, 0, clearing.filled_wh)
    sold_wh = summed(filled, orders.peer_index, rank.size)
    bought_wh = summed(clearing.filled_wh - filled, orders.peer_index, rank.size)
    _refuse_self_trade(sold_wh, bought_wh, orders.peers)
    pools = pools_of(sold_wh, bought_wh, rank, place, fee_ticks.shape[0])
    cells = _between_pools(pools, sold_wh, bought_wh, fee_ticks)
    sells, buys = (
        _parts(clearing, orders, side, pools.of_peer, rank)
        for side in (~orders.is_buy, orders.is_buy)
    )
    sold, bought, energy_wh = share_out(sells.side, buys.side, cells)
    sell_row, buy_row, paid_ticks = sells.row[sold], buys.row[bought], buys.price_ticks[bought]
    fees = _fees(clearing, orders, told, sell_row, buy_row)
    return PairedTrades(
        sell_row=sell_row,
        buy_row=buy_row,
        energy_wh=energy_wh,
        price_ticks=paid_ticks if clearing.fee_ticks is None else paid_ticks - fees,
        fee_ticks=fees,
        receipt_ticks=sells.price_ticks[sold],
    )


@lru_cache(maxsize=16)
def name_rank(peers: tuple[str, ...]) -> Ints:
    """Place of each peer's name among all names; kept, for a market's peers rarely change."""
    return inverse(np.array(sorted(range(len(peers)), key=peers.__getitem__), dtype=np.int64))


def _as_charges(charges: Charges | Ints, n_peers: int) -> Charges:
    if not isinstance(charges, Charges):
        if charges.shape != (n_peers, n_peers):
            raise PairingError(
                f"the fees have shape {charges.shape}, expected one row and column for each of "
                f"{n_peers} peers"
            )
        return Charges(charges, np.arange(n_peers))
    if charges.place.size != n_peers:
        raise PairingError(
            f"the charges know the places of {charges.place.size} peers, expected {n_peers}"
        )
    return charges


def _as_cleared(trades: ClearedTrades, orders: Orders, charges: Charges) -> PairedTrades:
    """Add the fees of their paths to the trades that a mechanism made itself."""
    seller, buyer = orders.peer_index[trades.sell_row], orders.peer_index[trades.buy_row]
    return PairedTrades(
        sell_row=trades.sell_row,
        buy_row=trades.buy_row,
        energy_wh=trades.energy_wh,
        price_ticks=trades.price_ticks,
        fee_ticks=charges.between(seller, buyer) if trades.fee_ticks is None else trades.fee_ticks,
        receipt_ticks=trades.received_ticks,
    )


def _refuse_self_trade(sold_wh: Ints, bought_wh: Ints, peers: tuple[str, ...]) -> None:
    total_wh = int(sold_wh.sum())
    stuck = (sold_wh > 0) & (bought_wh > 0) & (sold_wh + bought_wh > total_wh)
    if total_wh == bought_wh.sum() and stuck.any():
        i = int(stuck.argmax())
        raise PairingError(
            f"{peers[i]!r} sells {sold_wh[i]} Wh and buys {bought_wh[i]} Wh of {total_wh} Wh, so "
            f"it would trade with itself; let it give orders on one side"
        )


def _between_pools(pools: Pools, sold_wh: Ints, bought_wh: Ints, fee_ticks: Ints) -> Cells:
    """Find what flows between pools at the least fee."""
    sold = summed(sold_wh, pools.of_peer, pools.place.size)
    bought = summed(bought_wh, pools.of_peer, pools.place.size)
    sellers, buyers = np.flatnonzero(sold), np.flatnonzero(bought)
    flow_wh = least_fee_flow(
        sold[sellers],
        bought[buyers],
        fee_ticks[np.ix_(pools.place[sellers], pools.place[buyers])],
        (sellers[:, None] == buyers) & pools.single[buyers],
    )
    i, j = np.nonzero(flow_wh)
    return Cells(sellers[i], buyers[j], flow_wh[i, j])


class _Parts(NamedTuple):
    """Parts of the orders of one side, each at one price. [-], [µ€/Wh]"""

    side: Side
    row: Ints
    price_ticks: Ints


def _parts(
    clearing: Clearing, orders: Orders, of_side: NDArray[np.bool_], pool: Ints, rank: Ints
) -> _Parts:
    """Line up what one side trades by pool, name and turn; an order at two prices makes two."""
    row = orders.turn[(of_side & (clearing.filled_wh > 0))[orders.turn]]
    peer = orders.peer_index[row]
    # One key with the turn in it, for an argsort that need not be stable is much faster.
    row = row[np.argsort((pool[peer] * rank.size + rank[peer]) * row.size + np.arange(row.size))]
    energy_wh, price_ticks = clearing.filled_wh[row], clearing.prices()[row]
    if clearing.dearer_wh is not None:
        dearer_wh = clearing.dearer_wh[row]
        energy_wh = np.column_stack([energy_wh - dearer_wh, dearer_wh]).ravel()
        price_ticks = np.column_stack([price_ticks, price_ticks + 1]).ravel()
        row = np.repeat(row, 2)[energy_wh > 0]
        energy_wh, price_ticks = energy_wh[energy_wh > 0], price_ticks[energy_wh > 0]
    peer = orders.peer_index[row]
    return _Parts(Side(pool[peer], rank[peer], energy_wh), row, price_ticks)


def _fees(
    clearing: Clearing, orders: Orders, charges: Charges, sell_row: Ints, buy_row: Ints
) -> Ints:
    if clearing.fee_ticks is not None:
        return clearing.fee_ticks[sell_row] + clearing.fee_ticks[buy_row]
    return charges.between(orders.peer_index[sell_row], orders.peer_index[buy_row])
