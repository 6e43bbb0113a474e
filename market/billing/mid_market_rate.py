"""The mid-market rate: inside the community, energy costs the middle of the tariffs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ._sharing import Community, share_by_side
from .rule import Bills, Tariffs

__all__ = ["MidMarketRate"]


class MidMarketRate:
    """Sell and buy at the mean of retail and feed-in; the longer side bears what is left over.

    With as much injected as drawn, everybody trades at the mid-market rate. A surplus is fed in,
    and sellers get the mean of what inside and feed-in earn; a deficit is bought at retail, and
    buyers pay the mean of both [1]_ (equations unverified).

    Nobody is worse off than with the supplier, except by less than 1 µ€ of rounding: the supplier
    rounds the community's bill once, and what members would get by themselves, each rounded, may
    add up to more than that.

    It knows nothing of preferences, origins and network charges.

    References
    ----------
    .. [1] C. Long, J. Wu, C. Zhang, L. Thomas, M. Cheng and N. Jenkins, "Peer-to-peer energy
       trading in a community microgrid," IEEE PES General Meeting, 2017.
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """It has none."""

    def __init__(self, options: MidMarketRate.Options | None = None) -> None:
        """Take no options."""

    def share(self, net_milliwh: NDArray[np.int64], tariffs: Tariffs) -> Bills:
        """Bill one period; see :class:`market.billing.rule.Rule`."""
        return share_by_side(net_milliwh, tariffs, _sellers_earn)


def _sellers_earn(of: Community) -> int:
    twice_mid = of.tariffs.retail_ticks + of.tariffs.feed_in_ticks
    fed_in = max(0, of.supply - of.demand)
    return min(of.supply, of.demand) * twice_mid + 2 * fed_in * of.tariffs.feed_in_ticks
