"""The village's feeder from stock parts, beside ours: mosaik, mosaik-pandapower, 57 households.

Stock plays less: no market, no contracts, no batteries, no frequency, no record. Voltage comes
back to the households a tick later in both.
"""

from pathlib import Path
from statistics import median
from time import perf_counter

import mosaik
import mosaik_api_v3
import numpy as np
import pandapower as pp
import pytest

from models.grid.power_flow import Grid

VILLAGE = Path(__file__).parents[2] / "scenarios" / "grids" / "kerber-village.json"
STARTERS = {
    "Feeder": {"python": "mosaik_components.pandapower:Simulator"},
    "Households": {"python": f"{__name__}:Households"},
    "Shown": {"python": f"{__name__}:Shown"},
}


class Households(mosaik_api_v3.Simulator):
    """Households with a load that swings, and PV that backs off where voltage is high."""

    def __init__(self):
        attrs = ["P_load[MW]", "Q_load[MVar]", "P_gen[MW]", "Vm[pu]"]
        described = {"public": True, "params": [], "attrs": attrs}
        super().__init__({"type": "time-based", "models": {"Household": described}})
        self.values = {}

    def init(self, sid, time_resolution=1.0, *, watch):
        self._watch = watch
        return self.meta

    def create(self, num, model):
        self.values = {f"household-{i}": {} for i in range(num)}
        return [{"eid": eid, "type": model} for eid in self.values]

    def step(self, time, inputs, max_advance):
        for i, (eid, values) in enumerate(self.values.items()):
            (vm_pu,) = inputs[eid]["Vm[pu]"].values()
            load_mw = 0.002 * (1 + 0.3 * np.sin(0.1 * time + i))
            values["P_load[MW]"], values["Q_load[MVar]"] = float(load_mw), float(0.3 * load_mw)
            values["P_gen[MW]"] = 0.005 * min(1.0, max(0.0, (1.08 - vm_pu) / 0.05))
        self._watch(perf_counter(), {eid: dict(values) for eid, values in self.values.items()})
        return time + 1

    def get_data(self, outputs):
        return {
            eid: {attr: self.values[eid][attr] for attr in attrs} for eid, attrs in outputs.items()
        }


class Shown(mosaik_api_v3.Simulator):
    """Keeps the voltages that it was shown last."""

    def __init__(self):
        described = {"public": True, "params": [], "attrs": ["Vm[pu]"]}
        super().__init__({"type": "time-based", "models": {"Shown": described}})

    def init(self, sid, time_resolution=1.0, *, last):
        self._last = last
        return self.meta

    def create(self, num, model):
        return [{"eid": "shown", "type": model}]

    def step(self, time, inputs, max_advance):
        self._last.update(inputs["shown"]["Vm[pu]"])
        return time + 1


def bare_net():
    """The village's feeder without its loads, which households stand for."""
    net = pp.from_json(VILLAGE)
    buses = net.load.bus.tolist()
    net.load = net.load.drop(net.load.index)
    return net, buses


def play_stock(ticks):
    """Play the feeder from stock parts: when each tick began, the last powers and voltages."""
    net, buses = bare_net()
    began_s, powers, last = [], {}, {}

    def watch(now_s, values):
        began_s.append(now_s)
        powers.update(values)

    with mosaik.World(STARTERS, skip_greetings=True, configure_logging=False) as world:
        feeder = world.start("Feeder", step_size=1)
        households = world.start("Households", watch=watch).Household.create(len(buses))
        shown = world.start("Shown", last=last).Shown()
        by_eid = {entity.eid: entity for entity in feeder.Grid(net=net).children}
        for household, bus in zip(households, buses, strict=True):
            at = by_eid[f"Bus-{bus}"]
            world.connect(household, at, "P_load[MW]", "Q_load[MVar]", "P_gen[MW]")
            world.connect(at, household, "Vm[pu]", time_shifted=True, initial_data={"Vm[pu]": 1.0})
            world.connect(at, shown, "Vm[pu]")
        world.run(until=ticks, print_progress=False)
    return began_s, powers, last


def voltages_by_our_grid(powers):
    """Solve the last tick of stock by our power flow, at the households' buses."""
    net, buses = bare_net()
    grid = Grid.from_json(VILLAGE)
    p_mw, q_mvar = np.zeros((2, grid.n_bus))
    for values, bus in zip(powers.values(), buses, strict=True):
        at = grid.bus_position(net.bus.name.at[bus])
        p_mw[at] += values["P_gen[MW]"] - values["P_load[MW]"]
        q_mvar[at] -= values["Q_load[MVar]"]
    vm_pu = grid.solve(p_mw, q_mvar).vm_pu
    return {bus: vm_pu[grid.bus_position(net.bus.name.at[bus])] for bus in buses}


@pytest.mark.benchmark(group="village")
def test_bench_stock_parts(benchmark, play, note):
    """Median tick of stock, and how many of ours fit into it, before and after."""
    ticks, ours = (60, 2_000) if benchmark.enabled else (4, 200)
    before = play(ours, period_s=20, model_devices=True)

    began_s, powers, vm_pu = benchmark.pedantic(play_stock, args=(ticks,), rounds=1)

    after = play(ours, period_s=20, model_devices=True)
    stock_us = 1e6 * median(np.diff(began_s))
    ratios = [stock_us / one.tick_us for one in (before, after)]
    benchmark.extra_info |= {"tick_us": stock_us, "times_ours": ratios}
    note(
        "stock parts",
        stock_us,
        "ours takes one part in " + " and ".join(f"{r:.0f}" for r in ratios),
    )
    expected = voltages_by_our_grid(powers)
    found = {int(full_id.rpartition("-")[2]): value for full_id, value in vm_pu.items()}
    assert {bus: pytest.approx(value, abs=1e-6) for bus, value in expected.items()} == found
