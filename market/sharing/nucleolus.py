"""The nucleolus: the split whose most discontent coalitions are as content as can be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import null_space
from scipy.optimize import linprog

from .game import Game, GameError, subset_sums

__all__ = ["nucleolus"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

#: In units of the largest worth: what is met to this is met.
_TOLERANCE = 1e-8


def nucleolus(game: Game) -> Floats:
    """Share by the nucleolus [1]_, by a sequence of linear programs [2]_ solved with HiGHS.

    Each program makes the greatest shortfall ``v(S) − x(S)`` of the coalitions still open as
    small as possible. Coalitions with a positive multiplier fall short by just that much in every
    solution; they are settled, and with them all whose share they determine (those in their
    span). What remains goes into the next program, until one split is left: at most n − 1
    programs, because each settles at least one more independent coalition.

    A program holds only some coalitions at first; those that its solution treats worse than it
    says are added until there are none.

    Returns
    -------
    (n_members,) float64 array
        Adds up to what all are worth; nobody gets less than by itself. It is in the core when
        the core is not empty. Exact to about 1e-8 of the largest worth. [the game's unit]

    Raises
    ------
    GameError
        More than 16 members, or together they earn less than each by itself.

    References
    ----------
    .. [1] D. Schmeidler, "The nucleolus of a characteristic function game," SIAM J. Appl. Math.,
       vol. 17, 1969.
    .. [2] M. Maschler, B. Peleg and L. S. Shapley, "Geometric properties of the kernel, nucleolus,
       and related solution concepts," Math. Oper. Res., vol. 4, 1979 (the sequence; on settling
       by multipliers: M. Guajardo and K. Jörnsten, "Common mistakes in computing the nucleolus,"
       Eur. J. Oper. Res., vol. 241, 2015; both unverified).
    """
    worth = game.table
    n, scale = game.n_members, float(np.abs(worth).max())
    alone = worth[1 << np.arange(n)]
    if alone.sum() > worth[-1] + _TOLERANCE * scale:
        raise GameError(
            [
                f"all together earn {worth[-1]:.9g}, less than the {alone.sum():.9g} of each by "
                f"itself; no split is worth joining for"
            ]
        )
    if scale == 0:
        return np.zeros(n)
    return _Sequence(worth / scale, alone / scale).solve() * scale


class _Sequence:
    """The programs, with what they have settled."""

    def __init__(self, worth: Floats, alone: Floats) -> None:
        n = alone.size
        self.n, self.worth, self.alone = n, worth, alone
        self.every = np.arange(worth.size)
        self.settled = [worth.size - 1]
        self.owed = [float(worth[-1])]
        self.chosen: set[int] = {int(1 << i) for i in range(n)}
        self.chosen |= {int(worth.size - 1 - (1 << i)) for i in range(n)}

    def solve(self) -> Floats:
        shares = np.full(self.n, self.worth[-1] / self.n)
        while (still_open := self._still_open()).any():
            shares = self._settle(still_open)
        return shares

    def _members(self, coalitions: Ints) -> Floats:
        return (coalitions[:, None] >> np.arange(self.n) & 1).astype(np.float64)

    def _still_open(self) -> Bools:
        """Tell the coalitions whose share the settled ones do not determine yet."""
        free = null_space(self._members(np.array(self.settled)))
        return np.asarray((np.abs(subset_sums(free)) > 1e-9).any(axis=1))

    def _settle(self, still_open: Bools) -> Floats:
        """Solve one program, adding coalitions until it is kept by all, and settle its binding."""
        while True:
            rows = np.array(sorted(c for c in self.chosen if still_open[c]), dtype=np.int64)
            shares, level, multiplier = self._program(rows)
            missed = np.where(still_open, self.worth - subset_sums(shares), -np.inf)
            worse = np.flatnonzero(missed > level + _TOLERANCE)
            worse = worse[np.argsort(-missed[worse], kind="stable")][: 4 * self.n]
            if not worse.size:
                break
            self.chosen |= set(worse.tolist())
        for row in rows[multiplier > 1e-7].tolist():
            self.settled.append(row)
            self.owed.append(float(self.worth[row] - level))
        return shares

    def _program(self, rows: Ints) -> tuple[Floats, float, Floats]:
        """Make the greatest shortfall of these coalitions least: the split, it, the multipliers."""
        lowest = float(self.worth.min() - self.worth[-1] - np.abs(self.alone).sum()) - 1
        solved = linprog(
            np.r_[np.zeros(self.n), 1.0],
            A_ub=-np.column_stack([self._members(rows), np.ones(rows.size)]),
            b_ub=-self.worth[rows],
            A_eq=np.column_stack(
                [self._members(np.array(self.settled)), np.zeros(len(self.settled))]
            ),
            b_eq=np.array(self.owed),
            bounds=[*((own, None) for own in self.alone), (lowest, None)],
            method="highs-ds",
            options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
        )
        found = solved.x
        if found is None:
            raise GameError([f"a linear program of the nucleolus was not solved: {solved.message}"])
        multiplier = -np.asarray(solved.ineqlin.marginals, dtype=np.float64)
        return found[: self.n], float(found[self.n]), multiplier
