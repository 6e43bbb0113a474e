"""Compiled inner loops of platforms on which buyers choose, or generators stand in line."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Columns of buyers, in their turn.
B_LIMIT, B_ENERGY, B_PEER, B_PLACE, B_ZONE, B_STRICT, B_LIST = range(7)
# Columns of offers, by group, then price, then turn.
O_PRICE, O_LEFT, O_PEER, O_TURN, O_GROUP = range(5)
# Columns of groups: offers of one origin at one place in one zone.
G_ORIGIN, G_GREEN, G_ZONE, G_PLACE, G_FIRST, G_END = range(6)
# Columns of wishes; the lists stand one behind the other.
W_LOCAL, W_GREEN, W_ORIGIN, W_PEER, W_PREMIUM = range(5)


@njit(cache=True, nogil=True)
def _wish(buyer: Ints, group: Ints, wishes: Ints, first: int, end: int) -> tuple[int, int]:
    """Rank a group's kind of energy in a list of wishes, and give its dearest premium."""
    rank, premium = end - first, 0
    for w in range(end - 1, first - 1, -1):
        if (
            (wishes[w, W_LOCAL] == 1 and group[G_ZONE] >= 0 and group[G_ZONE] == buyer[B_ZONE])
            or (wishes[w, W_GREEN] == 1 and group[G_GREEN] == 1)
            or (wishes[w, W_ORIGIN] >= 0 and wishes[w, W_ORIGIN] == group[G_ORIGIN])
        ):
            rank, premium = w - first, max(premium, wishes[w, W_PREMIUM])
    return rank, premium


@njit(cache=True, nogil=True)
def _before(key: Ints, best: Ints) -> bool:
    """Compare keys, the first number that differs counts."""
    for i in range(key.size):
        if key[i] != best[i]:
            return bool(key[i] < best[i])
    return False


@njit(cache=True, nogil=True)
def _judge(
    buyer: Ints,
    offer: Ints,
    group: Ints,
    rank: int,
    premium: int,
    unnamed: int,
    fee: int,
    near_first: bool,
    key: Ints,
) -> bool:
    """Tell whether a buyer would take an offer, and write down how much it likes it."""
    cost = offer[O_PRICE] + fee
    if buyer[B_STRICT] == 1 and rank == unnamed:
        return False
    if cost > buyer[B_LIMIT] + premium:
        return False
    key[0], key[3], key[4] = rank, cost, offer[O_TURN]
    if near_first:
        key[1] = not (group[G_ZONE] >= 0 and group[G_ZONE] == buyer[B_ZONE])
        key[2] = fee
    return True


@njit(cache=True, nogil=True)
def _best(
    buyer: Ints,
    offers: Ints,
    groups: Ints,
    n_groups: int,
    wishes: Ints,
    list_start: Ints,
    peer_offers: Ints,
    peer_start: Ints,
    fees: Ints,
    near_first: bool,
    key: Ints,
    best_key: Ints,
) -> int:
    """Give the offer that a buyer likes best of what is left, or −1."""
    first, end = list_start[buyer[B_LIST]], list_start[buyer[B_LIST] + 1]
    best = -1
    for g in range(n_groups):
        rank, premium = _wish(buyer, groups[g], wishes, first, end)
        at = groups[g, G_FIRST]
        while at < groups[g, G_END] and (
            offers[at, O_LEFT] == 0 or offers[at, O_PEER] == buyer[B_PEER]
        ):
            at += 1
        if at == groups[g, G_END]:
            continue
        fee = fees[groups[g, G_PLACE], buyer[B_PLACE]]
        if _judge(
            buyer, offers[at], groups[g], rank, premium, end - first, fee, near_first, key
        ) and (best < 0 or _before(key, best_key)):
            best, best_key[:] = at, key
    # Of a seller that is named itself, also what its group would sell later.
    for w in range(first, end):
        seller = wishes[w, W_PEER]
        if seller < 0 or seller == buyer[B_PEER]:
            continue
        for i in range(peer_start[seller], peer_start[seller + 1]):
            at = peer_offers[i]
            if offers[at, O_LEFT] == 0:
                continue
            group = groups[offers[at, O_GROUP]]
            rank, premium = _wish(buyer, group, wishes, first, end)
            rank, premium = min(rank, w - first), max(premium, wishes[w, W_PREMIUM])
            fee = fees[group[G_PLACE], buyer[B_PLACE]]
            if _judge(
                buyer, offers[at], group, rank, premium, end - first, fee, near_first, key
            ) and (best < 0 or _before(key, best_key)):
                best, best_key[:] = at, key
    return best


