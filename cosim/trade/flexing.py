"""Flexibility in a run: what peers have left at a gate is bid, ordered, proven and paid."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from math import ceil, floor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from market.billing.rule import Tariffs
from market.delivery.contract import Clock, Segment
from market.delivery.dues import account_of
from market.flexibility import Answer, Incentive, Proof, Sites, leftover, payments, prove
from models.managers.energy_manager import Prospects
from scenarios.resolve import ResolvedScenario
from scenarios.schema_flexibility import FlexibilityCallSpec, FlexibilitySpec
from scenarios.schema_market import to_ticks

from ..boxes.box import FloatArray
from ..boxes.operator_light import TrafficLight

__all__ = ["Flexing", "Payment"]

IntArray = npt.NDArray[np.int64]

Payment = tuple[str, str, str, int]
"""Reason, who pays, who gets, how much. [µ€]"""


class _Ordered(NamedTuple):
    """What was bid in a period, and against which references it is proven. [Wh]"""

    sites: Sites
    incentives: list[Incentive]
    answer: Answer
    reference_wh: IntArray


class Flexing:
    """The operators' desk: asks peers at each gate, and holds them to their meters afterwards.

    A peer's *reference* is what it declared at the gate: its contracts, or its forecast where it
    has none. Up comes from nobody who buys and down from nobody who sells, so that a move is
    never the failure of a contract. What peers get is beside what the supplier pays or asks for
    the same energy.

    Parameters
    ----------
    resolved : ResolvedScenario
    spec : FlexibilitySpec
    prospects : callable
        What peers can give and take in a period.
    expected_wh : callable
        Net injection of every peer in a period, as it is forecast. (n_peers,) [Wh]
    light : TrafficLight, optional
        Where calls wait for yellow.
    """

    def __init__(
        self,
        resolved: ResolvedScenario,
        spec: FlexibilitySpec,
        prospects: Callable[[int], Prospects],
        expected_wh: Callable[[int], FloatArray],
        light: TrafficLight | None = None,
    ) -> None:
        self._light = light
        self._spec, self._prospects, self._expected_wh = spec, prospects, expected_wh
        self._names = tuple(peer.name for peer in resolved.peers[:-1])
        self._clock = Clock(resolved.ticks_per_period, resolved.dt_s)
        tariffs = resolved.scenario.market.tariffs
        self._tariffs = Tariffs(
            to_ticks(tariffs.retail_eur_per_kwh), to_ticks(tariffs.feed_in_eur_per_kwh)
        )
        start, length = resolved.scenario.time.start, resolved.scenario.market.period
        self._windows = [
            range(first, first + call.duration.in_ticks(length))
            for call in spec.calls
            for first in [call.at.after(start).in_ticks(length)]
        ]
        of = {peer: operator for operator, peers in spec.members.items() for peer in peers}
        self._operators = tuple(of.get(name, "dso") for name in self._names)
        self._ordered: dict[int, _Ordered] = {}
        self.rows: list[dict[str, Any]] = []

    @property
    def operators(self) -> tuple[str, ...]:
        """Who pays."""
        return tuple(dict.fromkeys(call.operator for call in self._spec.calls))

    def answer(
        self, period: int, net_wh: Mapping[str, int], barred: Collection[str]
    ) -> dict[str, Segment]:
        """Have peers bid what the market left them; give what each moves on top of its contracts.

        Parameters
        ----------
        period : int
        net_wh : mapping of str to int
            Contracted injection of those who have contracts. [Wh]
        barred : collection of str
            Peers for whose injection the grid has no room left.
        """
        green = self._light is None or self._light.light == 0
        calls = [
            call
            for call, window in zip(self._spec.calls, self._windows, strict=True)
            if period in window and not (call.when == "yellow" and green)
        ]
        if not calls:
            return {}
        incentives = [self._incentive(call) for call in calls if call.operator in self._operators]
        reference_wh, sites = self._sites(period, net_wh, barred)
        found = leftover(sites, incentives)
        self._ordered[period] = _Ordered(sites, incentives, found, reference_wh)
        moved = sum(
            (bid[:, 0] if of.direction == "up" else -bid[:, 0])
            for of, bid in zip(incentives, found.bids, strict=True)
        ) + np.zeros(len(sites), dtype=np.int64)
        self._refuse(period, found)
        return {
            self._names[i]: self._segment(period, i, int(moved[i]), net_wh, reference_wh)
            for i in np.flatnonzero(moved).tolist()
        }

    def settle(self, period: int, net_milliwh: Sequence[int] | IntArray) -> list[Payment]:
        """Prove a period's bids by its meters; give what operators and peers pay each other."""
        ordered = self._ordered.pop(period, None)
        if ordered is None:
            return []
        metered = np.asarray(net_milliwh, dtype=np.int64)[: len(self._names), None]
        reference = 1000 * ordered.reference_wh[:, None]
        proofs = prove(ordered.incentives, ordered.answer.bids, reference, metered)
        accounts = tuple(map(account_of, self._names))
        paid: list[Payment] = []
        for proof in proofs:
            made = payments(proof, accounts, proof.incentive.operator, rule=self._spec.share)
            paid += [(one.reason, one.debit, one.credit, one.amount_ueur) for one in made]
            self._record(period, proof, reference, metered, paid[-len(made) :] if made else [])
        return paid

    def _incentive(self, call: FlexibilityCallSpec) -> Incentive:
        """Say what a call asks in one period, in whole Wh."""
        hours = 1000.0 * self._clock.period_h
        return Incentive(
            name=call.name,
            operator=call.operator,
            direction=call.direction,
            price_ticks=to_ticks(call.price_eur_per_kwh),
            wanted_wh=max(floor(call.volume_kw * hours + 1e-6), 1),
            first=0,
            periods=1,
            minimum_wh=ceil(call.minimum_kw * hours - 1e-6),
            site_minimum_wh=ceil(call.peer_minimum_kw * hours - 1e-6),
            penalty_ticks=to_ticks(call.penalty_eur_per_kwh),
        )

    def _sites(
        self, period: int, net_wh: Mapping[str, int], barred: Collection[str]
    ) -> tuple[IntArray, Sites]:
        """Say what peers declare, and what of stores and appliances no contract has taken."""
        n = len(self._names)
        known = self._prospects(period)
        forecast = np.rint(self._expected_wh(period)[:n]).astype(np.int64)
        bound = np.array([name in net_wh for name in self._names])
        contracted = np.array([net_wh.get(name, 0) for name in self._names], dtype=np.int64)
        reference = np.where(bound, contracted, forecast)
        used = reference - forecast  # given by stores above the forecast, or taken by them
        more, less = known.stored_wh + known.less_wh, known.room_wh + known.more_wh
        up = np.maximum(more[:n] - np.maximum(used, 0), 0)
        down = np.maximum(less[:n] - np.maximum(-used, 0), 0)
        up[(contracted < 0) | np.array([name in barred for name in self._names])] = 0
        down[contracted > 0] = 0
        stored = to_ticks(self._spec.stored_eur_per_kwh)
        sold, drawn = self._tariffs.feed_in_ticks, self._tariffs.retail_ticks
        return reference, Sites(
            names=self._names,
            operators=self._operators,
            net_wh=reference[:, None],
            up_wh=up[:, None],
            down_wh=down[:, None],
            up_ticks=stored - np.where(reference >= 0, sold, drawn),
            down_ticks=np.where(reference > 0, sold, drawn) - stored,
            up_total_wh=up,
            down_total_wh=down,
        )

    def _segment(
        self,
        period: int,
        peer: int,
        moved_wh: int,
        net_wh: Mapping[str, int],
        reference_wh: IntArray,
    ) -> Segment:
        """Spread a move over its period; who has no contract is steered along its forecast too."""
        bound = self._names[peer] in net_wh
        energy_wh = moved_wh + (0 if bound else int(reference_wh[peer]))
        start, end = self._clock.start(period), self._clock.end(period)
        return Segment(start, end, energy_wh / (1000.0 * self._clock.period_h))

    def _refuse(self, period: int, found: Answer) -> None:
        self.rows += [
            _row(period, one.incentive, one.site, reason=one.reason) for one in found.refusals
        ]

    def _record(
        self,
        period: int,
        proof: Proof,
        reference: IntArray,
        metered: IntArray,
        paid: Sequence[Payment],
    ) -> None:
        of = proof.incentive
        for i in np.flatnonzero(proof.bid_milliwh[:, 0]).tolist():
            account = account_of(self._names[i])
            self.rows.append(
                _row(
                    period,
                    of.name,
                    self._names[i],
                    operator=of.operator,
                    direction=of.direction,
                    price_ticks=of.price_ticks,
                    penalty_ticks=of.penalty_ticks,
                    bid_wh=int(proof.bid_milliwh[i, 0]) // 1000,
                    reference_milliwh=int(reference[i, 0]),
                    metered_milliwh=int(metered[i, 0]),
                    delivered_milliwh=int(proof.delivered_milliwh[i, 0]),
                    earned_ueur=sum(
                        (p[3] if p[2] == account else -p[3])
                        for p in paid
                        if p[0] == "flexibility" and account in p[1:3]
                    ),
                    penalty_ueur=int(proof.penalties_ueur[i]),
                )
            )


def _row(period: int, call: str, peer: str, **told: Any) -> dict[str, Any]:
    """Give a row of the table ``flexibility``: a bid and what came of it, or why there is none."""
    numbers = dict.fromkeys(
        (
            "bid_wh",
            "price_ticks",
            "penalty_ticks",
            "reference_milliwh",
            "metered_milliwh",
            "delivered_milliwh",
            "earned_ueur",
            "penalty_ueur",
        ),
        0,
    )
    words = {"operator": "", "direction": "", "reason": ""}
    return {"period": period, "call": call, "peer": peer, **numbers, **words, **told}
