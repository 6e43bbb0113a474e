"""Every class of bad input gives its line; the lines are written out in full."""

import dataclasses
import shutil
from pathlib import Path

import pytest

import scenarios
from scenarios import ScenarioError
from scenarios.load import load_scenario

GRID = Path(scenarios.__file__).parent / "grids" / "kerber-village.json"
GOOD = """\
scenario: street
seed: 7
time: {start: 2016-06-14T11:45:00+02:00, duration: 30 min, tick: 100 ms}
grid: {network: grid.json}
peers:
  - {name: mill, bus: KV_1_4, pv: {p_kwp: 30, profile: "simbench:PV2"}, device: roof}
  - each: load
    profile: "simbench:H0-*"
    battery: {share: 0.5, capacity_kwh: [5, 12], p_max_kw: 5}
market: {period: 15 min, gate: 5 min, tariffs: {retail_eur_per_kwh: 0.35}}
devices:
  roof: {role: inverter}
events:
  - {at: 12:01, device: roof, fault: trip}
checks: [{voltage_band: {low_pu: 0.9}}, ledger_verifies]
"""


@pytest.fixture
def folder(tmp_path):
    shutil.copy(GRID, tmp_path / "grid.json")
    return tmp_path


def told(folder, text):
    """Lines of all faults, with the file's name alone in front."""
    file = folder / "s.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        load_scenario(file)
    except ScenarioError as error:
        return [str(dataclasses.replace(fault, file="s.yaml")) for fault in error.faults]
    return []


def test_a_good_scenario_has_no_fault(folder):
    assert told(folder, GOOD) == []


@pytest.mark.parametrize(
    ("good", "bad", "line"),
    [
        (
            "seed: 7",
            "sed: 7",
            "s.yaml:2:1: sed: unknown key; nearest names: seed",
        ),
        (
            "p_max_kw: 5}",
            "p_max_kw: 5 kW}",
            "s.yaml:9:60: peers[1].battery.p_max_kw: '5 kW' is neither a number nor a range; "
            "expected a number in kW, or [low, high]",
        ),
        (
            "0.35}}",
            "35 ct}}",
            "s.yaml:10:69: market.tariffs.retail_eur_per_kwh: '35 ct' is not a number; expected "
            "a number in €/kWh",
        ),
        (
            "bus: KV_1_4",
            "bus: KV_14",
            "s.yaml:6:23: peers[0].bus: no bus 'KV_14' in 'grid.json'; nearest names: KV_1_4, "
            "KV_3_14, KV_6_4",
        ),
        (
            "capacity_kwh: [5, 12]",
            "capacity_kwh: [0.005, 12]",
            "s.yaml:9:41: peers[1].battery.capacity_kwh: 0.005 kWh would be empty after 0.06 min "
            "at 5 kW, expected at least 10 min; are capacity_kwh and p_max_kw swapped?",
        ),
        (
            "p_max_kw: 5}",
            "p_max_kw: 5, efficiency_curve: [[0.1, 0.9], [0.2, 0.3]]}",
            "s.yaml:9:81: peers[1].battery.efficiency_curve: falls so fast up to 0.2 that more "
            "power would store less",
        ),
        (
            "each: load",
            "each: load\n    prefix: mill",
            "s.yaml:8:13: peers[1].prefix: second peer called 'mill'; expected names that differ",
        ),
        (
            "name: mill",
            "name: lpd",
            "s.yaml:6:12: peers[0].name: the LPD's name; expected names that differ",
        ),
        (
            "tick: 100 ms",
            "tick: 70 ms",
            "s.yaml:3:66: time.tick: 70 ms does not divide the duration of 30 min; expected "
            "whole ticks",
        ),
        (
            "period: 15 min",
            "period: 900050 ms",
            "s.yaml:3:66: time.tick: 100 ms does not divide the market's period of 900050 ms; "
            "expected whole ticks",
        ),
        (
            "duration: 30 min",
            "duration: -30 min",
            "s.yaml:3:52: time.duration: '-30 min' is negative; expected more than zero",
        ),
        (
            "duration: 30 min",
            "duration: 40 min",
            "s.yaml:3:52: time.duration: 40 min is not a whole number of market periods of "
            "15 min; expected a multiple of it",
        ),
        (
            "+02:00",
            "",
            "s.yaml:3:15: time.start: '2016-06-14T11:45:00' has no time zone; expected one, such "
            "as 2016-06-14T11:45:00+02:00",
        ),
        (
            "gate: 5 min",
            "gate: 20 min",
            "s.yaml:10:32: market.gate: 20 min is longer than the period of 15 min; expected at "
            "most it",
        ),
        (
            "market: {",
            "market: {mechanism: uniform_prize, ",
            "s.yaml:10:21: market.mechanism: no market mechanism 'uniform_prize'; nearest names: "
            "uniform_price; or give a ./file.py:Class",
        ),
        (
            "retail_eur_per_kwh: 0.35",
            "retail_eur_per_kwh: 0.35, feed_in_eur_per_kwh: 0.0805",
            "s.yaml:10:96: market.tariffs.feed_in_eur_per_kwh: 0.0805 €/kWh is finer than a price "
            "tick; expected steps of 0.001",
        ),
        (
            "at: 12:01",
            "at: 12:15",
            "s.yaml:14:10: events[0].at: 12:15 is 30 min after the start; the run is over after "
            "30 min",
        ),
        (
            "device: roof, fault",
            "device: rof, fault",
            "s.yaml:14:25: events[0].device: no device 'rof' in the scenario; nearest names: roof",
        ),
        (
            "fault: trip",
            "fault: explode",
            "s.yaml:14:38: events[0].fault: 'explode' does not fit; expected 'trip', 'reboot', "
            "'wrong-identity', 'delay', 'drop', 'close', 'reset', 'garbage', 'torn', 'double', "
            "'stuck', 'drift' or 'refuse'",
        ),
        (
            "simbench:H0-*",
            "simbench:H9-*",
            "s.yaml:8:14: peers[1].profile: no load profile 'H9-*' in 'simbench'; known: G1-A, "
            "G1-B, G1-C, G2-A, G3-A, G4-A, G4-B, G5-A, G6-A, H0-A, H0-B, H0-C, H0-G, H0-L, L1-A, "
            "L2-A",
        ),
        (
            "start: 2016-06-14",
            "start: 2016-07-14",
            "s.yaml:6:56: peers[0].pv.profile: 'simbench' holds 2016-06-12 22:00 UTC to "
            "2016-06-19 22:00 UTC and 2016-01-17 23:00 UTC to 2016-01-24 23:00 UTC; expected it "
            "to reach from 2016-07-14 09:15 UTC to 2016-07-14 10:30 UTC, which includes the "
            "market's first gate",
        ),
        (
            "grid.json",
            "gird.json",
            "s.yaml:4:17: grid.network: 'gird.json' cannot be read: no such file or directory; "
            "expected pandapower JSON",
        ),
        (
            "seed: 7",
            "seed: 7\nscenario: again",
            "s.yaml:3:1: scenario: second key 'scenario', the first is in line 1; expected one",
        ),
        (
            "ledger_verifies",
            "ledger_verifys",
            "s.yaml:15:41: checks[1]: no check 'ledger_verifys'; known: accounts_recomputed, "
            "all_contracts_settled, compliant_party_whole, delivered_share, en50160, "
            "energy_balance, frequency_band, ledger_verifies, line_loading, meters_match_ticks, "
            "metric, money_bounds, nadir, real_time_lateness, ride_through, rocof, "
            "time_to_fallback, tokens_balance, voltage_band, voltage_unbalance; or give a "
            "file.py:function",
        ),
        (
            "low_pu",
            "low_kv",
            "s.yaml:15:34: checks[0].voltage_band.low_kv: check voltage_band: no such option; "
            "expected: high_pu, low_pu",
        ),
        (
            "scenario: street",
            "about: nameless",
            "s.yaml:1:1: scenario: missing; expected name; run folders begin with it",
        ),
    ],
)
def test_every_fault_says_where_it_stands_and_what_was_expected(folder, good, bad, line):
    assert good in GOOD
    assert line in told(folder, GOOD.replace(good, bad, 1))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\n\tb: 2\n", "s.yaml:2:1: a tab cannot indent YAML; expected spaces"),
        (b"a: \xff\n", "s.yaml:1:4: byte 0xff is not UTF-8; expected the file saved as UTF-8"),
        (
            "",
            "s.yaml:1:1: the file holds no keys; expected a mapping that begins with "
            "'scenario: name'",
        ),
        ("a: \x01\n", "s.yaml:1:4: a control character; expected printable text"),
        (
            "a: !!python/object:os.system {}\nb: !thing 3\n",
            "s.yaml:2:4: tag '!thing' is not used here; expected plain values",
        ),
        (
            "a: &loop [*loop]\n",
            "s.yaml:1:4: an alias contains itself or the file grows beyond reason; write it out",
        ),
    ],
)
def test_what_is_no_scenario_at_all_says_why(folder, text, line):
    assert told(folder, text) == [line]


def test_an_unreadable_file_is_named(tmp_path):
    with pytest.raises(ScenarioError) as caught:
        load_scenario(tmp_path / "nowhere.yaml")
    assert str(caught.value) == (
        f"{tmp_path}/nowhere.yaml: cannot be read: no such file or directory; expected a scenario "
        "file in YAML"
    )


def test_all_faults_of_a_file_are_told_at_once_in_its_order(folder):
    bad = (
        GOOD.replace("seed: 7", "seed: -7")
        .replace("duration: 30 min", "duration: 30")
        .replace("bus: KV_1_4", "bus: nowhere")
        .replace("p_kwp: 30", "p_kwp: much")
        .replace("share: 0.5", "shear: 0.5")
        .replace("simbench:H0-*", "simbench:X")
        .replace("fault: trip", "fault: explode")
    )
    places = [(line.split(":")[1], line.split(": ")[1]) for line in told(folder, bad)]
    assert places == [
        ("2", "seed"),
        ("3", "time.duration"),
        ("6", "peers[0].bus"),
        ("6", "peers[0].pv.p_kwp"),
        ("8", "peers[1].profile"),
        ("9", "peers[1].battery.shear"),
        ("14", "events[0].fault"),
    ]


def test_what_follows_from_a_fault_is_not_a_second_fault(folder):
    # The device's own fault must not make peers and events that name it wrong as well.
    assert told(folder, GOOD.replace("role: inverter", "rule: inverter")) == [
        "s.yaml:12:10: devices.roof.rule: unknown key; nearest names: role"
    ]


def test_a_gap_in_a_profile_is_found_where_the_profile_is_named(folder):
    rows = [f"2016-06-14T{h:02}:{m:02}:00+02:00,3.5" for h in range(10, 14) for m in (0, 30)]
    (folder / "mill.csv").write_text("\n".join(["time,mill_kw", *rows[:3], *rows[4:]]))
    bad = GOOD.replace(
        "name: mill, bus: KV_1_4,", "name: mill, bus: KV_1_4, profile: mill.csv:mill_kw,"
    )
    assert told(folder, bad) == [
        "s.yaml:6:40: peers[0].profile: 'mill.csv' has a gap: 2016-06-14 10:00 UTC follows 3600 s "
        "after the row before; expected every 1800 s"
    ]


def test_a_missing_value_in_the_played_time_is_a_fault(folder):
    hours = [f"2016-06-14T{h:02}:00:00+02:00" for h in range(10, 15)]
    values = ["3.5", "", "3.5", "3.5", "3.5"]
    rows = [f"{hour},{value}" for hour, value in zip(hours, values, strict=True)]
    (folder / "mill.csv").write_text("\n".join(["time,mill_kw", *rows]))
    bad = GOOD.replace("bus: KV_1_4,", "bus: KV_1_4, profile: mill.csv:mill_kw,")
    assert told(folder, bad) == [
        "s.yaml:6:40: peers[0].profile: 'mill.csv:mill_kw' has 3 quarter hours without a value, "
        "the first at 2016-06-14T11:15:00+02:00; expected none in the time that is played"
    ]


def test_a_profile_in_kw_has_its_size_already(folder):
    rows = [f"2016-06-14T{h:02}:00:00+02:00,3500" for h in range(10, 15)]
    (folder / "mill.csv").write_text("\n".join(["time,mill_w", *rows]))
    bad = GOOD.replace("bus: KV_1_4,", "bus: KV_1_4, profile: mill.csv:mill_w, annual_kwh: 900,")
    assert told(folder, bad) == [
        "s.yaml:6:69: peers[0].annual_kwh: scales 'mill.csv:mill_w', which is in kW already"
    ]


def test_a_single_load_in_factors_needs_a_size(folder):
    bad = GOOD.replace("bus: KV_1_4,", "bus: KV_1_4, profile: 'simbench:G1-A',")
    assert told(folder, bad) == [
        "s.yaml:6:40: peers[0].profile: the load has no size; expected annual_kwh or p_peak_kw "
        "beside it"
    ]
