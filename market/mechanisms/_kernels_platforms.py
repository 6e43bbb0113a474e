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
O_PRICE, O_LEFT, O_PEER, O_TURN, O_CLASS, O_PLACE = range(6)
# Columns of classes: energy of one origin in one zone.
C_ORIGIN, C_GREEN, C_ZONE = range(3)
# Columns of groups: offers of one class at one place.
G_CLASS, G_PLACE, G_FIRST, G_END = range(4)
# Columns of wishes; the lists stand one behind the other.
W_LOCAL, W_GREEN, W_ORIGIN, W_PEER, W_PREMIUM = range(5)
# How a buyer sees a class: its kind (less is better: 2 · rank, 1 more where it is far), and up to
# which price it takes it. [-], [µ€/Wh]
S_KIND, S_ROOF = range(2)
_UNWANTED = 2**62
# After so many offers are sold out, groups are swept; until then buyers walk past them.
_SWEEP = 64


@njit(cache=True, nogil=True)
def _see(
    buyers: Ints,
    b: int,
    classes: Ints,
    wishes: Ints,
    first: int,
    end: int,
    near_first: bool,
    seen: Ints,
) -> None:
    """Write how a buyer with the wishes from `first` up to `end` sees every class."""
    for c in range(classes.shape[0]):
        near = classes[c, C_ZONE] >= 0 and classes[c, C_ZONE] == buyers[b, B_ZONE]
        rank, premium = end - first, 0
        for w in range(end - 1, first - 1, -1):
            if (
                (wishes[w, W_ORIGIN] >= 0 and wishes[w, W_ORIGIN] == classes[c, C_ORIGIN])
                or (wishes[w, W_GREEN] == 1 and classes[c, C_GREEN] == 1)
                or (wishes[w, W_LOCAL] == 1 and near)
            ):
                rank, premium = w - first, max(premium, wishes[w, W_PREMIUM])
        unwanted = rank == end - first and buyers[b, B_STRICT] == 1
        far = near_first and not near
        seen[c, S_KIND] = _UNWANTED + far if unwanted else 2 * rank + far
        seen[c, S_ROOF] = buyers[b, B_LIMIT] + premium


@njit(cache=True, nogil=True, inline="always")
def _keep(offers: Ints, at: int, kind: int, fee: int, near_first: bool, best: Ints) -> None:
    """Keep an offer in `best` (kind, fee, cost, turn, offer) if it is liked better."""
    path, cost = fee if near_first else 0, offers[at, O_PRICE] + fee
    if kind == best[0]:
        if path > best[1]:
            return
        if path == best[1]:
            if cost > best[2]:
                return
            if cost == best[2] and offers[at, O_TURN] > best[3]:
                return
    best[0], best[1], best[2], best[3], best[4] = kind, path, cost, offers[at, O_TURN], at


@njit(cache=True, nogil=True)
def _look_at_groups(
    buyers: Ints,
    b: int,
    offers: Ints,
    groups: Ints,
    n_groups: int,
    fees: Ints,
    near_first: bool,
    seen: Ints,
    best: Ints,
) -> None:
    """Compare the first offer that is left of every group."""
    for g in range(n_groups):
        kind = seen[groups[g, G_CLASS], S_KIND]
        if kind > best[0]:
            continue
        at, last = groups[g, G_FIRST], groups[g, G_END]
        while at < last and (offers[at, O_LEFT] == 0 or offers[at, O_PEER] == buyers[b, B_PEER]):
            at += 1
        if at == last:
            continue
        fee = fees[groups[g, G_PLACE], buyers[b, B_PLACE]]
        if offers[at, O_PRICE] + fee <= seen[groups[g, G_CLASS], S_ROOF]:
            _keep(offers, at, kind, fee, near_first, best)


@njit(cache=True, nogil=True)
def _look_at_names(
    buyers: Ints,
    b: int,
    offers: Ints,
    wishes: Ints,
    first: int,
    end: int,
    peer_offers: Ints,
    peer_start: Ints,
    fees: Ints,
    near_first: bool,
    seen: Ints,
    best: Ints,
) -> None:
    """Compare what is left of sellers that are named themselves, first of their group or not."""
    for w in range(first, end):
        seller = wishes[w, W_PEER]
        if seller < 0 or seller == buyers[b, B_PEER]:
            continue
        for i in range(peer_start[seller], peer_start[seller + 1]):
            at = peer_offers[i]
            c = offers[at, O_CLASS]
            far = seen[c, S_KIND] & 1
            kind = min(seen[c, S_KIND], 2 * (w - first) + far)
            roof = max(seen[c, S_ROOF], buyers[b, B_LIMIT] + wishes[w, W_PREMIUM])
            fee = fees[offers[at, O_PLACE], buyers[b, B_PLACE]]
            if offers[at, O_LEFT] > 0 and kind <= best[0] and offers[at, O_PRICE] + fee <= roof:
                _keep(offers, at, kind, fee, near_first, best)


@njit(cache=True, nogil=True)
def _drop_sold(offers: Ints, groups: Ints, n_groups: int) -> int:
    """Move groups on to what is left of them, and leave out those that are sold out."""
    n = 0
    for g in range(n_groups):
        while groups[g, G_FIRST] < groups[g, G_END] and offers[groups[g, G_FIRST], O_LEFT] == 0:
            groups[g, G_FIRST] += 1
        if groups[g, G_FIRST] < groups[g, G_END]:
            groups[n] = groups[g]
            n += 1
    return n


@njit(cache=True, nogil=True)
def choose_in_turn(
    buyers: Ints,
    offers: Ints,
    classes: Ints,
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
        In their turn; the energy still wanted is written.
    offers : (m, 6) int64 array
        By group, then price, then turn; what is left of each is written.
    classes : (c, 3) int64 array
    groups : (k, 4) int64 array
        First offer of each, and where it ends; written over.
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
    seen, best = np.empty((classes.shape[0], 2), np.int64), np.empty(5, np.int64)
    n_trades, n_groups, sold = 0, groups.shape[0], 0
    for b in range(buyers.shape[0]):
        first, end = list_start[buyers[b, B_LIST]], list_start[buyers[b, B_LIST] + 1]
        _see(buyers, b, classes, wishes, first, end, near_first, seen)
        if sold >= _SWEEP:
            n_groups, sold = _drop_sold(offers, groups, n_groups), 0
        while buyers[b, B_ENERGY] > 0:
            best[0], best[1], best[4] = _UNWANTED - 1, _UNWANTED, -1
            _look_at_groups(buyers, b, offers, groups, n_groups, fees, near_first, seen, best)
            _look_at_names(
                buyers,
                b,
                offers,
                wishes,
                first,
                end,
                peer_offers,
                peer_start,
                fees,
                near_first,
                seen,
                best,
            )
            at = best[4]
            if at < 0:
                break
            taken = buyers[b, B_ENERGY]
            if not once:
                taken = min(taken, offers[at, O_LEFT])
                offers[at, O_LEFT] -= taken
                sold += offers[at, O_LEFT] == 0
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
