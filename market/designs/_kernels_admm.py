"""Compiled inner loops of the negotiation by ADMM: arrays in, arrays out, never raising.

A peer's *slots* are its ends of its links, in a row; ``rev`` of a slot is the other end's. A slot
holds the peer's last offer: the energy it would send and the price it sees, as in [1]_, where
ADMM is read as the Peaceman–Rachford splitting of the same problem with one state per slot.

References
----------
.. [1] N. Bastianello, R. Carli, L. Schenato and M. Todescato, "Asynchronous distributed
   optimization over lossy networks via relaxed ADMM: stability and linear convergence," IEEE
   Trans. Autom. Control, vol. 66, 2021 (unverified).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._kernels_answer import answer, offer, piece, root

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_TRIES = 4
"""Steps of the search without a bracket before it is held in one."""

_EVEN = 1e-6
"""Residuals below are taken as equal. [µ€/Wh]"""


@njit(cache=True, nogil=True, error_model="numpy")
def reply(
    peers: Floats,
    fees: Floats,
    start: Ints,
    rev: Ints,
    own: Floats,
    heard: Floats,
    stiff: Floats,
    guess: Floats,
    relaxation: float,
    adapts: bool,
    fresh: Floats,
    told: Floats,
) -> None:
    """Let peers answer their partners' last offers with new ones.

    Parameters
    ----------
    peers : (n, 4) float array
        a, b, least and greatest injection of each peer.
    fees : (4, s) float array
        Per slot: γ, and γ to sell and to buy, infinite where the slot cannot [µ€/Wh]; and the
        energy by which a disagreement of prices counts where nothing is offered [Wh].
    start : (n + 1,) int64 array
        Where each peer's slots begin.
    rev : (s,) int64 array
        Where in `heard` each slot's partner speaks.
    own, heard : (2, s) float array
        Last offers made and heard: energy and price. [Wh], [µ€/Wh]
    stiff : (2, s) float array
        ρ of each slot and 1/ρ; changed where peers adapt. [µ€/Wh²], [Wh²/µ€]
    guess : (n,) float array
        Marginal costs; improved. [µ€/Wh]
    relaxation : float
        Over-relaxation, in (0, 2). [1]
    adapts : bool
        Whether ρ is balanced in this round. Both ends of a link know both residuals, so they
        change alike without a word.
    fresh : (2, s) float array
        Takes the new offers.
    told : (4,) float array
        To which the peers add what they see over their slots: the energies that disagree; the
        prices that disagree times the energy, and the energies that disagree times what the peer
        would earn by a wider bound; the energy; and the cost of the new offers. [Wh], [µ€], [Wh],
        [µ€]
    """
    if adapts:
        _balance(rev, own, heard, stiff)
    # Two runs over all peers rather than one with two looks at each: the second look at a peer
    # would wait for the first's division.
    want, pieces = np.empty(rev.size), np.empty((2, start.size - 1))
    _hear(peers, fees, start, rev, own, heard, stiff, guess, relaxation, want, pieces, told)
    _speak(peers, fees, start, want, pieces, stiff, guess, fresh, told)


@njit(cache=True, nogil=True, error_model="numpy")
def _hear(
    peers: Floats,
    fees: Floats,
    start: Ints,
    rev: Ints,
    own: Floats,
    heard: Floats,
    stiff: Floats,
    guess: Floats,
    relaxation: float,
    want: Floats,
    pieces: Floats,
    told: Floats,
) -> None:
    """Take in all offers: what they call for, what in them disagrees, and each peer's piece.

    `want` takes the price that each slot is called for, `pieces` level and slope of the piece that
    each peer's guess is on.
    """
    step = 0.5 * relaxation
    stay = 1.0 - step
    gives, sees, takes, asks = own[0], own[1], heard[0], heard[1]
    rho, soft, sell_fee, buy_fee, idle = stiff[0], stiff[1], fees[1], fees[2], fees[3]
    for i in range(start.size - 1):
        # Unsigned, as numba looks at every other index whether it counts from the end.
        begin, end = np.uint64(start[i]), np.uint64(start[i + 1])
        apart, torn, moved, net = 0.0, 0.0, 0.0, 0.0
        level, slope, cost = 0.0, 0.0, guess[i]
        for j in range(begin, end):
            q = np.uint64(rev[j])
            energy = 0.5 * abs(gives[j] - takes[q])
            apart += abs(gives[j] + takes[q])
            torn += abs(sees[j] - asks[q]) * (energy + idle[j])
            moved += energy
            net += gives[j]
            mine, others = sees[j] + rho[j] * gives[j], asks[q] - rho[j] * takes[q]
            called = stay * mine + step * others
            want[j] = called
            at, weight = piece(called - sell_fee[j], called + buy_fee[j], soft[j], cost)
            level += at * weight
            slope += weight
        pieces[0, i], pieces[1, i] = level, slope
        told[0] += apart
        told[1] += torn + abs(cost - peers[i, 1] - peers[i, 0] * net) * apart
        told[2] += moved


@njit(cache=True, nogil=True, error_model="numpy")
def _speak(
    peers: Floats,
    fees: Floats,
    start: Ints,
    want: Floats,
    pieces: Floats,
    stiff: Floats,
    guess: Floats,
    fresh: Floats,
    told: Floats,
) -> None:
    """Make all new offers, each peer's at its best marginal cost."""
    soft, sell_fee, buy_fee = stiff[1], fees[1], fees[2]
    sums = np.zeros(4)
    for i in range(start.size - 1):
        begin, end = start[i], start[i + 1]
        a, b, low, high = peers[i, 0], peers[i, 1], peers[i, 2], peers[i, 3]
        level, slope, cost = pieces[0, i], pieces[1, i], guess[i]
        # The piece that held the last answer mostly holds this one, or the next one does: then the
        # sums at the new cost are those that it came from, and no bracket is needed.
        settled = False
        for _ in range(_TRIES):
            if slope == 0.0:
                break
            cost = root(a, b, low, high, level, slope)
            offer(want, fees, stiff, begin, end, cost, fresh, sums)
            settled = sums[0] == level and sums[1] == slope
            if settled:
                break
            level, slope = sums[0], sums[1]
        if not settled:
            cost = answer(a, b, low, high, want, sell_fee, buy_fee, soft, begin, end, cost)
            offer(want, fees, stiff, begin, end, cost, fresh, sums)
        guess[i] = cost
        told[3] += sums[3] + (0.5 * a * sums[2] + b) * sums[2]


