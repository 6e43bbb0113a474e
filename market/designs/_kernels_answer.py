"""Compiled: a peer's best answer to all its partners at once, exact for its quadratic cost."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_PASSES = 64
"""Of the search for a peer's marginal cost; one or two are enough but for bad luck."""


@njit(cache=True, nogil=True, error_model="numpy")
def piece(up: float, down: float, soft: float, cost: float) -> tuple[float, float]:
    """Where a slot's energy becomes 0, and how it falls with the cost, at a marginal cost."""
    # Each choice is a select, not a branch: which slots are active is hard to predict.
    sells, buys = cost <= up, cost >= down
    at = up if sells else down
    active = sells | buys
    return at if active else 0.0, soft if active else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def root(a: float, b: float, low: float, high: float, level: float, slope: float) -> float:
    """Marginal cost at which ``level − slope μ`` is the best injection; slope more than 0."""
    total = min(max((level - slope * b) / (1.0 + a * slope), low), high)
    return b + a * total if low < total < high else (level - total) / slope


@njit(cache=True, nogil=True, error_model="numpy")
def offer(
    want: Floats,
    fees: Floats,
    stiff: Floats,
    begin: int,
    end: int,
    cost: float,
    fresh: Floats,
    sums: Floats,
) -> None:
    """Make a peer's offers at a marginal cost.

    `sums` takes the level and the slope of the piece that the cost is on, the energy, and what is
    paid in γ.
    """
    rho, soft, gamma, sell_fee, buy_fee = stiff[0], stiff[1], fees[0], fees[1], fees[2]
    energies, prices = fresh[0], fresh[1]
    level, slope, total, paid = 0.0, 0.0, 0.0, 0.0
    for j in range(np.uint64(begin), np.uint64(end)):
        called = want[j]
        at, weight = piece(called - sell_fee[j], called + buy_fee[j], soft[j], cost)
        energy = (at - cost) * weight
        energies[j] = energy
        prices[j] = called - rho[j] * energy
        level += at * weight
        slope += weight
        total += energy
        paid += gamma[j] * abs(energy)
    sums[0], sums[1], sums[2], sums[3] = level, slope, total, paid


@njit(cache=True, nogil=True, error_model="numpy")
def answer(
    a: float,
    b: float,
    low: float,
    high: float,
    want: Floats,
    sell_fee: Floats,
    buy_fee: Floats,
    soft: Floats,
    begin: int,
    end: int,
    guess: float,
) -> float:
    """Find the marginal cost at which a peer's best trades add up to its best injection.

    The peer minimises ``C(Σ x) + Σ γ|x| + Σ (want − ρ x)² / 2ρ`` within its bounds: for a marginal
    cost μ, slot j sells ``(want − sell_fee − μ)/ρ`` if positive, buys alike, and the sum falls
    piecewise linearly in μ. Newton's method on the pieces, held in a bracket, ends on the piece
    that contains the root, so the answer is exact and does not depend on the guess.

    Parameters
    ----------
    a, b, low, high : float
        Of the cost and the bounds. [µ€/Wh²], [µ€/Wh], [Wh], [Wh]
    want : (s,) float array
        Price that each slot's partner and the own last offer call for. [µ€/Wh]
    sell_fee, buy_fee : (s,) float array
        γ, infinite where the slot cannot sell or buy. [µ€/Wh]
    soft : (s,) float array
        1/ρ. [Wh²/µ€]
    begin, end : int
        The peer's slots.
    guess : float
        Where to start. [µ€/Wh]

    Returns
    -------
    float
        [µ€/Wh]
    """
    below, above = -np.inf, np.inf
    for _ in range(_PASSES):
        left, right, level, slope = -np.inf, np.inf, 0.0, 0.0
        for j in range(np.uint64(begin), np.uint64(end)):
            up, down = want[j] - sell_fee[j], want[j] + buy_fee[j]
            sells, buys = guess <= up, guess >= down
            at, weight = piece(up, down, soft[j], guess)
            level += at * weight
            slope += weight
            upper = np.inf if buys else down
            upper = up if sells else upper
            lower = -np.inf if sells else up
            lower = down if buys else lower
            right = upper if upper < right else right
            left = lower if lower > left else left
        settled = slope > 0.0 or low <= 0.0 <= high
        if slope > 0.0:
            cost = root(a, b, low, high, level, slope)
        elif settled:
            cost = b
        else:
            cost = right if high < 0.0 else left
        if (settled and left <= cost <= right) or cost == guess:
            return float(cost)
        if cost > guess:
            below = max(below, guess)
        else:
            above = min(above, guess)
        if not below < cost < above and below > -np.inf and above < np.inf:
            cost = 0.5 * (below + above)
        guess = cost
    return float(guess)
