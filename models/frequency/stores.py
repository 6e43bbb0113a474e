"""Stores of an island that help its reference: further formers, containment, fast reserves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import _kernels_names as k
from .checks import TINY, check, check_droop, check_lag, check_positive

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class IslandStore:
    """What all of them have: an inverter and a charge, which pays for what they give.

    Attributes
    ----------
    name : str
    p_max_kw : float
        Limit of active power, both directions. [kW]
    capacity_kwh, soc_initial : float
        Usable energy and its share stored at the start. [kWh], [1]
    efficiency_charge, efficiency_discharge : float
        AC to store and back. [1]
    """

    name: str
    p_max_kw: float
    capacity_kwh: float
    soc_initial: float = 0.5
    efficiency_charge: float = 0.95
    efficiency_discharge: float = 0.95

    @property
    def _owner(self) -> str:
        return f"store {self.name!r}"

    def __post_init__(self) -> None:
        check_positive(self._owner, "p_max_kw", self.p_max_kw, "kW")
        check_positive(self._owner, "capacity_kwh", self.capacity_kwh, "kWh")
        check(self._owner, "soc_initial", self.soc_initial, "", "0 to 1", 0, 1)
        for name in ("efficiency_charge", "efficiency_discharge"):
            check(self._owner, name, getattr(self, name), "", "above 0, at most 1", TINY, 1)


@dataclass(frozen=True, kw_only=True)
class FormingStore(IslandStore):
    """A grid-former beside the reference; the two ways of forming are `GridFormer`'s.

    Attributes
    ----------
    s_kva : float or None
        Base of `virtual_inertia_s`; `p_max_kw` unless given. [kVA]
    droop_pu : float
        Fall of frequency from no load to `p_max_kw`, of nominal. [p.u.]
    measurement_lag_s : float
        Low pass of the power or frequency measurement. [s]
    virtual_inertia_s : float or None
        H on `s_kva`; None for droop on the measured power. [s]
    """

    s_kva: float | None = None
    droop_pu: float = 0.02
    measurement_lag_s: float = 0.05
    virtual_inertia_s: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_droop(self._owner, self.droop_pu)
        check_lag(self._owner, "measurement_lag_s", self.measurement_lag_s, zero=False)
        if self.s_kva is not None:
            high = 1e12
            check(self._owner, "s_kva", self.s_kva, "kVA", "p_max_kw at least", self.p_max_kw, high)
        if self.virtual_inertia_s is not None:
            h_s = self.virtual_inertia_s
            check(self._owner, "virtual_inertia_s", h_s, "s", "above 0 to 100 s", TINY, 100)

    def row(self, nominal_hz: float) -> Floats:
        """Its row of the kernel's table."""
        row = _row(self, k.FORMING)
        gain = self.p_max_kw / (self.droop_pu * nominal_hz)
        row[k.S_GAIN] = gain
        if self.virtual_inertia_s is None:
            row[k.S_INERTIA] = self.measurement_lag_s * gain
        else:
            base_kva = self.s_kva or self.p_max_kw
            row[k.S_INERTIA] = 2 * self.virtual_inertia_s * base_kva / nominal_hz
            row[k.S_LAG] = self.measurement_lag_s
        return row


@dataclass(frozen=True, kw_only=True)
class ContainmentStore(IslandStore):
    """Frequency containment: power by deviation beyond a dead band, both ways.

    Attributes
    ----------
    full_at_hz, insensitivity_hz : float
        Deviation of full power, and the dead band; the defaults are continental Europe's
        200 mHz and 10 mHz, (EU) 2017/1485 Annex V. [Hz]
    lag_s : float
        First-order lag; 10 s gives 95 % within Annex V's 30 s. [s]
    """

    full_at_hz: float = 0.2
    insensitivity_hz: float = 0.01
    lag_s: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self._owner, "full_at_hz", self.full_at_hz, "Hz", "1 mHz to 5 Hz", 1e-3, 5)
        high = self.full_at_hz * 0.999
        dead_hz = self.insensitivity_hz
        check(self._owner, "insensitivity_hz", dead_hz, "Hz", "below full_at_hz", 0, high)
        check_lag(self._owner, "lag_s", self.lag_s, zero=False)

    def row(self, nominal_hz: float) -> Floats:
        """Its row of the kernel's table."""
        row = _row(self, k.CONTAINING)
        row[k.S_START] = self.insensitivity_hz
        row[k.S_GAIN] = self.p_max_kw / (self.full_at_hz - self.insensitivity_hz)
        row[k.S_LAG] = self.lag_s
        return row


