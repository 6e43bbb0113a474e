"""Who trades with whom after an anonymous clearing: the pairing with the least total fee."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ._kernels import transport
from .book import ClearedTrades, Clearing, Orders, Trade
from .charges import Charges

__all__ = ["EXACT_CELLS", "PairingError", "least_fee_flow", "pair_trades"]

Ints = NDArray[np.int64]

#: Above this many seller-buyer pairs the cheapest pair is served first instead of the best whole.
EXACT_CELLS = 250_000


class PairingError(ValueError):
    """A clearing that cannot be paired without a peer trading with itself."""


def pair_trades(clearing: Clearing, orders: Orders, charges: Charges | Ints) -> list[Trade]:
    """Pair sellers and buyers of a clearing so that the total fee is least.

    Parameters
    ----------
    clearing : Clearing
        Of `orders`; energy balances.
    orders : Orders
    fee_ticks : (n_peers, n_peers) int64 array
        Transport fee from seller to buyer, peers as in ``orders.peers``. [µ€/Wh]

    Returns
    -------
    list of Trade
        By seller's name, then buyer's, then the orders' turn. Every order's trades sum to what
        it was filled, and no peer trades with itself. Where the clearing brings its own
        trades: those, in their order.

    Raises
    ------
    PairingError
        When somebody has to trade with itself.

    Notes
    -----
    Which peer stands first in ``orders.peers`` or in the book makes no difference. Energy of
    several orders of one peer is pooled; their earliest arrivals are paired first. For the
    method and its limit in size see `least_fee_flow`.
    """
    n_peers = len(orders.peers)
    fee_ticks = charges.matrix() if isinstance(charges, Charges) else charges
    if fee_ticks.shape != (n_peers, n_peers):
        raise PairingError(
            f"the fees have shape {fee_ticks.shape}, expected one row and column for each of "
            f"{n_peers} peers"
        )
    if clearing.trades is not None:
        return _as_cleared(clearing.trades, orders, fee_ticks)
    turn = np.lexsort((orders.order_id, orders.arrival))
    turn = turn[clearing.filled_wh[turn] > 0]
    sells = _rows_by_peer(turn[~orders.is_buy[turn]], orders)
    buys = _rows_by_peer(turn[orders.is_buy[turn]], orders)
    sellers, buyers = _by_name(sells, orders), _by_name(buys, orders)
    sold_wh = _filled(sells, sellers, clearing)
    bought_wh = _filled(buys, buyers, clearing)
    itself = np.array(sellers)[:, None] == np.array(buyers)[None, :]
    _refuse_self_trade(sold_wh, bought_wh, itself, [orders.peers[i] for i in sellers])
    fees = np.ascontiguousarray(fee_ticks[np.ix_(sellers, buyers)], dtype=np.int64)
    flow_wh = least_fee_flow(sold_wh, bought_wh, fees, itself)

    filled_wh, price = clearing.filled_wh, clearing.prices()
    offers = [_parts(sells[i], filled_wh) for i in sellers]
    wishes = [_parts(buys[j], filled_wh) for j in buyers]
    trades = []
    for i, j in zip(*np.nonzero(flow_wh), strict=True):
        for sell, buy, energy_wh in _split(offers[i], wishes[j], int(flow_wh[i, j])):
            trades.append(
                Trade(
                    seller=orders.peers[sellers[i]],
                    buyer=orders.peers[buyers[j]],
                    energy_wh=energy_wh,
                    price_ticks=int(price[buy]),
                    fee_ticks=int(fees[i, j]),
                    sell_order_id=int(orders.order_id[sell]),
                    buy_order_id=int(orders.order_id[buy]),
                    receipt_ticks=None if price[sell] == price[buy] else int(price[sell]),
                )
            )
    return trades


def _as_cleared(trades: ClearedTrades, orders: Orders, fee_ticks: Ints) -> list[Trade]:
    """Name the trades that a mechanism made itself, and add the fees of their paths."""
    seller, buyer = orders.peer_index[trades.sell_row], orders.peer_index[trades.buy_row]
    columns = (
        seller,
        buyer,
        trades.energy_wh,
        trades.price_ticks,
        fee_ticks[seller, buyer],
        orders.order_id[trades.sell_row],
        orders.order_id[trades.buy_row],
    )
    return [
        Trade(orders.peers[sells], orders.peers[buys], *numbers)
        for sells, buys, *numbers in zip(*(column.tolist() for column in columns), strict=True)
    ]


def least_fee_flow(
    sold_wh: Ints, bought_wh: Ints, fee_ticks: Ints, forbidden: NDArray[np.bool_]
) -> Ints:
    """Solve the transport problem of the pairing, in whole Wh.

    Up to `EXACT_CELLS` pairs the result is optimal, and proven so in integers by its dual values
    before it is returned. Beyond, the cheapest pair is served first: feasible, not optimal.

    Parameters
    ----------
    sold_wh, bought_wh : (n,), (m,) int64 array
        With equal sums. [Wh]
    fee_ticks : (n, m) int64 array
        [µ€/Wh]
    forbidden : (n, m) bool array
        Pairs that must stay empty, at most one in a row or column, and none so large that it is
        needed.

    Returns
    -------
    (n, m) int64 array
        [Wh]
    """
    if sold_wh.sum() != bought_wh.sum():
        raise PairingError(
            f"{sold_wh.sum()} Wh are sold but {bought_wh.sum()} Wh bought; the clearing does not "
            f"balance"
        )
    if fee_ticks.size == 0:
        return np.zeros(fee_ticks.shape, dtype=np.int64)
    if fee_ticks.size > EXACT_CELLS:
        return _cheapest_first(sold_wh, bought_wh, fee_ticks, forbidden)
    spread = int(fee_ticks.max() - fee_ticks.min()) + 1
    cost = np.where(forbidden, fee_ticks.max() + spread * sum(fee_ticks.shape), fee_ticks)
    flow = np.zeros_like(cost)
    values = np.zeros(cost.shape[0], np.int64), np.zeros(cost.shape[1], np.int64)
    transport(sold_wh, bought_wh, cost, flow, *values)
    _prove(
        np.where(forbidden, -flow, flow),
        sold_wh,
        bought_wh,
        cost - values[0][:, None] - values[1][None, :],
    )
    return flow


def _prove(flow: Ints, sold_wh: Ints, bought_wh: Ints, reduced: Ints) -> None:
    """Optimal: all is moved, no pair is below its ends' values, and used pairs meet them."""
    moved = (flow.sum(axis=1) == sold_wh).all() and (flow.sum(axis=0) == bought_wh).all()
    if not (moved and (flow >= 0).all() and (reduced >= 0).all() and not reduced[flow > 0].any()):
        raise AssertionError("the pairing is not optimal; report it with its book")


