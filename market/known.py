"""Names a scenario may use for a market mechanism, and where each is found.

Two kinds share the table. Order-driven ones have ``clear(orders)``, see `market.book.Mechanism`;
rule-based ones have ``share(net_milliwh, tariffs)``, see `market.billing.rule.Rule`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["MECHANISMS"]

#: Known name to "module:Class".
MECHANISMS: Mapping[str, str] = MappingProxyType(
    {
        "assignment": "market.mechanisms.assignment:Assignment",
        "benefit_sharing": "market.billing.benefit_sharing:BenefitSharing",
        "bill_sharing": "market.billing.bill_sharing:BillSharing",
        "community": "market.designs.community_market:CommunityMarket",
        "continuous": "market.mechanisms.continuous:ContinuousAuction",
        "full_p2p": "market.designs.full_p2p_market:FullP2PMarket",
        "hierarchy": "market.designs.hierarchy_market:Hierarchy",
        "huang": "market.mechanisms.huang:Huang",
        "hybrid": "market.designs.community_market:HybridMarket",
        "mcafee": "market.mechanisms.mcafee:McAfee",
        "mid_market_rate": "market.billing.mid_market_rate:MidMarketRate",
        "muda": "market.mechanisms.muda:Muda",
        "pay_as_bid": "market.mechanisms.pay_as_bid:PayAsBid",
        "piclo": "market.mechanisms.piclo:Piclo",
        "sonnen_community": "market.mechanisms.sonnen_community:SonnenCommunity",
        "stackelberg": "market.flexibility.stackelberg_market:StackelbergMarket",
        "status_quo": "market.billing.status_quo:StatusQuo",
        "supply_demand_ratio": "market.billing.supply_demand_ratio:SupplyDemandRatio",
        "trade_reduction": "market.mechanisms.trade_reduction:TradeReduction",
        "trader": "market.mechanisms.trader:Trader",
        "uniform_price": "market.mechanisms.uniform_price:UniformPrice",
        "vandebron": "market.mechanisms.vandebron:Vandebron",
        "vcg": "market.mechanisms.vcg:VickreyClarkeGroves",
    }
)
