"""Who may trade with whom: partner graphs, each link once with its first peer below its second."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from .problem import DesignError

__all__ = ["Pairs", "all_pairs", "given", "is_connected", "nearest", "random_partners"]

Ints = NDArray[np.int64]
Pairs = tuple[Ints, Ints]


def all_pairs(n: int) -> Pairs:
    """Link everybody with everybody."""
    first, second = np.triu_indices(n, 1)
    return first.astype(np.int64), second.astype(np.int64)


def nearest(distance: ArrayLike, k: int, place: ArrayLike | None = None) -> Pairs:
    """Link each peer with the k peers that are electrically nearest to it.

    A link exists where either end names the other, so a peer may have more than k. Ties go to
    the peer with the smaller number.

    Parameters
    ----------
    distance : (n_places, n_places) float array
        Electrical distance; symmetric, infinite where not connected. [Ω]
    k : int
    place : (n,) int array, optional
        Each peer's place; by default peers are the places.

    Raises
    ------
    DesignError
        When the distances are no square matrix, hold NaN or negative values, or k is below 1.
    """
    far = np.asarray(distance, dtype=np.float64)
    if far.ndim != 2 or far.shape[0] != far.shape[1]:
        raise DesignError([f"distances have shape {far.shape}, expected a square matrix"])
    at = np.arange(far.shape[0]) if place is None else np.asarray(place, dtype=np.int64)
    faults = _k_faults(k, at.size)
    if not (far >= 0).all():
        faults.append("distances hold NaN or negative values; expected Ω of 0 or more")
    if at.size and not 0 <= at.min() <= at.max() < far.shape[0]:
        faults.append(f"places go from {at.min()} to {at.max()}, expected 0 to {far.shape[0] - 1}")
    if faults:
        raise DesignError(faults)
    pairwise = far[at[:, None], at]
    np.fill_diagonal(pairwise, -1)  # itself comes first, at a place it shares with others too
    order = np.argsort(pairwise, axis=1, kind="stable")[:, 1 : k + 1]
    return _once(np.repeat(np.arange(at.size), order.shape[1]), order.ravel())


def random_partners(n: int, k: int, seed: int) -> Pairs:
    """Let each of n peers name k others by lot; a link exists where either names the other."""
    if faults := _k_faults(k, n):
        raise DesignError(faults)
    rng, k = np.random.default_rng(seed), min(k, n - 1)
    lots = [rng.choice(n - 1, k, replace=False) for _ in range(n if k else 0)]
    one, other = np.repeat(np.arange(len(lots)), k), np.array(lots, dtype=np.int64).ravel()
    return _once(one, other + (other >= one))  # nobody is its own partner


def given(links: ArrayLike, n: int) -> Pairs:
    """Take links as they are given, in either order.

    Parameters
    ----------
    links : (m, 2) int array
        Pairs of peers.
    n : int
        How many peers there are.

    Raises
    ------
    DesignError
        When a partner does not exist, a peer is its own, or a link occurs twice.
    """
    pairs = np.asarray(links, dtype=np.int64).reshape(-1, 2)
    first, second = pairs.min(axis=1), pairs.max(axis=1)
    faults = [
        f"link {one}-{other}: expected two different peers of 0 to {n - 1}"
        for one, other in pairs.tolist()
        if one == other or not (0 <= one < n and 0 <= other < n)
    ]
    if not faults and np.unique(first * n + second).size < first.size:
        faults.append("a link occurs twice; name each once")
    if faults:
        raise DesignError(faults)
    return first, second


def is_connected(pairs: Pairs, n: int) -> bool:
    """Whether energy can reach everybody from everybody by way of links."""
    links = coo_matrix((np.ones(pairs[0].size), pairs), shape=(n, n))
    parts, _ = connected_components(links, directed=False)
    return int(parts) <= 1


def _k_faults(k: int, n: int) -> list[str]:
    return [] if k >= 1 else [f"{k} partners each for {n} peers; expected 1 or more"]


def _once(one: Ints, other: Ints) -> Pairs:
    """Drop the second mention of a link, and order links."""
    pairs = np.unique(np.stack([np.minimum(one, other), np.maximum(one, other)], axis=1), axis=0)
    return pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)
