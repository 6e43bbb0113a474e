"""Our boxes in mosaik worlds that are not ours, beside simulators that we did not write."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import mosaik
import mosaik_api_v3
import numpy as np
import pandapower as pp
import pytest

from cosim.boxes.clock import Clock
from models.der import DerFleet
from models.grid.power_flow import Grid
from models.inverters.inverter import InverterParams
from models.storage.battery import BatteryParams

VILLAGE = Path(__file__).parents[2] / "scenarios/grids/kerber-village.json"
SECONDS = 20
BUS = "loadbus_1_5"
STARTERS = {
    "CSV": {"python": "mosaik_csv:CSV"},
    "Pv": {"python": "cosim.boxes.single_sims:PvSim"},
    "Battery": {"python": "cosim.boxes.single_sims:BatterySim"},
    "Grid": {"python": "cosim.boxes.grid:GridSim"},
    "Der": {"python": "cosim.boxes.der:DerSim"},
    "Profiles": {"python": "cosim.boxes.profiles:ProfilesSim"},
    "Watch": {"python": f"{__name__}:Watch"},
}


class Watch(mosaik_api_v3.Simulator):
    """Keeps every value that it is shown, by attribute."""

    def __init__(self):
        any_inputs = {"public": True, "any_inputs": True, "params": [], "attrs": []}
        super().__init__({"type": "time-based", "models": {"Watch": any_inputs}})

    def init(self, sid, time_resolution=1.0, *, seen):
        self.seen = seen
        return self.meta

    def create(self, num, model):
        return [{"eid": "watch", "type": model}]

    def step(self, time, inputs, max_advance):
        for attr, values in inputs.get("watch", {}).items():
            self.seen.setdefault(attr, []).append(np.copy(*values.values()))
        return time + 1


def clock(ticks=SECONDS):
    start = datetime(2016, 6, 14, 12, tzinfo=timezone(timedelta(hours=2)))
    return Clock(start=start, dt_s=1.0, ticks=ticks, ticks_per_period=900, gate_ticks=0)


@pytest.fixture
def csv_file(tmp_path):
    """Irradiance and the injection of somebody's PV, second by second."""
    start = datetime(2016, 6, 14, 12)
    rows = [
        f"{start + timedelta(seconds=s):%Y-%m-%d %H:%M:%S},{500 + 20 * s},{0.004 + 0.0001 * s}"
        for s in range(SECONDS + 1)
    ]
    file = tmp_path / "roof.csv"
    file.write_text("\n".join(["time,Irradiance[W/m2],P[MW]", *rows]) + "\n")
    return {"sim_start": "2016-06-14 12:00:00", "datafile": str(file)}


def voltage_by_pandapower(p_mw):
    """Voltage at the bus that `p_mw` feeds, nobody else there, by pandapower's own solver."""
    net = pp.from_json(str(VILLAGE))
    net.load.drop(net.load.index, inplace=True)
    pp.create_sgen(net, int(net.bus.index[net.bus["name"] == BUS][0]), p_mw=p_mw)
    pp.runpp(net, tolerance_mva=1e-10)
    return float(net.res_bus.vm_pu[net.bus["name"] == BUS].iloc[0])


def test_our_pv_and_grid_take_their_weather_from_mosaik_csv(csv_file):
    seen: dict[str, list] = {}
    with mosaik.World(STARTERS, cache=False, skip_greetings=True) as world:
        weather = world.start("CSV", **csv_file).Data()
        pv = world.start("Pv").PV(p_kwp=10.0, performance_ratio=0.8)
        grid = world.start("Grid", grid=Grid.from_json(VILLAGE), clock=clock()).Grid()
        bus = next(child for child in grid.children if child.eid == f"bus:{BUS}")
        watch = world.start("Watch", seen=seen).Watch()
        world.connect(weather, pv, "Irradiance[W/m2]")
        world.connect(pv, bus, "P[MW]", "Q[MVar]")
        world.connect(pv, watch, "P[MW]")
        world.connect(bus, watch, "Vm[pu]")
        world.run(until=SECONDS, print_progress=False)

    # By hand: 10 kWp at 880 W/m² and a performance ratio of 0.8 give 7.04 kW.
    assert float(seen["P[MW]"][-1]) == pytest.approx(10 * 0.8 * 0.88 * 1e-3, rel=1e-3)
    expected = voltage_by_pandapower(float(seen["P[MW]"][-1]))
    assert float(seen["Vm[pu]"][-1]) == pytest.approx(expected, abs=1e-8)


