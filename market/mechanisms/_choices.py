"""Buyers that choose sellers by their wishes: a book laid out so that few offers are looked at.

Offers of one origin in one zone are of one class to a buyer, and at one place are charged alike; so
it compares the first of each such group, however many offers there are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..book import OrderError, Orders
from ..preferences import GREEN, preference_faults
from ._kernels_platforms import choose_in_turn
from ._platform import codes, flags

__all__ = ["Chosen", "choose", "places"]

Ints = NDArray[np.int64]


class Chosen(NamedTuple):
    """Who takes how much from whom, as rows of the book. [-], [-], [Wh]"""

    sell_row: Ints
    buy_row: Ints
    energy_wh: Ints


class _Wishes(NamedTuple):
    """Lists of wishes as the kernel reads them, and which list each order has."""

    table: Ints
    start: Ints
    list_of_order: Ints


def choose(orders: Orders, turn: NDArray[np.intp], *, near_first: bool, once: bool) -> Chosen:
    """Let buyers choose the offers they like best, one buyer after another.

    A buyer goes by the rank of its wishes, then (`near_first`) takes its own zone before others
    and a lower fee before a higher, then the lower price with its fee, then the offer whose turn
    is earlier. It takes what price and fee do not put beyond its limit and premium, nothing of
    its own, and nothing that it did not name if it is ``only_preferred``.

    Parameters
    ----------
    orders : Orders
    turn : (n,) int array
        Rows of the book as buyers come; offers stand in ``orders.turn``.
    near_first : bool
    once : bool
        Each buyer chooses one offer for all its energy, whatever others take of it; else it takes
        what is left and goes on to the next.

    Returns
    -------
    Chosen
        As buyers came.

    Raises
    ------
    OrderError
        With every malformed wish.
    """
    if faults := preference_faults(orders):
        raise OrderError(faults)
    origin, origins = codes(orders, "origin")
    zone, _ = codes(orders, "zone")
    wishes = _wishes(orders, origins)
    place, fees = places(orders)
    sells = orders.turn[~orders.is_buy[orders.turn]]
    buys = turn[orders.is_buy[turn]]
    sells, offers, classes, groups = _offers(orders, sells, origin, zone, place, origins)
    peer_offers, peer_start = _by_peer(offers[:, 2], len(orders.peers))
    buyers = np.column_stack(
        [
            orders.price_ticks[buys],
            orders.energy_wh[buys],
            orders.peer_index[buys],
            place[orders.peer_index[buys]],
            zone[buys],
            flags(orders, "only_preferred")[buys],
            wishes.list_of_order[buys],
        ]
    ).astype(np.int64)
    trades = np.empty((buys.size + sells.size, 3), dtype=np.int64)
    n = choose_in_turn(
        buyers,
        offers,
        classes,
        groups,
        wishes.table,
        wishes.start,
        peer_offers,
        peer_start,
        fees,
        near_first,
        once,
        trades,
    )
    buyer, offer, energy_wh = trades[:n].T.copy()
    return Chosen(sells[offer], buys[buyer], energy_wh)


def _wishes(orders: Orders, origins: dict[Any, int]) -> _Wishes:
    """Number the lists of wishes that occur; the first is empty."""
    given = orders.attributes.get("prefers")
    lists: dict[Any, int] = {(): 0}
    list_of_order = np.zeros(len(orders), dtype=np.int64)
    if given is not None:
        list_of_order[:] = [lists.setdefault(one or (), len(lists)) for one in given.tolist()]
    peers = {name: i for i, name in enumerate(orders.peers)}
    rows = [
        (
            name == "local",
            name == "green",
            -1 if name in ("local", "green") else origins.get(name, -1),
            -1 if name == "local" else peers.get(name, -1),
            premium,
        )
        for wishes in lists
        for name, premium in wishes
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    start = np.cumsum([0, *(len(wishes) for wishes in lists)])
    return _Wishes(table, start, list_of_order)


def places(orders: Orders) -> tuple[Ints, Ints]:
    """Places of the peers and fees between them; one free place without charges."""
    if orders.charges is None:
        return np.zeros(len(orders.peers), dtype=np.int64), np.zeros((1, 1), dtype=np.int64)
    return orders.charges.place, orders.charges.fee_ticks.copy()


def _offers(
    orders: Orders,
    sells: NDArray[np.intp],
    origin: Ints,
    zone: Ints,
    place: Ints,
    origins: dict[Any, int],
) -> tuple[Ints, Ints, Ints, Ints]:
    """Sort sellers' rows by kind, then price, then turn, and give the kernel's tables of them."""
    price, where = orders.price_ticks[sells], place[orders.peer_index[sells]]
    turn = np.lexsort((price, where, zone[sells], origin[sells]))
    sells, where = sells[turn], where[turn]
    kinds = np.column_stack([origin[sells], zone[sells]])
    classes, of_offer = np.unique(kinds, axis=0, return_inverse=True)
    of_offer = of_offer.ravel()
    grouped = np.column_stack([of_offer, where])
    groups, first = np.unique(grouped, axis=0, return_index=True)
    end = np.append(first[1:], sells.size)[: first.size]
    green = [origins[name] for name in GREEN if name in origins]
    offers = np.column_stack(
        [
            orders.price_ticks[sells],
            orders.energy_wh[sells],
            orders.peer_index[sells],
            turn,
            of_offer,
            where,
        ]
    )
    return (
        sells,
        _ints(offers),
        _ints(np.column_stack([classes[:, 0], np.isin(classes[:, 0], green), classes[:, 1]])),
        _ints(np.column_stack([groups, first, end])),
    )


def _by_peer(peer: Ints, n_peers: int) -> tuple[Ints, Ints]:
    """Positions of each peer's offers, peer after peer, and where each peer's start."""
    order = np.argsort(peer, kind="stable")
    return _ints(order), _ints(np.searchsorted(peer[order], np.arange(n_peers + 1)))


def _ints(table: NDArray[Any]) -> Ints:
    return np.ascontiguousarray(table, dtype=np.int64)
