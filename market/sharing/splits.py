"""Splits that look at weights and not at coalitions: given keys, bargaining, and their mixtures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..delivery.rules import apportion
from .game import GameError

__all__ = ["by_weight", "exchanged_milliwh", "mix", "nash", "whole_shares"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def by_weight(total: float, weights: ArrayLike) -> Floats:
    """Share in proportion to weights: equal ones, energy, investment, or social ones [1]_.

    Raises
    ------
    GameError
        A weight is negative or not finite, or all are 0.

    References
    ----------
    .. [1] D. González-Asenjo, L. R. Izquierdo and S. S. Izquierdo, "Cost allocation methods and
       their properties in energy communities," Energies, vol. 18, no. 23, 6236, 2025.
    """
    weight = np.asarray(weights, dtype=np.float64)
    faults = [
        f"member {i} has a weight of {weight[i]}; expected 0 or more"
        for i in np.flatnonzero(~(np.isfinite(weight) & (weight >= 0))).tolist()
    ]
    if not faults and not weight.sum() > 0:
        faults = ["all weights are 0; expected one above 0"]
    if faults:
        raise GameError(faults)
    return np.asarray(total * (weight / weight.sum()))


def nash(total: float, powers: ArrayLike, alone: ArrayLike | None = None) -> Floats:
    """Share by asymmetric Nash bargaining [1]_ [2]_, over money that can be passed on.

    It makes ``Π (x_i − d_i)^w_i`` as large as can be over ``Σ x_i = total``, ``x_i ≥ d_i``. The
    logarithm is concave and its gradient ``w_i/(x_i − d_i)`` must be the same for all, so

        ``x_i = d_i + w_i/Σw · (total − Σ d)``.

    Nobody gets less than it has alone; with w_i = 0 it gets just that. In a period of a
    community d is 0, the status quo, and with equal powers everybody gains the same.

    Parameters
    ----------
    total : float
        What all earn together.
    powers : (n,) float array
        Bargaining powers w, not negative.
    alone : (n,) float array, optional
        What each has where they do not agree, d; 0 unless given.

    Raises
    ------
    GameError
        Powers as in `by_weight`, or together they earn less than alone.

    References
    ----------
    .. [1] J. F. Nash, "The bargaining problem," Econometrica, vol. 18, 1950.
    .. [2] E. Kalai, "Nonsymmetric Nash solutions and replications of 2-person bargaining," Int. J.
       Game Theory, vol. 6, 1977 (unverified).
    """
    own = np.zeros(np.size(powers)) if alone is None else np.asarray(alone, dtype=np.float64)
    if own.sum() > total:
        raise GameError([f"all earn {total:.9g}, less than {own.sum():.9g} alone; nobody agrees"])
    return own + by_weight(total - float(own.sum()), powers)


def mix(parts: Sequence[tuple[float, Floats]]) -> Floats:
    """Add up splits of one worth, each with its weight.

    Raises
    ------
    GameError
        Weights are negative, or do not add up to 1.
    """
    weights = [weight for weight, _ in parts]
    if min(weights, default=0) < 0 or abs(sum(weights) - 1) > 1e-9:
        raise GameError([f"splits are mixed by {weights}; expected weights that add up to 1"])
    return np.asarray(sum(weight * shares for weight, shares in parts))


def exchanged_milliwh(net_milliwh: Ints) -> Ints:
    """Say how much of each meter is exchanged inside: the short side's all, the long one's in part.

    The long side shares it by what each gives or takes, by largest remainder. It is the
    contribution by which `by_weight` rewards energy: every Wh that changes hands inside then
    earns its seller and its buyer half the spread of the tariffs, as at the mid-market price.

    Parameters
    ----------
    net_milliwh : (n,) int64 array
        Injection positive. [mWh]

    Returns
    -------
    (n,) int64 array
        Of the sign of the meter; adds up to 0. [mWh]
    """
    inside = np.zeros_like(net_milliwh)
    gives, takes = np.maximum(net_milliwh, 0), np.maximum(-net_milliwh, 0)
    total = int(min(gives.sum(), takes.sum()))
    inside += apportion(total, gives.tolist())
    inside -= apportion(total, takes.tolist())
    return inside


def whole_shares(total: int, shares: Sequence[float] | Floats) -> Ints:
    """Round shares to whole numbers that add up to `total`: largest remainder, ties to the earlier.

    Shares that miss the total by an error of floating point are scaled to it first, and
    remainders that differ by no more than such an error are ties.
    """
    parts = np.array(shares, dtype=np.float64)
    if parts.sum() > 0:
        parts = parts / parts.sum() * total
    error = min(1e-13 * max(total, 1), 0.25)
    whole = np.floor(parts + error)
    remainder = np.rint((parts - whole) / (2 * error))
    rounded = whole.astype(np.int64)
    each, more = divmod(total - int(rounded.sum()), parts.size)
    rounded += each
    rounded[np.argsort(-remainder, kind="stable")[:more]] += 1
    return rounded
