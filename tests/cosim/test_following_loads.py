"""Loads that follow voltage and frequency: in a run, and the gain of the loop that they close."""

import numpy as np
import pytest

from cosim import build
from cosim.boxes.responding import load_response, loads_gain
from cosim.run import run_scenario
from results.reading import Record
from scenarios import ScenarioError
from scenarios.load import load_scenario

LANE = """
scenario: lane
time: {start: 2016-06-14T12:00:00+02:00, duration: 1 min, tick: 100 ms}
grid: {network: "pandapower:create_kerber_landnetz_freileitung_1"}
frequency: {mode: ornstein_uhlenbeck, deviation_hz: 0.05}
peers:
  - {name: farm, bus: bus_1_13, profile: "simbench:L1-A", p_peak_kw: 20, load_response: RESPONSE}
  - {each: load, profile: "simbench:H0-*", annual_kwh: 4000}
market: {period: 30 s, gate: 10 s}
checks: [energy_balance, meters_match_ticks]
"""
IMPEDANCE = "{p_z: 1.0, p_p: 0.0, q_z: 1.0, q_p: 0.0, p_per_hz: 0.02}"


def lane(folder, response, **changed):
    text = LANE.replace("RESPONSE", response)
    for old, new in changed.values():
        text = text.replace(old, new)
    file = folder / "lane.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_load_draws_by_the_voltage_and_frequency_of_a_tick_ago(tmp_path):
    # By hand: an impedance draws V² of its nominal power, here with 2 %/Hz on top.
    file = lane(tmp_path, IMPEDANCE)
    record = Record(run_scenario(file, out=tmp_path, report=False).folder)
    resolved = load_scenario(file)
    read = build.second_reader(resolved, build.profiles(resolved))
    nominal_kw = np.array([read(second)[0][0] for second in range(60)]).repeat(10)
    vm_pu = record.values("vm_pu")[:, record.buses.index("bus_1_13")].astype(np.float64)
    drawn_kw = record.values("load_kw")[:, 0].astype(np.float64)
    part = vm_pu[:-1] ** 2 * (1.0 + 0.02 * (record.scalar("f_hz")[:-1] - 50.0))
    assert drawn_kw[1:] == pytest.approx(nominal_kw[1:] * part, rel=1e-6)
    assert abs(part - 1.0).min() > 1e-4
    assert drawn_kw[0] == pytest.approx(nominal_kw[0])
    checks = {check["name"]: check["passed"] for check in record.verdict["checks"]}
    assert checks["energy_balance"]
    assert checks["meters_match_ticks"]


def gain(folder, response, **changed):
    resolved = load_scenario(lane(folder, response, **changed))
    network = build.grid(resolved)
    buses = build.peer_buses(resolved, network)
    return loads_gain(resolved, network, buses, np.ones(len(resolved.peers)))


def test_the_loop_counts_what_follows_the_voltage(tmp_path):
    # Impedances have twice the slope of currents, up to the voltage that they are looked at.
    twice = gain(tmp_path, IMPEDANCE) / 2.2
    assert twice == pytest.approx(gain(tmp_path, "{p_i: 1.0, p_p: 0.0, q_i: 1.0, q_p: 0.0}"))
    assert twice > 0.0
    assert gain(tmp_path, "constant_power") == 0.0


def test_loads_too_strong_for_their_feeder_are_refused(tmp_path):
    file = lane(tmp_path, IMPEDANCE, size=("p_peak_kw: 20", "p_peak_kw: 900"))
    resolved = load_scenario(file)
    network = build.grid(resolved)
    with pytest.raises(build.VoltageLoopError, match="loads that follow the voltage"):
        build.voltage_loop_gain(resolved, network, build.peer_buses(resolved, network))


def test_an_island_takes_the_answer_to_frequency_for_itself(tmp_path):
    grid = "frequency: {mode: ornstein_uhlenbeck, deviation_hz: 0.05}"
    alone = "island: {former: {s_kva: 60, p_max_kw: 50, capacity_kwh: 50}}"
    of = load_response(load_scenario(lane(tmp_path, "residential", grid=(grid, alone))))
    assert of.scale(np.ones(of.n), 49.0)[0] == pytest.approx(1.0)
    assert of.scale(np.full(of.n, 0.9), 50.0)[0].min() < 0.99


@pytest.mark.parametrize(
    ("response", "why"),
    [
        ("{p_z: 0.5}", "ZIP parts of active power sum to 1.5"),
        ("resident", "no load response 'resident'; known: constant_power, residential"),
        ("{p_z: -4, p_p: 5}", "feed active power in"),
    ],
)
def test_what_is_no_load_is_refused(tmp_path, response, why):
    with pytest.raises(ScenarioError, match=why):
        load_scenario(lane(tmp_path, response))


def test_a_response_without_a_load_is_refused(tmp_path):
    bare = {"profile": (', profile: "simbench:L1-A", p_peak_kw: 20', "")}
    with pytest.raises(ScenarioError, match="the peer has no profile"):
        load_scenario(lane(tmp_path, "residential", **bare))
