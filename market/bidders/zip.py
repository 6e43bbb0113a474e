"""Traders that adapt their margin to how the market cleared, with very little intelligence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, NonNegativeFloat

from ..book import Clearing, Orders
from .protocol import Bids, Outlook

__all__ = ["ZeroIntelligencePlus"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_FIRST_MARGIN, _RATE, _MOMENTUM, _TIMES, _PLUS = range(1, 6)
"""What numbers are drawn for."""


class ZeroIntelligencePlus:
    """Move each margin towards the price by the Widrow–Hoff rule with momentum.

    The ZIP trader of [1]_. After a clearing at price q, whoever could have had it (a seller that
    asked no more, a buyer that bid no less) aims a little beyond q, to its own favour; whoever
    did not trade all it wanted and was not better than q aims a little short of it; when nothing
    was traded, q is the best limit of the own side. The target is τ = R q + A, and the limit p
    becomes p + Γ with Γ ← γ Γ + (1 − γ) β (τ − p), but never passes what a Wh is worth. Each peer
    has its own β in [0.1, 0.5], γ in [0, 0.1] and first margin of 5 to 35 % (here: of the span
    between the tariffs), and draws R within 5 % of 1 and A within `nudge_ticks` each time.

    Two things differ from the paper. There traders hear every shout of a continuous auction;
    here once per gate, and q is the mean price of what was traded. And margins are kept in ticks
    rather than relative to a limit, so that tariffs of 0 and below are none to it. A peer keeps
    one margin for selling and one for buying.

    Parameters
    ----------
    options : ZeroIntelligencePlus.Options, optional

    References
    ----------
    .. [1] D. Cliff, "Minimal-intelligence agents for bargaining behaviors in market-based
       environments," HP Labs report HPL-97-91, 1997, sect. 4.2 and 6.1 (numbers unverified).
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it.

        Attributes
        ----------
        nudge_ticks : float
            The largest A. [µ€/Wh]
        """

        nudge_ticks: NonNegativeFloat = 5.0

    def __init__(self, options: ZeroIntelligencePlus.Options | None = None) -> None:
        self._options = options or self.Options()
        self._mind: _Mind | None = None

    def bid(self, outlook: Outlook) -> Bids:
        """Give one order per peer, at its worth and its margin."""
        if self._mind is None or self._mind.rate.size != outlook.n:
            self._mind = _Mind.fresh(outlook)
        self._outlook = outlook
        is_buy = outlook.position_wh < 0
        away_ticks = np.ceil(self._mind.of(self._mind.margin_ticks, is_buy)).astype(np.int64)
        limit_ticks = outlook.worth(is_buy) + np.where(is_buy, -away_ticks, away_ticks)
        return Bids.one_each(outlook, limit_ticks)

    def learn(self, orders: Orders, clearing: Clearing) -> None:
        """Move the margins of those who bid; who stayed away learns nothing."""
        if self._mind is None:
            return
        own = np.full(len(orders.peers), -1)
        own[self._outlook.place] = np.arange(self._outlook.n)
        rows = np.flatnonzero(own[orders.peer_index] >= 0)
        for is_buy in (True, False):
            side = rows[orders.is_buy[rows] == is_buy]
            heard = _price_heard(orders, clearing, is_buy)
            if side.size and heard is not None:
                unsatisfied = clearing.filled_wh[side] < orders.energy_wh[side]
                self._adapt(is_buy, own[orders.peer_index[side]], heard, unsatisfied)

    def _adapt(self, is_buy: bool, who: Ints, heard_ticks: float, unsatisfied: Bools) -> None:
        """Apply the rule to some peers, in a direction in which their own favour is positive."""
        mind, outlook = self._mind, self._outlook
        assert mind is not None
        favour, column = (-1.0 if is_buy else 1.0), int(is_buy)
        margin, drift = mind.margin_ticks[who, column], mind.drift_ticks[who, column]
        heard = favour * (heard_ticks - outlook.worth(is_buy)[who])
        asked = np.ceil(margin)  # as the order said it
        eases = unsatisfied & (asked >= heard)
        moves = eases | (asked <= heard)
        away = np.where(eases, -1.0, 1.0)
        part, plus = 0.05 * outlook.draw(_TIMES)[who], outlook.draw(_PLUS)[who]
        beyond = part * abs(heard_ticks) + self._options.nudge_ticks * plus
        pull = mind.rate[who] * (heard + away * beyond - margin)
        drift = np.where(moves, mind.momentum[who] * drift + (1 - mind.momentum[who]) * pull, drift)
        mind.drift_ticks[who, column] = drift
        mind.margin_ticks[who, column] = np.maximum(margin + np.where(moves, drift, 0.0), 0.0)


@dataclass(frozen=True, eq=False)
class _Mind:
    """What n traders have learnt; columns of (n, 2) are selling and buying."""

    rate: Floats
    momentum: Floats
    margin_ticks: Floats
    drift_ticks: Floats

    @classmethod
    def fresh(cls, outlook: Outlook) -> _Mind:
        span_ticks = max(outlook.top_ticks - outlook.feed_in_ticks, 0)
        first_ticks = (0.05 + 0.3 * outlook.trait(_FIRST_MARGIN)) * span_ticks
        return cls(
            rate=0.1 + 0.4 * outlook.trait(_RATE),
            momentum=0.1 * outlook.trait(_MOMENTUM),
            margin_ticks=np.stack([first_ticks, first_ticks], axis=1),
            drift_ticks=np.zeros((outlook.n, 2)),
        )

    def of(self, columns: Floats, is_buy: Bools) -> Floats:
        chosen: Floats = np.where(is_buy, columns[:, 1], columns[:, 0])
        return chosen


def _price_heard(orders: Orders, clearing: Clearing, is_buy: bool) -> float | None:
    """Mean price of what was traded, or the best limit of the side; None: nobody is on it."""
    bought = orders.is_buy & (clearing.filled_wh > 0)
    if bought.any():
        return float(np.average(clearing.prices()[bought], weights=clearing.filled_wh[bought]))
    limits = orders.price_ticks[orders.is_buy == is_buy]
    if not limits.size:
        return None
    return float(limits.max() if is_buy else limits.min())
