"""Every class of bad station gives its line; the lines are written out in full."""

import dataclasses
from datetime import date
from pathlib import Path

import pytest

import scenarios
from hil.station import Interlock, Limits, OnLoss
from scenarios import ScenarioError
from scenarios.gallery import STATION_SCHEMA_FILE, station_schema_text
from scenarios.load import load_scenario
from scenarios.station import load_station

TODAY = date(2026, 6, 1)
SHIPPED = sorted(STATION_SCHEMA_FILE.parent.glob("*.yaml"))
VILLAGE = Path(scenarios.__file__).parent / "village.yaml"
GOOD = """\
station: lab
v_window_v: [184, 264]
interlock: {device: grid, query: "STAT:QUES:COND?"}
devices:
  roof:
    role: inverter
    address: TCPIP0::192.168.0.10::5025::SOCKET
    identity: "Maker,Model,SN1,1.4"
    plays: mill
    p_rated_kw: 5
    timeout: 1 s
    revert: 30 s
  grid:
    role: grid-simulator
    emulated: true
    plays: mill
    p_rated_kw: 12
    limits: {v_min_v: 100, v_max_v: 264}
    safe_state: {output: off, vm_v: 0}
  meter:
    role: analyser
    driver: scpi
    table: meter.yaml
    address: GPIB0::7::INSTR
    serial_number: SN7
    calibrated: 2025-07-01
    calibration_due: 2026-07-01
    plays: mill
    current_ratio: 100/5
    signs: {p: -1}
"""


def told(folder, text, **given):
    """Lines of all faults, with the file's name alone in front."""
    (folder / "meter.yaml").touch()
    file = folder / "s.yaml"
    file.write_text(text, "utf-8")
    try:
        load_station(file, today=TODAY, **given)
    except ScenarioError as error:
        return [str(dataclasses.replace(fault, file="s.yaml")) for fault in error.faults]
    return []


def test_a_good_station_is_read_with_every_default(tmp_path):
    assert told(tmp_path, GOOD) == []
    station = load_station(tmp_path / "s.yaml", today=TODAY)
    roof, grid, meter = station.devices
    assert station.nodes() == {"mill": (roof, grid, meter)}
    assert station.interlock == Interlock(device="grid", query="STAT:QUES:COND?", expected="1")
    assert (roof.driver, grid.driver, meter.driver) == ("scpi-inverter", "scpi", "scpi")
    assert roof.limits == Limits(p_min_kw=0, p_max_kw=5, q_max_kvar=5)
    assert grid.limits.p_min_kw == -12
    assert grid.safe_state == {"output": 0.0, "vm_v": 0.0}
    assert (roof.s_rated_kva, roof.timeout_s, roof.revert_s) == (5, 1, 30)
    assert roof.on_loss == OnLoss(action="zero", after_s=0.5)
    assert (meter.current_ratio, meter.voltage_ratio, meter.signs) == (20, 1, {"p": -1})
    assert meter.table == (tmp_path / "meter.yaml").resolve()
    assert not station.is_emulated


