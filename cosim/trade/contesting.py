"""Meters that show something else than what flows, and peers who contest what was shown.

A faulty meter is faulty from the beginning of a period. Disputes are heard when the period in
which they were raised has ended and is settled. What really flowed is known here alone: as what
the peer's own meter says, which it claims, and as what the busbar's meter shows.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from market.delivery.disputes import Dispute
from market.delivery.disputes_desk import Complaint
from market.delivery.disputes_evidence import Signature, reading_message
from market.delivery.life import TransactionLoop
from market.delivery.signing import KeyRing
from scenarios.resolve import ResolvedScenario
from scenarios.schema import PeerEvent

from ..boxes.meters import Closing

__all__ = ["Contesting"]

DRIFT = 0.1
"""How much too much a drifting meter shows unless the scenario says. [1]"""

SILENT = {"stuck": "register stands still", "missing": "no reading could be taken"}

DEFECTS = ("balance violated", "forged")
"""Rules by which a meter is found to be wrong, and stays so until it is sound again."""


class _Raised(NamedTuple):
    tick: int
    peer: str
    period: int
    claimed_milliwh: int | None


class Contesting:
    """What is wrong with a scenario's meters, and who contests it.

    Parameters
    ----------
    resolved : ResolvedScenario
        With no meter at fault, no dispute and every reading there, readings pass untouched and
        nothing is kept.
    by_contracts : bool
        Whether a period can be settled anew. Else a reading that was lost on its way counts as
        what the register holds.
    """

    def __init__(self, resolved: ResolvedScenario, *, by_contracts: bool = True) -> None:
        self._by_contracts, self._last_period = by_contracts, resolved.n_periods - 1
        self._names = tuple(peer.name for peer in resolved.peers)
        self._length, self._ring = resolved.ticks_per_period, KeyRing(resolved.seed)
        self._per_day = round(86_400 / (resolved.dt_s * resolved.ticks_per_period))
        self._faults: dict[str, list[tuple[int, PeerEvent]]] = {}
        self._raised: list[_Raised] = []
        time = resolved.scenario.time
        for event in resolved.scenario.events:
            if not isinstance(event, PeerEvent):
                continue
            tick = event.at.after(time.start).in_ticks(time.tick)
            if event.meter is not None:
                self._faults.setdefault(event.peer, []).append((tick // self._length, event))
            if event.dispute is not None:
                of, kwh = event.dispute.of, event.dispute.claimed_kwh
                about = tick if of is None else of.after(time.start).in_ticks(time.tick)
                period = about // self._length - (of is None)
                claimed = None if kwh is None else round(1e6 * kwh)
                self._raised.append(_Raised(tick, event.peer, period, claimed))
        self._raised.sort()
        self._parties = frozenset(one.peer for one in self._raised)
        self._true: dict[tuple[int, str], int] = {}
        self._arrived: dict[tuple[int, str], int] = {}
        self._busbar: dict[int, int] = {}
        self._missing: set[tuple[int, str]] = set()
        self._defective: dict[str, int] = {}
        self._signed: dict[tuple[int, str], bytes] = {}

    def shown(self, tick: int, closing: Closing) -> Closing:
        """Give what meters show of a period, faults included, and have the contested sign it.

        A reading that was lost on its way is 0 for now. It is contested of itself, so that a
        substitute takes its place: when the next period has a reading to go by, if there is one.
        """
        lost = closing.missing if self._by_contracts else ()
        if not (self._faults or self._parties or lost):
            return closing
        period, true = closing.period, closing.reading.net_milliwh
        self._busbar[period] = int(true.sum()) - closing.losses_milliwh
        net = true.copy()
        heard = tick + (period < self._last_period)
        for peer in lost:
            self._missing.add((period, peer))
            insort(self._raised, _Raised(heard, peer, period, None))
        for position, peer in enumerate(self._names):
            at_meter, net[position] = self._of_meter(period, peer, int(true[position]))
            if peer in lost:
                self._true[period, peer], net[position] = int(true[position]), 0
            elif peer in self._parties:
                self._true[period, peer] = int(true[position])
                self._arrived[period, peer] = int(net[position])
                message = reading_message(period, peer, at_meter)
                self._signed[period, peer] = self._ring.sign(f"meter {peer}", message)
        reading = replace(closing.reading, net_milliwh=np.asarray(net))
        return replace(closing, reading=reading)

    def hear(self, tick: int, loop: TransactionLoop) -> list[Dispute]:
        """Have the loop hear what was raised by now."""
        heard = []
        while self._raised and self._raised[0].tick <= tick:
            dispute = loop.dispute(tick, self._complaint(self._raised.pop(0)))
            if dispute.decision is not None and dispute.decision.rule in DEFECTS:
                self._defective.setdefault(dispute.peer, dispute.period)
            heard.append(dispute)
        return heard

    def _doubtful(self, period: int) -> frozenset[str]:
        """Whose readings of a period no sum check may rely on: silent, or found to be wrong."""
        silent = {peer for at, peer in self._missing if at == period}
        found = {peer for peer, since in self._defective.items() if since < period}
        return frozenset(silent | {peer for peer in found if self._fault(period, peer) is not None})

    def _of_meter(self, period: int, peer: str, true_milliwh: int) -> tuple[int, int]:
        """What a meter recorded, and what arrived of it. [mWh]"""
        fault = self._fault(period, peer)
        if fault is None:
            return true_milliwh, true_milliwh
        off = round(true_milliwh * (1 + (DRIFT if fault.drift is None else fault.drift)))
        if fault.meter == "drift":
            return off, off
        if fault.meter == "forged":
            return true_milliwh, off
        self._missing.add((period, peer))
        return 0, 0

    def _fault(self, period: int, peer: str) -> PeerEvent | None:
        events = [event for since, event in self._faults.get(peer, ()) if since <= period]
        return events[-1] if events and events[-1].meter != "sound" else None

    def _complaint(self, of: _Raised) -> Complaint:
        period, peer = of.period, of.peer
        fault, missing = self._fault(period, peer), (period, peer) in self._missing
        silent = SILENT.get(fault.meter or "") if fault is not None else None
        true = self._true.get((period, peer), 0)
        return Complaint(
            period=period,
            peer=peer,
            raised_tick=of.tick,
            claimed_milliwh=true if of.claimed_milliwh is None else of.claimed_milliwh,
            missing=missing,
            signature=self._signature(period, peer),
            busbar_milliwh=self._busbar.get(period),
            doubtful=self._doubtful(period) - {peer},
            doubtful_periods=frozenset(at for at, p in self._missing if p == peer and at != period),
            periods_per_day=self._per_day,
            log=() if silent is None else (silent,),
        )

    def _signature(self, period: int, peer: str) -> Signature:
        """Whether the meter signed what was settled by."""
        signed = self._signed.get((period, peer))
        if signed is None or (period, peer) in self._missing:
            return "none"
        message = reading_message(period, peer, self._arrived[period, peer])
        return "valid" if self._ring.verify(f"meter {peer}", message, signed) else "wrong"