@dataclass(frozen=True, kw_only=True)
class FastStore(IslandStore):
    """Fast frequency reserve: called once frequency is low, its whole power for a while.

    Attributes
    ----------
    below_hz : float
        Frequency below which it is called. [Hz]
    full_in_s : float
        Time to full power, in a straight line; the Nordic set is 1.3 s at 49.7 Hz, 1.0 s at
        49.6 Hz and 0.7 s at 49.5 Hz. [s]
    hold_s : float
        How long it stays at full power; 5 s or 30 s in the Nordic set. [s]
    release_s : float
        Time back to nothing, in a straight line; 5 s is 20 % a second, unverified. [s]
    """

    below_hz: float = 49.7
    full_in_s: float = 1.3
    hold_s: float = 5.0
    release_s: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self._owner, "below_hz", self.below_hz, "Hz", "30 to 70 Hz", 30, 70)
        for name in ("full_in_s", "hold_s", "release_s"):
            check(self._owner, name, getattr(self, name), "s", "0 to 3600 s", 0, 3600)

    def row(self, nominal_hz: float) -> Floats:
        """Its row of the kernel's table."""
        row = _row(self, k.FAST)
        row[k.S_START] = self.below_hz - nominal_hz
        row[k.S_FULL], row[k.S_HOLD] = self.full_in_s, self.hold_s
        row[k.S_RELEASE], row[k.S_CLOCK] = self.release_s, -1.0
        return row


AnyStore = FormingStore | ContainmentStore | FastStore


def _row(store: IslandStore, kind: int) -> Floats:
    row = np.zeros(k.N_STORE)
    row[k.KIND], row[k.S_P_MAX], row[k.CAPACITY] = kind, store.p_max_kw, store.capacity_kwh
    row[k.STORED] = store.soc_initial * store.capacity_kwh
    row[k.CHARGING], row[k.DISCHARGING] = store.efficiency_charge, store.efficiency_discharge
    return row


def store_table(stores: Sequence[AnyStore], nominal_hz: float) -> Floats:
    """One row per store, for the kernel."""
    rows = [store.row(nominal_hz) for store in stores]
    return np.array(rows, dtype=np.float64).reshape(len(rows), k.N_STORE)


def fastest_lags_s(stores: Sequence[AnyStore]) -> list[float]:
    """Every lag that bounds the inner step. [s]"""
    lags_s = [one.measurement_lag_s for one in stores if isinstance(one, FormingStore)]
    return lags_s + [one.lag_s for one in stores if isinstance(one, ContainmentStore)]


def shared_start(table: Floats, need_kw: float, reference_max_kw: float) -> float:
    """Set the formers so that all share a power by rating; return what they take of it. [kW]"""
    forming = table[:, k.KIND] == k.FORMING
    whole_kw = reference_max_kw + table[forming, k.S_P_MAX].sum()
    sets_kw = need_kw * table[:, k.S_P_MAX] / whole_kw
    table[:, k.S_SET] = np.where(forming, sets_kw, 0.0)
    return float(table[:, k.S_SET].sum())


def parts(rated_kw: Sequence[float]) -> list[float]:
    """Share of each in secondary control, by rated power."""
    whole = sum(rated_kw) or 1.0
    return [one / whole for one in rated_kw]
