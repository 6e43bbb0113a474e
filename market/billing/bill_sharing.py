"""Bill sharing: consumers share what the community imports, producers what it exports."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ._sharing import Community, share_by_side
from .rule import Bills, Tariffs

__all__ = ["BillSharing"]


class BillSharing:
    """Share the community's cost by consumption, and its income by production.

    What is exchanged inside costs nothing. Of a period's net meters: when the community imports,
    each member that draws pays the cost at retail in proportion to what it draws; when it exports,
    each that injects gets the income at feed-in in proportion to what it injects [1]_ (equations
    unverified; the paper may count consumption and generation before they net behind a meter,
    which the community's meters do not show).

    So sellers get **nothing** while the community is short, and are then worse off than with the
    supplier; buyers pay nothing while it is long. The members as a whole are not worse off.

    It knows nothing of preferences, origins and network charges.

    References
    ----------
    .. [1] C. Long, J. Wu, C. Zhang, L. Thomas, M. Cheng and N. Jenkins, "Peer-to-peer energy
       trading in a community microgrid," IEEE PES General Meeting, 2017.
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """It has none."""

    def __init__(self, options: BillSharing.Options | None = None) -> None:
        """Take no options."""

    def share(self, net_milliwh: NDArray[np.int64], tariffs: Tariffs) -> Bills:
        """Bill one period; see :class:`market.billing.rule.Rule`."""
        return share_by_side(net_milliwh, tariffs, _sellers_earn)


def _sellers_earn(of: Community) -> int:
    return 2 * max(0, of.supply - of.demand) * of.tariffs.feed_in_ticks
