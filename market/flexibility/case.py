"""A case from a file: sites, incentives and meters in kW and €, read into what is reckoned with."""

from __future__ import annotations

from math import ceil, floor
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from ..billing.rule import Tariffs
from .inflation import Day
from .sites import FlexibilityError, Incentive, Sites

__all__ = ["Case", "InflationCase", "incentives_of", "inflation_day", "sites_of", "tariffs_of"]

Ints = NDArray[np.int64]

Series = float | tuple[float, ...]
"""One value for all periods, or one for each."""


class _Part(BaseModel):
    """Part of a case, closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SiteCase(_Part):
    """One site."""

    name: str = Field(description="What it goes by.")
    operator: str = Field(default="dso", description="The system operator it belongs to.")
    net_kw: Series = Field(default=0.0, description="Injection without moving. [kW]")
    metered_kw: Series | None = Field(
        default=None, description="What its meter shows; left out, all that it bid. [kW]"
    )
    up_kw: Series = Field(default=0.0, description="The most it can inject more. [kW]")
    down_kw: Series = Field(default=0.0, description="The most it can inject less. [kW]")
    up_eur_per_kwh: float = Field(default=0.0, description="What that costs it. [€/kWh]")
    down_eur_per_kwh: float = Field(default=0.0, description="What that costs it. [€/kWh]")
    stored_kwh: NonNegativeFloat | None = Field(
        default=None, description="The most it can give in all; left out, no limit. [kWh]"
    )
    room_kwh: NonNegativeFloat | None = Field(
        default=None, description="The most it can take in all; left out, no limit. [kWh]"
    )


class IncentiveCase(_Part):
    """One operator's incentive."""

    name: str = Field(description="What it goes by.")
    operator: str = Field(default="dso", description="Who pays.")
    direction: Literal["up", "down"] = Field(default="up", description="More or less injection.")
    price_eur_per_kwh: float = Field(description="For a kWh delivered. [€/kWh]")
    wanted_kw: Annotated[float, Field(gt=0)] = Field(description="The most it takes. [kW]")
    first: NonNegativeInt = Field(default=0, description="First period of the window.")
    periods: PositiveInt = Field(description="Periods of the window.")
    block: PositiveInt = Field(
        default=1, description="Periods of a block, in which the volume is the same."
    )
    minimum_kw: NonNegativeFloat = Field(default=1000.0, description="Least bid of all. [kW]")
    site_minimum_kw: NonNegativeFloat = Field(
        default=100.0, description="Least bid of a site. [kW]"
    )
    penalty_eur_per_kwh: NonNegativeFloat = Field(
        default=0.0, description="For a kWh bid and not delivered. [€/kWh]"
    )


class WayCase(_Part):
    """One way to inflate a baseline."""

    name: str = Field(description="What it goes by.")
    method: str = Field(description="Name of the baseline.")
    extra_kw: NonNegativeFloat = Field(
        default=0.0, description="More consumption in the window on past days. [kW]"
    )
    on_days: NonNegativeInt = Field(default=0, description="On how many of them.")
    before_kw: NonNegativeFloat = Field(
        default=0.0, description="More consumption before the event, on its day. [kW]"
    )
    events: PositiveInt = Field(default=1, description="Events that the days are averaged for.")


class InflationCase(_Part):
    """A site around one event, and ways to inflate its baseline."""

    load_kw: Series = Field(description="Consumption on every similar day. [kW]")
    event_kw: NonNegativeFloat = Field(description="Consumption in the event. [kW]")
    days: PositiveInt = Field(default=10, description="Similar days that are metered.")
    first: NonNegativeInt = Field(description="First period of the event.")
    periods: PositiveInt = Field(description="Periods of the event.")
    before_first: NonNegativeInt = Field(description="First period that an adjustment compares.")
    before_periods: PositiveInt = Field(description="How many it compares.")
    bid_kw: NonNegativeFloat = Field(description="What was bid. [kW]")
    price_eur_per_kwh: float = Field(description="What the operator pays. [€/kWh]")
    ways: tuple[WayCase, ...] = Field(min_length=1, description="What the site tries.")


class Case(_Part):
    """What a community has, what it is asked, and what its meters show."""

    case: str = Field(description="Its name.")
    about: str = Field(default="", description="What it shows, in a sentence.")
    period_min: PositiveInt = Field(default=15, description="Length of a period. [min]")
    periods: PositiveInt = Field(description="How many there are.")
    retail_eur_per_kwh: float = Field(default=0.35, description="The supplier sells at. [€/kWh]")
    feed_in_eur_per_kwh: float = Field(default=0.08, description="The supplier buys at. [€/kWh]")
    local_priorities: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        default=(1.0, 0.5), description="λ, each answered by itself."
    )
    share: Literal["contribution", "equal", "shapley"] = Field(
        default="contribution", description="How sites share what an incentive brings."
    )
    sites: tuple[SiteCase, ...] = Field(default=(), description="The community.")
    incentives: tuple[IncentiveCase, ...] = Field(default=(), description="What it is asked.")
    inflation: InflationCase | None = Field(default=None, description="A baseline inflated.")

    @property
    def hours(self) -> float:
        """Length of a period. [h]"""
        return self.period_min / 60


