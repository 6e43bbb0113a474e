"""A fleet too strong for its feeder is refused before the first tick."""

import pytest

from cosim import build
from scenarios.load import load_scenario

LANE = """
scenario: lane
time: {{start: 2016-06-14T12:00:00+02:00, duration: 15 min}}
grid: {{network: "pandapower:create_kerber_landnetz_freileitung_1"}}
lpd: {{capacity_kwh: 1, p_max_kw: 0.001}}
peers:
  - {{name: farm, bus: bus_1_13, pv: {{p_kwp: {p_kwp}}}}}
  - {{each: load, profile: "simbench:H0-*", annual_kwh: 4000}}
"""


def gain_of(tmp_path, p_kwp):
    file = tmp_path / "lane.yaml"
    file.write_text(LANE.format(p_kwp=p_kwp), encoding="utf-8")
    resolved = load_scenario(file)
    network = build.grid(resolved)
    return build.voltage_loop_gain(resolved, network, build.peer_buses(resolved, network))


def test_the_gain_grows_with_the_inverter(tmp_path):
    # One device alone: the loop is dV/dP times its slope, so it is linear in the rating.
    assert gain_of(tmp_path, 40) == pytest.approx(2 * gain_of(tmp_path, 20), rel=1e-3)


def test_an_inverter_too_strong_for_its_feeder_is_refused_by_name(tmp_path):
    with pytest.raises(build.VoltageLoopError, match=r"smaller \(farm at bus_1_13\)"):
        gain_of(tmp_path, 2000)


def test_a_battery_whose_volt_var_would_hunt_is_refused_and_one_that_takes_its_time_is_not(
    tmp_path,
):
    battery = (
        "capacity_kwh: 400, p_max_kw: 200, inverter: {standard: ieee1547-2018-b-iii, "
        "volt_var: {v_pu: [0.98, 0.999, 1.001, 1.02], response_s: %s}}"
    )
    lane = LANE.replace(
        "pv: {{p_kwp: {p_kwp}}}",
        "battery: {{" + battery.replace("{", "{{").replace("}", "}}") + "}}",
    )
    for response_s, refused in ((0, True), (30, False)):
        file = tmp_path / f"lane-{response_s}.yaml"
        file.write_text((lane % response_s).format(), encoding="utf-8")
        resolved = load_scenario(file)
        network = build.grid(resolved)
        buses = build.peer_buses(resolved, network)
        if refused:
            with pytest.raises(build.VoltageLoopError, match="steepest: farm at bus_1_13"):
                build.voltage_loop_gain(resolved, network, buses)
        else:
            assert build.voltage_loop_gain(resolved, network, buses) < 0.5
