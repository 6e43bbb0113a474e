"""Who covers a shortfall, in the design's order, and how a cover is planned.

Own storage comes first and needs no plan: the peer's energy manager does it.
Then a replacement from unsold offers, then the LPD's storage, limited by
power, ramp and energy; the residual party takes what is left, unplanned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, NamedTuple

from .contract import Clock, Contract, Segment

__all__ = [
    "Call",
    "Cover",
    "Direction",
    "Kind",
    "LpdStorage",
    "Plan",
    "Spare",
    "call_for",
    "fit_energy",
    "own_cover",
    "ramped",
]

Direction = Literal["cover", "absorb"]
Kind = Literal["own", "replacement", "lpd", "supplier", "shed"]

_RAMP_STEPS = 4


@dataclass(frozen=True, slots=True)
class Cover:
    """Energy that stands in for a contract's: planned when called, settled from meters.

    `direction` is "cover" when the seller is short and "absorb" when the
    buyer does not take. Energies are positive. [mWh], [ticks of 1 µ€/Wh]
    """

    cover_id: int
    contract_id: int
    period: int
    direction: Direction
    kind: Kind
    party: str
    called_tick: int | None = None
    start_tick: int | None = None
    end_tick: int | None = None
    planned_milliwh: int = 0
    energy_milliwh: int = 0
    price_ticks: int = 0
    fee_ticks: int = 0
    cost_ueur: int = 0


@dataclass(frozen=True, slots=True)
class LpdStorage:
    """What of the LPD's storage does not change during a run.

    `efficiency` is that of charging: stock is valued at its last charging
    cost over it.
    """

    ramp_kw_per_s: float = 5.0
    efficiency: float = 0.95


@dataclass(slots=True)
class Spare:
    """Power that an unsold offer can still give as a replacement. [kW]"""

    peer: str
    price_ticks: int
    left_kw: float


class Call(NamedTuple):
    """A called shortfall: `missing_kw` is wanted over [start_tick, end_tick)."""

    direction: Direction
    called_tick: int
    start_tick: int
    end_tick: int
    missing_kw: float


class Plan(NamedTuple):
    """A cover and what its party is told to inject more, absorbing negative."""

    cover: Cover
    segments: tuple[Segment, ...]


def ramped(
    start: int, end: int, p_kw: float, *, dt_s: float, ramp_kw_per_s: float
) -> tuple[Segment, ...]:
    """Plan constant power from `start` to `end`, reached by a ramp of a few steps.

    Each step holds the mean of the straight ramp over its ticks, so the
    energy is that of the straight ramp.

    >>> ramped(0, 100, 2.0, dt_s=0.1, ramp_kw_per_s=1.0)[0]
    Segment(start_tick=0, end_tick=5, p_kw=0.25)
    """
    if end <= start or not p_kw:
        return ()
    ramp_ticks = min(round(abs(p_kw) / (ramp_kw_per_s * dt_s)), end - start)
    reached_kw = p_kw * min(1.0, ramp_ticks * dt_s * ramp_kw_per_s / abs(p_kw))
    edges = sorted({round(ramp_ticks * k / _RAMP_STEPS) for k in range(_RAMP_STEPS + 1)})
    steps = [
        Segment(start + a, start + b, reached_kw * (a + b) / (2 * ramp_ticks))
        for a, b in pairwise(edges)
    ]
    rest = Segment(start + ramp_ticks, end, p_kw)
    return (*steps, rest) if rest.start_tick < end else tuple(steps)


def fit_energy(segments: Sequence[Segment], limit_wh: float, dt_s: float) -> tuple[Segment, ...]:
    """End a plan when its energy is used up."""
    kept: list[Segment] = []
    left_wh = limit_wh
    for segment in segments:
        ticks = segment.end_tick - segment.start_tick
        wanted_wh = abs(segment.p_kw) * ticks * dt_s / 3.6
        if wanted_wh > left_wh:
            ticks = int(ticks * left_wh / wanted_wh)
            if ticks:
                kept.append(replace(segment, end_tick=segment.start_tick + ticks))
            break
        kept.append(segment)
        left_wh -= wanted_wh
    return tuple(kept)


def call_for(
    direction: Direction,
    contracts: Sequence[Contract],
    clock: Clock,
    now: int,
    start: int,
    *,
    deficit_wh: float,
    tripped: bool,
    delivering_kw: float | None = None,
) -> Call:
    """Work out what will be missing from `start` to the end of the period.

    Parameters
    ----------
    direction : "cover" or "absorb"
        Whether the contracts' seller or buyer is short.
    contracts : sequence of Contract
        All contracts of the peer that is short.
    clock : Clock
        Where the period lies.
    now, start : int
        Tick of the call, and first tick of its cover.
    deficit_wh : float
        Behind the expected path; what a peer is ahead (negative) it lacks less. [Wh]
    tripped : bool
        Its device has tripped: it gives nothing unless `delivering_kw` says more.
    delivering_kw : float, optional
        Its net injection now. Unless given, its mean deficit is carried on. [kW]
    """
    period = contracts[0].period
    path_kw = sum(c.energy_wh for c in contracts) / clock.period_h / 1000
    if delivering_kw is not None:
        given_kw = delivering_kw if direction == "cover" else -delivering_kw
    elif tripped:
        given_kw = 0.0
    else:
        elapsed_h = (now + 1 - clock.start(period)) * clock.dt_s / 3600
        given_kw = path_kw - deficit_wh / 1000 / elapsed_h
    missing_kw = path_kw - max(given_kw, 0.0)
    left_h = (clock.end(period) - start) * clock.dt_s / 3600
    if deficit_wh < 0 and left_h > 0:
        missing_kw += deficit_wh / 1000 / left_h
    return Call(direction, now, start, clock.end(period), max(0.0, missing_kw))


def own_cover(cover_id: int, call: Call, contract: Contract, own_wh: float) -> Cover:
    """Note what a peer's own storage adds; it is information and enters no rule."""
    covers = call.direction == "cover"
    return Cover(
        cover_id=cover_id,
        contract_id=contract.contract_id,
        period=contract.period,
        direction=call.direction,
        kind="own",
        party=contract.seller if covers else contract.buyer,
        called_tick=call.called_tick,
        start_tick=call.called_tick,
        end_tick=call.end_tick,
        energy_milliwh=round(1000 * own_wh),
    )