@njit(cache=True, nogil=True, error_model="numpy")
def _balance(rev: Ints, own: Floats, heard: Floats, stiff: Floats) -> None:
    """Stiffen links whose energies disagree more than their prices, and soften the others."""
    for j in range(rev.size):
        q = rev[j]
        if own[0, j] == 0.0 and heard[0, q] == 0.0:
            continue  # where nothing is offered ρ has no say, and would drift
        energies = abs(own[0, j] + heard[0, q]) * stiff[0, j] + _EVEN
        prices = abs(own[1, j] - heard[1, q]) + _EVEN
        ratio = energies / prices
        if ratio > 1.5 or ratio < 1.0 / 1.5:
            stiff[0, j] *= min(max(np.sqrt(ratio), 0.5), 2.0)
            stiff[1, j] = 1.0 / stiff[0, j]


@njit(cache=True, nogil=True, error_model="numpy")
def negotiate(
    peers: Floats,
    fees: Floats,
    start: Ints,
    rev: Ints,
    offers: Floats,
    stiff: Floats,
    guess: Floats,
    relaxation: float,
    first: int,
    growth: float,
    limits: Floats,
    seen: Floats,
) -> int:
    """Let all peers answer in rounds until their offers agree.

    Parameters
    ----------
    peers : (n, 4) float array
        a, b, least and greatest injection of each peer.
    fees : (4, s) float array
        As for `reply`.
    start : (n + 1,) int64 array
        Where each peer's slots begin.
    rev : (s,) int64 array
        The other end of each slot.
    offers : (2, 2, s) float array
        The opening offers; at the end, the last ones first and those before second.
    stiff : (2, s) float array
        ρ and 1/ρ per slot; changed.
    guess : (n,) float array
        Marginal costs; changed. [µ€/Wh]
    relaxation : float
    first : int
        Round in which ρ is first balanced.
    growth : float
        By how much the rounds between two balancings grow each time.
    limits : (4,) float array
        The rounds stop when energies disagree by less than the first of what is traded plus the
        second, and prices, times energy, by less than the third of the cost plus the fourth.
    seen : (k, 3) float array
        Takes each round's disagreement of energies and of prices, both relative to their limit,
        and the cost. k is the most rounds. [1], [1], [µ€]

    Returns
    -------
    int
        Rounds made.
    """
    old, new = offers[0], offers[1]
    told = np.zeros(4)
    due, gap, rounds = first, float(first), seen.shape[0]
    cost = 0.0
    for k in range(seen.shape[0]):
        adapts = k == due
        if adapts:
            gap *= growth
            due += int(gap)
        told[:] = 0.0
        reply(
            peers, fees, start, rev, old, old, stiff, guess, relaxation, adapts, new, told
        )  # fmt: skip
        seen[k, 0] = told[0] / (limits[0] * told[2] + limits[1])
        seen[k, 1] = told[1] / (limits[2] * abs(cost) + limits[3])
        seen[k, 2] = cost
        if k > 1 and seen[k, 0] <= 1.0 and seen[k, 1] <= 1.0:
            rounds = k
            break
        cost = told[3]
        old, new = new, old
    if rounds % 2:
        offers[0], offers[1] = offers[1].copy(), offers[0].copy()
    return int(rounds)
