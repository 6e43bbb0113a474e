"""What every mechanism promises, checked on what it returned: a mechanism may be anybody's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .book import Clearing, Orders

__all__ = ["ClearingError", "check_clearing"]


class ClearingError(ValueError):
    """A mechanism broke a promise that every mechanism makes; mend the mechanism.

    Attributes
    ----------
    faults : tuple of str
        Every broken promise, one line each.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def check_clearing(orders: Orders, clearing: Clearing) -> None:
    """Hold a mechanism to what every mechanism promises.

    Energy balances, no order is overfilled, nobody trades beyond its limit, and the declared
    surplus is what buyers pay minus what sellers get. Where the mechanism pairs sellers and buyers
    itself, this holds of each of its trades, they add up to what is filled, and nobody trades with
    itself.

    Raises
    ------
    ClearingError
        With every broken promise.
    """
    filled = clearing.filled_wh
    if filled.shape != (len(orders),) or filled.dtype != np.int64:
        raise ClearingError(
            [f"filled_wh is {filled.dtype} {filled.shape}, expected int64 ({len(orders)},)"]
        )
    if clearing.price_ticks is None and clearing.order_price_ticks is None and filled.any():
        raise ClearingError(["energy is traded but no price is given"])
    faults = _trade_faults(orders, clearing)
    faults = faults or _energy_faults(orders, clearing) + _price_faults(orders, clearing)
    if faults:
        raise ClearingError(faults)


def _energy_faults(orders: Orders, clearing: Clearing) -> list[str]:
    filled, buy = clearing.filled_wh, orders.is_buy
    bought, sold = int(filled[buy].sum()), int(filled[~buy].sum())
    faults = [f"buyers get {bought} Wh but sellers give {sold} Wh"] if bought != sold else []
    wrong = (filled < 0) | (filled > orders.energy_wh)
    return faults + [
        f"{_who(orders, i)}: filled {filled[i]} Wh of {orders.energy_wh[i]} Wh"
        for i in np.flatnonzero(wrong).tolist()
    ]


def _price_faults(orders: Orders, clearing: Clearing) -> list[str]:
    filled, buy, price = clearing.filled_wh, orders.is_buy, clearing.prices()
    loses = np.where(buy, price > orders.price_ticks, price < orders.price_ticks)
    faults = [
        f"{_who(orders, i)}: trades at {price[i]} ticks beyond its limit of "
        f"{orders.price_ticks[i]} ticks"
        for i in np.flatnonzero(loses & (filled > 0)).tolist()
    ]
    money_ueur = clearing.order_money_ueur()
    kept_ueur = int(money_ueur[buy].sum() - money_ueur[~buy].sum())
    if kept_ueur != clearing.surplus_ueur:
        faults.append(
            f"buyers pay {kept_ueur} µ€ more than sellers get, declared were "
            f"{clearing.surplus_ueur} µ€"
        )
    return faults


def _trade_faults(orders: Orders, clearing: Clearing) -> list[str]:
    trades = clearing.trades
    if trades is None:
        return []
    rows = np.concatenate([trades.sell_row, trades.buy_row])
    if (
        not ((rows >= 0) & (rows < len(orders))).all()
        or orders.is_buy[trades.sell_row].any()
        or not orders.is_buy[trades.buy_row].all()
    ):
        return ["trades name rows that are not sellers' and buyers' of the book, in this order"]
    limit, peer = orders.price_ticks, orders.peer_index
    sell, buy, price = trades.sell_row, trades.buy_row, trades.price_ticks
    faults = [
        f"{_who(orders, sell[i])} sells {trades.energy_wh[i]} Wh at {price[i]} ticks to "
        f"{_who(orders, buy[i])}; expected more than 0 Wh, another peer, and {limit[sell[i]]} to "
        f"{limit[buy[i]]} ticks"
        for i in np.flatnonzero(
            (price < limit[sell])
            | (price > limit[buy])
            | (trades.energy_wh <= 0)
            | (peer[sell] == peer[buy])
        ).tolist()
    ]
    told = trades.filled_wh(len(orders))
    return faults + [
        f"{_who(orders, i)}: filled {clearing.filled_wh[i]} Wh but its trades add up to "
        f"{told[i]} Wh"
        for i in np.flatnonzero(told != clearing.filled_wh).tolist()
    ]


def _who(orders: Orders, i: int) -> str:
    return f"order {orders.order_id[i]} of {orders.peers[orders.peer_index[i]]!r}"
