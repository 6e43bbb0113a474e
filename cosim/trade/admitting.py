"""Admission at a gate: what flows anyway, which trades the grid admits, and who is held to what."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from market.book import Orders, Trade

from ..boxes.box import FloatArray
from .gatekeeper import Gatekeeper

__all__ = ["Admitted", "Admitting"]


class Admitted(NamedTuple):
    """What admission made of a gate's trades.

    Attributes
    ----------
    trades : list of Trade
        As far as the grid carries them.
    rows : list of dict
        For the table ``admission``.
    caps_kw : (n_peers,) float64 array
        The most that each peer may inject in the period; infinite unless it was cut. [kW]
    cut : collection of str
        Sellers who got less than they traded.
    """

    trades: list[Trade]
    rows: list[dict[str, Any]]
    caps_kw: FloatArray
    cut: Collection[str]


class Admitting:
    """Asks the gatekeeper at every gate, and turns its answer into caps on injection.

    A seller whose trades are cut may inject what it was admitted and what it would have injected
    anyway; so that what the grid cannot carry is not fed in without a contract instead.

    Parameters
    ----------
    gatekeeper : Gatekeeper
    forecast_wh : callable
        Net injection of every peer in a period, as it is expected. [Wh]
    period_h : float
        [h]
    """

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        forecast_wh: Callable[[int], FloatArray],
        period_h: float,
    ) -> None:
        self._gatekeeper, self._forecast_wh, self._hours = gatekeeper, forecast_wh, period_h

    def judge(self, period: int, trades: Sequence[Trade], orders: Orders) -> Admitted:
        """Decide about the trades of one period."""
        anyway_kw = anyway_wh(self._forecast_wh(period), orders) / (1000 * self._hours)
        admitted, rows = self._gatekeeper.admit(period, trades, anyway_kw)
        cut = {row["seller"] for row in rows if row["admitted_wh"] < row["asked_wh"]}
        caps_kw = np.full(anyway_kw.size, np.inf)
        for i, name in enumerate(orders.peers):
            if name in cut:
                sold_wh = sum(trade.energy_wh for trade in admitted if trade.seller == name)
                caps_kw[i] = max(0.0, anyway_kw[i]) + sold_wh / (1000 * self._hours)
        return Admitted(admitted, rows, caps_kw, cut)


def anyway_wh(forecast_wh: FloatArray, orders: Orders) -> FloatArray:
    """What of a forecast no order speaks of, and which flows whatever the market does.

    Energy that is offered beyond the forecast comes from a store and flows for a contract only.

    Parameters
    ----------
    forecast_wh : (n_peers,) float64 array
        Net injection. [Wh]
    orders : Orders
        Of that period.
    """
    signed = np.where(orders.is_buy, -orders.energy_wh, orders.energy_wh).astype(np.float64)
    offered_wh = np.bincount(orders.peer_index, weights=signed, minlength=forecast_wh.size)
    same_side = np.sign(offered_wh) == np.sign(forecast_wh)
    spoken_for = np.minimum(np.abs(offered_wh), np.abs(forecast_wh)) * np.sign(forecast_wh)
    return forecast_wh - np.where(same_side, spoken_for, 0.0)
