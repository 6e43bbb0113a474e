"""Plans who covers a called shortfall, and remembers what the LPD's storage has promised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from .contract import Clock, Contract, Segment, add_segments, energy_milliwh
from .cover import Call, Cover, Direction, Kind, LpdStorage, Plan, Spare, fit_energy, ramped
from .rules import Terms

__all__ = ["CoverPlanner"]

_LEAST_MILLIWH = 1000


class CoverPlanner:
    """Plans covers and remembers what the LPD's storage has already promised."""

    def __init__(
        self,
        clock: Clock,
        terms: Terms,
        storage: LpdStorage,
        fee_ticks: Callable[[str, str], int],
        *,
        lpd: str = "lpd",
    ) -> None:
        self._clock, self._terms, self._storage, self._lpd = clock, terms, storage, lpd
        self._fee_ticks = fee_ticks
        self._energy_kwh = self._room_kwh = self._p_max_kw = 0.0
        self._promised: dict[Direction, list[Segment]] = {"cover": [], "absorb": []}

    def lpd_state(self, energy_kwh: float, p_max_kw: float, room_kwh: float) -> None:
        """Note what the LPD's storage holds, can take, and its power limit now."""
        self._energy_kwh, self._p_max_kw, self._room_kwh = energy_kwh, p_max_kw, room_kwh

    def plan(
        self, call: Call, contracts: Sequence[Contract], spares: Sequence[Spare], first_id: int
    ) -> list[Plan]:
        """Plan the cover of one peer's contracts, in the design's order.

        The missing power is split over the contracts by contracted energy.
        Plans below 1 Wh are left to the residual party.
        """
        plans: list[Plan] = []
        missing_kw: list[float] = []
        total_wh = sum(c.energy_wh for c in contracts)
        for contract in contracts:
            wanted_kw = call.missing_kw * contract.energy_wh / total_wh
            if call.direction == "cover":
                found = self._replacements(call, contract, spares, wanted_kw)
                wanted_kw -= sum(p.segments[0].p_kw for p in found)
                plans += found
            missing_kw.append(max(0.0, wanted_kw))
        plans += self._storage_plans(call, contracts, missing_kw)
        return [
            Plan(replace(plan.cover, cover_id=first_id + i), plan.segments)
            for i, plan in enumerate(plans)
        ]

    def _replacements(
        self, call: Call, contract: Contract, spares: Sequence[Spare], wanted_kw: float
    ) -> list[Plan]:
        """Take unsold offers: least ask plus longer path first, ties by name."""

        def extra(spare: Spare) -> int:
            fee_ticks = self._fee_ticks(spare.peer, contract.buyer)
            return spare.price_ticks + max(0, fee_ticks - contract.fee_ticks)

        plans: list[Plan] = []
        for spare in sorted(spares, key=lambda s: (extra(s), s.peer)):
            p_kw = min(wanted_kw, spare.left_kw)
            segments = (Segment(call.start_tick, call.end_tick, p_kw),)
            plan = self._as_plan(call, contract, "replacement", spare.peer, segments)
            if plan is None:
                continue
            fee_ticks = self._fee_ticks(spare.peer, contract.buyer)
            priced = replace(plan.cover, price_ticks=spare.price_ticks, fee_ticks=fee_ticks)
            plans.append(Plan(priced, segments))
            spare.left_kw -= p_kw
            wanted_kw -= p_kw
        return plans

    def _storage_plans(
        self, call: Call, contracts: Sequence[Contract], missing_kw: Sequence[float]
    ) -> list[Plan]:
        """Let the LPD's storage take what is left, within power, ramp and energy."""
        wanted_kw = sum(missing_kw)
        sign = 1.0 if call.direction == "cover" else -1.0
        p_kw = min(wanted_kw, self._free_kw(call))
        segments = ramped(
            call.start_tick,
            call.end_tick,
            sign * p_kw,
            dt_s=self._clock.dt_s,
            ramp_kw_per_s=self._storage.ramp_kw_per_s,
        )
        segments = fit_energy(segments, self._free_wh(call), self._clock.dt_s)
        if p_kw <= 0 or not segments:
            return []
        plans: list[Plan] = []
        for contract, part_kw in zip(contracts, missing_kw, strict=True):
            share = part_kw / wanted_kw
            part = tuple(Segment(s.start_tick, s.end_tick, s.p_kw * share) for s in segments)
            plan = self._as_plan(call, contract, "lpd", self._lpd, part)
            if plan is not None:
                plans.append(plan)
                self._promised[call.direction] += part
        return plans

    def _ahead(self, call: Call) -> list[Segment]:
        """What the storage has promised in this direction and still has to do."""
        ahead = [s for s in self._promised[call.direction] if s.end_tick > call.called_tick]
        self._promised[call.direction] = ahead
        return [replace(s, start_tick=max(s.start_tick, call.called_tick)) for s in ahead]

    def _free_kw(self, call: Call) -> float:
        """Power that is not promised yet. [kW]"""
        peak_kw = max((abs(s.p_kw) for s in add_segments(self._ahead(call))), default=0.0)
        return max(0.0, self._p_max_kw - peak_kw)

    def _free_wh(self, call: Call) -> float:
        """Energy or room that is not promised yet, from the call on. [Wh]"""
        held_kwh = self._energy_kwh if call.direction == "cover" else self._room_kwh
        promised_milliwh = energy_milliwh(self._ahead(call), self._clock.dt_s)
        return max(0.0, 1000 * held_kwh - promised_milliwh / 1000)

    def _as_plan(
        self,
        call: Call,
        contract: Contract,
        kind: Kind,
        party: str,
        segments: tuple[Segment, ...],
    ) -> Plan | None:
        planned = energy_milliwh(segments, self._clock.dt_s)
        if planned < _LEAST_MILLIWH:
            return None
        covers = call.direction == "cover"
        return Plan(
            Cover(
                cover_id=0,
                contract_id=contract.contract_id,
                period=contract.period,
                direction=call.direction,
                kind=kind,
                party=party,
                called_tick=call.called_tick,
                start_tick=segments[0].start_tick,
                end_tick=segments[-1].end_tick,
                planned_milliwh=planned,
                price_ticks=self._terms.lpd_sell_ticks if covers else self._terms.lpd_buy_ticks,
            ),
            segments,
        )
