"""Clear a book or an order file in one line, and ask what came of it.

>>> from market import Order, clear
>>> done = clear([Order(1, "anna", "buy", 300, 500), Order(2, "farm", "sell", 100, 800)])
>>> done.price_ticks, done.gains.total_ueur
(200, 100000)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from importlib import import_module
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from .billing.rule import BillingError, Bills, Rule, Tariffs, check_bills, status_quo_ueur
from .book import Clearing, Mechanism, Order, Orders, Trade
from .gains import Gains, benefit_over_tariffs, gains_from_trade
from .known import MECHANISMS
from .network.charges import Charges, uniform_charges
from .network.pairing import pair_trades
from .order_file import read_orders
from .promises import ClearingError, check_clearing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Cleared", "ClearedPeriod", "Shared", "clear", "clear_file", "share", "share_file"]

Ints = NDArray[np.int64]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class ClearedPeriod:
    """One period's book, what the mechanism decided, and who trades with whom."""

    orders: Orders
    clearing: Clearing
    trades: tuple[Trade, ...]
    gains: Gains


@dataclass(frozen=True)
class Cleared:
    """What a mechanism made of a book, period by period.

    Attributes
    ----------
    periods : mapping of int to ClearedPeriod
        Ascending.
    """

    periods: Mapping[int, ClearedPeriod]

    @property
    def trades(self) -> list[Trade]:
        """Who trades with whom, period after period."""
        return [trade for one in self.periods.values() for trade in one.trades]

    @property
    def prices_ticks(self) -> dict[int, int | None]:
        """The one price of each period; None where nothing trades or prices differ. [µ€/Wh]"""
        return {period: one.clearing.price_ticks for period, one in self.periods.items()}

    @property
    def price_ticks(self) -> int | None:
        """The one price of all trades; None where nothing trades or prices differ. [µ€/Wh]"""
        found = {one.clearing.price_ticks for one in self.periods.values() if one.trades}
        return found.pop() if len(found) == 1 else None

    @property
    def price(self) -> float | None:
        """The same in €/kWh."""
        return None if self.price_ticks is None else self.price_ticks / 1000

    @property
    def surplus_ueur(self) -> int:
        """What the operator keeps of payments, or adds where it is negative. [µ€]"""
        return sum(one.clearing.surplus_ueur for one in self.periods.values())

    @cached_property
    def gains(self) -> Gains:
        """Who gains what, all periods together."""
        return reduce(add, (one.gains for one in self.periods.values()))

    def benefit_ueur(self, tariffs: Tariffs) -> Ints:
        """What each peer gains over buying and selling the same energy at the tariffs. [µ€]"""
        return cast(
            Ints,
            sum(
                benefit_over_tariffs(
                    one.orders,
                    one.clearing,
                    one.trades,
                    retail_ticks=tariffs.retail_ticks,
                    feed_in_ticks=tariffs.feed_in_ticks,
                )
                for one in self.periods.values()
            ),
        )

    def trade_rows(self) -> Rows:
        """Every trade as a row of a table."""
        return [
            {
                "period": period,
                "seller": trade.seller,
                "buyer": trade.buyer,
                "energy_wh": trade.energy_wh,
                "price_ticks": trade.price_ticks,
                "receipt_ticks": (
                    trade.price_ticks if trade.receipt_ticks is None else trade.receipt_ticks
                ),
                "fee_ticks": trade.fee_ticks,
                "sell_order_id": trade.sell_order_id,
                "buy_order_id": trade.buy_order_id,
            }
            for period, one in self.periods.items()
            for trade in one.trades
        ]

    def order_rows(self) -> Rows:
        """Every order as a row: what it asked for, and what came of it."""
        return [
            {
                "period": period,
                "order_id": order.order_id,
                "peer": order.peer,
                "side": order.side,
                "limit_ticks": order.price_ticks,
                "energy_wh": order.energy_wh,
                "filled_wh": filled,
                "money_ueur": money,
            }
            for period, one in self.periods.items()
            for order, filled, money in zip(
                one.orders,
                one.clearing.filled_wh.tolist(),
                one.clearing.order_money_ueur().tolist(),
                strict=True,
            )
        ]

    def gain_rows(self, tariffs: Tariffs | None = None) -> Rows:
        """Every peer as a row: what it gains, and with tariffs what it gains over them."""
        gains = self.gains
        columns = {
            "bought_ueur": gains.bought_ueur,
            "sold_ueur": gains.sold_ueur,
            "fee_ueur": gains.fee_ueur,
            "subscription_ueur": gains.subscription_ueur,
            "gain_ueur": gains.peer_ueur,
        }
        if tariffs is not None:
            columns["benefit_ueur"] = self.benefit_ueur(tariffs)
        return _rows(gains.peers, columns)

    def trades_frame(self) -> pd.DataFrame:
        """`trade_rows` as a DataFrame."""
        return _frame(self.trade_rows())

    def orders_frame(self) -> pd.DataFrame:
        """`order_rows` as a DataFrame."""
        return _frame(self.order_rows())

    def gains_frame(self, tariffs: Tariffs | None = None) -> pd.DataFrame:
        """`gain_rows` as a DataFrame."""
        return _frame(self.gain_rows(tariffs))


