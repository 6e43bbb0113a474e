"""The cheapest use of many batteries over coming periods: one linear program for all of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from ..draws import Floats

__all__ = ["PlanPrices", "Stores", "plan_storage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPrices:
    """What energy is worth to who plans.

    Raises
    ------
    ValueError
        If energy could be bought for less than it sells for, which has no cheapest plan worth
        making.
    """

    retail_eur_per_kwh: float = 0.35
    feed_in_eur_per_kwh: float = 0.08
    missed_eur_per_kwh: float = 1.0
    """On top of retail, for contracted energy that is not delivered. [€/kWh]"""
    kept_eur_per_kwh: float = 0.2
    """Value of what a battery holds at the end of the horizon. [€/kWh]"""
    wear_eur_per_kwh: float = 0.01
    """Of energy charged and discharged; a round figure. [€/kWh]"""

    def __post_init__(self) -> None:
        if not self.feed_in_eur_per_kwh <= self.retail_eur_per_kwh:
            raise ValueError(
                f"feed-in at {self.feed_in_eur_per_kwh:g} €/kWh is above retail at "
                f"{self.retail_eur_per_kwh:g}: buying to sell would have no end"
            )
        if not min(self.missed_eur_per_kwh, self.wear_eur_per_kwh) >= 0.0:
            raise ValueError("missed energy and wear cost 0 €/kWh or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Batteries of n peers. All (n,)."""

    capacity_kwh: Floats
    p_max_kw: Floats
    efficiency_charge: Floats
    efficiency_discharge: Floats


def plan_storage(
    surplus_kwh: Floats,
    due_kwh: Floats,
    bound: np.ndarray[tuple[int, int], np.dtype[np.bool_]],
    held_kwh: Floats,
    stores: Stores,
    hours: Floats,
    prices: PlanPrices,
) -> Floats:
    """Find what n batteries should hold at the end of each of h periods.

    Parameters
    ----------
    surplus_kwh : (n, h) float64 array
        Net injection without storage. [kWh]
    due_kwh : (n, h) float64 array
        Net injection that is contracted; 0 without a contract. [kWh]
    bound : (n, h) bool array
        Whether there is a contract: to inject less costs more then.
    held_kwh : (n,) float64 array
        What batteries hold now. [kWh]
    stores : Stores
    hours : (h,) float64 array
        Lengths of the periods. [h]
    prices : PlanPrices

    Returns
    -------
    (n, h) float64 array
        Energy held at the end of each period; what is held now where the solver fails. [kWh]

    Notes
    -----
    min Σ a·short − b·over + w·(charged + discharged) − v·held_h subject to
    surplus + discharged − charged − due = over − short and the batteries' balances. Nobody gains
    from both directions at once, since wear and losses cost. Solved by HiGHS.
    """
    n, h = surplus_kwh.shape
    size, most_kwh = n * h, np.outer(stores.p_max_kw, hours)
    eye, one = sparse.eye_array(size), np.ones(size)
    before = sparse.kron(sparse.eye_array(n), sparse.eye_array(h, k=-1))
    into = np.repeat(stores.efficiency_charge, h)
    out = 1.0 / np.repeat(stores.efficiency_discharge, h)
    # Columns: charged, discharged, held, over, short.
    rows: list[list[Any]] = [
        [-eye, eye, None, -eye, eye],
        [-into * eye, out * eye, eye - before, None, None],
    ]
    balances: Any = sparse.block_array(rows, format="csc")
    first = np.zeros((n, h))
    first[:, 0] = held_kwh
    ends_at = np.concatenate([(due_kwh - surplus_kwh).ravel(), first.ravel()])
    ends = np.zeros((n, h))
    ends[:, -1] = prices.kept_eur_per_kwh
    missed = prices.retail_eur_per_kwh + prices.missed_eur_per_kwh * bound.ravel()
    costs = (
        prices.wear_eur_per_kwh * one,
        prices.wear_eur_per_kwh * one,
        -ends.ravel(),
        -prices.feed_in_eur_per_kwh * one,
        missed,
    )
    highest = np.stack(
        [
            most_kwh.ravel(),
            most_kwh.ravel(),
            np.repeat(stores.capacity_kwh, h),
            np.inf * one,
            np.inf * one,
        ]
    ).ravel()
    found = milp(
        np.concatenate(costs),
        constraints=LinearConstraint(balances, ends_at, ends_at),
        bounds=Bounds(0.0, highest),
    )
    if found.x is None:
        return np.repeat(held_kwh[:, None], h, axis=1)
    held: Floats = found.x[2 * size : 3 * size].reshape(n, h)
    return held