def _cheapest_first(
    sold_wh: Ints, bought_wh: Ints, fee_ticks: Ints, forbidden: NDArray[np.bool_]
) -> Ints:
    flow = np.zeros(fee_ticks.shape, dtype=np.int64)
    left, wanted = sold_wh.tolist(), bought_wh.tolist()
    n_buyers = len(wanted)
    for cell in np.argsort(np.where(forbidden, _LAST, fee_ticks), axis=None, kind="stable"):
        i, j = divmod(int(cell), n_buyers)
        energy_wh = min(left[i], wanted[j])
        if energy_wh:
            left[i] -= energy_wh
            wanted[j] -= energy_wh
            flow[i, j] = energy_wh
    for i, j in zip(*np.nonzero(forbidden & (flow > 0)), strict=True):
        _swap_away(flow, int(i), int(j))
    return flow


_LAST = np.iinfo(np.int64).max


def _swap_away(flow: Ints, i: int, j: int) -> None:
    """Empty one forbidden pair by exchanging partners with pairs of other peers."""
    for other_i, other_j in zip(*np.nonzero(flow), strict=True):
        if other_i == i or other_j == j:
            continue
        energy_wh = min(flow[i, j], flow[other_i, other_j])
        flow[i, j] -= energy_wh
        flow[other_i, other_j] -= energy_wh
        flow[i, other_j] += energy_wh
        flow[other_i, j] += energy_wh
        if flow[i, j] == 0:
            return


def _rows_by_peer(rows: NDArray[np.intp], orders: Orders) -> dict[int, list[int]]:
    by_peer: dict[int, list[int]] = {}
    for row, peer in zip(rows.tolist(), orders.peer_index[rows].tolist(), strict=True):
        by_peer.setdefault(peer, []).append(row)
    return by_peer


def _by_name(rows: dict[int, list[int]], orders: Orders) -> list[int]:
    return sorted(rows, key=lambda peer: orders.peers[peer])


def _filled(rows: dict[int, list[int]], peers: list[int], clearing: Clearing) -> Ints:
    energy = [int(clearing.filled_wh[rows[peer]].sum()) for peer in peers]
    return np.array(energy, dtype=np.int64)


def _refuse_self_trade(
    sold_wh: Ints, bought_wh: Ints, itself: NDArray[np.bool_], sellers: list[str]
) -> None:
    total_wh = int(sold_wh.sum())
    for i, j in zip(*np.nonzero(itself), strict=True):
        if sold_wh[i] + bought_wh[j] > total_wh:
            raise PairingError(
                f"{sellers[i]!r} sells {sold_wh[i]} Wh and buys {bought_wh[j]} Wh of "
                f"{total_wh} Wh, so it would trade with itself; let it give orders on one side"
            )


def _parts(rows: list[int], filled_wh: Ints) -> list[tuple[int, int]]:
    """Orders of one peer and what each still has to trade, the latest first. [-], [Wh]"""
    return [(row, int(filled_wh[row])) for row in reversed(rows)]


def _split(
    offers: list[tuple[int, int]], wishes: list[tuple[int, int]], energy_wh: int
) -> Iterator[tuple[int, int, int]]:
    """Take a pair's energy from the ends of both lists, which shrink."""
    while energy_wh > 0:
        (sell, offered), (buy, wished) = offers.pop(), wishes.pop()
        taken = min(offered, wished, energy_wh)
        if offered > taken:
            offers.append((sell, offered - taken))
        if wished > taken:
            wishes.append((buy, wished - taken))
        energy_wh -= taken
        yield sell, buy, taken
