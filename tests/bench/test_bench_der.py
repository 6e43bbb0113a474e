"""What one tick of the fleet, one second of the managers and one hour of refinement cost."""

import itertools
from datetime import UTC, datetime

import numpy as np
import pvlib
import pytest

from models.der import DerFleet
from models.forecast import Forecaster
from models.inverters.inverter import InverterParams
from models.inverters.standards import profiles
from models.loads.response import LoadResponse
from models.loads.zip_parts import ZipParams
from models.managers.energy_manager import EnergyManagers
from models.pv.watts import PvPlantParams, PvPlants
from models.refine import QUARTER_S, RefinedProfiles
from models.storage.ageing import rainflow
from models.storage.battery import BatteryParams

PEERS = (57, 10_000)
STORE = BatteryParams(capacity_kwh=8.0, p_max_kw=5.0)


class Promise:
    """A schedule with one piece of cover."""

    sequence, period, net_wh = 1, 0, 300

    class Cover:
        start_tick, end_tick, p_kw = 20, 4000, 0.5

    cover = (Cover(),)


def rngs(n, topic):
    return [np.random.default_rng([topic, peer]) for peer in range(n)]


@pytest.mark.parametrize("peers", PEERS)
def test_bench_fleet_step(benchmark, peers):
    roof = InverterParams(p_rated_kw=5.0, s_kva=5.0)
    fleet = DerFleet([roof] * peers, [STORE] * peers, dt_s=0.1)
    values = (np.full(peers, value) for value in (4.0, np.inf, -1.0, 1.0, 0.0))
    arguments = tuple(values)
    fleet.step(*arguments)

    tick = benchmark(fleet.step, *arguments)

    assert tick.pv_kw.sum() > 0.0


@pytest.mark.parametrize("peers", PEERS)
def test_bench_everything_behind_the_meters(benchmark, peers):
    """A tick of inverter functions, storage and loads, with its tenth of a second of PV."""
    kind = (
        profiles()["ieee1547-2018-b-iii"]
        .functions(
            {"volt_var": {"enabled": True}, "volt_watt": {"enabled": True}}
            | {"constant_pf": {"enabled": False}}
        )
        .at_nominal(50.0)
    )
    roof = InverterParams(p_rated_kw=5.0, s_kva=5.0)
    fleet = DerFleet([roof] * peers, [STORE] * peers, dt_s=0.1, functions=[kind] * peers)
    plants = PvPlants([PvPlantParams(p_kwp=8.0, ac_kw=6.0)] * peers)
    weather = tuple(np.full(peers, value) for value in (600.0, 20.0, 2.0))
    loads = LoadResponse([ZipParams()] * peers)
    vm_pu = np.random.default_rng(3).uniform(0.97, 1.09, peers)
    limit, setpoint, response = (np.full(peers, value) for value in (np.inf, -1.0, 0.0))
    ticks = itertools.count()

    def tick():
        if next(ticks) % 10 == 0:
            plants.power(*weather)
        fleet.step(plants.ac_kw, limit, setpoint, vm_pu, response, f_hz=50.0)
        loads.scale(vm_pu, 50.0)

    tick()

    benchmark(tick)

    assert fleet.audit().pv_kwh.sum() > 0.0


@pytest.mark.parametrize("peers", PEERS)
def test_bench_managers_plan(benchmark, peers):
    quarters = np.ones((4, peers))
    managers = EnergyManagers(
        forecaster=Forecaster(
            load_kw=quarters,
            pv_kw=quarters,
            first_quarter_s=0.0,
            load_rngs=rngs(peers, 1),
            pv_rngs=rngs(peers, 2),
        ),
        batteries=[STORE] * peers,
        dt_s=0.1,
        ticks_per_period=9000,
    )
    for peer in range(0, peers, 3):
        managers.adopt(peer, Promise())
    now = {
        "load_kw": np.full(peers, 0.4),
        "pv_available_kw": np.full(peers, 2.0),
        "soc": np.full(peers, 0.5),
        "metered_wh": np.zeros(peers),
        "tripped": np.zeros(peers, dtype=np.bool_),
    }

    setpoint_kw, _ = benchmark(managers.plan, 100, **now)

    assert np.isfinite(setpoint_kw).all()


