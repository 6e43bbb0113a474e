"""The supply–demand ratio: the scarcer energy is inside the community, the dearer it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ._sharing import Community, share_by_side
from .rule import BillingError, Bills, Tariffs

__all__ = ["SupplyDemandRatio"]


class SupplyDemandRatio:
    """Let prices fall from retail to feed-in as the ratio of supply to demand rises to 1.

    With the ratio R < 1, retail r and feed-in f, sellers get ``r·f / ((r − f)·R + f)``, and buyers
    pay R times that plus (1 − R)·r; from 1 on, both trade at f [1]_ (as reported elsewhere; the
    paper is unverified). What sellers get together is cut to half nano-euros.

    Nobody is worse off than with the supplier, except by less than 1 µ€ of rounding: the supplier
    rounds the community's bill once, and what members would get by themselves, each rounded, may
    add up to more than that.

    It knows nothing of preferences, origins and network charges.

    References
    ----------
    .. [1] N. Liu, X. Yu, C. Wang, C. Li, L. Ma and J. Lei, "Energy-sharing model with price-based
       demand response for microgrids of peer-to-peer prosumers," IEEE Trans. Power Syst.,
       vol. 32, no. 5, 2017.
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """It has none."""

    def __init__(self, options: SupplyDemandRatio.Options | None = None) -> None:
        """Take no options."""

    def share(self, net_milliwh: NDArray[np.int64], tariffs: Tariffs) -> Bills:
        """Bill one period; see :class:`market.billing.rule.Rule`.

        Raises
        ------
        BillingError
            Feed-in is not above 0, or the meters cannot be billed.
        """
        if tariffs.feed_in_ticks <= 0:
            raise BillingError(
                [
                    f"feed-in is {tariffs.feed_in_ticks} ticks (µ€/Wh), but the supply–demand "
                    f"ratio divides by prices that start there; expected more than 0, or use "
                    f"mid_market_rate"
                ]
            )
        return share_by_side(net_milliwh, tariffs, _sellers_earn)


def _sellers_earn(of: Community) -> int:
    retail, feed_in = of.tariffs.retail_ticks, of.tariffs.feed_in_ticks
    if of.supply >= of.demand:
        return 2 * feed_in * of.supply
    scarcity = (retail - feed_in) * of.supply + feed_in * of.demand
    return 2 * retail * feed_in * of.supply * of.demand // scarcity