def test_a_foreign_simulator_takes_the_place_of_our_pv(csv_file):
    seen: dict[str, list] = {}
    with mosaik.World(STARTERS, cache=False, skip_greetings=True) as world:
        foreign = world.start("CSV", **csv_file).Data()
        grid = world.start("Grid", grid=Grid.from_json(VILLAGE), clock=clock()).Grid()
        bus = next(child for child in grid.children if child.eid == f"bus:{BUS}")
        watch = world.start("Watch", seen=seen).Watch()
        world.connect(foreign, bus, "P[MW]")
        world.connect(bus, watch, "Vm[pu]")
        world.run(until=SECONDS, print_progress=False)

    expected = voltage_by_pandapower(0.004 + 0.0001 * (SECONDS - 1))
    assert float(seen["Vm[pu]"][-1]) == pytest.approx(expected, abs=1e-8)


def test_a_battery_alone_follows_its_set_point_until_it_is_empty(tmp_path):
    file = tmp_path / "setpoint.csv"
    start = datetime(2016, 6, 14, 12)
    rows = [f"{start + timedelta(seconds=s):%Y-%m-%d %H:%M:%S},0.0036" for s in range(SECONDS + 1)]
    file.write_text("\n".join(["Order", "time,P_set[MW]", *rows]) + "\n")
    seen: dict[str, list] = {}
    with mosaik.World(STARTERS, cache=False, skip_greetings=True) as world:
        order = world.start("CSV", sim_start="2016-06-14 12:00:00", datafile=str(file)).Order()
        # By hand: 3.6 kW for 10 s are 10 Wh, all that is in it.
        battery = world.start("Battery").Battery(
            capacity_kwh=0.02, p_max_kw=5.0, efficiency_discharge=1.0, soc_initial=0.5
        )
        watch = world.start("Watch", seen=seen).Watch()
        world.connect(order, battery, "P_set[MW]")
        world.connect(battery, watch, "P[MW]", "soc[1]")
        world.run(until=SECONDS, print_progress=False)

    assert np.allclose(seen["P[MW]"][:9], 0.0036)
    assert np.allclose(seen["P[MW]"][11:], 0.0)
    assert float(seen["soc[1]"][-1]) == pytest.approx(0.0, abs=1e-12)


def test_fleet_profiles_and_grid_work_in_a_world_written_by_hand():
    seen: dict[str, list] = {}
    load_kw, sun_kw = np.array([1.0, 0.5]), np.array([0.0, 4.0])
    network = Grid.from_json(VILLAGE)
    buses = tuple(network.bus_position(name) for name in ("loadbus_1_5", "loadbus_2_4"))
    fleet = DerFleet(
        [None, InverterParams(p_rated_kw=5.0, s_kva=5.0)],
        [BatteryParams(capacity_kwh=5.0, p_max_kw=2.0), None],
        dt_s=1.0,
    )
    with mosaik.World(STARTERS, cache=False, skip_greetings=True) as world:
        profiles = world.start(
            "Profiles",
            read=lambda second: (load_kw, 0.0 * load_kw, sun_kw),
            clock=clock(),
            peers=("anna", "ben"),
        ).Profiles()
        der = world.start("Der", fleet=fleet, clock=clock()).Der()
        grid = world.start("Grid", grid=network, clock=clock(), peer_bus=buses).Grid()
        watch = world.start("Watch", seen=seen).Watch()
        world.connect(profiles, der, "available[kW]")
        world.connect(profiles, grid, "P[MW]", "Q[MVar]")
        world.connect(der, grid, "P[MW]", "Q[MVar]")
        world.connect(grid, der, "Vm[pu]", time_shifted=1, initial_data={"Vm[pu]": np.ones(2)})
        world.connect(grid, watch, "P_boundary[MW]", "losses[MW]")
        world.run(until=SECONDS, print_progress=False)

    # By hand: 4 kW of PV serve 1.5 kW of load, and 2.5 kW less what the lines lose go up.
    boundary, losses = float(seen["P_boundary[MW]"][-1]), float(seen["losses[MW]"][-1])
    assert boundary == pytest.approx(-2.5e-3 + losses, abs=1e-9)
    assert 0 < losses < 1e-3
