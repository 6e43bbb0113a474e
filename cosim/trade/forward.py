"""Blocks traded ahead: when their gates close, what clears them, and what stands in a period."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from market.book import Clearing, Orders, Trade
from market.network.charges import Charges
from market.products import Standing, joined, stand
from scenarios.resolve import ResolvedScenario

from ..boxes.box import Log
from .pricing import HeldMechanism, held_mechanism, mechanism_adds_fees

__all__ = ["Block", "Forward", "forward_of"]

Ints = NDArray[np.int64]


class Block(NamedTuple):
    """One block of a product, whose gate is now.

    Attributes
    ----------
    product : str
    periods : range
    gate_tick : int
        When it closes, counted from the start of physics. [ticks]
    fee_cap_ticks : int
        The highest transport fee that a buyer pays on top of its limit. [µ€/Wh]
    """

    product: str
    periods: range
    gate_tick: int
    fee_cap_ticks: int


class _Product:
    """A product of the scenario, and which of its blocks is next."""

    def __init__(self, resolved: ResolvedScenario, index: int, cap_ticks: int) -> None:
        spec, tick = resolved.scenario.market.products[index], resolved.scenario.time.tick
        self.name, self.mechanism = (
            spec.name,
            held_mechanism(resolved, spec.mechanism, spec.options),
        )
        self.length = spec.length.ns // resolved.scenario.market.period.ns
        self._gate_ticks, self._per_period = spec.gate.in_ticks(tick), resolved.ticks_per_period
        self._periods = resolved.scenario.time.duration.in_ticks(tick) // self._per_period
        on_top = mechanism_adds_fees(resolved, spec.mechanism)
        self._cap_ticks, self._first = cap_ticks if on_top else 0, 0

    def due(self, tick: int) -> Iterator[Block]:
        """Give the blocks whose gates have come; the last periods may be too few for one."""
        while self._first + self.length <= self._periods:
            gate_tick = self._first * self._per_period - self._gate_ticks
            if gate_tick > tick:
                return
            periods = range(self._first, self._first + self.length)
            self._first += self.length
            yield Block(self.name, periods, gate_tick, self._cap_ticks)


class Forward:
    """The forward market of a run.

    A block whose gate is before the run's first gate is cleared at that, by what is known then.

    Parameters
    ----------
    resolved : ResolvedScenario
        Its market names products.
    charges : Charges
        What trades pay for transport.
    log : Log
    """

    def __init__(self, resolved: ResolvedScenario, charges: Charges, log: Log) -> None:
        named = resolved.scenario.market.products
        self._products = [
            _Product(resolved, index, charges.cap_ticks) for index in range(len(named))
        ]
        self._mechanisms: dict[str, HeldMechanism] = {p.name: p.mechanism for p in self._products}
        self._charges, self._log, self._preroll = charges, log, resolved.gate_ticks
        self._peers = len(resolved.peers)
        self._standing: dict[int, list[Standing]] = {}
        self.rows: list[dict[str, Any]] = []

    def due(self, tick: int) -> Iterator[Block]:
        """Give the blocks whose gates have come, the products in the scenario's order."""
        for product in self._products:
            yield from product.due(tick)

    def clear(self, block: Block, orders: Orders, tick: int) -> None:
        """Clear a block's book, and have what trades stand in its periods.

        Raises
        ------
        MechanismFailed
            The product's mechanism raised or broke a promise.
        """
        clearing = self._mechanisms[block.product].clear(orders)
        stands = stand(block.product, block.periods, orders, clearing, self._charges)
        for period in block.periods:
            self._standing.setdefault(period, []).append(stands)
        told = {
            "product": block.product,
            "period": block.periods.start,
            "periods": len(block.periods),
            "price_ticks": clearing.price_ticks,
            "volume_wh": clearing.volume_wh(orders),
            "trades": len(stands.trades),
        }
        self._log(tick + self._preroll, "block_cleared", **told)
        bought, offered = orders.side_wh
        gate = {"gate_tick": tick, "offers_wh": offered, "requests_wh": bought}
        self.rows.append(told | gate)

    def position_wh(self, period: int) -> Ints:
        """What each peer has sold ahead of a period, less what it has bought. [Wh]"""
        none = np.zeros(self._peers, dtype=np.int64)
        return sum((one.position_wh for one in self._standing.get(period, ())), none)

    def positions_wh(self, periods: range) -> Ints:
        """The same for several periods, one a column. [Wh]"""
        return np.column_stack([self.position_wh(period) for period in periods])

    def trades(self, period: int) -> list[Trade]:
        """Trades that stand in a period."""
        standing = self._standing.get(period, ())
        return [trade for one in standing for trade in one.in_period(period)[1]]

    def joined(self, period: int, orders: Orders, clearing: Clearing) -> tuple[Orders, Clearing]:
        """What stands in a period and what its own market cleared, as one book and clearing."""
        return joined(self._standing.get(period, ()), period, orders, clearing)


def forward_of(resolved: ResolvedScenario, charges: Charges, log: Log) -> Forward | None:
    """Give the forward market, where the scenario has products."""
    return Forward(resolved, charges, log) if resolved.scenario.market.products else None