@pytest.mark.parametrize(
    ("good", "bad", "line"),
    [
        (
            "timeout: 1 s",
            "time_out: 1 s",
            "s.yaml:11:5: devices.roof.time_out: unknown key; nearest names: timeout",
        ),
        (
            "timeout: 1 s",
            "timeout: 1",
            "s.yaml:11:14: devices.roof.timeout: 1 is not a duration; expected a number with its "
            "unit, such as '15 min'",
        ),
        (
            "  grid:\n",
            "  roof:\n",
            "s.yaml:13:3: devices.roof: second key 'roof', the first is in line 5; expected one",
        ),
        (
            "address: GPIB0::7::INSTR",
            "address: TCPIP::192.168.0.10::5025::socket",
            "s.yaml:24:14: devices.meter.address: 'TCPIP::192.168.0.10::5025::socket' is the "
            "address of 'roof' already; expected one device at an address",
        ),
        (
            "role: grid-simulator",
            "role: inverter",
            "s.yaml:16:12: devices.grid.plays: 'roof' plays the inverter of 'mill' already; "
            "expected one device for each role",
        ),
        (
            "    plays: mill\n    current",
            "    current",
            "s.yaml:21:5: devices.meter.plays: missing; expected peer or bus that it plays; "
            "devices that play the same one are wired to one another. `nothing` for one that "
            "stands for itself",
        ),
        (
            "p_rated_kw: 5\n",
            "p_rated_kw: 5\n    limits: {p_max_kw: 50}\n",
            "s.yaml:11:24: devices.roof.limits.p_max_kw: 50 kW is outside the rated 5 kW; "
            "expected a limit within",
        ),
        (
            "vm_v: 0}",
            "vm_v: 300}",
            "s.yaml:19:37: devices.grid.safe_state.vm_v: 300 V is outside the limits of 0 to "
            "264 V; expected a safe state within",
        ),
        (
            "signs: {p: -1}",
            "signs: {p: -2}",
            "s.yaml:30:16: devices.meter.signs.p: -2 does not fit; expected 1 or -1",
        ),
        (
            "signs: {p: -1}",
            "signs: {P: -1}",
            "s.yaml:30:13: devices.meter.signs.P: 'P' does not fit; expected 'p', 'q' or 'energy'",
        ),
        (
            "100/5",
            "100/0",
            "s.yaml:29:20: devices.meter.current_ratio: '100/0' is no ratio; expected primary over "
            "secondary, as 100/5 or 20",
        ),
        (
            "calibration_due: 2026-07-01",
            "calibration_due: 2025-06-30",
            "s.yaml:27:22: devices.meter.calibration_due: 2025-06-30 is not after the calibration "
            "on 2025-07-01; expected a later day",
        ),
        (
            "calibrated: 2025-07-01",
            "calibrated: 2026-06-02",
            "s.yaml:26:17: devices.meter.calibrated: 2026-06-02 has not come yet; expected the day "
            "of the last calibration",
        ),
        (
            "    address: GPIB0::7::INSTR\n",
            "",
            "s.yaml:21:5: devices.meter.address: missing; expected where the device is, or "
            "emulated: true",
        ),
        (
            "emulated: true\n",
            "emulated: true\n    address: GPIB0::8::INSTR\n",
            "s.yaml:16:14: devices.grid.address: 'GPIB0::8::INSTR' is given to an emulated device; "
            "expected no address: its emulator takes a free port",
        ),
        (
            "v_min_v: 100",
            "v_min_v: 240",
            "s.yaml:18:13: devices.grid.limits: 240 to 264 V excludes the nominal 230 V; expected "
            "a window around it",
        ),
        (
            "v_window_v: [184, 264]",
            "v_window_v: [90, 140]",
            "s.yaml:2:13: v_window_v: 90 to 140 V excludes the nominal 230 V; the bench could "
            "never be energised",
        ),
        (
            "revert: 30 s",
            "revert: 500 ms",
            "s.yaml:12:13: devices.roof.revert: 500 ms is no longer than the time-out of 1 s; the "
            "device would fall back while the bench still waits; expected more",
        ),
        (
            '    identity: "Maker,Model,SN1,1.4"\n',
            "",
            "s.yaml:6:5: devices.roof.serial_number: missing, and so is identity; expected one of "
            "them, so that a stranger is refused: `peerwatt devices` shows what answers",
        ),
        (
            "SN1,1.4",
            "SN1",
            "s.yaml:8:15: devices.roof.identity: 'Maker,Model,SN1' is no answer to *IDN?; expected "
            "maker,model,serial,firmware",
        ),
        (
            "table: meter.yaml",
            "table: metre.yaml",
            "s.yaml:23:12: devices.meter.table: no file 'metre.yaml' beside the station; expected "
            "one there",
        ),
        (
            "driver: scpi\n",
            "driver: scpj\n",
            "s.yaml:22:13: devices.meter.driver: no driver 'scpj'; nearest names: scpi; "
            "or give a file.py:Class",
        ),
        (
            "device: grid",
            "device: gird",
            "s.yaml:3:21: interlock.device: no device 'gird' on the bench; nearest names: grid",
        ),
        (
            "p_rated_kw: 12",
            "p_rated_kw: 12\n    s_rated_kva: 10",
            "s.yaml:18:18: devices.grid.s_rated_kva: 10 kVA is below the rated power of 12 kW; "
            "expected that or more",
        ),
        (
            "    p_rated_kw: 5\n",
            "",
            "s.yaml:6:5: devices.roof.p_rated_kw: missing; expected its rated power in kW",
        ),
        (
            "TCPIP0::192.168.0.10::5025::SOCKET",
            "sunspec://192.168.0.10/1",
            "s.yaml:7:14: devices.roof.address: 'sunspec://192.168.0.10/1' is not for "
            "scpi-inverter; expected a VISA address, or driver: sunspec",
        ),
        (
            "    address: TCPIP0::192.168.0.10::5025::SOCKET",
            "    driver: sunspec\n    address: sunspec://192.168.0.10/256",
            "s.yaml:8:14: devices.roof.address: 'sunspec://192.168.0.10/256': unit 256 is outside "
            "0 to 255",
        ),
        (
            "TCPIP0::192.168.0.10::5025::SOCKET",
            "sunspec://192.168.0.10/1\n    driver: sunspec\n    link: {proof: tag}",
            "s.yaml:9:11: devices.roof.link: means nothing to sunspec: Modbus TCP has nothing to "
            "choose; expected none",
        ),
        (
            "emulated: true\n    plays: mill\n    p_rated_kw: 12",
            "driver: sunspec\n    emulated: true\n    plays: mill\n    p_rated_kw: 12",
            "s.yaml:15:13: devices.grid.driver: sunspec does not drive a grid-simulator; expected "
            "scpi with a table",
        ),
        (
            "    p_rated_kw: 12",
            "    p_rated_kw: 12\n    loop: {r_ohm: 0.5, f_window_hz: [51, 52]}",
            "s.yaml:18:11: devices.grid.loop.x_ohm: missing; expected r_ohm and x_ohm, or neither",
        ),
        (
            "    p_rated_kw: 12",
            "    p_rated_kw: 12\n    loop: {f_window_hz: [51, 52]}",
            "s.yaml:18:25: devices.grid.loop.f_window_hz: 51 to 52 Hz excludes the nominal 50 Hz; "
            "expected a window around",
        ),
        (
            "    p_rated_kw: 5\n",
            "    p_rated_kw: 5\n    loop: {}\n",
            "s.yaml:11:11: devices.roof.loop: means nothing here; expected it at a grid simulator "
            "that plays a peer",
        ),
    ],
)
def test_a_fault_names_its_line_and_what_was_expected(tmp_path, good, bad, line):
    assert GOOD.count(good) == 1 or good in ("  grid:\n",)
    assert line in told(tmp_path, GOOD.replace(good, bad, 1))


