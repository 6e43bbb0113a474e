"""What a contract is, what it is made of, and what its parties are told.

A contract is a promise of energy over one delivery period at a price; its states are in
:mod:`market.delivery.life_states`, its life is played by :mod:`market.delivery.life_story`, its
money by :mod:`market.delivery.settlement`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, Protocol

__all__ = [
    "Clock",
    "Contract",
    "ContractError",
    "OfferLike",
    "Schedule",
    "Segment",
    "TradeLike",
    "UnsoldOffer",
    "add_segments",
    "energy_milliwh",
]


class OfferLike(Protocol):
    """What the contract's life needs of an order; :class:`market.book.Order` has it."""

    @property
    def peer(self) -> str: ...
    @property
    def side(self) -> Literal["buy", "sell"]: ...
    @property
    def price_ticks(self) -> int: ...
    @property
    def energy_wh(self) -> int: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...


class TradeLike(Protocol):
    """What it needs of a trade; :class:`market.network.pairing.Trade` has it."""

    @property
    def seller(self) -> str: ...
    @property
    def buyer(self) -> str: ...
    @property
    def energy_wh(self) -> int: ...
    @property
    def price_ticks(self) -> int: ...
    @property
    def fee_ticks(self) -> int: ...
    @property
    def receipt_ticks(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class UnsoldOffer:
    """Energy that a seller offered and nobody bought: a possible replacement."""

    peer: str
    energy_wh: int
    price_ticks: int


@dataclass(frozen=True, slots=True)
class Contract:
    """One seller's promise to one buyer for one delivery period.

    Energy in Wh, prices in ticks of 1 µ€/Wh, money in micro-euro. The fee is
    the DSO's for the path from seller to buyer; the buyer pays it. The buyer
    pays `price_ticks`; the seller gets `receipt_ticks` where its mechanism
    keeps or adds a difference.
    """

    contract_id: int
    period: int
    seller: str
    buyer: str
    energy_wh: int
    price_ticks: int
    fee_ticks: int
    collateral_seller_ueur: int = 0
    collateral_buyer_ueur: int = 0
    receipt_ticks: int | None = None

    @property
    def energy_milliwh(self) -> int:
        """Contracted energy in the unit of meters. [mWh]"""
        return 1000 * self.energy_wh


class ContractError(ValueError):
    """Trades or readings that cannot become contracts or be settled; mend their source."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Integer ticks: period p covers [origin + p·m, origin + (p+1)·m)."""

    ticks_per_period: int
    dt_s: float
    origin: int = 0

    def start(self, period: int) -> int:
        """First tick of a delivery period."""
        return self.origin + period * self.ticks_per_period

    def end(self, period: int) -> int:
        """First tick after a delivery period, at which it closes."""
        return self.start(period + 1)

    @property
    def period_h(self) -> float:
        """Length of a delivery period. [h]"""
        return self.ticks_per_period * self.dt_s / 3600


@dataclass(frozen=True, slots=True)
class Segment:
    """Extra injection over [start_tick, end_tick); absorbing is negative. [kW]"""

    start_tick: int
    end_tick: int
    p_kw: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """All that a peer has to do in one period; a later sequence replaces an earlier one.

    `net_wh` is the contracted injection, signed (sold positive), due evenly
    over the period; `cover` adds to it and its segments do not overlap.
    """

    peer: str
    sequence: int
    period: int
    net_wh: int
    cover: tuple[Segment, ...] = ()


def add_segments(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Sum overlapping segments into ones that follow one another.

    >>> add_segments([Segment(0, 10, 1.0), Segment(5, 10, 2.0)])
    (Segment(start_tick=0, end_tick=5, p_kw=1.0), Segment(start_tick=5, end_tick=10, p_kw=3.0))
    """
    parts = list(segments)
    edges = sorted({t for s in parts for t in (s.start_tick, s.end_tick)})
    summed = (
        Segment(a, b, sum(s.p_kw for s in parts if s.start_tick <= a and b <= s.end_tick))
        for a, b in pairwise(edges)
    )
    return tuple(s for s in summed if s.p_kw)


def energy_milliwh(segments: Iterable[Segment], dt_s: float) -> int:
    """Energy of segments, whatever their sign. [mWh]"""
    return round(sum(abs(s.p_kw) * (s.end_tick - s.start_tick) for s in segments) * dt_s / 3.6e-3)
