"""How trades become contracts: sides checked, and what stays unsold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace

from .contract import Contract, ContractError, TradeLike, UnsoldOffer

__all__ = ["agree", "check_sides", "left_over"]


def agree(contract_id: int, period: int, trade: TradeLike) -> Contract:
    """Make a contract of a trade; its collateral is yet to be quoted."""
    return Contract(
        contract_id=contract_id,
        period=period,
        seller=trade.seller,
        buyer=trade.buyer,
        energy_wh=int(trade.energy_wh),
        price_ticks=int(trade.price_ticks),
        fee_ticks=int(trade.fee_ticks),
        receipt_ticks=None if trade.receipt_ticks is None else int(trade.receipt_ticks),
    )


def check_sides(
    period: int, contracts: Iterable[Contract], peers: Collection[str], *, lpd: str
) -> None:
    """Refuse contracts of one period that one meter per peer could not settle.

    Raises
    ------
    ContractError
        A peer sells and buys, is not known, or is the LPD.
    """
    sides = [(c.seller, c.buyer) for c in contracts]
    sellers, buyers = {s for s, _ in sides}, {b for _, b in sides}
    if both := sorted(sellers & buyers):
        raise ContractError(
            f"period {period}: {', '.join(both)} would sell and buy behind one meter; "
            f"a peer stands on one side of a period"
        )
    traders = set(peers) - {lpd}
    if strangers := sorted((sellers | buyers) - traders):
        raise ContractError(
            f"period {period}: {', '.join(strangers)} cannot trade; "
            f"expected one of the {len(traders)} peers, and never the LPD"
        )


def left_over(offers: Iterable[UnsoldOffer], contracts: Iterable[Contract]) -> list[UnsoldOffer]:
    """What offers keep when each peer's cheapest are sold first."""
    sold_wh: dict[str, int] = defaultdict(int)
    for contract in contracts:
        sold_wh[contract.seller] += contract.energy_wh
    unsold: list[UnsoldOffer] = []
    for offer in sorted(offers, key=lambda o: o.price_ticks):
        gone = min(offer.energy_wh, sold_wh[offer.peer])
        sold_wh[offer.peer] -= gone
        if offer.energy_wh > gone:
            unsold.append(replace(offer, energy_wh=offer.energy_wh - gone))
    return unsold
