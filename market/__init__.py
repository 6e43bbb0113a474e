"""Who trades with whom, at what price, and who pays whom in the end.

The names below are fetched when they are first used, so that importing this folder costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .book import MECHANISMS, Clearing, Mechanism, Order, OrderError, Orders, Trade
    from .charges import ChargeError, distance_fees, fee_cap_ticks, uniform_fees
    from .contract import Clock, Contract, ContractError, Schedule, Segment, UnsoldOffer
    from .cover import LpdStorage
    from .ledger import Ledger, LedgerError, verify
    from .life import TransactionLoop
    from .meters import Meters, PeriodReading
    from .pairing import PairingError, pair_trades
    from .promises import ClearingError, check_clearing
    from .rules import Rules, Terms
    from .tokens import TokenBook, TokenError
    from .uniform_price import UniformPrice

__all__ = [
    "MECHANISMS",
    "ChargeError",
    "Clearing",
    "ClearingError",
    "Clock",
    "Contract",
    "ContractError",
    "Ledger",
    "LedgerError",
    "LpdStorage",
    "Mechanism",
    "Meters",
    "Order",
    "OrderError",
    "Orders",
    "PairingError",
    "PeriodReading",
    "Rules",
    "Schedule",
    "Segment",
    "Terms",
    "TokenBook",
    "TokenError",
    "Trade",
    "TransactionLoop",
    "UniformPrice",
    "UnsoldOffer",
    "check_clearing",
    "distance_fees",
    "fee_cap_ticks",
    "pair_trades",
    "uniform_fees",
    "verify",
]

_HOMES = {
    "book": "MECHANISMS Clearing Mechanism Order OrderError Orders Trade",
    "charges": "ChargeError distance_fees fee_cap_ticks uniform_fees",
    "contract": "Clock Contract ContractError Schedule Segment UnsoldOffer",
    "cover": "LpdStorage",
    "ledger": "Ledger LedgerError verify",
    "life": "TransactionLoop",
    "meters": "Meters PeriodReading",
    "pairing": "PairingError pair_trades",
    "promises": "ClearingError check_clearing",
    "rules": "Rules Terms",
    "tokens": "TokenBook TokenError",
    "uniform_price": "UniformPrice",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
