"""The Shapley value: everybody gets what it brings on average, over all orders of joining."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ._kernels_games import shapley_values
from .game import Game

__all__ = ["SampledShapley", "sampled_shapley", "shapley"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_BLOCK_CELLS = 2**21


def shapley(game: Game) -> Floats:
    """Share by the Shapley value [1]_, over all coalitions.

    ``φ_i = Σ_S |S|!·(n − |S| − 1)!/n! · (v(S ∪ i) − v(S))`` over the coalitions S without i.

    Returns
    -------
    (n_members,) float64 array
        Adds up to what all are worth. [the game's unit]

    Raises
    ------
    GameError
        More than 16 members; see `sampled_shapley`.

    References
    ----------
    .. [1] L. S. Shapley, "A value for n-person games," in Contributions to the Theory of Games,
       vol. 2, 1953.
    """
    n = game.n_members
    weight = np.array([1 / (n * comb(n - 1, before)) for before in range(n)])
    shares = np.zeros(n)
    shapley_values(game.table, weight, shares)
    return shares


@dataclass(frozen=True, slots=True, eq=False)
class SampledShapley:
    """An estimate of the Shapley value.

    Attributes
    ----------
    shares : (n_members,) float64 array
        Adds up to what all are worth. [the game's unit]
    half_width : (n_members,) float64 array
        The 95 % confidence interval of each share is ``shares ± half_width``. [the game's unit]
    """

    shares: Floats
    half_width: Floats


def sampled_shapley(
    game: Game, *, seed: int | Sequence[int], samples: int = 1000
) -> SampledShapley:
    """Estimate the Shapley value from random orders of joining [1]_.

    Each sample is an order and its reverse, whose mean varies less than two orders do: who comes
    late in one comes early in the other. Samples are independent, so Student's interval holds
    for their mean; it needs so many that the mean is nearly normal, and is too narrow for a
    member that brings something in fewer than a few dozen of the samples.

    Parameters
    ----------
    game : Game
    seed : int or sequence of int
        The same seed gives the same estimate.
    samples : int
        30 or more.

    References
    ----------
    .. [1] J. Castro, D. Gómez and J. Tejada, "Polynomial calculation of the Shapley value based on
       sampling," Computers & Operations Research, vol. 36, 2009 (the plain sampling; unverified).
    """
    if samples < 30:
        raise ValueError(f"{samples} samples; expected 30 or more for an interval")
    rng = np.random.default_rng(seed)
    n, left = game.n_members, samples
    mean, spread = np.zeros(n), np.zeros(n)
    while left:
        block = min(left, max(1, _BLOCK_CELLS // (n * n)))
        brings = _brought(game, rng.permuted(np.tile(np.arange(n), (block, 1)), axis=1))
        done = samples - left
        step = brings.mean(axis=0) - mean
        spread += ((brings - brings.mean(axis=0)) ** 2).sum(axis=0)
        spread += step**2 * done * block / (done + block)
        mean += step * block / (done + block)
        left -= block
    deviation = np.sqrt(spread / (samples - 1) / samples)
    return SampledShapley(mean, float(stdtrit(samples - 1, 0.975)) * deviation)


def _brought(game: Game, orders: Ints) -> Floats:
    """Say what each member brings when joining in each order, on average with its reverse."""
    brings = np.zeros(orders.shape)
    for way in (orders, orders[:, ::-1]):
        added = np.diff(game.along(way), axis=1, prepend=0.0)
        own = np.empty_like(added)
        np.put_along_axis(own, way, added, axis=1)
        brings += own / 2
    return brings
