"""Who trades with whom, at what price, and who pays whom in the end.

The names below are fetched when they are first used, so that importing this folder costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .admission import Admission, AdmissionError, Batch, GridLimits, admit
    from .assignment import Assignment
    from .benefit_sharing import BenefitSharing
    from .bidders import Seat, Table
    from .bidding import BIDDERS, Bidder, BidError, Bids, Learner, Outlook
    from .bill_sharing import BillSharing
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
    from .charges import (
        ChargeError,
        Charges,
        distance_charges,
        node_charges,
        ptdf_charges,
        uniform_charges,
        zonal_charges,
    )
    from .continuous import ContinuousAuction
    from .contract import Clock, Contract, ContractError, Schedule, Segment, UnsoldOffer
    from .cover import LpdStorage
    from .envelopes import envelope_kw, static_caps_kw
    from .gains import Gains, benefit_over_tariffs, gains_from_trade
    from .huang import Huang
    from .ledger import Ledger, LedgerError, verify
    from .life import TransactionLoop
    from .mcafee import McAfee
    from .meters import Meters, PeriodReading
    from .mid_market_rate import MidMarketRate
    from .muda import Muda
    from .node_fees import NodeFees
    from .order_book import BookTrades, Depth, OrderBook, OrderStatus, State
    from .order_events import FOREVER, Events, Kind
    from .order_file import OrderFileError, read_orders
    from .pairing import PairedTrades, PairingError, pair_columns, pair_trades
    from .pay_as_bid import PayAsBid
    from .piclo import Piclo
    from .promises import ClearingError, check_clearing
    from .quick import Cleared, Shared, clear, clear_file, share, share_file
    from .rule import BillingError, Bills, Rule, Tariffs, check_bills
    from .rules import Rules, Terms
    from .shared_storage import SharedStorage, StorageError
    from .sharing.core import Objection, objection
    from .sharing.game import EnergyGame, Game, GameError
    from .sharing.nucleolus import nucleolus
    from .sharing.shapley import SampledShapley, sampled_shapley, shapley
    from .sharing.splits import by_weight, exchanged_milliwh, mix, nash
    from .sonnen_community import SonnenCommunity
    from .status_quo import StatusQuo
    from .storage_auction import StorageAuction, StorageOffer, StorageRights
    from .supply_demand_ratio import SupplyDemandRatio
    from .tokens import TokenBook, TokenError
    from .trade_reduction import TradeReduction
    from .trader import Trader
    from .uniform_price import UniformPrice
    from .vandebron import Vandebron
    from .vcg import VickreyClarkeGroves

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
    "ContinuousAuction",
    "Contract",
    "ContractError",
    "Depth",
    "EnergyGame",
    "Events",
    "Gains",
    "Game",
    "GameError",
    "GridLimits",
    "Huang",
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
    "admission": "Admission AdmissionError Batch GridLimits admit",
    "assignment": "Assignment",
    "benefit_sharing": "BenefitSharing",
    "bidders": "Seat Table",
    "bidding": "BIDDERS BidError Bidder Bids Learner Outlook",
    "bill_sharing": "BillSharing",
    "book": "MECHANISMS ClearedTrades Clearing Mechanism Order OrderError Orders Trade",
    "charges": (
        "ChargeError Charges distance_charges node_charges ptdf_charges uniform_charges "
        "zonal_charges"
    ),
    "continuous": "ContinuousAuction",
    "contract": "Clock Contract ContractError Schedule Segment UnsoldOffer",
    "cover": "LpdStorage",
    "envelopes": "envelope_kw static_caps_kw",
    "gains": "Gains benefit_over_tariffs gains_from_trade",
    "huang": "Huang",
    "ledger": "Ledger LedgerError verify",
    "life": "TransactionLoop",
    "mcafee": "McAfee",
    "meters": "Meters PeriodReading",
    "mid_market_rate": "MidMarketRate",
    "muda": "Muda",
    "node_fees": "NodeFees",
    "order_book": "BookTrades Depth OrderBook OrderStatus State",
    "order_events": "FOREVER Events Kind",
    "order_file": "OrderFileError read_orders",
    "pairing": "PairedTrades PairingError pair_columns pair_trades",
    "pay_as_bid": "PayAsBid",
    "piclo": "Piclo",
    "promises": "ClearingError check_clearing",
    "quick": "Cleared Shared clear clear_file share share_file",
    "rule": "BillingError Bills Rule Tariffs check_bills",
    "rules": "Rules Terms",
    "shared_storage": "SharedStorage StorageError",
    "sharing.core": "Objection objection",
    "sharing.game": "EnergyGame Game GameError",
    "sharing.nucleolus": "nucleolus",
    "sharing.shapley": "SampledShapley sampled_shapley shapley",
    "sharing.splits": "by_weight exchanged_milliwh mix nash",
    "sonnen_community": "SonnenCommunity",
    "status_quo": "StatusQuo",
    "storage_auction": "StorageAuction StorageOffer StorageRights",
    "supply_demand_ratio": "SupplyDemandRatio",
    "tokens": "TokenBook TokenError",
    "trade_reduction": "TradeReduction",
    "trader": "Trader",
    "uniform_price": "UniformPrice",
    "vandebron": "Vandebron",
    "vcg": "VickreyClarkeGroves",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
