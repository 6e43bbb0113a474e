"""The price of preference in the 14-bus case: what peers' wishes cost, and who pays for them.

In full P2P a wish is a part of γ: a consumer treats energy that it does not wish for as if it
cost a premium more. All consumers wish but one, the one with the lowest income, who cannot afford
to. Welfare is then counted in money, without the wishes, against full P2P without them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .ieee14 import Layout, Year, full_p2p, solve
from .ieee14_case import STEP_H, Case, Rules
from .problem import DesignError

__all__ = ["WISHES", "PriceOfPreference", "price_of_preference", "wishing"]

WISHES = {
    "own-community": "energy from their own community",
    "green": "energy from wind and sun",
}
"""What consumers can wish for."""


@dataclass(frozen=True, eq=False, kw_only=True)
class PriceOfPreference:
    """Full P2P without wishes and with them.

    Attributes
    ----------
    wish : str
        Of `WISHES`.
    premium : float
        What energy that is not wished for seems to cost more. [$/MWh]
    poorest : int
        Position of the consumer that does not wish.
    without, with_ : Year
    """

    wish: str
    premium: float
    poorest: int
    without: Year
    with_: Year

    @property
    def welfare_lost(self) -> float:
        """In money, over all periods. [$]"""
        return float((self.without.welfare - self.with_.welfare).sum() * STEP_H)

    @property
    def bills(self) -> tuple[float, float]:
        """Of the one that does not wish, without wishes and with those of the others. [$]"""
        return self.without.bill(self.poorest), self.with_.bill(self.poorest)

    @property
    def energies_mwh(self) -> tuple[float, float]:
        """What it uses, without and with. [MWh]"""
        return self.without.energy_mwh(self.poorest), self.with_.energy_mwh(self.poorest)


def price_of_preference(
    case: Case, rules: Rules, *, wish: str, premium: float, poorest: int
) -> PriceOfPreference:
    """Solve full P2P twice, without and with wishes.

    Parameters
    ----------
    wish : str
        Of `WISHES`.
    premium : float
        0 or more. [$/MWh]
    poorest : int
        Position of a consumer.

    Raises
    ------
    DesignError
        A wish that is not known, a negative premium, or a peer that does not consume.
    """
    faults = []
    if wish not in WISHES:
        faults.append(f"wish: no {wish!r}; known: {', '.join(WISHES)}")
    if not 0 <= premium < np.inf:
        faults.append(f"premium: {premium:g} $/MWh; expected 0 or more")
    if poorest not in case.consumers:
        known = ", ".join(str(n + 1) for n in case.consumers)
        faults.append(f"poorest: peer {poorest + 1} is no consumer; consumers: {known}")
    if faults:
        raise DesignError(faults)
    return PriceOfPreference(
        wish=wish,
        premium=premium,
        poorest=poorest,
        without=solve(case, rules, full_p2p(case, rules)),
        with_=solve(case, rules, wishing(case, rules, wish, premium, poorest)),
    )


def wishing(case: Case, rules: Rules, wish: str, premium: float, poorest: int) -> Layout:
    """Lay out full P2P with wishes: who sells, by what is wished for; who buys, by wish."""
    group, liked = _by_community(case) if wish == "own-community" else _by_origin(case)
    group = group.copy()
    group[poorest] = k = liked.shape[0]
    sells = np.zeros((k + 1, k + 1), dtype=bool)
    sells[:k, :k], sells[:k, k] = np.isfinite(liked), True  # to the poorest everybody sells
    wished = np.zeros((k + 2, k + 2))
    wished[:k, :k] = np.where(liked == 0, premium, 0.0)
    wished[-1, :k] = premium
    cost = np.where(sells, rules.gamma + wished[:-1, :-1], np.inf)
    np.fill_diagonal(cost, 0.0)
    return Layout(
        name=f"full P2P, {wish}",
        group=group,
        cost=cost,
        dearer=rules.gamma + wished[-1, :-1],
        less=np.full(k + 1, rules.gamma),
        gamma=rules.gamma,
        wished=wished,
    )


def _by_community(case: Case) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Group by community; each likes its own only."""
    return case.community, np.eye(int(case.community.max()) + 1)


def _by_origin(case: Case) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Group into green sellers, other sellers and consumers, who like the first.

    Only sellers sell and only consumers buy: elsewhere there is no way, and no number.
    """
    kinds = np.array(case.kinds)
    group = np.where(np.isin(kinds, ["wind", "pv"]), 0, np.where(kinds == "consumer", 2, 1))
    liked = np.full((3, 3), np.nan)
    liked[0, 2], liked[1, 2] = 1.0, 0.0
    return group.astype(np.int64), liked
