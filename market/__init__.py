"""Who trades with whom, at what price, and who pays whom in the end.

The names below are fetched when they are first used, so that importing this folder costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .book import MECHANISMS, Clearing, Mechanism, Order, OrderError, Orders, Trade
    from .charges import ChargeError, distance_fees, fee_cap_ticks, uniform_fees
    from .pairing import PairingError, pair_trades
    from .promises import ClearingError, check_clearing
    from .uniform_price import UniformPrice

__all__ = [
    "MECHANISMS",
    "ChargeError",
    "Clearing",
    "ClearingError",
    "Mechanism",
    "Order",
    "OrderError",
    "Orders",
    "PairingError",
    "Trade",
    "UniformPrice",
    "check_clearing",
    "distance_fees",
    "fee_cap_ticks",
    "pair_trades",
    "uniform_fees",
]

_HOMES = {
    "book": ("MECHANISMS", "Clearing", "Mechanism", "Order", "OrderError", "Orders", "Trade"),
    "charges": ("ChargeError", "distance_fees", "fee_cap_ticks", "uniform_fees"),
    "pairing": ("PairingError", "pair_trades"),
    "promises": ("ClearingError", "check_clearing"),
    "uniform_price": ("UniformPrice",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
