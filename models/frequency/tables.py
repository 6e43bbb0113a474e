"""An island's parameters as the arrays that its kernel reads."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _kernels_names as kernel
from .parameters import Generator, IslandParams
from .stores import FormingStore, fastest_lags_s, parts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def per_peer(values: ArrayLike | None, n_peers: int, name: str) -> Floats | None:
    """One value per peer as floats, or None."""
    if values is None:
        return None
    array = np.array(values, dtype=np.float64)
    if array.shape != (n_peers,):
        raise ValueError(
            f"island: {name} has shape {array.shape}; expected one value for each of "
            f"{n_peers} peers"
        )
    return array


def constants(params: IslandParams, dt_s: float) -> Floats:
    """Everything that is one number; the former's set power starts at 0."""
    c = np.zeros(kernel.N_CONSTANTS)
    former, inverters, f0 = params.former, params.inverters, params.nominal_hz
    c[kernel.DT] = dt_s
    c[kernel.N_BASE] = math.ceil(dt_s / 0.01 - 1e-9)
    c[kernel.LAG_RATE] = _fastest_lag(params)
    c[kernel.LOAD_PER_HZ] = params.load_percent_per_hz / 100
    c[kernel.FORMER_GAIN] = former.p_max_kw / (former.droop_pu * f0)
    if former.virtual_inertia_s is None:
        c[kernel.FORMER_INERTIA] = former.measurement_lag_s * c[kernel.FORMER_GAIN]
    else:
        c[kernel.FORMER_INERTIA] = 2 * former.virtual_inertia_s * former.s_kva / f0
        c[kernel.FORMER_LAG] = former.measurement_lag_s
    c[kernel.FORMER_S], c[kernel.FORMER_P_MAX] = former.s_kva, former.p_max_kw
    c[kernel.FORMER_PEAK] = former.peak_factor * former.s_kva
    c[kernel.OVERLOAD_TIME] = former.overload_time_s
    c[kernel.LOW_TRIP], c[kernel.HIGH_TRIP] = former.f_low_trip_hz - f0, former.f_high_trip_hz - f0
    c[kernel.DOWN_START] = inverters.start_hz - f0
    c[kernel.DOWN_GAIN], c[kernel.DOWN_LAG] = inverters.percent_per_hz / 100, inverters.lag_s
    c[kernel.UP_START] = inverters.support_start_hz - f0
    c[kernel.UP_GAIN] = inverters.support_percent_per_hz / 100
    c[kernel.UP_LAG] = inverters.support_lag_s
    if params.secondary is not None:
        c[kernel.SECONDARY_BIAS] = params.secondary.bias_kw_per_hz
        c[kernel.SECONDARY_KP] = params.secondary.proportional
        c[kernel.SECONDARY_KI] = 1 / params.secondary.integral_time_s
        c[kernel.SECONDARY_LIMIT] = params.secondary.p_max_kw
    return c


def share_secondary(params: IslandParams, c: Floats, generators: Floats, stores: Floats) -> None:
    """Give every governed generator its part of secondary control; the formers, without any."""
    governed = [0.0 if one.droop_pu == math.inf else one.s_kva for one in params.generators]
    if any(governed):
        generators[:, kernel.PART] = parts(governed)
        return
    rated_kw = [one.p_max_kw if isinstance(one, FormingStore) else 0.0 for one in params.stores]
    c[kernel.FORMER_PART], *others = parts([params.former.p_max_kw, *rated_kw])
    stores[:, kernel.S_PART] = others


def _fastest_lag(params: IslandParams) -> float:
    """Rate of the shortest lag. [1/s]"""
    lags_s = [params.inverters.lag_s, params.inverters.support_lag_s]
    for generator in params.generators:
        lags_s += [generator.governor_lag_s, generator.turbine_lag_s]
    if params.former.virtual_inertia_s is not None:
        lags_s.append(params.former.measurement_lag_s)
    lags_s += fastest_lags_s(params.stores)
    return max(1 / lag_s for lag_s in lags_s if lag_s > 0)


def generator_table(params: IslandParams) -> Floats:
    """One row per generator, all of them on; their set powers start at 0."""
    table = np.zeros((len(params.generators), kernel.N_GENERATOR))
    for row, generator in zip(table, params.generators, strict=True):
        row[kernel.ONLINE] = 1.0
        row[kernel.LOW], row[kernel.HIGH] = generator.p_min_kw, generator.p_max_kw
        row[kernel.GAIN] = generator.s_kva / (generator.droop_pu * params.nominal_hz)
        row[kernel.LAG] = generator.governor_lag_s
        row[kernel.LEAD] = generator.turbine_lead_s
        row[kernel.TURBINE] = generator.turbine_lag_s
        row[kernel.INERTIA] = 2 * generator.inertia_s * generator.s_kva / params.nominal_hz
    return table


def stage_table(params: IslandParams) -> Floats:
    """One row per shedding stage, none of them active."""
    table = np.zeros((len(params.stages), kernel.N_STAGE))
    for row, stage in zip(table, params.stages, strict=True):
        row[kernel.BELOW] = stage.below_hz - params.nominal_hz
        row[kernel.DELAY] = stage.delay_s
        row[kernel.SHARE] = stage.share
    return table


def stages_in_order(order: Ints, load_kw: Floats, shares: Sequence[float]) -> Ints:
    """Stage of each peer when stages take peers in `order` until each has its share of the load.

    A peer belongs to the stage in which its middle lies; who is not in `order`, or lies beyond
    the last stage, has -1.
    """
    bounds_kw = np.cumsum(shares) * load_kw.sum()
    middle_kw = np.cumsum(load_kw[order]) - load_kw[order] / 2
    found = np.searchsorted(bounds_kw, middle_kw, side="right")
    stages = np.full(load_kw.size, -1, dtype=np.int64)
    stages[order] = np.where(found < bounds_kw.size, found, -1)
    return stages


def set_powers(
    generators: Sequence[Generator], need_kw: float, low_kw: float, high_kw: float
) -> list[float]:
    """Set powers that leave the former its limits, moved in order where they must. [kW]"""
    sets_kw = [generator.p_set_kw for generator in generators]
    for row, generator in enumerate(generators):
        rest_kw = need_kw - math.fsum(sets_kw)
        wanted_kw = sets_kw[row] + rest_kw - min(max(rest_kw, low_kw), high_kw)
        sets_kw[row] = min(max(wanted_kw, generator.p_min_kw), generator.p_max_kw)
    return sets_kw


INPUTS = ("load_kw", "der_kw", "down_kw", "up_kw")


def fault(brought_kw: Floats) -> str:
    """Say which peer's input the kernel refused."""
    inputs = brought_kw[: len(INPUTS)]
    wrong = ~np.isfinite(inputs) | (inputs < 0)
    wrong[kernel.DER] = ~np.isfinite(inputs[kernel.DER])
    row, peer = divmod(int(wrong.argmax()), inputs.shape[1])
    expected = "a finite value" if row == kernel.DER else "a finite value, 0 or more"
    return f"island: {INPUTS[row]}[{peer}] is {inputs[row, peer]} kW; expected {expected}"
