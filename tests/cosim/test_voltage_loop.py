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
