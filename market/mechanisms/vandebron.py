"""Direct choice of one producer at its posted price, as on Vandebron, for a subscription."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, NonNegativeFloat, PositiveInt

from ..book import Clearing, Orders
from ..delivery.rules import apportion
from ._choices import Chosen, choose
from ._platform import cleared, refuse_periods

__all__ = ["MONTH_S", "Vandebron"]

Ints = NDArray[np.int64]

#: A twelfth of 365 days. [s]
MONTH_S = 2_628_000


class Vandebron:
    """Let every buyer choose one producer, and pay its posted price and a flat subscription.

    A buyer's order chooses one offer: by the rank of its ``prefers``, the unnamed last; among
    equals the cheapest, network charge included, then the offer that came first, then the smaller
    order number. It chooses only what its limit and the premium of its wishes allow. Choices do
    not depend on what others choose. Where more is chosen than an offer holds, it is shared by
    what each customer wants, to whole Wh by largest remainder, ties to the order that came first.
    What the producer cannot deliver is not taken from another: it is left to the supplier.

    The platform takes nothing per Wh. Who subscribes owes a flat fee for the period, whether it
    trades or not, as long as it gives an order. A month is a twelfth of 365 days; the fee is
    cut by period so that, from period 0 on, what has been paid is the fee of the time passed,
    rounded down.

    *From the pilot* (Vandebron, the Netherlands, since 2014): consumers choose a producer by name
    and buy at its price, and the platform lives on subscriptions. *Left out*: contracts of one to
    three years, the fill-up with other green energy by the platform, which is the supplier by law
    (here the settlement's supplier), gas, and taxes. That customers choose an independent producer,
    such as a farmer, is told by [1]_; that consumers and producers both pay a flat monthly fee, of
    the order of 10 €, is from press reports. All of this is from memory, unverified; `payers`
    says who pays here.

    Properties: individually rational, the subscription apart; budget balanced, each trade has one
    price, and the subscription is the operator's; not efficient, a producer that is chosen by few
    sells little; choosing untruthfully gains nothing while producers hold out. It honours
    ``prefers`` (ranks, and premiums beyond the limit), ``only_preferred``, ``zone`` (as
    ``local``) and the book's charges.

    *Example.* A farm asks 210 ticks for 300 Wh, a roof 190 for 500 Wh. Anna wants 200 Wh and Bert
    400 Wh, both of the farm by name; Cleo wants 100 Wh of whoever is cheapest. The farm's 300 Wh
    are shared 100 to 200, at 210; Cleo gets 100 Wh of the roof at 190, and 400 Wh of the roof stay
    unsold although Anna and Bert are 300 Wh short. At 10 € a month each of the three owes
    3 424 µ€ for the first quarter of an hour (10 000 000 · 900 / 2 628 000, rounded down).

    Parameters
    ----------
    options : Vandebron.Options, optional

    References
    ----------
    .. [1] C. Zhang, J. Wu, C. Long and M. Cheng, "Review of existing peer-to-peer energy trading
       projects," Energy Procedia, vol. 105, pp. 2563-2568, 2017.
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it."""

        subscription_eur_per_month: NonNegativeFloat = Field(
            default=10.0, description="What a subscriber owes the platform. [€/month]"
        )
        period_s: PositiveInt = Field(
            default=900, description="Length of a delivery period, as the market's. [s]"
        )
        payers: Literal["buyers", "everybody"] = Field(
            default="buyers",
            description="Who subscribes: peers that give buy orders in a period, or producers "
            "too. [-]",
        )

    def __init__(self, options: Vandebron.Options | None = None) -> None:
        self._options = options or self.Options()

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period.

        Raises
        ------
        OrderError
            When the book holds orders for more than one period, or malformed wishes.
        """
        refuse_periods(orders)
        chosen = choose(orders, orders.turn, near_first=False, once=True)
        shared = _share(orders, chosen)
        price_ticks = orders.price_ticks[shared.sell_row]
        return cleared(orders, *shared, price_ticks, self._subscriptions_ueur(orders))

    def _subscriptions_ueur(self, orders: Orders) -> Ints | None:
        fee_ueur = round(Fraction(str(self._options.subscription_eur_per_month)) * 1_000_000)
        if fee_ueur == 0:
            return None
        owed = np.zeros(len(orders.peers), dtype=np.int64)
        if len(orders):
            start_s = orders.periods[0] * self._options.period_s
            end_s = start_s + self._options.period_s
            pays = orders.is_buy | (self._options.payers == "everybody")
            owed[orders.peer_index[pays]] = (
                fee_ueur * end_s // MONTH_S - fee_ueur * start_s // MONTH_S
            )
        return owed


def _share(orders: Orders, chosen: Chosen) -> Chosen:
    """Cut what was chosen of each offer to what the offer holds."""
    energy_wh = chosen.energy_wh.copy()
    wanted_wh = np.zeros(len(orders), dtype=np.int64)
    np.add.at(wanted_wh, chosen.sell_row, energy_wh)
    by_offer = np.argsort(chosen.sell_row, kind="stable")
    sorted_rows = chosen.sell_row[by_offer]
    for row in np.flatnonzero(wanted_wh > orders.energy_wh).tolist():
        start, end = np.searchsorted(sorted_rows, [row, row + 1])
        customers = by_offer[start:end]
        energy_wh[customers] = apportion(int(orders.energy_wh[row]), energy_wh[customers].tolist())
    gets = energy_wh > 0
    return Chosen(chosen.sell_row[gets], chosen.buy_row[gets], energy_wh[gets])
