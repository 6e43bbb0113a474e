"""Who trades with whom, at what price, and who pays whom in the end.

The names below are fetched when they are first used, so that importing this folder costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .bidders.protocol import BIDDERS, Bidder, BidError, Bids, Learner, Outlook
    from .bidders.table import Seat, Table
    from .billing.benefit_sharing import BenefitSharing
    from .billing.bill_sharing import BillSharing
    from .billing.mid_market_rate import MidMarketRate
    from .billing.rule import BillingError, Bills, Rule, Tariffs, check_bills
    from .billing.status_quo import StatusQuo
    from .billing.supply_demand_ratio import SupplyDemandRatio
    from .book import (
        MECHANISMS,
        ClearedTrades,
        Clearing,
        Mechanism,
        Order,
        OrderError,
        Orders,
        Trade,
    )
    from .delivery.contract import Clock, Contract, ContractError, Schedule, Segment, UnsoldOffer
    from .delivery.cover import LpdStorage
    from .delivery.ledger import Ledger, LedgerError, verify
    from .delivery.life import TransactionLoop
    from .delivery.meters import Meters, PeriodReading
    from .delivery.rules import Rules, Terms
    from .delivery.tokens import TokenBook, TokenError
    from .designs.community_market import CommunityMarket, HybridMarket
    from .designs.full_p2p_market import FullP2PMarket
    from .designs.hierarchy_market import Hierarchy
    from .gains import Gains, benefit_over_tariffs, gains_from_trade
    from .mechanisms.assignment import Assignment
    from .mechanisms.continuous import ContinuousAuction
    from .mechanisms.huang import Huang
    from .mechanisms.mcafee import McAfee
    from .mechanisms.muda import Muda
    from .mechanisms.node_fees import NodeFees
    from .mechanisms.order_book import BookTrades, Depth, OrderBook, OrderStatus, State
    from .mechanisms.order_events import FOREVER, Events, Kind
    from .mechanisms.pay_as_bid import PayAsBid
    from .mechanisms.piclo import Piclo
    from .mechanisms.sonnen_community import SonnenCommunity
    from .mechanisms.trade_reduction import TradeReduction
    from .mechanisms.trader import Trader
    from .mechanisms.uniform_price import UniformPrice
    from .mechanisms.vandebron import Vandebron
    from .mechanisms.vcg import VickreyClarkeGroves
    from .network.admission import Admission, AdmissionError, Batch, GridLimits, admit
    from .network.charges import (
        ChargeError,
        Charges,
        distance_charges,
        node_charges,
        ptdf_charges,
        uniform_charges,
        zonal_charges,
    )
    from .network.envelopes import envelope_kw, static_caps_kw
    from .network.pairing import PairedTrades, PairingError, pair_columns, pair_trades
    from .order_file import OrderFileError, read_orders
    from .promises import ClearingError, check_clearing
    from .quick import Cleared, Shared, clear, clear_file, share, share_file
    from .sharing.core import Objection, objection
    from .sharing.game import EnergyGame, Game, GameError
    from .sharing.nucleolus import nucleolus
    from .sharing.shapley import SampledShapley, sampled_shapley, shapley
    from .sharing.shared_storage import SharedStorage, StorageError
    from .sharing.splits import by_weight, exchanged_milliwh, mix, nash
    from .sharing.storage_auction import StorageAuction, StorageOffer, StorageRights

__all__ = [
    "BIDDERS",
    "FOREVER",
    "MECHANISMS",
    "Admission",
    "AdmissionError",
    "Assignment",
    "Batch",
    "BenefitSharing",
    "BidError",
    "Bidder",
    "Bids",
    "BillSharing",
    "BillingError",
    "Bills",
    "BookTrades",
    "ChargeError",
    "Charges",
    "Cleared",
    "ClearedTrades",
    "Clearing",
    "ClearingError",
    "Clock",
    "CommunityMarket",
    "ContinuousAuction",
    "Contract",
    "ContractError",
    "Depth",
    "EnergyGame",
    "Events",
    "FullP2PMarket",
    "Gains",
    "Game",
    "GameError",
    "GridLimits",
    "Hierarchy",
    "Huang",
    "HybridMarket",
    "Kind",
    "Learner",
    "Ledger",
    "LedgerError",
    "LpdStorage",
    "McAfee",
    "Mechanism",
    "Meters",
    "MidMarketRate",
    "Muda",
    "NodeFees",
    "Objection",
    "Order",
    "OrderBook",
    "OrderError",
    "OrderFileError",
    "OrderStatus",
    "Orders",
    "Outlook",
    "PairedTrades",
    "PairingError",
    "PayAsBid",
    "PeriodReading",
    "Piclo",
    "Rule",
    "Rules",
    "SampledShapley",
    "Schedule",
    "Seat",
    "Segment",
    "Shared",
    "SharedStorage",
    "SonnenCommunity",
    "State",
    "StatusQuo",
    "StorageAuction",
    "StorageError",
    "StorageOffer",
    "StorageRights",
    "SupplyDemandRatio",
    "Table",
    "Tariffs",
    "Terms",
    "TokenBook",
    "TokenError",
    "Trade",
    "TradeReduction",
    "Trader",
    "TransactionLoop",
    "UniformPrice",
    "UnsoldOffer",
    "Vandebron",
    "VickreyClarkeGroves",
    "admit",
    "benefit_over_tariffs",
    "by_weight",
    "check_bills",
    "check_clearing",
    "clear",
    "clear_file",
    "distance_charges",
    "envelope_kw",
    "exchanged_milliwh",
    "gains_from_trade",
    "mix",
    "nash",
    "node_charges",
    "nucleolus",
    "objection",
    "pair_columns",
    "pair_trades",
    "ptdf_charges",
    "read_orders",
    "sampled_shapley",
    "shapley",
    "share",
    "share_file",
    "static_caps_kw",
    "uniform_charges",
    "verify",
    "zonal_charges",
]

_HOMES = {
    "network.admission": "Admission AdmissionError Batch GridLimits admit",
    "mechanisms.assignment": "Assignment",
    "billing.benefit_sharing": "BenefitSharing",
    "bidders.table": "Seat Table",
    "bidders.protocol": "BIDDERS BidError Bidder Bids Learner Outlook",
    "billing.bill_sharing": "BillSharing",
    "book": "MECHANISMS ClearedTrades Clearing Mechanism Order OrderError Orders Trade",
    "network.charges": (
        "ChargeError Charges distance_charges node_charges ptdf_charges uniform_charges "
        "zonal_charges"
    ),
    "mechanisms.continuous": "ContinuousAuction",
    "delivery.contract": "Clock Contract ContractError Schedule Segment UnsoldOffer",
    "delivery.cover": "LpdStorage",
    "designs.community_market": "CommunityMarket HybridMarket",
    "designs.full_p2p_market": "FullP2PMarket",
    "designs.hierarchy_market": "Hierarchy",
    "network.envelopes": "envelope_kw static_caps_kw",
    "gains": "Gains benefit_over_tariffs gains_from_trade",
    "mechanisms.huang": "Huang",
    "delivery.ledger": "Ledger LedgerError verify",
    "delivery.life": "TransactionLoop",
    "mechanisms.mcafee": "McAfee",
    "delivery.meters": "Meters PeriodReading",
    "billing.mid_market_rate": "MidMarketRate",
    "mechanisms.muda": "Muda",
    "mechanisms.node_fees": "NodeFees",
    "mechanisms.order_book": "BookTrades Depth OrderBook OrderStatus State",
    "mechanisms.order_events": "FOREVER Events Kind",
    "order_file": "OrderFileError read_orders",
    "network.pairing": "PairedTrades PairingError pair_columns pair_trades",
    "mechanisms.pay_as_bid": "PayAsBid",
    "mechanisms.piclo": "Piclo",
    "promises": "ClearingError check_clearing",
    "quick": "Cleared Shared clear clear_file share share_file",
    "billing.rule": "BillingError Bills Rule Tariffs check_bills",
    "delivery.rules": "Rules Terms",
    "sharing.shared_storage": "SharedStorage StorageError",
    "sharing.core": "Objection objection",
    "sharing.game": "EnergyGame Game GameError",
    "sharing.nucleolus": "nucleolus",
    "sharing.shapley": "SampledShapley sampled_shapley shapley",
    "sharing.splits": "by_weight exchanged_milliwh mix nash",
    "mechanisms.sonnen_community": "SonnenCommunity",
    "billing.status_quo": "StatusQuo",
    "sharing.storage_auction": "StorageAuction StorageOffer StorageRights",
    "billing.supply_demand_ratio": "SupplyDemandRatio",
    "delivery.tokens": "TokenBook TokenError",
    "mechanisms.trade_reduction": "TradeReduction",
    "mechanisms.trader": "Trader",
    "mechanisms.uniform_price": "UniformPrice",
    "mechanisms.vandebron": "Vandebron",
    "mechanisms.vcg": "VickreyClarkeGroves",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
