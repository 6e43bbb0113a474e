"""All terms of one contract as bytes that are the same everywhere, and their hash."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from .contract import Contract, OfferLike

__all__ = ["Deed", "Said", "draw_up", "said_in"]

# JSON with sorted keys and no spaces; every value is a text, a whole number, a list or nothing, so
# there is one way to write it. A module's encoder, since json.dumps builds one at each call.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


@dataclass(slots=True)
class Said:
    """What a peer offered or requested for one period, over all its orders of one side."""

    tick: int
    energy_wh: int
    low_ticks: int
    high_ticks: int
    mix: tuple[str, ...] = ()

    def add(self, other: Said) -> None:
        """Take a further order of the same peer and side."""
        self.energy_wh += other.energy_wh
        self.low_ticks = min(self.low_ticks, other.low_ticks)
        self.high_ticks = max(self.high_ticks, other.high_ticks)
        self.mix = tuple(dict.fromkeys((*self.mix, *other.mix)))


def said_in(order: OfferLike, tick: int) -> Said:
    """Read an order: of an offer the energy's origin, of a request the mix that it prefers."""
    price_ticks = int(order.price_ticks)
    attributes = order.attributes
    if order.side == "sell":
        origin = attributes.get("origin")
        mix: tuple[str, ...] = (str(origin),) if origin else ()
    else:
        mix = tuple(str(kind) for kind, _ in attributes.get("prefers") or ())
    return Said(tick, int(order.energy_wh), price_ticks, price_ticks, mix)


@dataclass(frozen=True, slots=True)
class Deed:
    """A contract in writing. `digest` is the SHA-256 of `text`."""

    text: bytes
    digest: bytes


def draw_up(
    contract: Contract,
    *,
    start_tick: int,
    end_tick: int,
    offer: Said,
    request: Said,
    path: tuple[str, ...],
    rules: str,
) -> Deed:
    """Write a contract down.

    Parameters
    ----------
    contract : Contract
        With the collateral that the LPD quoted.
    start_tick, end_tick : int
        The delivery period.
    offer, request : Said
        Of seller and buyer.
    path : tuple of str
        Buses that the energy passes.
    rules : str
        Hash of tariffs and parameters of settlement.
    """
    terms: Mapping[str, Any] = {
        "contract": contract.contract_id,
        "period": contract.period,
        "from_tick": start_tick,
        "to_tick": end_tick,
        "seller": contract.seller,
        "buyer": contract.buyer,
        "energy_wh": contract.energy_wh,
        "price_ticks": contract.price_ticks,
        "receipt_ticks": contract.receipt_ticks,
        "fee_ticks": contract.fee_ticks,
        "path": path,
        "offer_wh": offer.energy_wh,
        "offer_ticks": (offer.low_ticks, offer.high_ticks),
        "origin": offer.mix,
        "request_wh": request.energy_wh,
        "request_ticks": (request.low_ticks, request.high_ticks),
        "mix": request.mix,
        "collateral_seller_ueur": contract.collateral_seller_ueur,
        "collateral_buyer_ueur": contract.collateral_buyer_ueur,
        "rules": rules,
    }
    text = _encode(terms).encode()
    return Deed(text, sha256(text).digest())