def test_all_faults_come_at_once_in_the_order_of_the_file(tmp_path):
    text = GOOD.replace("timeout: 1 s", "timeout: soon").replace("p_rated_kw: 12", "p_rated_kw: x")
    lines = told(tmp_path, text.replace("{p: -1}", "{p: 0}"))
    assert [line.split(": ")[1] for line in lines] == [
        "devices.roof.timeout",
        "devices.grid.p_rated_kw",
        "devices.meter.signs.p",
    ]


def test_an_overdue_calibration_warns_or_refuses_as_the_station_says(tmp_path):
    text = GOOD.replace("2026-07-01", "2026-05-31")
    assert told(tmp_path, text) == []
    overdue = load_station(tmp_path / "s.yaml", today=TODAY).overdue(TODAY)
    assert [device.name for device in overdue] == ["meter"]
    assert told(tmp_path, text.replace("station: lab", "station: lab\ncalibration: refuse")) == [
        "s.yaml:28:22: devices.meter.calibration_due: overdue since 2026-05-31; have it "
        "calibrated, or set calibration: warn"
    ]


def test_a_file_that_is_no_station_says_so(tmp_path):
    assert told(tmp_path, "[]") == [
        "s.yaml:1:1: the file holds no keys; expected a mapping that begins with 'station: name'"
    ]
    with pytest.raises(ScenarioError, match=r"cannot be read: .* expected a station file in YAML"):
        load_station(tmp_path / "none.yaml")


def test_what_devices_play_and_wait_for_is_checked_against_the_scenario(tmp_path):
    village = load_scenario(VILLAGE)
    assert told(tmp_path, GOOD, scenario=village) == []
    text = GOOD.replace("plays: mill\n    current", "plays: mil\n    current")
    text = text.replace("revert: 30 s", "revert: 30 s\n    on_loss: {after: 100 ms}")
    assert told(tmp_path, text, scenario=village)[:1] == [
        "s.yaml:13:22: devices.roof.on_loss.after: 100 ms is no longer than the scenario's tick of "
        "100 ms; expected more"
    ]
    alone = text.replace("role: analyser", "role: load").replace(
        "p: -1}", "p: -1}\n    p_rated_kw: 1"
    )
    assert told(tmp_path, alone, scenario=village)[1:] == [
        "s.yaml:29:12: devices.meter.plays: no peer or bus 'mil' in scenario 'village'; nearest "
        "names: mill"
    ]


def test_the_committed_schema_of_stations_is_the_schema():
    told = "write it anew: peerwatt schema --station"
    assert STATION_SCHEMA_FILE.read_text("utf-8") == station_schema_text(), told


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_stations_are_good_and_name_their_schema(file):
    first, *_ = file.read_text("utf-8").splitlines()
    assert first == "# yaml-language-server: $schema=./station.schema.json"
    assert load_station(file, today=TODAY).about
