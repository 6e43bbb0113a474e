"""What buyers would rather have: energy of an origin, from near by, or from a named seller.

Three optional attributes of orders say it (see `Orders.attributes`):

``prefers`` (buy)
    A tuple of ``(name, premium_ticks)``, the best first. A name is an origin, ``"local"`` (the
    seller is in the buyer's zone), ``"green"`` (pv, wind, hydro or biomass) or a seller's name;
    the premium is what the buyer pays at most beyond its limit for energy of that kind. [µ€/Wh]
``only_preferred`` (buy)
    True: it trades with nobody else.
``origin`` (sell), ``zone`` (both)
    What a seller's energy is made of, and where a peer is.

Of several names that apply to one seller, ranks count the first and money counts the dearest.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .orders import OrderError, Orders

__all__ = ["GREEN", "allowed", "preference_faults", "premium_ticks", "rank"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Wishes = tuple[tuple[str, int], ...]

#: Origins that "green" stands for.
GREEN = ("biomass", "hydro", "pv", "wind")

_DEAREST = 2**40
"""Beyond every price that occurs, and far from where int64 ends. [µ€/Wh]"""


def premium_ticks(orders: Orders, sell_rows: ArrayLike, buy_rows: ArrayLike) -> Ints:
    """Give what buyers would pay beyond their limits for these sellers' energy.

    Parameters
    ----------
    orders : Orders
    sell_rows, buy_rows : int array
        Rows of the book, broadcast against each other.

    Returns
    -------
    int64 array
        0 where no wish applies. [µ€/Wh]

    Raises
    ------
    OrderError
        With every malformed wish of the book.
    """
    sells, buys = np.broadcast_arrays(sell_rows, buy_rows)
    premium = np.zeros(sells.size, dtype=np.int64)
    for where, wishes, applies in _wishes(orders, sells.ravel(), buys.ravel()):
        worth = np.array([ticks for _, ticks in wishes], dtype=np.int64)
        premium[where] = np.where(applies, worth[:, None], 0).max(axis=0)
    return premium.reshape(sells.shape)


def rank(orders: Orders, sell_rows: ArrayLike, buy_rows: ArrayLike) -> Ints:
    """Give the place of sellers in buyers' wishes: 0 is best, the number of wishes is unnamed.

    Parameters and errors as in `premium_ticks`; a buyer without wishes ranks everybody 0. [-]
    """
    sells, buys = np.broadcast_arrays(sell_rows, buy_rows)
    places = np.zeros(sells.size, dtype=np.int64)
    for where, wishes, applies in _wishes(orders, sells.ravel(), buys.ravel()):
        places[where] = np.where(applies.any(axis=0), applies.argmax(axis=0), len(wishes))
    return places.reshape(sells.shape)


def allowed(orders: Orders, sell_rows: ArrayLike, buy_rows: ArrayLike) -> Bools:
    """Tell which pairs may trade: not with oneself, nor against ``only_preferred``.

    Parameters and errors as in `premium_ticks`.
    """
    sells, buys = np.broadcast_arrays(sell_rows, buy_rows)
    may: Bools = np.asarray(orders.peer_index[sells] != orders.peer_index[buys])
    strict = orders.attributes.get("only_preferred")
    if strict is None:
        return may
    named = np.zeros(sells.size, dtype=np.bool_)
    for where, _, applies in _wishes(orders, sells.ravel(), buys.ravel()):
        named[where] = applies.any(axis=0)
    may[~named.reshape(sells.shape) & strict.astype(np.bool_)[buys]] = False
    return may


def preference_faults(orders: Orders) -> list[str]:
    """Say which orders' wishes cannot be read, one line each."""
    faults = []
    for i, wishes in _given(orders, "prefers"):
        if not orders.is_buy[i]:
            faults.append(
                f"order {orders.order_id[i]}: a seller prefers {wishes!r}; only buyers do"
            )
        elif not (isinstance(wishes, tuple) and all(map(_is_wish, wishes))):
            faults.append(
                f"order {orders.order_id[i]}: prefers is {wishes!r}, expected a tuple of (name, "
                f"premium in ticks, 0 or more), each name once"
            )
        elif len({name for name, _ in wishes}) < len(wishes):
            faults.append(
                f"order {orders.order_id[i]}: prefers {wishes!r} names one twice; name each once"
            )
    faults += [
        f"order {orders.order_id[i]}: only_preferred is {value!r}, expected true or false"
        for i, value in _given(orders, "only_preferred")
        if not isinstance(value, (bool, np.bool_))
    ]
    return faults


def _is_wish(wish: object) -> bool:
    if not (isinstance(wish, tuple) and len(wish) == 2 and isinstance(wish[0], str)):
        return False
    premium = wish[1]
    if isinstance(premium, bool) or not isinstance(premium, (int, np.integer)):
        return False
    return 0 <= int(premium) < _DEAREST


def _given(orders: Orders, name: str) -> Iterator[tuple[int, Any]]:
    """Rows that say something in an attribute, and what."""
    column = orders.attributes.get(name)
    if column is not None:
        for i in np.flatnonzero(column != None).tolist():  # noqa: E711, element by element
            yield i, column[i]


def _wishes(
    orders: Orders, sells: Ints, buys: Ints
) -> Iterator[tuple[NDArray[np.intp], Wishes, Bools]]:
    """For each buyer with wishes: its pairs, the wishes, and which apply to which pair."""
    if faults := preference_faults(orders):
        raise OrderError(faults)
    wanted = {i: wishes for i, wishes in _given(orders, "prefers") if wishes}
    if not wanted:
        return
    by_buyer = np.argsort(buys)
    sorted_buys = buys[by_buyer]
    for buyer, wishes in wanted.items():
        first, last = np.searchsorted(sorted_buys, [buyer, buyer + 1])
        if first < last:
            where = by_buyer[first:last]
            rows = sells[where]
            yield where, wishes, np.array([_is(orders, name, rows, buyer) for name, _ in wishes])


def _is(orders: Orders, name: str, sell_rows: Ints, buyer: int) -> Bools:
    """Tell which sellers are of a kind that a buyer names."""
    if name == "local":
        zone = orders.attributes.get("zone")
        if zone is None or zone[buyer] is None:
            return np.zeros(sell_rows.shape, dtype=np.bool_)
        return np.asarray(zone[sell_rows] == zone[buyer], dtype=np.bool_)
    origin = orders.attributes.get("origin")
    of_origin = np.zeros(sell_rows.shape, dtype=np.bool_)
    if origin is not None:
        of_origin = np.isin(origin[sell_rows].astype(str), GREEN if name == "green" else [name])
    if (peer := _positions(orders.peers).get(name)) is not None:
        of_origin |= orders.peer_index[sell_rows] == peer
    return of_origin


@lru_cache(maxsize=16)
def _positions(peers: tuple[str, ...]) -> dict[str, int]:
    """Where each name stands; kept, for a market's peers rarely change."""
    return {name: i for i, name in enumerate(peers)}
