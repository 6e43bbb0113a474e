"""The island's frequency against closed forms and an independent solver."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from models.frequency.island import IslandFrequency
from models.frequency.parameters import Generator, GridFormer, InverterResponse, IslandParams

S_KVA, F0_HZ = 100.0, 50.0


def held_former(**options):
    """A grid-former that holds its power and has no inertia: invisible to the swing."""
    given = {"s_kva": 200, "p_max_kw": 200, "capacity_kwh": 100, "droop_pu": math.inf}
    return GridFormer(**(given | options), efficiency_charge=1.0, efficiency_discharge=1.0)


def frequencies(island, dt_s, duration_s, *, load_kw, der_kw):
    """Step with constant powers; return (t, f) at the ticks' ends and the last tick."""
    one = np.ones(1)
    ends, ticks = [], round(duration_s / dt_s)
    extremes = [math.inf, -math.inf, 0.0]
    for _ in range(ticks):
        tick = island.step(
            load_kw=load_kw * one, der_kw=der_kw * one, down_kw=0 * one, up_kw=0 * one
        )
        assert not tick.black
        ends.append(tick.f_end_hz)
        extremes[0] = min(extremes[0], tick.f_min_hz)
        extremes[1] = max(extremes[1], tick.f_max_hz)
        extremes[2] = max(extremes[2], tick.rocof_hz_per_s, key=abs)
    return np.arange(1, ticks + 1) * dt_s, np.array(ends), extremes


def low_order_response(t_s, *, step_pu, h_s, droop, gain, high_pressure, reheat_s, damping):
    """Deviation [p.u.] after a power step, and the time of its nadir [s].

    Anderson and Mirheydar 1990, equations for a step of P_d: with
    wn^2 = (D R + Km) / (2 H R TR) and
    zeta = (2 H R + (D R + Km FH) TR) / (2 (D R + Km)) wn. The underdamped case is
    their closed form; the overdamped one is its partial fractions with real poles.
    """
    stiffness = damping * droop + gain
    wn = math.sqrt(stiffness / (2 * h_s * droop * reheat_s))
    zeta = (2 * h_s * droop + (damping * droop + gain * high_pressure) * reheat_s) * wn
    zeta /= 2 * stiffness
    final = droop * step_pu / stiffness
    if zeta < 1:
        wr = wn * math.sqrt(1 - zeta**2)
        alpha = math.sqrt((1 - 2 * reheat_s * zeta * wn + (reheat_s * wn) ** 2) / (1 - zeta**2))
        phi = math.atan2(wr * reheat_s, 1 - zeta * wn * reheat_s)
        phi -= math.atan2(math.sqrt(1 - zeta**2), -zeta)
        wave = alpha * np.exp(-zeta * wn * t_s) * np.sin(wr * t_s + phi)
        nadir_s = math.atan2(wr * reheat_s, zeta * wn * reheat_s - 1) / wr
        return final * (1 + wave), nadir_s
    spread = wn * math.sqrt(zeta**2 - 1)
    a, b, zero = zeta * wn - spread, zeta * wn + spread, 1 / reheat_s
    slope = step_pu / (2 * h_s) / (b - a)
    first, second = slope * (zero - a), slope * (b - zero)
    deviation = first / a * (1 - np.exp(-a * t_s)) + second / b * (1 - np.exp(-b * t_s))
    return deviation, math.log((b - zero) / (a - zero)) / (b - a)


@pytest.mark.parametrize(
    ("high_pressure", "h_s"),
    [(0.3, 4.0), (0.15, 3.0), (0.6, 4.0)],
    ids=["paper's example", "lightly damped", "overdamped"],
)
def test_low_order_model_matches_its_closed_form_within_a_thousandth(high_pressure, h_s):
    # D of 1 p.u. on 100 kVA at a load of 80 kW is 2.5 %/Hz; the step is lost injection.
    step_kw, load_kw = 10.0, 80.0
    turbine = Generator.reheat(
        name="steam",
        s_kva=S_KVA,
        inertia_s=h_s,
        p_max_kw=100,
        p_set_kw=40,
        droop_pu=0.05,
        reheat_time_s=8.0,
        high_pressure_share=high_pressure,
        mechanical_gain=0.95,
    )
    params = IslandParams(
        former=held_former(), generators=(turbine,), stages=(), load_percent_per_hz=2.5
    )
    island = IslandFrequency(params, 1, 0.01)
    island.equilibrate(load_kw, step_kw, 0.0)
    t_s, f_hz, (nadir_hz, _, rocof) = frequencies(island, 0.01, 60, load_kw=load_kw, der_kw=0)

    numbers = {"h_s": h_s, "droop": 0.05, "gain": 0.95, "high_pressure": high_pressure}
    numbers |= {"step_pu": -step_kw / S_KVA, "reheat_s": 8.0, "damping": 1.0}
    exact_pu, nadir_s = low_order_response(t_s, **numbers)
    nadir_pu, _ = low_order_response(np.array([nadir_s]), **numbers)
    deepest = int(f_hz.argmin())
    curve = np.polyfit(t_s[deepest - 1 : deepest + 2], f_hz[deepest - 1 : deepest + 2], 2)

    assert nadir_hz - F0_HZ == pytest.approx(float(nadir_pu[0]) * F0_HZ, rel=1e-3)
    assert -curve[1] / (2 * curve[0]) == pytest.approx(nadir_s, rel=1e-3)
    assert rocof == pytest.approx(-step_kw / S_KVA * F0_HZ / (2 * h_s), rel=1e-3)
    assert f_hz[-1] - F0_HZ == pytest.approx(exact_pu[-1] * F0_HZ, rel=1e-3)
    # R P / (D R + Km) = 0.05 * 0.1 / (0.05 + 0.95) = 0.005 p.u. = 0.25 Hz
    assert f_hz[-1] - F0_HZ == pytest.approx(-0.25, rel=1e-3)
    assert np.abs(f_hz - F0_HZ - exact_pu * F0_HZ).max() < 1e-3 * abs(nadir_hz - F0_HZ)


