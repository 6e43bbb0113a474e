"""Cost of one tick of an island: at rest, and with every inverter reducing by P(f)."""

from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from models.frequency.area_parameters import Area
from models.frequency.areas import AreaFrequency
from models.frequency.island import IslandFrequency
from models.frequency.parameters import Generator, GridFormer, IslandParams


@pytest.mark.parametrize("surplus_kw", [0.0, 30.0], ids=["at rest", "reducing"])
@pytest.mark.parametrize("n_peers", [60, 1000])
def test_bench_island_tick(benchmark, n_peers, surplus_kw):
    engine = Generator(name="engine", s_kva=30, inertia_s=2, p_max_kw=27, p_set_kw=5)
    former = GridFormer(s_kva=60, p_max_kw=50, capacity_kwh=5000)
    island = IslandFrequency(IslandParams(former=former, generators=(engine,)), n_peers, 0.1)
    island.equilibrate(60.0, 50.0)
    load_kw = np.full(n_peers, (60.0 - surplus_kw) / n_peers)
    der_kw = np.full(n_peers, 50.0 / n_peers)
    powers = {"load_kw": load_kw, "der_kw": der_kw, "down_kw": der_kw, "up_kw": 0 * der_kw}
    for _ in range(50):
        island.step(**powers)

    tick = benchmark(island.step, **powers, losses_kw=0.4, former_kvar=3.0)

    assert not tick.black
    assert bool(tick.response_kw.any()) == (surplus_kw > 0)


TEN_UNITS = tuple(
    Generator(
        name=f"unit{at}",
        s_kva=100,
        inertia_s=4,
        p_max_kw=100,
        p_set_kw=50,
        turbine_lead_s=2.1,
        turbine_lag_s=7,
    )
    for at in range(10)
)


def test_bench_island_of_ten_units(benchmark):
    """Ten units, a former and 57 peers in ten inner steps, one tick of 100 ms."""
    former = GridFormer(s_kva=60, p_max_kw=50, capacity_kwh=5000)
    island = IslandFrequency(IslandParams(former=former, generators=TEN_UNITS), 57, 0.1)
    island.equilibrate(510.0, 0.0)
    load_kw, nothing_kw = np.full(57, 520.0 / 57), np.zeros(57)
    powers = {"der_kw": nothing_kw, "down_kw": nothing_kw, "up_kw": nothing_kw}
    island.step(load_kw=load_kw, **powers)

    tick = benchmark(island.step, load_kw=load_kw, **powers)

    assert tick.f_hz < 50


def test_bench_solve_ivp(benchmark):
    """scipy's time for one tick of the same ten units, to a micro-hertz."""

    def slopes(_, x):
        f, valves, turbines = x[0], x[1:11], x[11:]
        powers = turbines + 2.1 * (valves - turbines) / 7
        swing = (powers.sum() - 510 * (1 + 0.01 * f)) / (10 * 2 * 4 * 100 / 50)
        valve = (50 - 100 / 2.5 * f - valves) / 0.1
        return np.concatenate([[swing], valve, (valves - turbines) / 7])

    start = np.array([0.0, *[50.0] * 20])
    options = {"method": "RK45", "rtol": 1e-8, "atol": 1e-6}

    solved = benchmark(solve_ivp, slopes, (0, 0.1), start, **options)

    assert solved.y[0, -1] < 0


def test_bench_areas_tick(benchmark):
    """Ten units in ten inner steps, one tick of 100 ms."""
    model = AreaFrequency([Area(name="all", units=TEN_UNITS)], dt_s=0.1, load_kw={"all": 500})
    load_kw = np.array([510.0])
    model.step(load_kw)

    tick = benchmark(model.step, load_kw)

    assert tick.f_hz[0] < 50


@pytest.mark.soak
def test_bench_andes(benchmark):
    """ANDES's time for 200 ticks of two machines, power flow and network included."""
    pytest.importorskip("andes")
    tool = Path(__file__).parents[2] / "tools" / "andes_frequency.py"
    computed = run_path(str(tool))["computed"]

    curve = benchmark.pedantic(computed, args=(0.001,), rounds=1)

    assert min(curve["deviation_hz"][0]) < 0
