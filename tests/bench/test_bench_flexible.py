import numpy as np
import pytest

from models.loads.ev import ChargePoints
from models.loads.flexible import FlexibleLoads
from models.loads.response import LoadResponse
from models.loads.sessions import ChargeParams, HabitParams, draw_sessions
from models.loads.thermal import Thermostats
from models.loads.thermal_devices import FREEZER, HEAT_PUMP, WATER_HEATER
from models.loads.zip_parts import RESIDENTIAL
from models.storage.plan import PlanPrices, Stores, plan_storage

SIZES = [57, 1000, 10_000]


@pytest.mark.parametrize("households", SIZES)
def test_bench_loads_follow_voltage_and_frequency(benchmark, households):
    of, vm_pu = LoadResponse([RESIDENTIAL] * households), np.full(households, 0.98)
    of.scale(vm_pu, 50.0)

    p, _ = benchmark(of.scale, vm_pu, 49.9)

    assert (p < 1).all()


@pytest.mark.parametrize("households", SIZES)
def test_bench_a_step_of_a_heat_pump_a_tank_a_freezer_and_a_vehicle_each(benchmark, households):
    kinds = [HEAT_PUMP, WATER_HEATER, FREEZER] * households
    of_peer = np.repeat(np.arange(households), 3)
    warm = Thermostats(kinds, of_peer, dt_s=1.0, inside=0.5, ambient_c=10.0)
    points = [ChargeParams()] * households
    rngs = [np.random.default_rng([4, k]) for k in range(households)]
    drawn = draw_sessions(rngs, HabitParams(), points, midnight_s=-86_400.0, days=1)
    vehicles = ChargePoints(points, np.arange(households), drawn, dt_s=1.0)
    of = FlexibleLoads(households, thermostats=warm, charge_points=vehicles)
    free, ask_kw = np.zeros(households, dtype=np.bool_), np.ones(households)
    of.step(0.0, ask_kw, free)

    drawn_kw = benchmark(of.step, 1.0, ask_kw, free)

    assert drawn_kw.sum() > 0


@pytest.mark.parametrize("batteries", [57, 1000])
def test_bench_a_plan_over_eight_periods(benchmark, batteries):
    every, shape = np.ones(batteries), (batteries, 8)
    stores = Stores(
        capacity_kwh=8 * every,
        p_max_kw=4 * every,
        efficiency_charge=0.95 * every,
        efficiency_discharge=0.95 * every,
    )
    rng = np.random.default_rng(1)
    surplus, due = rng.normal(0, 1, shape), rng.normal(0, 0.5, shape)
    prices, hours = PlanPrices(), np.full(8, 0.25)

    held = benchmark(plan_storage, surplus, due, due > 0, 4 * every, stores, hours, prices)

    assert held.shape == shape