def tariffs_of(case: Case) -> Tariffs:
    """Read the supplier's tariffs."""
    return Tariffs(_ticks(case.retail_eur_per_kwh), _ticks(case.feed_in_eur_per_kwh))


def sites_of(case: Case) -> Sites:
    """Read the community.

    Raises
    ------
    FlexibilityError
        With every series of another length than the case, and every fault of `Sites`.
    """
    of = case.sites
    faults = [
        f"site {one.name!r}: {name} has {len(series)} values for {case.periods} periods"
        for one in of
        for name in ("net_kw", "metered_kw", "up_kw", "down_kw")
        if isinstance(series := getattr(one, name), tuple) and len(series) != case.periods
    ]
    if faults:
        raise FlexibilityError(faults)
    column: dict[str, Any] = {
        name: _wh(case, [getattr(one, kw) for one in of], case.periods)
        for name, kw in (("net_wh", "net_kw"), ("up_wh", "up_kw"), ("down_wh", "down_kw"))
    }
    totals = {
        name: [
            int(column[by][i].sum()) if (kwh := getattr(one, told)) is None else floor(1000 * kwh)
            for i, one in enumerate(of)
        ]
        for name, by, told in (
            ("up_total_wh", "up_wh", "stored_kwh"),
            ("down_total_wh", "down_wh", "room_kwh"),
        )
    }
    return Sites(
        names=tuple(one.name for one in of),
        operators=tuple(one.operator for one in of),
        up_ticks=np.array([_ticks(one.up_eur_per_kwh) for one in of], dtype=np.int64),
        down_ticks=np.array([_ticks(one.down_eur_per_kwh) for one in of], dtype=np.int64),
        **{name: np.array(total, dtype=np.int64) for name, total in totals.items()},
        **column,
    )


def metered_milliwh(case: Case, expected_wh: Ints) -> Ints:
    """Read what meters show; a site without a meter did what was expected. (n, periods) [mWh]"""
    shown = 1000 * expected_wh
    for i, one in enumerate(case.sites):
        if one.metered_kw is not None:
            shown[i] = 1000 * _wh(case, [one.metered_kw], case.periods)[0]
    return shown


def incentives_of(case: Case) -> tuple[Incentive, ...]:
    """Read what the operators ask, in whole Wh a period."""
    per_kw = 1000 * case.hours
    return tuple(
        Incentive(
            name=one.name,
            operator=one.operator,
            direction=one.direction,
            price_ticks=_ticks(one.price_eur_per_kwh),
            wanted_wh=floor(one.wanted_kw * per_kw + 1e-6),
            first=one.first,
            periods=one.periods,
            block=one.block,
            minimum_wh=ceil(one.minimum_kw * per_kw - 1e-6),
            site_minimum_wh=ceil(one.site_minimum_kw * per_kw - 1e-6),
            penalty_ticks=_ticks(one.penalty_eur_per_kwh),
        )
        for one in case.incentives
    )


def inflation_day(case: Case, of: InflationCase) -> Day:
    """Read a site's meters around an event; every similar day is alike."""
    event = slice(of.first, of.first + of.periods)
    usual = -1000 * _wh(case, [of.load_kw], case.periods)
    today = usual[0].copy()
    today[event] = -1000 * _wh(case, [of.event_kw], 1)[0, 0]
    return Day(
        history_milliwh=np.repeat(usual, of.days, axis=0),
        today_milliwh=today,
        event=event,
        before=slice(of.before_first, of.before_first + of.before_periods),
        bid_milliwh=int(1000 * _wh(case, [of.bid_kw], 1)[0, 0]),
        price_ticks=_ticks(of.price_eur_per_kwh),
        retail_ticks=_ticks(case.retail_eur_per_kwh),
    )


def _wh(case: Case, series: list[Any], periods: int) -> Ints:
    """Turn kW into whole Wh of each period. (n, periods)"""
    rows = [np.broadcast_to(np.asarray(one, dtype=np.float64), periods) for one in series]
    kw = np.array(rows).reshape(len(rows), periods)
    return np.rint(1000 * case.hours * kw).astype(np.int64)


def _ticks(eur_per_kwh: float) -> int:
    return round(1000 * eur_per_kwh)
