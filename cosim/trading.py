"""The market side of a run: fees, orders on record, clearings that become contracts."""

from __future__ import annotations

from typing import Any

import numpy as np

from market.book import Clearing, Mechanism, Orders
from market.charges import Charges
from market.contract import Clock as ContractClock
from market.cover import LpdStorage
from market.ledger import Ledger
from market.life import TransactionLoop
from market.pairing import pair_trades
from market.promises import ClearingError, check_clearing
from market.rules import Terms
from scenarios.plugins import build_mechanism
from scenarios.resolve import ResolvedScenario
from scenarios.schema_market import to_ticks

from .box import Log
from .meters_sim import Alarm


class Trading:
    """What a run's market has cleared, and the loop that its contracts live in.

    Parameters
    ----------
    resolved : ResolvedScenario
    charges : Charges
        What trades pay for transport.
    ledger : Ledger
    log : callable
        Takes a mosaik time, what happened, and details by name.
    """

    def __init__(
        self, resolved: ResolvedScenario, charges: Charges, ledger: Ledger, log: Log
    ) -> None:
        self._names = tuple(peer.name for peer in resolved.peers)
        self._charges, self._log, self._gate_ticks = charges, log, resolved.gate_ticks
        self.terms, self._lpd = terms(resolved), resolved.peers[-1]
        one_way = self._lpd.battery_efficiency**0.5
        self._efficiency = one_way
        self.loop = TransactionLoop(
            self._names,
            ContractClock(resolved.ticks_per_period, resolved.dt_s),
            terms=self.terms,
            ledger=ledger,
            fee_ticks=charges.matrix(),
            lpd=LpdStorage(ramp_kw_per_s=self._lpd.ramp_kw_per_s, efficiency=one_way),
            islanded=resolved.scenario.island is not None,
            now=-resolved.gate_ticks,
        )
        self.periods: list[dict[str, Any]] = []
        self.orders: list[dict[str, Any]] = []

    def conclude(self, tick: int, period: int, orders: Orders, clearing: Clearing) -> None:
        """Make contracts of a clearing: tokens for offers, pairs by least total fee."""
        trades = pair_trades(clearing, orders, self._charges)
        self.loop.offers(tick, period, orders)
        self.loop.conclude(tick, period, trades)
        self._record(tick, period, orders, clearing)
        self._log(
            tick + self._gate_ticks,
            "market_cleared",
            period=period,
            price_ticks=clearing.price_ticks,
            volume_wh=sum(trade.energy_wh for trade in trades),
            contracts=len(trades),
        )

    def stores(self, alarm: Alarm) -> None:
        """Tell the loop what the LPD's storage can give and take."""
        soc = float(alarm.soc[-1])
        capacity_kwh = self._lpd.battery_kwh
        self.loop.lpd_state(
            soc * capacity_kwh * self._efficiency,
            self._lpd.battery_kw,
            room_kwh=(1.0 - soc) * capacity_kwh / self._efficiency,
        )

    def _record(self, tick: int, period: int, orders: Orders, clearing: Clearing) -> None:
        buys, filled_wh = orders.is_buy, clearing.filled_wh
        self.periods.append(
            {
                "period": period,
                "gate_tick": tick,
                "price_ticks": clearing.price_ticks,
                "volume_wh": int(filled_wh[buys].sum()),
                "offers_wh": int(orders.energy_wh[~buys].sum()),
                "requests_wh": int(orders.energy_wh[buys].sum()),
                "retail_ticks": self.terms.retail_ticks,
                "feed_in_ticks": self.terms.feed_in_ticks,
                "lpd_sell_ticks": self.terms.lpd_sell_ticks,
                "lpd_buy_ticks": self.terms.lpd_buy_ticks,
            }
        )
        for order, filled in zip(orders, np.asarray(filled_wh).tolist(), strict=True):
            self.orders.append(
                {
                    "order_id": order.order_id,
                    "period": period,
                    "peer": order.peer,
                    "side": order.side,
                    "price_ticks": order.price_ticks,
                    "energy_wh": order.energy_wh,
                    "arrival": tick,
                    "filled_wh": filled,
                }
            )

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Everything of the market that is recorded, as plain rows."""
        return {"periods": self.periods, "orders": self.orders, **self.loop.tables()}


def terms(resolved: ResolvedScenario) -> Terms:
    """Tariffs and parameters of settlement in the units of the ledger."""
    tariffs, spec = resolved.scenario.market.tariffs, resolved.scenario.settlement
    return Terms(
        retail_ticks=to_ticks(tariffs.retail_eur_per_kwh),
        feed_in_ticks=to_ticks(tariffs.feed_in_eur_per_kwh),
        lpd_sell_ticks=to_ticks(spec.lpd_sell_eur_per_kwh),
        lpd_buy_ticks=to_ticks(spec.lpd_buy_eur_per_kwh),
        stability_fee_ticks=to_ticks(spec.stability_fee_eur_per_kwh),
        compensation_ticks=to_ticks(spec.compensation_eur_per_kwh),
        collateral_percent=spec.collateral_percent,
        dead_band_permille=spec.dead_band_permille,
        dead_band_milliwh=1000 * spec.dead_band_wh,
        guarantee_fund_ueur=round(1e6 * spec.guarantee_fund_eur),
    )


def mechanism(resolved: ResolvedScenario) -> Mechanism:
    """The market mechanism that the scenario names, with its options, held to its promises."""
    market = resolved.scenario.market
    made: Mechanism = build_mechanism(market.mechanism, market.options, resolved.file.parent)
    return _Held(made, market.mechanism)


class MechanismFailed(ValueError):
    """A market mechanism raised or broke a promise that every mechanism makes; mend it."""


class _Held:
    """Somebody's mechanism: its clearings are checked, and it is named when they are wrong."""

    def __init__(self, of: Mechanism, name: str) -> None:
        self._of, self._name, self.Options = of, name, of.Options

    def clear(self, orders: Orders) -> Clearing:
        try:
            clearing = self._of.clear(orders)
            check_clearing(orders, clearing)
        except ClearingError as broken:
            raise self._failed("; ".join(broken.faults)) from broken
        except Exception as fault:  # whatever a user's own file raises
            raise self._failed(f"{type(fault).__name__}: {fault}") from fault
        return clearing

    def _failed(self, why: str) -> MechanismFailed:
        return MechanismFailed(f"market mechanism {self._name}: {why}")