@pytest.mark.parametrize("peers", PEERS)
def test_bench_refine_quarter(benchmark, peers):
    """A quarter hour, with everything that its neighbours give it; an hour is four."""
    rng = np.random.default_rng(7)
    rated_kw = rng.uniform(3.0, 10.0, peers)
    profiles = {
        "start": datetime(2016, 6, 14, 8, tzinfo=UTC),
        "load_kw": rng.gamma(1.5, 0.3, (8, peers)),
        "load_kvar": np.zeros((8, peers)),
        "pv_kw": rated_kw * rng.uniform(0.2, 0.8, (8, 1)),
        "pv_rated_kw": rated_kw,
        "latitude_deg": 51.0,
        "longitude_deg": 10.0,
        "load_rngs": rngs(peers, 1),
        "pv_rngs": rngs(peers, 2),
        "sky_rng": rng,
    }
    RefinedProfiles(**profiles).quarter(3)

    def fresh():
        return (RefinedProfiles(**profiles),), {}

    quarter = benchmark.pedantic(lambda refined: refined.quarter(3), setup=fresh, rounds=3)

    assert quarter.pv_kw.shape == (peers, QUARTER_S)


CURVED = BatteryParams(
    capacity_kwh=8.0,
    p_max_kw=5.0,
    charge_curve=((0.02, 0.75), (0.05, 0.86), (0.2, 0.95), (0.5, 0.96), (1.0, 0.945)),
    discharge_curve=((0.02, 0.75), (0.05, 0.86), (0.2, 0.95), (0.5, 0.96), (1.0, 0.945)),
    standby_kw=0.012,
    self_discharge_percent_per_day=0.1,
)


@pytest.mark.parametrize("peers", PEERS)
def test_bench_fleet_step_with_curves(benchmark, peers):
    roof = InverterParams(p_rated_kw=5.0, s_kva=5.0)
    fleet = DerFleet([roof] * peers, [CURVED] * peers, dt_s=0.1)
    values = (np.full(peers, value) for value in (4.0, np.inf, -1.0, 1.0, 0.0))
    arguments = tuple(values)
    fleet.step(*arguments)

    tick = benchmark(fleet.step, *arguments)

    assert tick.battery_kw.sum() < 0.0


@pytest.mark.parametrize("peers", PEERS)
def test_bench_pv_plants(benchmark, peers):
    plants = PvPlants([PvPlantParams(p_kwp=8.0, ac_kw=6.0)] * peers)
    given = tuple(np.full(peers, value) for value in (600.0, 20.0, 2.0))
    plants.power(*given)

    assert benchmark(plants.power, *given).sum() > 0.0


@pytest.mark.parametrize("peers", PEERS)
def test_bench_pv_plants_by_pvlib(benchmark, peers):
    """The same work by pvlib's functions."""
    plane, air_c, wind = (np.full(peers, value) for value in (600.0, 20.0, 2.0))

    def chain():
        cell_c = pvlib.temperature.faiman(plane, air_c, wind)
        dc_kw = pvlib.pvsystem.pvwatts_dc(plane, cell_c, 8.0, -0.0047) * 0.86
        return pvlib.inverter.pvwatts(dc_kw, 6.0 / 0.96)

    assert benchmark(chain).sum() > 0.0


@pytest.mark.parametrize("turns", [1_000, 100_000])
def test_bench_rainflow(benchmark, turns):
    soc = np.random.default_rng(3).random(turns)
    rainflow(soc)

    ranges, _ = benchmark(rainflow, soc)

    assert ranges.size > turns // 4