def test_droop_former_and_governor_match_solve_ivp_within_a_millihertz():
    former = GridFormer(
        s_kva=60, p_max_kw=50, capacity_kwh=50, droop_pu=0.02, measurement_lag_s=0.05
    )
    engine = Generator(
        name="engine",
        s_kva=40,
        inertia_s=1.0,
        p_max_kw=40,
        p_set_kw=15,
        droop_pu=0.04,
        governor_lag_s=0.3,
        turbine_lead_s=0.2,
        turbine_lag_s=0.8,
    )
    params = IslandParams(former=former, generators=(engine,), stages=(), load_percent_per_hz=1.5)
    island = IslandFrequency(params, 1, 0.1)
    island.equilibrate(30.0, 0.0, 0.0)
    t_s, f_hz, _ = frequencies(island, 0.1, 5, load_kw=55, der_kw=0)

    def slopes(_, x):
        f, valve, turbine = x
        power = turbine + 0.2 / 0.8 * (valve - turbine)
        inertia = 0.05 * 50 / (0.02 * 50) + 2 * 1.0 * 40 / 50
        swing = 15 - 50 / (0.02 * 50) * f + power - 55 * (1 + 0.015 * f)
        governor = (15 - 40 / (0.04 * 50) * f - valve) / 0.3
        return [swing / inertia, governor, (valve - turbine) / 0.8]

    exact = solve_ivp(slopes, (0, 5), [0, 15, 15], t_eval=t_s, rtol=1e-10, atol=1e-10)
    assert np.abs(f_hz - 50 - exact.y[0]).max() < 1e-3


@pytest.mark.parametrize("dt_s", [0.1, 0.02])
def test_a_stiff_island_settles_without_oscillation_and_matches_solve_ivp(dt_s):
    # H = 0.5 s on 100 kVA, 2 % droop on half of the capacity, 10 ms lag: 50 kW/Hz, so
    # 9 kW cost 0.18 Hz. The lagged loop has damping 1/(2 sqrt(K T/M)) = 1: no overshoot.
    former = GridFormer(
        s_kva=50,
        p_max_kw=50,
        capacity_kwh=50,
        droop_pu=0.02,
        measurement_lag_s=0.01,
        virtual_inertia_s=0.0,
    )
    rotor = Generator(
        name="rotor", s_kva=100, inertia_s=0.5, p_max_kw=50, p_set_kw=30, droop_pu=math.inf
    )
    params = IslandParams(former=former, generators=(rotor,), stages=(), load_percent_per_hz=0)
    island = IslandFrequency(params, 1, dt_s)
    island.equilibrate(50.0, 0.0, 0.0)
    t_s, f_hz, (nadir_hz, _, rocof) = frequencies(island, dt_s, 1, load_kw=59, der_kw=0)

    def slopes(_, x):
        return [(20 + x[1] + 30 - 59) / 2.0, (-50 * x[0] - x[1]) / 0.01]

    exact = solve_ivp(slopes, (0, 1), [0, 0], t_eval=t_s, rtol=1e-10, atol=1e-12, max_step=1e-3)
    assert np.abs(f_hz - 50 - exact.y[0]).max() < 1e-3
    assert nadir_hz == pytest.approx(49.82, abs=1e-3)
    assert f_hz[-1] == pytest.approx(49.82, abs=1e-3)
    assert (np.diff(f_hz) < 1e-3).all()
    assert rocof == pytest.approx(-9 / 2.0, rel=1e-9)


def test_lagged_inverters_answering_both_ways_match_solve_ivp():
    # Former with virtual inertia alone; 80 kW of rated inverters reduce at 40 %/Hz above
    # 50.2 Hz through 80 ms; limits are not met.
    former = GridFormer(
        s_kva=60, p_max_kw=50, capacity_kwh=50, measurement_lag_s=0.04, virtual_inertia_s=0.5
    )
    answer = InverterResponse(lag_s=0.08, rated_kw=[80.0])
    params = IslandParams(former=former, inverters=answer, stages=(), load_percent_per_hz=0)
    island = IslandFrequency(params, 1, 0.1)
    island.equilibrate(60.0, 60.0, 0.0)
    ends = []
    for _ in range(30):
        tick = island.step(
            load_kw=np.array([15.0]),
            der_kw=np.array([60.0]),
            down_kw=np.array([60.0]),
            up_kw=np.array([0.0]),
        )
        ends.append(tick.f_end_hz)

    def slopes(_, x):
        inertia = 2 * 0.5 * 60 / 50
        surplus = 45 - 32 * x[2] + x[1]
        over = max(x[0] - 0.2, 0)
        return [surplus / inertia, (-50 * x[0] - x[1]) / 0.04, (over - x[2]) / 0.08]

    t_s = np.arange(1, 31) * 0.1
    exact = solve_ivp(slopes, (0, 3), [0, 0, 0], t_eval=t_s, rtol=1e-10, atol=1e-10, max_step=1e-3)
    assert np.abs(np.array(ends) - 50 - exact.y[0]).max() < 1e-3
