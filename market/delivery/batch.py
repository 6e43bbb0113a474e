"""The common fate, in columns: contracts that both sides kept, with no cover and nothing shed.

They owe nothing but price and fee, and their collateral goes back; so that all of a period's are
reckoned at once. What is written of them is what one contract at a time would have written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dues import COLLATERAL, DSO, OPERATOR, account_of
from .ledger import Posting
from .outcome import Outcome, Row
from .period import Period

__all__ = ["RULES_OF_A_KEPT_CONTRACT", "KeptContracts"]

Ints = NDArray[np.int64]

RULES_OF_A_KEPT_CONTRACT = frozenset(
    {
        "accepted",
        "bear",
        "burned",
        "compensation",
        "delivered",
        "exchange",
        "failed",
        "longer_path",
        "place_shed",
        "price",
        "stability_fee",
        "transport",
    }
)
"""Rules that say what a kept contract comes to; if one is replaced, each contract is asked it."""

_columns = attrgetter(
    "contract_id",
    "seller",
    "buyer",
    "energy_wh",
    "price_ticks",
    "fee_ticks",
    "collateral_seller_ueur",
    "collateral_buyer_ueur",
    "receipt_ticks",
)


class KeptContracts:
    """Finds a period's kept contracts, and writes what stretches of them come to.

    Parameters
    ----------
    period : Period
        Its meters have every party of its contracts.

    Attributes
    ----------
    others : list of int
        Positions of the contracts that are not kept, rising.
    """

    def __init__(self, period: Period) -> None:
        self._of = period
        columns: Sequence[Sequence[Any]] = list(zip(*map(_columns, period.contracts), strict=True))
        if not columns:
            columns = [()] * 9
        self._number, self._seller, self._buyer = columns[:3]
        energy_wh, price_ticks, fee_ticks, held_seller, held_buyer = (
            np.array(column, dtype=np.int64) for column in columns[3:8]
        )
        self._held_seller, self._held_buyer = held_seller.tolist(), held_buyer.tolist()
        energy = 1000 * energy_wh
        receipt_ticks = [
            price if receipt is None else receipt
            for price, receipt in zip(columns[4], columns[8], strict=True)
        ]
        margin_ticks = np.array(receipt_ticks, dtype=np.int64) - price_ticks
        self._energy = energy.tolist()
        self._price = _money(price_ticks, energy)
        self._fee = _money(fee_ticks, energy)
        self._margin = _money(margin_ticks, energy)
        self.others: list[int] = np.flatnonzero(~self._kept(energy)).tolist()

    def _kept(self, energy: Ints) -> NDArray[np.bool_]:
        """Find contracts of which neither side fell short in anything it promised."""
        of = self._of
        code = {peer: i for i, peer in enumerate(of.net_milliwh)}
        net = np.fromiter(of.net_milliwh.values(), np.int64, len(code))
        shed = np.array([of.shed_milliwh.get(peer, 0) for peer in code], dtype=np.int64)
        seller = np.array([code[peer] for peer in self._seller], dtype=np.int64)
        buyer = np.array([code[peer] for peer in self._buyer], dtype=np.int64)
        sold, bought = np.zeros((2, len(code)), dtype=np.int64)
        np.add.at(sold, seller, energy)
        np.add.at(bought, buyer, energy)
        kept: NDArray[np.bool_] = (net >= sold)[seller] & ((-net >= bought) & (shed == 0))[buyer]
        covered = {cover.contract_id for cover in of.covers}
        if covered:
            kept &= ~np.fromiter((n in covered for n in self._number), np.bool_, kept.size)
        kept &= (energy > 0) & (seller != buyer)
        return kept

    def stretches(self) -> Iterator[tuple[int, int]]:
        """Give the stretch of kept contracts before each of `others`, and after the last."""
        begin = 0
        for position in self.others:
            yield begin, position
            begin = position + 1
        yield begin, len(self._number)

    def sellers(self, begin: int, end: int) -> Iterator[tuple[str, int]]:
        """Who delivered what. [mWh]"""
        return zip(self._seller[begin:end], self._energy[begin:end], strict=True)

    def rows(self, begin: int, end: int) -> Iterator[Row]:
        """R1: each side's energy, under the contract."""
        period, make = self._of.period, Row._make
        for number, seller, buyer, energy in self._cut(
            begin, end, self._number, self._seller, self._buyer, self._energy
        ):
            yield make((period, seller, "contract", number, buyer, energy))
            yield make((period, buyer, "contract", number, seller, -energy))

    def postings(self, begin: int, end: int) -> Iterator[Posting]:
        """Price, what the mechanism adds, fee, and both sides' collateral back."""
        tick, period = self._of.tick, self._of.period
        columns = self._cut(
            begin, end, self._number, self._seller, self._buyer, self._price, self._margin,
            self._fee, self._held_seller, self._held_buyer,
        )  # fmt: skip
        for number, sells, buys, price, margin, fee, held_seller, held_buyer in columns:
            seller, buyer = account_of(sells), account_of(buys)
            if price:
                yield Posting(tick, period, number, "price", buyer, seller, price)
            if margin:
                yield Posting(tick, period, number, "mechanism", OPERATOR, seller, margin)
            if fee:
                yield Posting(tick, period, number, "transport", buyer, DSO, fee)
            if held_seller:
                yield Posting(tick, period, number, "released", COLLATERAL, seller, held_seller)
            if held_buyer:
                yield Posting(tick, period, number, "released", COLLATERAL, buyer, held_buyer)

    def outcomes(self, begin: int, end: int) -> Iterator[Outcome]:
        """Each contract delivered."""
        contracts = self._of.contracts[begin:end]
        for contract, energy, price, fee in zip(
            contracts, self._energy[begin:end], self._price[begin:end], self._fee[begin:end],
            strict=True,
        ):  # fmt: skip
            yield Outcome(contract, "delivered", energy, energy, 0, price, price, fee, 0, 0, 0, 0)

    @staticmethod
    def _cut(begin: int, end: int, *columns: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        return zip(*(column[begin:end] for column in columns), strict=True)


def _money(price_ticks: Ints, milliwh: Ints) -> list[int]:
    """Price times energy, as :func:`market.delivery.rules.money` rounds it. [µ€]"""
    money: list[int] = ((price_ticks * milliwh + 500) // 1000).tolist()
    return money
