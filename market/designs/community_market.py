"""The community and the hybrid as mechanisms of a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, NonNegativeInt, model_validator

from ..book import ClearedTrades, Clearing, OrderError, Orders
from ..mechanisms._merit import nothing
from .community import Community
from .hybrid import Cell, Design
from .nested import solve_design
from .problem import DesignError
from .reading import PRICED, read_agents, refuse_books, trades_to_clearing
from .to_trades import round_trades

__all__ = ["CommunityMarket", "HybridMarket", "Part"]

Ints = NDArray[np.int64]


class Part(BaseModel, extra="forbid", frozen=True):
    """A community, or with `parts` a cell of them."""

    name: str = Field(description="For `pairs` and messages.")
    members: tuple[str, ...] = Field(default=(), description="Peers by name.")
    parts: tuple[Part, ...] = Field(
        default=(), description="Communities inside; then members trade for themselves."
    )
    transaction_ticks: NonNegativeInt = Field(
        default=0, description="What a Wh traded inside a community costs each side. [µ€/Wh]"
    )
    between_ticks: NonNegativeInt = Field(
        default=0, description="What a Wh between two of a cell costs. [µ€/Wh]"
    )
    outside_ticks: NonNegativeInt = Field(
        default=0, description="What a Wh beyond its boundary costs. [µ€/Wh]"
    )
    pairs: tuple[tuple[str, str, NonNegativeInt], ...] = Field(
        default=(), description="Other costs between two parts or members, by name. [µ€/Wh]"
    )


class CommunityMarket:
    """One community of all peers, whose manager knows the supplier's tariff: `Community`.

    Members trade inside at one price. Where the manager imports or exports because the tariff is
    better, that energy is not part of the clearing: it is settled with the supplier, as what finds
    no partner always is. Without prices the manager only balances the inside.

    The transaction cost is the operator's. Properties: individually rational; budget balanced but
    for the transaction cost; efficient inside; *not* incentive compatible. It looks at neither
    preferences nor network charges: the manager stands between the two sides.

    Parameters
    ----------
    options : CommunityMarket.Options, optional
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it."""

        transaction_ticks: NonNegativeInt = Field(
            default=0, description="What a Wh traded inside costs each side. [µ€/Wh]"
        )
        import_ticks: int | None = Field(
            default=None, description="What an imported Wh costs, tariff included. [µ€/Wh]"
        )
        export_ticks: int | None = Field(
            default=None, description="What an exported Wh brings. [µ€/Wh]"
        )

        @model_validator(mode="after")
        def _knows_both_prices_or_none(self) -> Self:
            if (self.import_ticks is None) != (self.export_ticks is None):
                raise ValueError("give both import_ticks and export_ticks, or neither")
            if (self.import_ticks or 0) < (self.export_ticks or 0):
                raise ValueError(
                    f"importing at {self.import_ticks} to export at {self.export_ticks} ticks "
                    f"would earn without bound; are they swapped?"
                )
            return self

    def __init__(self, options: CommunityMarket.Options | None = None) -> None:
        self._options = options or self.Options()

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period.

        Raises
        ------
        OrderError
            When the book holds orders for more than one period or too many, or slopes that cannot
            be read.
        """
        told = self._options
        return _clear(
            orders,
            Community(
                members=np.arange(len(orders)),
                transaction=told.transaction_ticks,
                import_price=told.import_ticks,
                export_price=told.export_ticks,
            )
            if len(orders)
            else None,
        )


