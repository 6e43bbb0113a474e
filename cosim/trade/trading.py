"""The market side of a run: orders on record, clearings that become contracts, periods settled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from market.billing.rule import Rule
from market.book import Clearing, Order, Orders, Trade
from market.communication import Courier
from market.delivery.carriage import Ideal
from market.delivery.contract import Clock as ContractClock
from market.delivery.contract import Segment
from market.delivery.cover import LpdStorage
from market.delivery.disputes import Dispute
from market.delivery.ledger import Ledger
from market.delivery.life import TransactionLoop
from market.network.charges import Charges
from market.network.pairing import pair_trades
from scenarios.resolve import ResolvedScenario

from ..boxes.box import FloatArray, Log
from ..boxes.members import away_from, membership
from ..boxes.meters import Alarm, Closing
from ..boxes.operating import curtailment_rows, operates
from .admitting import Admitting
from .agreeing import Paths, procedure_of
from .contesting import Contesting
from .flexing import Flexing
from .forward import Forward
from .negotiating import negotiation_rows, negotiation_told
from .pricing import Pricing, failed, rules, terms


class Trading:
    """What a run's market has cleared, and the loop that its contracts live in.

    Parameters
    ----------
    resolved : ResolvedScenario
    pricing : HeldMechanism or Rule
        What prices the energy.
    charges : Charges
        What trades pay for transport.
    admitting : Admitting or None
        Who admits trades as far as the grid can carry them; None: all are admitted.
    ledger : Ledger
    log : callable
        Takes a mosaik time, what happened, and details by name.
    paths : callable
        Buses that energy passes from a seller to a buyer.
    courier : Courier, optional
        Who carries messages; unless given, all arrive at once.
    flexing : Flexing, optional
        Where operators call for flexibility.
    forward : Forward, optional
        The market of blocks; what stands there is agreed with the rest of its period.
    """

    def __init__(
        self,
        resolved: ResolvedScenario,
        pricing: Pricing,
        charges: Charges,
        admitting: Admitting | None,
        ledger: Ledger,
        log: Log,
        paths: Paths,
        courier: Courier | None = None,
        flexing: Flexing | None = None,
        forward: Forward | None = None,
    ) -> None:
        self._forward = forward
        self._mechanism = resolved.scenario.market.mechanism
        self._admitting, self._flexing = admitting, flexing
        self._names = tuple(peer.name for peer in resolved.peers)
        self._charges, self._log, self._gate_ticks = charges, log, resolved.gate_ticks
        self.terms, self._lpd = terms(resolved), resolved.peers[-1]
        one_way = self._lpd.battery_efficiency**0.5
        self._efficiency = one_way
        self.loop = TransactionLoop(
            self._names,
            ContractClock(resolved.ticks_per_period, resolved.dt_s),
            terms=self.terms,
            rules=rules(resolved),
            ledger=ledger,
            fee_ticks=charges,
            lpd=LpdStorage(ramp_kw_per_s=self._lpd.ramp_kw_per_s, efficiency=one_way),
            islanded=_begins_alone(resolved),
            now=-resolved.gate_ticks,
            rule=pricing if isinstance(pricing, Rule) else None,
            procedure=procedure_of(resolved, self.terms, courier or Ideal(), paths),
        )
        failures = [e.tick for e in resolved.events if e.kind == "lpd_failure"]
        self._lpd_fails_at = min(failures, default=None)
        self._courier = courier
        self._by_rule = isinstance(pricing, Rule)
        self._contesting = Contesting(resolved, by_contracts=not self._by_rule)
        self._resolved, self._members = resolved, membership(resolved)
        self.periods: list[dict[str, Any]] = []
        self.admission: list[dict[str, Any]] = []
        self.curtailments: list[dict[str, Any]] | None = [] if operates(resolved) else None
        self.orders: list[dict[str, Any]] = []
        self.levels: list[dict[str, Any]] = []
        self.negotiation: list[dict[str, Any]] = []

    def conclude(
        self, tick: int, period: int, orders: Orders, clearing: Clearing
    ) -> FloatArray | None:
        """Make contracts of a clearing: tokens for offers, pairs by least total fee.

        Returns
        -------
        (n_peers,) float64 array or None
            The most that each peer may inject in the period, where the grid did not admit all
            trades. [kW]
        """
        trades = pair_trades(clearing, orders, self._charges)
        if self._forward is not None:
            trades = self._forward.trades(period) + trades
            orders, clearing = self._forward.joined(period, orders, clearing)
        asked_wh, answer = sum(trade.energy_wh for trade in trades), None
        if self._admitting is not None:
            answer = self._admitting.judge(period, trades, orders)
            trades = answer.trades
            self.admission += answer.rows
        self.loop.offers(tick, period, orders)
        cut = answer.cut if answer else ()
        moves = self._moves(period, trades, cut)
        self.loop.conclude(tick, period, trades, barred={*cut, *moves})
        if moves:
            self.loop.activate(tick, period, moves)
        if clearing.subscriptions_ueur is not None:
            away = away_from(self._resolved, self._members, period)
            owed = zip(orders.peers, clearing.subscriptions_ueur.tolist(), strict=True)
            due = {peer: ueur for peer, ueur in owed if ueur and peer not in away}
            self.loop.subscribe(tick, period, due)
        self._record(tick, period, orders, clearing)
        if (account := clearing.negotiation) is not None:
            self.negotiation += negotiation_rows(period, account)
            told = negotiation_told(account)
            self._log(tick + self._gate_ticks, "market_negotiated", period=period, **told)
        self._log(
            tick + self._gate_ticks,
            "market_cleared",
            period=period,
            price_ticks=clearing.price_ticks,
            volume_wh=asked_wh,
            contracts=len(trades),
            **({} if answer is None else {"cut_wh": asked_wh - sum(t.energy_wh for t in trades)}),
        )
        return answer.caps_kw if answer is not None and answer.cut else None

    def _moves(
        self, period: int, trades: Iterable[Trade], cut: Collection[str]
    ) -> dict[str, Segment]:
        """Have peers answer operators with what these trades leave them."""
        if self._flexing is None:
            return {}
        net_wh: dict[str, int] = defaultdict(int)
        for trade in trades:
            net_wh[trade.seller] += trade.energy_wh
            net_wh[trade.buyer] -= trade.energy_wh
        return self._flexing.answer(period, net_wh, cut)

    def settle(self, tick: int, closing: Closing) -> None:
        """Settle a period from its meters: by its contracts, or by the rule.

        Raises
        ------
        MechanismFailed
            A rule raised or broke a promise; it is named.
        """
        closing = self._contesting.shown(tick, closing)
        self.loop.sit_out(closing.period, away_from(self._resolved, self._members, closing.period))
        try:
            self.loop.close_period(
                tick, closing.period, closing.reading, losses_milliwh=closing.losses_milliwh
            )
        except Exception as fault:  # whatever a user's own rule raises
            if not self._by_rule:
                raise
            raise failed(self._mechanism, f"{type(fault).__name__}: {fault}") from fault
        if self.curtailments is not None:
            self.curtailments += self._curtailed(closing)
        if self._flexing is not None:
            paid = self._flexing.settle(closing.period, closing.reading.net_milliwh)
            self.loop.pay(tick, closing.period, paid)

        for dispute in self._contesting.hear(tick, self.loop):
            self._log(tick + self._gate_ticks, "dispute_decided", **_said(dispute))

    def _curtailed(self, closing: Closing) -> list[dict[str, Any]]:
        """Note what the operator kept from flowing in a period."""
        sold = self.loop.sold_milliwh(closing.period)
        return curtailment_rows(closing.period, closing.reading, self._names, sold)

    def stores(self, tick: int, alarm: Alarm) -> None:
        """Tell the loop what the LPD's storage can give and take; nothing once it has failed."""
        soc = float(alarm.soc[-1])
        capacity_kwh = self._lpd.battery_kwh
        works = self._lpd_fails_at is None or tick < self._lpd_fails_at
        self.loop.lpd_state(
            soc * capacity_kwh * self._efficiency,
            self._lpd.battery_kw if works else 0.0,
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
        self.levels += [
            {
                "period": period,
                "level": level.group,
                "depth": level.depth,
                "offered_wh": level.offered_wh,
                "wanted_wh": level.wanted_wh,
                "balanced_wh": level.balanced_wh,
                "price_ticks": level.price_ticks,
            }
            for level in clearing.levels
        ]
        for order, filled in zip(orders, np.asarray(filled_wh).tolist(), strict=True):
            self.orders.append(
                {
                    "order_id": order.order_id,
                    "period": period,
                    "peer": order.peer,
                    "side": order.side,
                    "price_ticks": order.price_ticks,
                    "energy_wh": order.energy_wh,
                    "arrival": order.arrival,
                    "filled_wh": filled,
                    "premium_ticks": _premium_ticks(order),
                }
            )

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Everything of the market that is recorded, as plain rows."""
        gates = {"periods": self.periods, "orders": self.orders, "admission": self.admission}
        gates["levels"] = self.levels
        gates["negotiation"] = self.negotiation
        messages = {} if self._courier is None else {"messages": self._courier.rows}
        asked = {} if self._flexing is None else {"flexibility": self._flexing.rows}
        ahead = {} if self._forward is None else {"forward": self._forward.rows}
        if self.curtailments is not None:
            gates["curtailments"] = self.curtailments
        return gates | self.loop.tables() | messages | asked | ahead


def _begins_alone(resolved: ResolvedScenario) -> bool:
    """Whether nobody is above the village when the run begins."""
    island = resolved.scenario.island
    return island is not None and island.feeder is None


def _premium_ticks(order: Order) -> int:
    """The most that a buyer pays on top of its limit, for the kind that it likes best. [µ€/Wh]"""
    wishes = order.attributes.get("prefers") or ()
    return max((int(ticks) for _, ticks in wishes), default=0)


def _said(dispute: Dispute) -> dict[str, Any]:
    """What the event log says of a dispute."""
    row = dispute.row()
    return {name: row[name] for name in ("period", "peer", "state", "rule", "method", "because")}
