"""The status quo: every peer trades with the supplier alone, the baseline of every benefit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ._kernels_rules import bill_each
from .rule import Bills, Tariffs, supply_and_demand_milliwh

__all__ = ["StatusQuo"]


class StatusQuo:
    """Pay feed-in for what a peer injects and take retail for what it draws, without a community.

    In an island, where the local power distributor stands in the supplier's place, these are its
    prices. Each peer's money is rounded by itself.
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """It has none."""

    def __init__(self, options: StatusQuo.Options | None = None) -> None:
        """Take no options."""

    def share(self, net_milliwh: NDArray[np.int64], tariffs: Tariffs) -> Bills:
        """Bill one period; see :class:`market.billing.rule.Rule`."""
        supply, demand = supply_and_demand_milliwh(net_milliwh, tariffs)
        net = np.ascontiguousarray(net_milliwh)
        receives_ueur = np.empty_like(net)
        retail, feed_in = tariffs.retail_ticks, tariffs.feed_in_ticks
        supplier_ueur = bill_each(net, retail, feed_in, receives_ueur)
        prices = {}
        if supply:
            prices["sell"] = float(feed_in)
        if demand:
            prices["buy"] = float(retail)
        return Bills(receives_ueur, np.zeros_like(net), int(supplier_ueur), prices)
