"""Opens the meters to mosaik: powers in, alarms and readings out when there are any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from market.delivery.contract import Schedule
from market.delivery.meters import Meters, PeriodReading

from .box import Box, FloatArray, Inputs, happened, model, only, total
from .clock import Clock


@dataclass(frozen=True, slots=True)
class Alarm:
    """A peer fell behind its contracts, its device has tripped, or the village is black."""

    peer: str
    deficit_wh: float
    p_kw: float
    because: str
    soc: FloatArray


@dataclass(frozen=True, slots=True)
class Closing:
    """What all meters showed when a period closed, and what the lines lost in it. [mWh]"""

    period: int
    reading: PeriodReading
    losses_milliwh: int
    missing: tuple[str, ...] = ()
    """Peers whose reading had not reached the DSO when it settled."""


class MetersSim(Box):
    """Integrates what flows at every peer; silent while nothing happens.

    A period closes at the step equal to its end, before that tick's own power is counted.
    """

    models = {
        "Meters": model(
            [
                "P[MW]",
                "Q[MVar]",
                "shed[kW]",
                "curtailed[kW]",
                "tripped",
                "black",
                "soc[1]",
                "losses[MW]",
                "P_net[MW]",
                "Q_net[MVar]",
                "metered[Wh]",
                "deficit[Wh]",
            ],
            events_in=["schedule"],
            events_out=["alarm", "reading"],
        )
    }

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        meters: Meters,
        peers: tuple[str, ...],
        clock: Clock,
    ) -> dict[str, Any]:
        """Take the meters and the peers' names in their order."""
        self._meters, self._peers, self._clock = meters, peers, clock
        self._position = {name: index for index, name in enumerate(peers)}
        self._promised: dict[int, dict[str, Schedule]] = {}
        self._p_mw, self._q_mvar, self._nothing_kw = np.zeros((3, len(peers)))
        self._nobody = np.zeros(len(peers), dtype=np.bool_)
        self._losses_mwh = 0.0
        self._tick_h = clock.dt_s / 3600
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        clock, values = self._clock, self.values["meters"]
        values.pop("alarm", None)
        values.pop("reading", None)
        self._take_schedules(inputs)
        ended = clock.period_ended_at(time)
        if ended is not None:
            values["reading"] = Closing(ended, self._meters.close(), self._read_losses())
        if clock.is_physics(time):
            self._open_period(time)
            self._integrate(inputs["meters"])
        return clock.next_tick(time)

    def _take_schedules(self, inputs: Inputs) -> None:
        for batch in happened(inputs, "meters", "schedule"):
            for schedule in batch:
                known = self._promised.setdefault(schedule.period, {})
                last = known.get(schedule.peer)
                if last is None or last.sequence < schedule.sequence:
                    known[schedule.peer] = schedule

    def _open_period(self, time: int) -> None:
        period, rest = divmod(self._clock.tick(time), self._clock.ticks_per_period)
        if rest:
            return
        net_wh = np.zeros(len(self._peers))
        for name, schedule in self._promised.pop(period, {}).items():
            net_wh[self._position[name]] = schedule.net_wh
        sold_wh, bought_wh = np.maximum(net_wh, 0.0), np.maximum(-net_wh, 0.0)
        self._meters.expect(sold_wh, bought_wh, self._clock.ticks_per_period)

    def _integrate(self, given: dict[str, dict[str, Any]]) -> None:
        total(given["P[MW]"], self._p_mw)
        total(given["Q[MVar]"], self._q_mvar)
        shed_kw = only(given["shed[kW]"]) if "shed[kW]" in given else self._nothing_kw
        tripped = self._nobody
        for flags in given["tripped"].values():
            tripped = tripped | flags
        if "losses[MW]" in given:
            self._losses_mwh += only(given["losses[MW]"]) * self._tick_h
        curtailed_kw = only(given["curtailed[kW]"]) if "curtailed[kW]" in given else None
        called = self._meters.step(self._p_mw * 1e3, shed_kw, tripped, curtailed_kw)
        values = self.values["meters"]
        values["P_net[MW]"], values["Q_net[MVar]"] = self._p_mw, self._q_mvar
        values["metered[Wh]"] = self._meters.total_wh
        values["deficit[Wh]"] = self._meters.deficit_wh
        if called.size:
            values["alarm"] = tuple(self._alarm(int(peer), given) for peer in called)

    def _read_losses(self) -> int:
        """Read the lines' losses of a period in whole mWh, and carry what is left. [mWh]"""
        exact_milliwh = 1e9 * self._losses_mwh
        whole = round(exact_milliwh)
        self._losses_mwh = (exact_milliwh - whole) * 1e-9
        return whole

    def _alarm(self, peer: int, given: dict[str, dict[str, Any]]) -> Alarm:
        black = "black" in given and only(given["black"])
        return Alarm(
            peer=self._peers[peer],
            deficit_wh=float(self._meters.deficit_wh[peer]),
            p_kw=1e3 * float(self._p_mw[peer]),
            because="black" if black else self._meters.because(peer),
            soc=np.array(only(given["soc[1]"])),
        )


__all__ = ["Alarm", "Closing", "MetersSim"]
