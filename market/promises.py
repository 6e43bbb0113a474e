"""What every mechanism promises, checked on what it returned: a mechanism may be anybody's."""

from __future__ import annotations

import numpy as np

from .book import ClearedTrades, Clearing, Orders
from .faulty import Faulty
from .mechanisms.node_fees import node_fees
from .preferences import premium_ticks

__all__ = ["ClearingError", "check_clearing"]


class ClearingError(Faulty):
    """A mechanism broke a promise that every mechanism makes; mend the mechanism."""


def check_clearing(orders: Orders, clearing: Clearing) -> None:
    """Hold a mechanism to what every mechanism promises.

    Energy balances, no order is overfilled, nobody trades beyond its limit, and the declared
    surplus is what buyers pay minus what sellers get and the grid's owner is due. Where fees are
    in the clearing, limits hold with them, and they are those of the book's charges. Where the
    mechanism pairs sellers and buyers itself, this holds of each of its trades, a buyer's limit
    being higher by what it would pay more for energy of the seller's kind; they add up to what is
    filled, and nobody trades with itself. Subscriptions are never negative. Levels
    add up to all that changes hands.

    Raises
    ------
    ClearingError
        With every broken promise.
    """
    faults = _column_faults(orders, clearing)
    if not faults and clearing.trades is not None:
        faults = _trade_faults(orders, clearing, clearing.trades)
    faults = faults or _energy_faults(orders, clearing) + _money_faults(orders, clearing)
    if faults:
        raise ClearingError(faults)


def _column_faults(orders: Orders, clearing: Clearing) -> list[str]:
    """Judge shapes and types, and whether energy has a price."""
    n, peers = len(orders), len(orders.peers)
    told = {
        "filled_wh": (clearing.filled_wh, n),
        "order_price_ticks": (clearing.order_price_ticks, n),
        "dearer_wh": (clearing.dearer_wh, n),
        "fee_ticks": (clearing.fee_ticks, n),
        "subscriptions_ueur": (clearing.subscriptions_ueur, peers),
    }
    faults = [
        f"{name} is {column.dtype} {column.shape}, expected int64 ({size},)"
        for name, (column, size) in told.items()
        if column is not None and (column.shape != (size,) or column.dtype != np.int64)
    ]
    if faults:
        return faults
    if clearing.price_ticks is None and clearing.order_price_ticks is None:
        faults += ["energy is traded but no price is given"] if clearing.filled_wh.any() else []
    return faults + _subscription_faults(orders, clearing) + _node_fee_faults(orders, clearing)


def _subscription_faults(orders: Orders, clearing: Clearing) -> list[str]:
    owed = clearing.subscriptions_ueur
    if owed is None:
        return []
    return [
        f"{orders.peers[i]!r} owes a subscription of {owed[i]} µ€, expected 0 or more"
        for i in np.flatnonzero(owed < 0).tolist()
    ]


def _node_fee_faults(orders: Orders, clearing: Clearing) -> list[str]:
    fee = clearing.fee_ticks
    if fee is None:
        return []
    if clearing.trades is not None:
        return ["fees are given per order where trades carry their own"]
    if clearing.order_price_ticks is None:
        return ["fees are in the clearing, so prices differ by node, but only one is given"]
    due = node_fees(orders)
    if due is None:
        return ["fees per node are in the clearing, but the book's charges have none"]
    return [
        f"{_who(orders, i)}: its fee is {fee[i]} ticks, by the book's charges {due[i]} ticks"
        for i in np.flatnonzero(fee != due).tolist()
    ]


def _energy_faults(orders: Orders, clearing: Clearing) -> list[str]:
    filled, buy, dearer = clearing.filled_wh, orders.is_buy, clearing.dearer_wh
    bought, sold = int(filled[buy].sum()), int(filled[~buy].sum())
    faults = [f"buyers get {bought} Wh but sellers give {sold} Wh"] if bought != sold else []
    wrong = (filled < 0) | (filled > orders.energy_wh)
    balanced = sum(level.balanced_wh for level in clearing.levels)
    if clearing.levels and balanced != bought:
        faults.append(f"levels balance {balanced} Wh together but buyers get {bought} Wh")
    faults += [
        f"{_who(orders, i)}: filled {filled[i]} Wh of {orders.energy_wh[i]} Wh"
        for i in np.flatnonzero(wrong).tolist()
    ]
    if dearer is None:
        return faults
    return faults + [
        f"{_who(orders, i)}: {dearer[i]} Wh of {filled[i]} Wh are one tick dearer"
        for i in np.flatnonzero((dearer < 0) | (dearer > filled)).tolist()
    ]


