"""Who covers a shortfall, in the design's order, and how a cover is planned.

Own storage comes first and needs no plan: the peer's energy manager does it.
Then a replacement from unsold offers, then the LPD's storage, limited by
power, ramp and energy; the residual party takes what is left, unplanned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from .contract import Segment, UnsoldOffer

__all__ = ["Cover", "Direction", "Kind", "LpdStorage", "cheapest_first", "fit_energy", "ramped"]

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


def cheapest_first(
    offers: Iterable[UnsoldOffer], extra_fee_ticks: dict[str, int]
) -> list[UnsoldOffer]:
    """Order possible replacements by ask plus what their path costs more; ties by name."""
    return sorted(offers, key=lambda o: (o.price_ticks + extra_fee_ticks[o.peer], o.peer))


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
        wh_per_tick = abs(segment.p_kw) * dt_s / 3.6
        ticks = min(segment.end_tick - segment.start_tick, int(left_wh / wh_per_tick + 1e-9))
        if ticks <= 0:
            break
        kept.append(Segment(segment.start_tick, segment.start_tick + ticks, segment.p_kw))
        left_wh -= ticks * wh_per_tick
    return tuple(kept)
