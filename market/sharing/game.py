"""A cooperative game: what every coalition of a community's members can earn by itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..billing.rule import Tariffs, supply_and_demand_milliwh
from ..faulty import Faulty

__all__ = ["LARGEST_EXACT", "EnergyGame", "Game", "GameError", "subset_sums"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
_Number = TypeVar("_Number", np.int64, np.float64)

#: Members up to which all coalitions are enumerated.
LARGEST_EXACT = 16


class GameError(Faulty):
    """A game, or a split of its worth, that cannot be worked on; mend what is named."""


class Game:
    """Members, and what each coalition of them is worth.

    Parameters
    ----------
    n_members : int
    worth : callable
        Takes coalitions as (m, n_members) bool array, one a row, and gives their worths, (m,).
        It must give the same worth for the same row, and 0 for nobody.

    Raises
    ------
    GameError
        There is no member.
    """

    def __init__(self, n_members: int, worth: Callable[[Bools], ArrayLike]) -> None:
        if n_members < 1:
            raise GameError([f"a game of {n_members} members; expected 1 or more"])
        self.n_members = n_members
        self._worth = worth

    @classmethod
    def of_table(cls, worths: ArrayLike) -> Game:
        """Make a game of listed worths.

        Parameters
        ----------
        worths : (2**n,) float array
            Worth of the coalition of the members i whose bit ``1 << i`` is set in the position.

        Raises
        ------
        GameError
            The table's length is no power of two up to 2**16, or nobody is worth something.
        """
        table = np.array(worths, dtype=np.float64)
        n_members = int(table.size).bit_length() - 1
        if table.shape != (1 << n_members,) or not 1 <= n_members <= LARGEST_EXACT:
            raise GameError(
                [f"worths have shape {table.shape}; expected (2**n,), n from 1 to {LARGEST_EXACT}"]
            )
        if table[0] != 0 or not np.isfinite(table).all():
            raise GameError(["worths must be finite, and 0 for the coalition of nobody"])
        bits = 1 << np.arange(n_members)
        return cls(n_members, lambda coalitions: table[coalitions @ bits])

    def worth(self, coalitions: Bools) -> Floats:
        """Say what coalitions are worth, (m,), given as (m, n_members) bool array.

        Raises
        ------
        GameError
            The callable gave no (m,) array of finite numbers.
        """
        worths = np.asarray(self._worth(coalitions), dtype=np.float64)
        if worths.shape != coalitions.shape[:1] or not np.isfinite(worths).all():
            raise GameError(
                [
                    f"the worth of {len(coalitions)} coalitions came as {worths.shape}; expected "
                    f"({len(coalitions)},) finite numbers"
                ]
            )
        return worths

    @cached_property
    def total(self) -> float:
        """What all members together are worth."""
        return float(self.worth(np.ones((1, self.n_members), dtype=np.bool_))[0])

    @cached_property
    def table(self) -> Floats:
        """Worth of every coalition, in the order of `of_table`.

        Raises
        ------
        GameError
            More than 16 members.
        """
        self._refuse_many()
        every = np.arange(1 << self.n_members)[:, None] >> np.arange(self.n_members) & 1
        return self.worth(every.astype(np.bool_))

    def along(self, orders: Ints) -> Floats:
        """Say what the first 1, 2, … n members of each order are worth.

        Parameters
        ----------
        orders : (m, n_members) int64 array
            Each row names every member once.

        Returns
        -------
        (m, n_members) float64 array
        """
        place = np.argsort(orders, axis=1)
        first = place[:, None, :] <= np.arange(self.n_members)[:, None]
        return self.worth(first.reshape(-1, self.n_members)).reshape(orders.shape)

    def _refuse_many(self) -> None:
        if self.n_members > LARGEST_EXACT:
            raise GameError(
                [
                    f"{self.n_members} members have 2**{self.n_members} coalitions; all are "
                    f"looked at for up to {LARGEST_EXACT} members"
                ]
            )


class EnergyGame(Game):
    """What members save in one period by being billed as one customer.

    By itself member i gets ``f·G_i − r·L_i`` of its supplier, where ``G_i = max(net_i, 0)``,
    ``L_i = max(−net_i, 0)``, f is the feed-in and r the retail tariff. Netted inside the period,
    the members of S get ``f·(G_S − m) − r·(L_S − m)`` with ``m = min(G_S, L_S)``, because one of
    the two brackets is 0 and the other the net. The difference is the coalition's worth,

        ``v(S) = (r − f)·min(G_S, L_S)``,

    so a member alone is worth 0 and the game is superadditive. It is Shapley and Shubik's market
    with one good and money [1]_ (unverified), in its balanced form Owen's production game [2]_
    (unverified), so its core is never empty: the scarce side may take everything.

    Worths are n€: µ€/Wh times mWh, whole numbers.

    Parameters
    ----------
    net_milliwh : (n_members,) int64 array
        The members' meters, injection positive. [mWh]
    tariffs : Tariffs

    Raises
    ------
    BillingError
        The meters are no int64 column, or more than int64 can bill.

    References
    ----------
    .. [1] L. S. Shapley and M. Shubik, "On market games," J. Econ. Theory, vol. 1, 1969.
    .. [2] G. Owen, "On the core of linear production games," Math. Programming, vol. 9, 1975.
    """

    def __init__(self, net_milliwh: Ints, tariffs: Tariffs) -> None:
        supply_and_demand_milliwh(net_milliwh, tariffs)
        super().__init__(net_milliwh.size, self.worth_neur)
        self._tariffs = tariffs
        self.net_milliwh = net_milliwh
        self.spread_ticks = tariffs.retail_ticks - tariffs.feed_in_ticks
        self.gives_milliwh = np.maximum(net_milliwh, 0)
        self.takes_milliwh = np.maximum(-net_milliwh, 0)

    def among(self, members: Ints) -> EnergyGame:
        """Give the game of these members by themselves, in this order."""
        return EnergyGame(self.net_milliwh[members], self._tariffs)

    def worth_neur(self, coalitions: Bools) -> Ints:
        """Say what coalitions are worth, exactly. [n€]"""
        inside = np.minimum(coalitions @ self.gives_milliwh, coalitions @ self.takes_milliwh)
        return np.asarray(self.spread_ticks * inside, dtype=np.int64)

    @cached_property
    def table(self) -> Floats:
        """Worth of every coalition, in the order of `of_table`. [n€]"""
        self._refuse_many()
        inside = np.minimum(subset_sums(self.gives_milliwh), subset_sums(self.takes_milliwh))
        return np.asarray(self.spread_ticks * inside, dtype=np.float64)

    def along(self, orders: Ints) -> Floats:
        """Say what the first 1, 2, … n members of each order are worth. [n€]"""
        inside = np.minimum(
            np.cumsum(self.gives_milliwh[orders], axis=1),
            np.cumsum(self.takes_milliwh[orders], axis=1),
        )
        return np.asarray(self.spread_ticks * inside, dtype=np.float64)


def subset_sums(values: NDArray[_Number]) -> NDArray[_Number]:
    """Add up values over every coalition, in the order of `Game.of_table`.

    Parameters
    ----------
    values : (n, ...) array

    Returns
    -------
    (2**n, ...) array of the same type
    """
    sums = np.zeros_like(values, shape=(1, *values.shape[1:]))
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums
