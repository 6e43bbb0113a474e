"""The shipped street for half an hour: appliances that follow contracts, and that do not."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.linalg import expm

from cosim.run import run_scenario
from results.reading import Record

CALL = {
    "name": "sun",
    "at": "11:15",
    "duration": "15 min",
    "direction": "down",
    "price_eur_per_kwh": 0.4,
    "volume_kw": 5,
    "minimum_kw": 0.1,
    "peer_minimum_kw": 0.1,
}
SCENARIOS = Path(__file__).parents[2] / "scenarios"


def play(folder, *, steered):
    """Play half an hour of the street, a house of it with a heat pump and no profile."""
    told = yaml.safe_load((SCENARIOS / "appliances.yaml").read_text("utf-8"))
    told["time"]["duration"] = "30 min"
    told["grid"]["network"] = str(SCENARIOS / "grids/kerber-village.json")
    lone = {"heat_pump": {"ambient_c": 0, "starts": 0.25, "dwell_s": 60}, "steered": steered}
    told["peers"].insert(0, {"name": "lone", "bus": "loadbus_3_1", "appliances": lone})
    street = told["peers"][2]["appliances"]
    street["steered"] = steered
    street["ev"]["sessions"] = [{"departure": "11:25", "energy_kwh": [0.6, 1.2]}]
    told["flexibility"] = {"calls": [CALL]}
    file = folder / f"street-{steered}.yaml"
    file.write_text(yaml.safe_dump(told, sort_keys=False), "utf-8")
    return run_scenario(file, out=folder, report=False)


@pytest.fixture(scope="module")
def steered(tmp_path_factory):
    return play(tmp_path_factory.mktemp("steered"), steered=True)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return play(tmp_path_factory.mktemp("alone"), steered=False)


def figure(outcome, key):
    return next(metric.value for metric in outcome.metrics if metric.key == key)


def test_who_steers_its_appliances_takes_what_it_bought(steered, alone):
    assert figure(steered, "accepted_share") > 97.0
    assert figure(alone, "accepted_share") < figure(steered, "accepted_share") - 5.0


def test_nobody_pays_for_that_with_comfort_or_with_its_way_home(steered, alone):
    for outcome in (steered, alone):
        assert figure(outcome, "comfort_kept") == 100.0
        assert figure(outcome, "vehicles_full") == 100.0
    stays = Record(steered.folder).rows("charging")
    assert len(stays) > 5
    for stay in stays:
        assert stay["charged_kwh"] == pytest.approx(stay["wanted_kwh"], abs=1e-9)


def test_what_appliances_draw_is_metered_and_audited(steered):
    # The lone house has nothing else behind its meter, so the meter shows its heat pump.
    record = Record(steered.folder)
    at = record.peers.index("lone")
    (thing,) = [row for row in record.rows("appliances") if row["peer"] == "lone"]
    metered = -sum(row["net_milliwh"] for row in record.rows("meters") if row["peer"] == "lone")
    assert metered * 1e-6 == pytest.approx(thing["drawn_kwh"], abs=2e-6)
    assert record.values("flexible_kw")[:, at].sum() / 3600 == pytest.approx(
        metered * 1e-6, rel=1e-6
    )
    checks = {verdict.name: verdict.passed for verdict in steered.verdicts}
    assert checks["energy_balance"]
    assert checks["meters_match_ticks"]


def test_a_house_is_as_warm_as_the_matrix_exponential_of_its_metered_power_says(steered):
    record = Record(steered.folder)
    drawn_kw = record.values("load_kw")[:, record.peers.index("lone")].astype(np.float64)
    inner, outer = 1 / 0.863, 1 / 4.54
    a, b = np.array([[-inner, inner], [inner, -inner - outer]]), np.zeros((2, 1))
    a /= [[1.07], [2.92]]
    b[0] = 3.0 / 1.07
    block = np.zeros((3, 3))
    block[:2, :2], block[:2, 2:] = a, b
    step = expm(block / 3600)
    warm = 19.5 + 0.25 * 2.0
    x = np.array([warm, warm * 4.54 / (0.863 + 4.54)])
    seen = [warm]
    for kw in drawn_kw:
        x = step[:2, :2] @ x + step[:2, 2] * kw
        seen.append(x[0])
    (thing,) = [row for row in record.rows("appliances") if row["peer"] == "lone"]
    assert min(seen) == pytest.approx(thing["lowest_c"], abs=1e-6)
    assert max(seen) == pytest.approx(thing["highest_c"], abs=1e-6)


def test_who_is_not_asked_switches_at_its_bounds_alone(alone):
    (thing,) = [row for row in Record(alone.folder).rows("appliances") if row["peer"] == "lone"]
    assert thing["lowest_c"] == pytest.approx(19.5, abs=0.02)


def test_houses_without_a_battery_sell_what_their_appliances_can_wait_for(steered, alone):
    # Nobody has a battery, so what is bid and delivered comes from appliances alone.
    rows = [row for row in Record(steered.folder).rows("flexibility") if row["bid_wh"]]
    assert rows
    bid, delivered = (sum(row[name] for row in rows) for name in ("bid_wh", "delivered_milliwh"))
    assert delivered > 900 * bid
    assert not [row for row in Record(alone.folder).rows("flexibility") if row["bid_wh"]]


OUTAGE = """
scenario: outage
time: {start: 2016-01-18T11:00:00+01:00, duration: 10 min, tick: 1 s}
grid: {network: "pandapower:create_kerber_landnetz_freileitung_1"}
peers:
  - name: lone
    bus: bus_1_13
    appliances:
      heat_pump: {ambient_c: 0, starts: 0.0}
      ev: {sessions: [{departure: 9 min, energy_kwh: 1.4}]}
market: {period: 5 min, gate: 1 min}
events:
  - {at: 4 min, line: line_1_13, state: open}
  - {at: 7 min, line: line_1_13, state: closed}
checks: [energy_balance, meters_match_ticks]
"""


def test_what_is_cut_off_neither_heats_nor_charges(tmp_path):
    # By hand: of nine minutes three are dark, and three of the ten for the heat:
    # 6 min of 11.04 kW at 0.9; 7 min of 2.5 kW. A cut is felt a tick late, as is its end.
    file = tmp_path / "outage.yaml"
    file.write_text(OUTAGE, "utf-8")
    outcome = run_scenario(file, out=tmp_path, report=False)
    record = Record(outcome.folder)
    (stay,), (thing,) = record.rows("charging"), record.rows("appliances")
    assert stay["charged_kwh"] == pytest.approx(0.1 * 11.04 * 0.9)
    assert thing["drawn_kwh"] == pytest.approx(2.5 * 7 / 60)
    metered = -sum(row["net_milliwh"] for row in record.rows("meters") if row["peer"] == "lone")
    assert metered * 1e-6 == pytest.approx(0.1 * 11.04 + 2.5 * 7 / 60, abs=1e-6)
    assert outcome.passed