@dataclass(frozen=True)
class Shared:
    """What a rule made of metered energies, period by period.

    Attributes
    ----------
    peers : tuple of str
    net_milliwh : mapping of int to (n_peers,) int64 array
        Metered net injection of each period. [mWh]
    bills : mapping of int to Bills
        The rule's bills of each period.
    status_quo_ueur : (n_peers,) int64 array
        What each peer would get in all periods from the supplier alone. [µ€]
    """

    peers: tuple[str, ...]
    net_milliwh: Mapping[int, Ints]
    bills: Mapping[int, Bills]
    status_quo_ueur: Ints

    @property
    def prices(self) -> dict[int, Mapping[str, float]]:
        """Prices that the rule found in each period. [µ€/Wh]"""
        return {period: bills.prices for period, bills in self.bills.items()}

    @property
    def receives_ueur(self) -> Ints:
        """What each peer gets in all periods, negative: pays. [µ€]"""
        return cast(Ints, sum(bills.receives_ueur for bills in self.bills.values()))

    @property
    def benefit_ueur(self) -> Ints:
        """What each peer gains over the status quo. [µ€]"""
        return self.receives_ueur - self.status_quo_ueur

    def gain_rows(self) -> Rows:
        """Every peer as a row: what it exchanged, gets, and gains over the status quo."""
        return _rows(
            self.peers,
            {
                "net_milliwh": cast(Ints, sum(self.net_milliwh.values())),
                "inside_milliwh": cast(Ints, sum(b.inside_milliwh for b in self.bills.values())),
                "receives_ueur": self.receives_ueur,
                "benefit_ueur": self.benefit_ueur,
            },
        )

    def gains_frame(self) -> pd.DataFrame:
        """`gain_rows` as a DataFrame."""
        return _frame(self.gain_rows())


def clear(
    orders: Orders | Iterable[Order],
    mechanism: str | Mechanism = "uniform_price",
    *,
    options: Mapping[str, Any] | None = None,
    charges: Charges | None = None,
) -> Cleared:
    """Clear a book, each of its periods by itself, and hold the mechanism to its promises.

    Parameters
    ----------
    orders : Orders or iterable of Order
    mechanism : str or Mechanism
        A known name, or a mechanism of one's own.
    options : mapping, optional
        Of a mechanism that is known by name.
    charges : Charges, optional
        Network charges, places as in ``orders.peers``; else those of the book, else none.

    Raises
    ------
    OrderError, ClearingError, PairingError
        Orders that cannot be cleared; a mechanism that breaks its promises.
    ValueError
        An unknown name; a rule, which settles on meters: `share` is for those.
    """
    book = orders if isinstance(orders, Orders) else Orders.of(orders)
    made = build(mechanism, options)
    if not isinstance(made, Mechanism):
        raise ValueError(f"{mechanism} settles on meters and clears no orders; use share")
    if charges is not None:
        book = book.with_charges(charges)
    periods = book.periods or (0,)  # an empty book clears to nothing
    return Cleared({period: _cleared(book.for_period(period), made) for period in periods})