class HybridMarket:
    """Communities inside, peers and managers trading above, nested as the scenario says: `Cell`.

    Who is in no community trades above for itself; without any community this is full P2P at one
    cost for all. Every seller gets what a Wh is worth to it, every buyer pays what it is worth to
    it, both rounded down to whole ticks; what the way between them costs is the operator's.

    Properties: individually rational; budget balanced but for transaction costs; efficient; *not*
    incentive compatible. It looks at neither preferences nor network charges.

    Parameters
    ----------
    options : HybridMarket.Options, optional
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it."""

        communities: tuple[Part, ...] = Field(default=(), description="Parts of the market.")
        between_ticks: NonNegativeInt = Field(
            default=0, description="What a Wh between two of them costs. [µ€/Wh]"
        )
        pairs: tuple[tuple[str, str, NonNegativeInt], ...] = Field(
            default=(), description="Other costs between two, by name. [µ€/Wh]"
        )

    def __init__(self, options: HybridMarket.Options | None = None) -> None:
        self._options = options or self.Options()

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period.

        Raises
        ------
        OrderError
            When the book holds orders for more than one period or too many, slopes that cannot be
            read, or communities name peers that do not exist or twice.
        """
        if not len(orders):
            return _clear(orders, None)
        told = self._options
        whole = Part(
            name="market",
            members=_outsiders(orders.peers, told.communities),
            parts=told.communities,
            between_ticks=told.between_ticks,
            pairs=told.pairs,
        )
        if faults := _pair_faults(whole):
            raise OrderError(faults)
        return _clear(orders, _design(orders, whole, outermost=True))


def _clear(orders: Orders, design: Design | None) -> Clearing:
    """Clear a book in which each order is a peer of the design."""
    refuse_books(orders)
    if design is None or orders.is_buy.all() or not orders.is_buy.any():
        return nothing(orders)
    outcome = solve_design(read_agents(orders), design)
    if not outcome.converged:
        raise DesignError(
            [f"the design found no solution: {outcome.residuals}; check the book's units"]
        )
    traded = outcome.traded_wh[:-1, :-1].copy()
    peer = orders.peer_index
    traded[peer[:, None] == peer] = 0.0  # what somebody would sell to itself is left out
    sell, buy = np.nonzero(traded)
    whole = round_trades(sell, buy, traded[sell, buy], len(orders))
    sell, buy, whole = sell[whole > 0], buy[whole > 0], whole[whole > 0]
    if not whole.size:
        return nothing(orders)
    limit = orders.price_ticks
    worth = np.floor(outcome.worth + PRICED).astype(np.int64)
    received = np.maximum(worth[sell], limit[sell])
    paid = np.clip(worth[buy], received, limit[buy])
    trades = ClearedTrades(
        sell_row=sell,
        buy_row=buy,
        energy_wh=whole,
        price_ticks=paid,
        receipt_ticks=received if (paid != received).any() else None,
    )
    return trades_to_clearing(orders, trades)


def _outsiders(peers: Sequence[str], parts: Sequence[Part]) -> tuple[str, ...]:
    """Names that no community has.

    Raises
    ------
    OrderError
        When communities name peers that do not exist, or one twice.
    """
    named = [name for part in parts for name in _names(part)]
    faults = [
        f"no peer {name!r} among {len(peers)} peers to be a member"
        for name in sorted(set(named) - set(peers))
    ]
    faults += [
        f"peer {name!r} is in {named.count(name)} communities; every peer belongs to one"
        for name in sorted(set(named))
        if named.count(name) > 1
    ]
    if faults:
        raise OrderError(faults)
    return tuple(name for name in peers if name not in set(named))


def _pair_faults(part: Part) -> list[str]:
    """Say which pairs name somebody who is not of their part, and names of parts given twice."""
    there = [*part.members, *(inner.name for inner in part.parts)]
    faults = [
        f"{part.name}: {name!r} occurs {there.count(name)} times; name every part differently"
        for name in sorted(set(there))
        if there.count(name) > 1
    ]
    faults += [
        f"{part.name}: pairs name {name!r}, expected one of {', '.join(there)}"
        for name in sorted({name for one, other, _ in part.pairs for name in (one, other)})
        if name not in there
    ]
    return faults + [fault for inner in part.parts for fault in _pair_faults(inner)]


def _names(part: Part) -> list[str]:
    return [*part.members, *(name for inner in part.parts for name in _names(inner))]


def _design(orders: Orders, part: Part, *, outermost: bool = False) -> Design | None:
    """Make a design of a part, in which each order stands for itself; None without orders."""
    position = {name: i for i, name in enumerate(orders.peers)}
    at = {position[name]: name for name in part.members}
    rows = np.flatnonzero(np.isin(orders.peer_index, list(at)))
    if not part.parts and not outermost:
        if not rows.size:
            return None
        return Community(
            members=rows,
            transaction=part.transaction_ticks,
            gamma_import=part.outside_ticks,
            gamma_export=part.outside_ticks,
        )
    made = [(one.name, _design(orders, one)) for one in part.parts]
    parts = [(name, design) for name, design in made if design is not None]
    if not rows.size and not parts:
        return None
    names = [at[i] for i in orders.peer_index[rows].tolist()] + [name for name, _ in parts]
    return Cell(
        members=rows,
        parts=tuple(design for _, design in parts),
        between=_costs(names, part),
        outside=part.outside_ticks,
    )


def _costs(names: list[str], part: Part) -> NDArray[np.float64]:
    """Cost between any two, by name."""
    table = np.full((len(names),) * 2, part.between_ticks, dtype=np.float64)
    column = np.array(names)
    for one, other, ticks in part.pairs:
        for seller, buyer in ((one, other), (other, one)):
            table[np.ix_(column == seller, column == buyer)] = ticks
    return table
