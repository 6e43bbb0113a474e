"""Whether a split is in the core, and if not, who would rather leave and what they miss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._kernels_games import search_flips
from .game import LARGEST_EXACT, EnergyGame, Game, GameError, subset_sums

__all__ = ["Objection", "objection"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

_MOST_NODES = 10_000_000  # about a tenth of a second


@dataclass(frozen=True, slots=True)
class Objection:
    """The coalition that is given least of what it could earn by itself.

    Attributes
    ----------
    members : tuple of int
        Their positions; empty when nobody misses more than the tolerance.
    shortfall : float
        Its worth less what it is given; 0 when nobody objects. [the game's unit]
    at_most : float
        No coalition misses more than this: `shortfall` plus the tolerance, or a bound further
        away where the search gave up. [the game's unit]
    """

    members: tuple[int, ...]
    shortfall: float
    at_most: float

    @property
    def in_core(self) -> bool | None:
        """Whether the split is in the core; None where the search could not tell."""
        if self.members:
            return False
        return True if self.at_most <= 0 else None


def objection(
    game: Game, shares: Floats, *, tolerance: float | None = None, gap: float = 0.0
) -> Objection:
    """Find the most discontent coalition of a split.

    Up to 16 members every coalition is looked at. Beyond, an `EnergyGame` is searched by its
    structure. With ``a_i = (r − f)·G_i − x_i`` and ``b_i = (r − f)·L_i − x_i`` a coalition's
    shortfall is ``min(a(S), b(S))``, the smaller of two sums. For any weight λ from 0 to 1 it is

        ``Σ max(0, c_i) − Σ_flipped |c_i| − (λ·max(D, 0) + (1 − λ)·max(−D, 0))``

    with ``c_i = λ·a_i + (1 − λ)·b_i``, the imbalance ``D = a(S) − b(S)``, and *flipped* the
    members whose place in S is not what the sign of their c says. The first sum bounds every
    coalition's shortfall (the linear relaxation's bound, for the best λ); the search for the
    flips that cost least is a knapsack problem, solved by branch and bound.

    Parameters
    ----------
    game : Game
    shares : (n_members,) float array
        What each member is given. [the game's unit]
    tolerance : float, optional
        A shortfall up to this is none. 1e-9 of the worth of all unless given. [the game's unit]
    gap : float
        Where somebody objects, a search ends when nobody can miss more than it has found by more
        than this, or than the tolerance. [the game's unit]

    Raises
    ------
    GameError
        The shares do not fit the game, hand out more than all earn, or are too many to judge.
    """
    given = np.asarray(shares, dtype=np.float64)
    slack = 1e-9 * abs(game.total) if tolerance is None else tolerance
    if given.shape != (game.n_members,) or not np.isfinite(given).all():
        raise GameError(
            [f"shares have shape {given.shape}; expected {game.n_members} finite numbers"]
        )
    if given.sum() > game.total + max(slack, 1e-9 * abs(game.total)):
        raise GameError(
            [f"shares of {given.sum():.9g} hand out more than the {game.total:.9g} earned"]
        )
    if game.n_members <= LARGEST_EXACT:
        return _enumerated(game, given, slack)
    if isinstance(game, EnergyGame):
        return _searched(game, given, slack, gap)
    raise GameError(
        [
            f"{game.n_members} members; the core is looked at for up to {LARGEST_EXACT}, or for "
            f"any number in an EnergyGame"
        ]
    )


def _enumerated(game: Game, shares: Floats, slack: float) -> Objection:
    missed = game.table - subset_sums(shares)
    worst = int(missed.argmax())
    if missed[worst] <= slack:
        return Objection((), 0.0, 0.0)
    members = tuple(i for i in range(game.n_members) if worst >> i & 1)
    return Objection(members, float(missed[worst]), float(missed[worst]))


def _searched(game: EnergyGame, shares: Floats, slack: float, gap: float) -> Objection:
    gain = game.spread_ticks * game.gives_milliwh - shares
    cover = game.spread_ticks * game.takes_milliwh - shares
    gain_weight = _best_weight(gain, cover)
    together = gain_weight * gain + (1 - gain_weight) * cover
    bound = float(np.maximum(together, 0).sum())
    if bound <= slack:
        return Objection((), 0.0, 0.0)
    joined, beyond = _least_loss(gain, cover, together, bound, gain_weight, slack, gap)
    missed = float(min(gain[joined].sum(), cover[joined].sum()))
    if missed <= slack:
        return Objection((), 0.0, 0.0 if beyond <= slack else bound)
    return Objection(tuple(np.flatnonzero(joined).tolist()), missed, min(bound, missed + beyond))


def _best_weight(gain: Floats, cover: Floats) -> float:
    """Find the λ with the least bound, which is convex in λ, by bisecting on its slope."""
    low, high = 0.0, 1.0
    for _ in range(50):
        weight = (low + high) / 2
        inside = weight * gain + (1 - weight) * cover > 0
        if (gain[inside] - cover[inside]).sum() < 0:
            low = weight
        else:
            high = weight
    ends = (0.0, high, 1.0)
    bounds = [np.maximum(w * gain + (1 - w) * cover, 0).sum() for w in ends]
    return ends[int(np.argmin(bounds))]


def _least_loss(
    gain: Floats,
    cover: Floats,
    together: Floats,
    bound: float,
    gain_weight: float,
    slack: float,
    gap: float,
) -> tuple[Bools, float]:
    """Search for the coalition that comes closest to the bound; say how far it may be from best."""
    joined = together > 0
    change = np.where(joined, cover - gain, gain - cover)
    penalty = np.abs(together)
    tilt = float((gain - cover)[joined].sum())
    best_loss, first = _greedy(penalty, change, tilt, gain_weight)
    if bound <= best_loss:  # nobody at all does better
        best_loss, first = bound, joined.copy()
    near = max(slack, gap) if bound - best_loss > slack else slack
    flips = first.copy()
    rows = np.flatnonzero((penalty < best_loss) & (change != 0))
    size = np.abs(change[rows])
    rows = rows[np.lexsort((-size, penalty[rows] / size))]
    found = first[rows]
    found_loss, complete = search_flips(
        penalty[rows], change[rows], tilt, gain_weight, best_loss, near, _MOST_NODES, found
    )
    if found_loss < best_loss:
        flips[:] = False
        flips[rows] = found
    return joined ^ flips, near if complete else np.inf


def _greedy(
    penalty: Floats, change: Floats, tilt: float, gain_weight: float
) -> tuple[float, Bools]:
    """Flip what undoes the imbalance most cheaply first, as long as that pays."""
    helps = np.flatnonzero(change * tilt < 0)
    order = helps[np.argsort(penalty[helps] / np.abs(change[helps]), kind="stable")]
    left = tilt + np.concatenate([[0.0], np.cumsum(change[order])])
    loss = np.concatenate([[0.0], np.cumsum(penalty[order])])
    loss += np.where(left > 0, gain_weight * left, (gain_weight - 1) * left)
    flips = np.zeros(penalty.size, dtype=np.bool_)
    flips[order[: int(loss.argmin())]] = True
    return float(loss.min()), flips