@njit(cache=True, nogil=True)
def choose_in_turn(
    buyers: Ints,
    offers: Ints,
    groups: Ints,
    wishes: Ints,
    list_start: Ints,
    peer_offers: Ints,
    peer_start: Ints,
    fees: Ints,
    near_first: bool,
    once: bool,
    trades: Ints,
) -> int:
    """Let buyers choose offers, one buyer after another.

    Parameters
    ----------
    buyers : (n, 7) int64 array
        In their turn.
    offers : (m, 5) int64 array
        By group, then price, then turn; what is left of each is written.
    groups : (k, 6) int64 array
        First and last offer of each; the first that is left is written.
    wishes : (w, 5) int64 array
    list_start : (l + 1,) int64 array
        Where each list of wishes starts and the last one ends.
    peer_offers, peer_start : (m,), (n_peers + 1,) int64 array
        Offers of each peer.
    fees : (n_places, n_places) int64 array
        From the seller's place to the buyer's. [µ€/Wh]
    near_first : bool
        Among equal ranks the buyer's zone comes before the price, then the lower fee.
    once : bool
        Each buyer chooses one offer, for all its energy, and takes nothing from it.
    trades : (n + m, 3) int64 array, written
        Buyer, offer, energy. [-], [-], [Wh]

    Returns
    -------
    int
        Number of trades: each finishes a buyer or an offer.
    """
    key, best_key = np.zeros(5, np.int64), np.zeros(5, np.int64)
    n_trades = 0
    for b in range(buyers.shape[0]):
        while buyers[b, B_ENERGY] > 0:
            at = _best(
                buyers[b],
                offers,
                groups,
                groups.shape[0],
                wishes,
                list_start,
                peer_offers,
                peer_start,
                fees,
                near_first,
                key,
                best_key,
            )
            if at < 0:
                break
            taken = buyers[b, B_ENERGY]
            if not once:
                taken = min(taken, offers[at, O_LEFT])
                offers[at, O_LEFT] -= taken
                group = groups[offers[at, O_GROUP]]
                while group[G_FIRST] < group[G_END] and offers[group[G_FIRST], O_LEFT] == 0:
                    group[G_FIRST] += 1
            buyers[b, B_ENERGY] -= taken
            trades[n_trades, 0], trades[n_trades, 1], trades[n_trades, 2] = b, at, taken
            n_trades += 1
    return n_trades


@njit(cache=True, nogil=True)
def match_stack(
    asks: Ints,
    bids: Ints,
    fees: Ints,
    trades: Ints,
) -> int:
    """Let bids release generators that stand in line, zone by zone.

    Parameters
    ----------
    asks : (m, 5) int64 array
        Zone, limit, energy, peer, place; by zone, then in line. The energy left is written.
    bids : (n, 5) int64 array
        The same; by zone, then the highest limit first, then in turn.
    fees : (n_places, n_places) int64 array
        [µ€/Wh]
    trades : (n + m, 4) int64 array, written
        Ask, bid, energy, fee. [-], [-], [Wh], [µ€/Wh]

    Returns
    -------
    int
        Number of trades: each finishes an ask or a bid.
    """
    n_trades, start, held = 0, 0, -1
    for a in range(asks.shape[0]):
        zone, limit, peer = asks[a, 0], asks[a, 1], asks[a, 3]
        if zone == held:
            continue
        while start < bids.shape[0] and (bids[start, 0] < zone or bids[start, 2] == 0):
            start += 1
        b = start
        while asks[a, 2] > 0 and b < bids.shape[0] and bids[b, 0] == zone and bids[b, 1] >= limit:
            fee = fees[asks[a, 4], bids[b, 4]]
            if bids[b, 2] > 0 and bids[b, 3] != peer and bids[b, 1] - fee >= limit:
                energy = min(asks[a, 2], bids[b, 2])
                asks[a, 2] -= energy
                bids[b, 2] -= energy
                trades[n_trades, 0], trades[n_trades, 1] = a, b
                trades[n_trades, 2], trades[n_trades, 3] = energy, fee
                n_trades += 1
            b += 1
        if asks[a, 2] > 0:
            held = zone
    return n_trades
