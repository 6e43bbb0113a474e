"""What platforms share: reading an order's attributes, and the clearing that their trades make."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..book import ClearedTrades, Clearing, OrderError, Orders
from ._merit import nothing

__all__ = ["cleared", "codes", "flags", "refuse_periods"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def refuse_periods(orders: Orders) -> None:
    """Raise unless all orders are for one delivery period.

    Raises
    ------
    OrderError
        Naming the periods.
    """
    if len(orders.periods) > 1:
        named = ", ".join(map(str, orders.periods))
        raise OrderError(
            [f"orders for periods {named} in one book; clear each orders.for_period(period)"]
        )


def flags(orders: Orders, name: str) -> Bools:
    """Read an attribute that is true or false; an order that says nothing has it not.

    Raises
    ------
    OrderError
        With every value that is neither.
    """
    column = orders.attributes.get(name)
    if column is None:
        return np.zeros(len(orders), dtype=np.bool_)
    if column.dtype == np.bool_:
        return np.array(column, dtype=np.bool_)
    values = column.tolist()
    faults = [
        f"order {orders.order_id[i]}: {name} is {value!r}, expected true or false"
        for i, value in enumerate(values)
        if value is not None and not isinstance(value, bool)
    ]
    if faults:
        raise OrderError(faults)
    return np.array([value is True for value in values], dtype=np.bool_)


def codes(orders: Orders, name: str) -> tuple[Ints, dict[Any, int]]:
    """Number the values of an attribute from 0, −1 where an order says nothing.

    Returns
    -------
    (n,) int64 array
    dict of value to number
    """
    column, number = orders.attributes.get(name), {None: -1}
    if column is None:
        return np.full(len(orders), -1), number
    code = [number.setdefault(value, len(number) - 1) for value in column.tolist()]
    return np.array(code, dtype=np.int64), number


def cleared(
    orders: Orders,
    sell_row: Ints,
    buy_row: Ints,
    energy_wh: Ints,
    price_ticks: Ints,
    subscriptions_ueur: Ints | None = None,
) -> Clearing:
    """Give the clearing of these trades, with the fees of the book's charges.

    Parameters
    ----------
    orders : Orders
    sell_row, buy_row, energy_wh, price_ticks : (m,) int64 array
        As in `ClearedTrades`. [-], [-], [Wh], [µ€/Wh]
    subscriptions_ueur : (n_peers,) int64 array, optional
        [µ€]
    """
    if not energy_wh.size:
        filled_wh = nothing(orders).filled_wh
        return Clearing(None, filled_wh, subscriptions_ueur=subscriptions_ueur)
    peer, charges = orders.peer_index, orders.charges
    trades = ClearedTrades(
        sell_row=sell_row,
        buy_row=buy_row,
        energy_wh=energy_wh,
        price_ticks=price_ticks,
        fee_ticks=None if charges is None else charges.between(peer[sell_row], peer[buy_row]),
    )
    one_price = bool((price_ticks == price_ticks[0]).all())
    return Clearing(
        price_ticks=int(price_ticks[0]) if one_price else None,
        filled_wh=trades.filled_wh(len(orders)),
        order_price_ticks=None if one_price else trades.mean_price_ticks(len(orders)),
        trades=trades,
        subscriptions_ueur=subscriptions_ueur,
    )
