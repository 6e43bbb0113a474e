"""The leading manager as a mechanism of a scenario."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, model_validator

from ..billing.rule import Tariffs
from ..book import Clearing, OrderError, Orders
from ..delivery.rules import apportion
from ..designs.problem import Agents
from ..designs.reading import read_agents
from ..mechanisms._merit import nothing
from .stackelberg import LARGEST_TICKS, follow, lead

__all__ = ["StackelbergMarket"]

Ints = NDArray[np.int64]


class StackelbergMarket:
    """A manager sets what it buys and what it sells at, so that it earns most: `lead`.

    It knows every order and passes on inside what both prices bring together; the longer side
    shares that by what each order would trade at its price. What is left is settled with the
    supplier, as what finds no partner always is. The difference of the prices is the operator's.

    Properties: individually rational; the operator keeps a surplus, the most that two prices can
    bring it; *not* efficient, *not* incentive compatible. It looks at neither preferences nor
    network charges. An order with the attribute ``slope`` follows with a quadratic utility.

    Parameters
    ----------
    options : StackelbergMarket.Options, optional
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it."""

        feed_in_ticks: int | None = Field(
            default=None,
            description="The least that it buys at; left out, the lowest limit. [µ€/Wh]",
        )
        retail_ticks: int | None = Field(
            default=None,
            description="The most that it sells at; left out, the highest limit. [µ€/Wh]",
        )

        @model_validator(mode="after")
        def _leaves_room(self) -> Self:
            least, most = self.feed_in_ticks, self.retail_ticks
            if least is not None and most is not None and least > most:
                raise ValueError(
                    f"feed-in of {least} ticks is above retail of {most} ticks; are they swapped?"
                )
            return self

    def __init__(self, options: StackelbergMarket.Options | None = None) -> None:
        self._options = options or self.Options()

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period.

        Raises
        ------
        OrderError
            When the book holds orders for more than one period, slopes that cannot be read, or
            prices too far apart to look at every pair.
        """
        if len(orders.periods) > 1:
            named = ", ".join(map(str, orders.periods))
            raise OrderError(
                [f"orders for periods {named} in one book; clear each orders.for_period(period)"]
            )
        if orders.is_buy.all() or not orders.is_buy.any():
            return nothing(orders)
        agents = read_agents(orders)
        tariffs = self._between(orders.price_ticks)
        if tariffs is None:
            return nothing(orders)
        found = lead(agents, tariffs, balancing="inside", ticks=_choices(agents, tariffs, orders))
        filled = _passed(follow(agents, found.buy_ticks, found.sell_ticks), orders)
        price = np.where(orders.is_buy, found.sell_ticks, found.buy_ticks).astype(np.int64)
        kept = (found.sell_ticks - found.buy_ticks) * int(filled[orders.is_buy].sum())
        if not filled.any():
            return nothing(orders)
        return Clearing(
            price_ticks=None, filled_wh=filled, order_price_ticks=price, surplus_ueur=kept
        )

    def _between(self, limits: Ints) -> Tariffs | None:
        """The prices to stay between; None where the limits leave none."""
        told = self._options
        least = int(limits.min()) if told.feed_in_ticks is None else told.feed_in_ticks
        most = int(limits.max()) if told.retail_ticks is None else told.retail_ticks
        return Tariffs(retail_ticks=most, feed_in_ticks=least) if least <= most else None


def _choices(agents: Agents, tariffs: Tariffs, orders: Orders) -> Ints:
    """Prices worth looking at: limits where followers are linear, else every tick.

    Between two limits nobody changes its mind, so the leader does better at one of them.

    Raises
    ------
    OrderError
        There are too many.
    """
    least, most = tariffs.feed_in_ticks, tariffs.retail_ticks
    by_limits = np.unique(np.clip(np.append(orders.price_ticks, (least, most)), least, most))
    count = most - least + 1 if agents.a.any() else by_limits.size
    if count > LARGEST_TICKS:
        raise OrderError(
            [
                f"a leader between {least} and {most} ticks has {count} prices to choose from, "
                f"expected at most {LARGEST_TICKS}; set feed_in_ticks and retail_ticks closer"
            ]
        )
    return np.arange(least, most + 1) if agents.a.any() else by_limits


def _passed(injection_wh: NDArray[np.float64], orders: Orders) -> Ints:
    """What each order trades in whole Wh: the longer side shares what the shorter brings. [Wh]"""
    whole = np.floor(np.abs(injection_wh) + 1e-6).astype(np.int64)
    whole = np.minimum(whole, orders.energy_wh)
    filled = np.zeros_like(whole)
    sides = np.flatnonzero(orders.is_buy), np.flatnonzero(~orders.is_buy)
    total = min(int(whole[side].sum()) for side in sides)
    for side in sides:
        filled[side] = apportion(total, whole[side].tolist())
    return filled