def clear_file(
    file: str | Path,
    mechanism: str | Mechanism = "uniform_price",
    *,
    options: Mapping[str, Any] | None = None,
    charges: Charges | None = None,
) -> Cleared:
    """Clear an order file; see `read_orders` and `clear`."""
    return clear(read_orders(file), mechanism, options=options, charges=charges)


def share(
    orders: Orders | Iterable[Order],
    rule: str | Rule = "mid_market_rate",
    *,
    tariffs: Tariffs,
    options: Mapping[str, Any] | None = None,
) -> Shared:
    """Share the bills of metered energies by a rule, each period by itself.

    Parameters
    ----------
    orders : Orders or iterable of Order
        Read as meters: a sell order is energy injected, a buy order energy withdrawn; a peer's
        net is what counts, and limits say nothing.
    rule : str or Rule
    tariffs : Tariffs
        The supplier's. [µ€/Wh]
    options : mapping, optional
        Of a rule that is known by name.

    Raises
    ------
    BillingError, ClearingError
        Meters or tariffs that cannot be billed; a rule that breaks its promises.
    ValueError
        An unknown name; a mechanism, which clears orders: `clear` is for those.
    """
    book = orders if isinstance(orders, Orders) else Orders.of(orders)
    made = build(rule, options)
    if not isinstance(made, Rule):
        raise ValueError(f"{rule} clears orders and settles nothing on meters; use clear")
    net = {period: _net_milliwh(book.for_period(period)) for period in book.periods or (0,)}
    meet = getattr(made, "meet", None)
    if meet is not None:
        meet(book.peers, np.zeros(len(book.peers)))
    bills = {period: made.share(meters, tariffs) for period, meters in net.items()}
    for period, meters in net.items():
        _hold_to_promises(meters, tariffs, bills[period], book.peers)
    alone = cast(Ints, sum(status_quo_ueur(meters, tariffs) for meters in net.values()))
    return Shared(book.peers, net, bills, alone)


def share_file(
    file: str | Path,
    rule: str | Rule = "mid_market_rate",
    *,
    tariffs: Tariffs,
    options: Mapping[str, Any] | None = None,
) -> Shared:
    """Share the bills of the metered energies in an order file; see `share`."""
    return share(read_orders(file), rule, tariffs=tariffs, options=options)


def build(mechanism: str | Mechanism | Rule, options: Mapping[str, Any] | None = None) -> Any:
    """Give a mechanism or rule that is known by name, or the one given."""
    if not isinstance(mechanism, str):
        return mechanism
    if mechanism not in MECHANISMS:
        raise ValueError(f"no mechanism {mechanism!r}; known: {', '.join(MECHANISMS)}")
    module, _, name = MECHANISMS[mechanism].partition(":")
    found: Callable[[Any], Any] = getattr(import_module(module), name)
    return found(cast(Any, found).Options.model_validate(dict(options or {})))


def _cleared(orders: Orders, mechanism: Mechanism) -> ClearedPeriod:
    clearing = mechanism.clear(orders)
    check_clearing(orders, clearing)
    charges = orders.charges or uniform_charges(len(orders.peers), 0)
    trades = tuple(pair_trades(clearing, orders, charges))
    return ClearedPeriod(orders, clearing, trades, gains_from_trade(orders, clearing, trades))


def _hold_to_promises(net: Ints, tariffs: Tariffs, bills: Bills, peers: tuple[str, ...]) -> None:
    """Tell a rule that breaks its promises from meters that cannot be billed."""
    try:
        check_bills(net, tariffs, bills, peers)
    except BillingError as broken:
        raise ClearingError(broken.faults) from None


def _net_milliwh(orders: Orders) -> Ints:
    net = np.zeros(len(orders.peers), dtype=np.int64)
    np.add.at(net, orders.peer_index, np.where(orders.is_buy, -1000, 1000) * orders.energy_wh)
    return net


def _rows(peers: tuple[str, ...], columns: Mapping[str, Ints]) -> Rows:
    told = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [
        {"peer": peer, **dict(zip(columns, values, strict=True))}
        for peer, values in zip(peers, told, strict=True)
    ]


def _frame(rows: Rows) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)
