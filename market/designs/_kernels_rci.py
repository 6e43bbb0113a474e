"""Compiled rounds of relaxed consensus + innovation: arrays in, arrays out, never raising."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@njit(cache=True, nogil=True, error_model="numpy")
def innovate(
    peers: Floats,
    fees: Floats,
    start: Ints,
    rev: Ints,
    offers: Floats,
    stiff: Floats,
    bound: Floats,
    step: Floats,
    limits: Floats,
    seen: Floats,
) -> int:
    """Let all peers adapt prices and energies in rounds until they agree.

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
        The other end of each slot.
    offers : (2, 2, s) float array
        The opening offers, energy and price; at the end the last ones first. [Wh], [µ€/Wh]
    stiff : (s,) float array
        What a Wh of disagreement moves the price by, before `step`. [µ€/Wh²]
    bound : (n,) float array
        Dual of each peer's bounds, above 0 at the upper; changed. [µ€/Wh]
    step : (5,) float array
        Consensus β, innovation α, bound η, the least share δ of a slot in its peer's energy (of
        its mean), and proximal weight on a slot's own energy in terms of `stiff`. [1]
    limits : (4,) float array
        As for `_kernels_admm.negotiate`.
    seen : (k, 3) float array
        Likewise.

    Returns
    -------
    int
        Rounds made.
    """
    old, new = offers[0], offers[1]
    beta, alpha, eta, delta, near = step
    rounds, cost = seen.shape[0], 0.0
    for k in range(seen.shape[0]):
        apart, torn, moved, next_cost = 0.0, 0.0, 0.0, 0.0
        for i in range(start.size - 1):
            begin, end = start[i], start[i + 1]
            a, b, low, high = peers[i]
            net, gross, slope = 0.0, 0.0, 0.0
            for j in range(begin, end):
                net += old[0, j]
                gross += abs(old[0, j])
            count = max(end - begin, 1)
            least = delta * (gross / count + 1e-3 * max(abs(low), abs(high)) / count)
            whole = max(gross + least * count, 1e-300)
            for j in range(begin, end):
                share = (abs(old[0, j]) + least) / whole
                slope += share / (a + near * share * stiff[j])
            reach = eta / slope if slope > 0.0 else 0.0
            upper = max(0.0, max(bound[i], 0.0) + reach * (net - high))
            lower = max(0.0, max(-bound[i], 0.0) + reach * (low - net))
            over = upper - lower
            bound[i] = over
            # A price on a bound that is not reached keeps a peer from what it would gain.
            torn += abs(over * ((high if over > 0.0 else low) - net))
            for j in range(begin, end):
                q = rev[j]
                gap, split = old[0, j] + old[0, q], old[1, j] - old[1, q]
                energy = 0.5 * abs(old[0, j] - old[0, q])
                apart += abs(gap)
                torn += abs(split) * (energy + fees[3, j]) + abs(over) * abs(gap)
                moved += energy
                price = old[1, j] - beta * split - alpha * stiff[j] * gap
                mine = b + a * net + over
                give, take = price - fees[1, j] - mine, price + fees[2, j] - mine
                share = (abs(old[0, j]) + least) / whole
                pace = share / (a + near * share * stiff[j])
                at = old[0, j]
                # Unlike ADMM's, an answer here is not a best one: what is left to gain counts too.
                torn += (
                    max(at, 0.0) * abs(give) if at > 0.0 else -at * abs(take) if at < 0.0 else 0.0
                )
                if at > 0.0 or (at == 0.0 and give > 0.0):
                    fresh = max(at + pace * give, 0.0)
                elif at < 0.0 or take < 0.0:
                    fresh = min(at + pace * take, 0.0)
                else:
                    fresh = 0.0
                new[0, j], new[1, j] = fresh, price
                next_cost += fees[0, j] * abs(fresh)
            total = 0.0
            for j in range(begin, end):
                total += new[0, j]
            next_cost += (0.5 * a * total + b) * total
        seen[k, 0] = apart / (limits[0] * moved + limits[1])
        seen[k, 1] = torn / (limits[2] * abs(cost) + limits[3])
        seen[k, 2] = cost
        if k > 1 and seen[k, 0] <= 1.0 and seen[k, 1] <= 1.0:
            rounds = k
            break
        cost = next_cost
        old, new = new, old
    if rounds % 2:
        offers[0], offers[1] = offers[1].copy(), offers[0].copy()
    return int(rounds)