def _money_faults(orders: Orders, clearing: Clearing) -> list[str]:
    faults = [] if clearing.trades is not None else _limit_faults(orders, clearing)
    money_ueur, buy = clearing.order_money_ueur(), orders.is_buy
    kept_ueur = int(money_ueur[buy].sum() - money_ueur[~buy].sum()) - clearing.fees_ueur
    if kept_ueur != clearing.surplus_ueur:
        faults.append(
            f"buyers pay {kept_ueur} µ€ more than sellers get, fees apart, declared were "
            f"{clearing.surplus_ueur} µ€"
        )
    return faults


def _limit_faults(orders: Orders, clearing: Clearing) -> list[str]:
    price, buy, limit = clearing.prices(), orders.is_buy, orders.price_ticks
    dearest = price if clearing.dearer_wh is None else price + (clearing.dearer_wh > 0)
    loses = np.where(buy, dearest > limit, price < limit)
    return [
        f"{_who(orders, i)}: trades at {dearest[i] if buy[i] else price[i]} ticks beyond its "
        f"limit of {limit[i]} ticks"
        for i in np.flatnonzero(loses & (clearing.filled_wh > 0)).tolist()
    ]


def _trade_faults(orders: Orders, clearing: Clearing, trades: ClearedTrades) -> list[str]:
    rows = np.concatenate([trades.sell_row, trades.buy_row])
    if (
        not ((rows >= 0) & (rows < len(orders))).all()
        or orders.is_buy[trades.sell_row].any()
        or not orders.is_buy[trades.buy_row].all()
    ):
        return ["trades name rows that are not sellers' and buyers' of the book, in this order"]
    if clearing.dearer_wh is not None:
        return ["some energy is one tick dearer where trades have their own prices"]
    return [
        *_pair_faults(orders, trades),
        *_pair_fee_faults(orders, trades),
        *_sum_faults(orders, clearing, trades),
    ]


def _pair_faults(orders: Orders, trades: ClearedTrades) -> list[str]:
    peer, sell, buy = orders.peer_index, trades.sell_row, trades.buy_row
    paid, received = trades.paid_ticks, trades.received_ticks
    floor, roof = orders.price_ticks[sell], orders.price_ticks[buy]
    if (beyond := np.flatnonzero(paid > roof)).size:
        roof[beyond] += premium_ticks(orders, sell[beyond], buy[beyond])
    wrong = (received < floor) | (paid > roof) | (trades.energy_wh <= 0) | (peer[sell] == peer[buy])
    return [
        f"{_who(orders, sell[i])} sells {trades.energy_wh[i]} Wh at {received[i]} ticks to "
        f"{_who(orders, buy[i])}, which pays {paid[i]} ticks; expected more than 0 Wh, another "
        f"peer, and {floor[i]} to {roof[i]} ticks"
        for i in np.flatnonzero(wrong).tolist()
    ]


def _pair_fee_faults(orders: Orders, trades: ClearedTrades) -> list[str]:
    fee, sell, buy = trades.fee_ticks, trades.sell_row, trades.buy_row
    if fee is None:
        return []
    if orders.charges is None:
        return ["fees are in the clearing, but the book brings no charges"]
    due = orders.charges.between(orders.peer_index[sell], orders.peer_index[buy])
    return [
        f"{_who(orders, sell[i])} to {_who(orders, buy[i])}: the fee is {fee[i]} ticks, by the "
        f"book's charges {due[i]} ticks"
        for i in np.flatnonzero(fee != due).tolist()
    ]


def _sum_faults(orders: Orders, clearing: Clearing, trades: ClearedTrades) -> list[str]:
    told, mean = trades.filled_wh(len(orders)), trades.mean_price_ticks(len(orders))
    faults = [
        f"{_who(orders, i)}: filled {clearing.filled_wh[i]} Wh but its trades add up to "
        f"{told[i]} Wh"
        for i in np.flatnonzero(told != clearing.filled_wh).tolist()
    ]
    if faults or clearing.order_price_ticks is None:
        return faults
    return [
        f"{_who(orders, i)}: its price is {clearing.order_price_ticks[i]} ticks but the mean of "
        f"its trades {mean[i]} ticks"
        for i in np.flatnonzero((mean != clearing.order_price_ticks) & (told > 0)).tolist()
    ]


def _who(orders: Orders, i: int) -> str:
    return f"order {orders.order_id[i]} of {orders.peers[orders.peer_index[i]]!r}"
