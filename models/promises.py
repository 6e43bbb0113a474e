"""What peers have promised for the present period, as a path of power and energy over its ticks."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .draws import Floats

Bools = npt.NDArray[np.bool_]


class SegmentLike(Protocol):
    """Injection on top of the contract, over [start_tick, end_tick); absorbing is negative."""

    @property
    def start_tick(self) -> int: ...
    @property
    def end_tick(self) -> int: ...
    @property
    def p_kw(self) -> float: ...


class ScheduleLike(Protocol):
    """All that a peer has to do in one period; a later sequence replaces an earlier one."""

    @property
    def sequence(self) -> int: ...
    @property
    def period(self) -> int: ...
    @property
    def net_wh(self) -> int: ...
    @property
    def cover(self) -> Sequence[SegmentLike]: ...


class Promises:
    """The schedules of n peers: taken as messages, read as arrays.

    Parameters
    ----------
    n : int
        Number of peers.
    dt_s : float
        Length of a tick. [s]
    ticks_per_period : int
        Length of a delivery period; period p begins at tick p · `ticks_per_period`. [ticks]

    Attributes
    ----------
    bound : (n,) bool array
        Who has anything to do in the present period.
    """

    def __init__(self, n: int, *, dt_s: float, ticks_per_period: int) -> None:
        self._n, self._dt_s, self._ticks_per_period = n, dt_s, ticks_per_period
        self.ticks_per_second = max(1, round(1.0 / dt_s))
        self._schedules: dict[int, dict[int, ScheduleLike]] = {}
        self._period = -1
        self._arrange()

    def adopt(self, peer: int, schedule: ScheduleLike) -> bool:
        """Take a schedule, unless it is stale, doubled or for a period that is over."""
        if schedule.period < self._period:
            return False
        known = self._schedules.setdefault(schedule.period, {})
        last = known.get(peer)
        if last is not None and schedule.sequence <= last.sequence:
            return False
        known[peer] = schedule
        if schedule.period == self._period:
            self._arrange()
        return True

    def enter(self, period: int) -> bool:
        """Make a period the present one; say whether it was not so already."""
        if period == self._period:
            return False
        self._period = period
        for over in [p for p in self._schedules if p < period]:
            del self._schedules[over]
        self._arrange()
        return True

    def path_kw(self, tick: int) -> Floats:
        """Give the mean power that is due until the next whole second. [kW]"""
        ahead = self.ticks_per_second - tick % self.ticks_per_second
        contract_kw = self._net_wh * 3.6 / (self._ticks_per_period * self._dt_s)
        path_kw: Floats = contract_kw + self._cover_work(tick, tick + ahead) / ahead
        return path_kw

    def due_wh(self, tick: int) -> Floats:
        """Give the energy that is due from the beginning of the period to a tick. [Wh]"""
        within = tick % self._ticks_per_period
        cover_wh = self._cover_work(tick - within, tick) * self._dt_s / 3.6
        due_wh: Floats = self._net_wh * (within / self._ticks_per_period) + cover_wh
        return due_wh

    def asked_wh(self, period: int) -> tuple[Floats, Bools]:
        """Give the energy that is due in a period, as far as is known, and who is bound. (n,)"""
        asked_wh, bound = np.zeros(self._n), np.zeros(self._n, dtype=np.bool_)
        for peer, schedule in self._schedules.get(period, {}).items():
            work = sum(s.p_kw * (s.end_tick - s.start_tick) for s in schedule.cover)
            asked_wh[peer] = schedule.net_wh + work * self._dt_s / 3.6
            bound[peer] = bool(schedule.net_wh or schedule.cover)
        return asked_wh, bound

    def _arrange(self) -> None:
        """Lay the present period's schedules out as arrays."""
        self._net_wh = np.zeros(self._n)
        self.bound = np.zeros(self._n, dtype=np.bool_)
        rows = []
        for peer, schedule in sorted(self._schedules.get(self._period, {}).items()):
            self._net_wh[peer] = schedule.net_wh
            self.bound[peer] = bool(schedule.net_wh or schedule.cover)
            rows += [(peer, s.start_tick, s.end_tick, s.p_kw) for s in schedule.cover]
        table = np.array(rows, dtype=np.float64).reshape(-1, 4)
        self._cover_peer = table[:, 0].astype(np.int64)
        self._cover_from, self._cover_to, self._cover_kw = table[:, 1], table[:, 2], table[:, 3]

    def _cover_work(self, from_tick: int, to_tick: int) -> Floats:
        """Give cover power times ticks over an interval. [kW · tick]"""
        if not self._cover_peer.size:
            return np.zeros(self._n)
        ticks = np.minimum(self._cover_to, to_tick) - np.maximum(self._cover_from, from_tick)
        work = self._cover_kw * np.maximum(ticks, 0.0)
        total = np.bincount(self._cover_peer, weights=work, minlength=self._n)
        return total.astype(np.float64)
