"""Names a scenario may use for a market mechanism, and where each is found.

Two kinds share the table. Order-driven ones have ``clear(orders)``, see `market.book.Mechanism`;
rule-based ones have ``share(net_milliwh, tariffs)``, see `market.rule.Rule`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["MECHANISMS"]

#: Known name to "module:Class".
MECHANISMS: Mapping[str, str] = MappingProxyType(
    {
        "assignment": "market.assignment:Assignment",
        "benefit_sharing": "market.benefit_sharing:BenefitSharing",
        "bill_sharing": "market.bill_sharing:BillSharing",
        "continuous": "market.continuous:ContinuousAuction",
        "huang": "market.huang:Huang",
        "mcafee": "market.mcafee:McAfee",
        "mid_market_rate": "market.mid_market_rate:MidMarketRate",
        "muda": "market.muda:Muda",
        "pay_as_bid": "market.pay_as_bid:PayAsBid",
        "piclo": "market.piclo:Piclo",
        "sonnen_community": "market.sonnen_community:SonnenCommunity",
        "status_quo": "market.status_quo:StatusQuo",
        "supply_demand_ratio": "market.supply_demand_ratio:SupplyDemandRatio",
        "trade_reduction": "market.trade_reduction:TradeReduction",
        "trader": "market.trader:Trader",
        "uniform_price": "market.uniform_price:UniformPrice",
        "vandebron": "market.vandebron:Vandebron",
        "vcg": "market.vcg:VickreyClarkeGroves",
    }
)
