"""What a device says of itself before a run, and what the run folder keeps of it."""

import hashlib
import json
import socket
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

import scenarios
from hil.drivers.opening import open_device
from hil.emulated_bench import EmulatedStation
from hil.errors import IdentityError
from hil.record import BenchRecord, look
from hil.station import Limits, Station, StationDevice
from scenarios.station import load_station

EMULATED = Path(scenarios.__file__).parents[1] / "stations" / "emulated.yaml"
ROOF = StationDevice(
    name="roof",
    role="inverter",
    driver="scpi-inverter",
    emulated={},
    plays="mill",
    p_rated_kw=5,
    s_rated_kva=5,
    limits=Limits(p_max_kw=5),
)


@pytest.fixture(scope="module")
def address():
    """A running emulated inverter's."""
    with EmulatedStation(Station(name="one", file=Path("one.yaml"), devices=(ROOF,))) as running:
        yield running.addresses["roof"]


def test_a_device_that_is_there_says_who_it_is_and_how_fast(address):
    seen = look(ROOF, address, asks=5)
    assert (seen.identity.serial, seen.amiss, seen.noted, seen.errors) == ("roof", (), (), ())
    assert 0 < seen.median_s <= seen.p99_s
    json.dumps(seen.plain())


def test_its_error_queue_is_told_and_emptied(address):
    device = open_device(ROOF, address)
    device._link.write("NO:SUCH:COMMAND 1")
    device.close()
    (entry,) = look(ROOF, address, asks=1).errors
    assert entry.startswith("-113")
    assert look(ROOF, address, asks=1).errors == ()


def test_another_serial_number_is_amiss_and_another_firmware_is_noted(address):
    expected = replace(ROOF, serial_number="SN1", firmware="0.9", emulated=None)
    seen = look(expected, address, asks=1)
    assert seen.amiss == ("has serial number 'roof'; expected 'SN1'",)
    assert seen.noted == ("firmware '1', calibrated with '0.9'",)


def test_another_identity_is_amiss(address):
    seen = look(replace(ROOF, expected_identity="A,B,C,D"), address)
    assert seen.identity is None
    assert "expected 'A,B,C,D'; nothing else was sent" in seen.amiss[0]


def test_an_old_calibration_is_noted(address):
    device = replace(ROOF, emulated=None, calibration_due=date(2026, 5, 31))
    seen = look(device, address, asks=1, today=date(2026, 6, 1))
    assert seen.noted == ("calibration overdue since 2026-05-31",)


def test_a_device_that_is_not_there_is_no_exception():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        seen = look(ROOF, f"TCPIP0::127.0.0.1::{nobody.getsockname()[1]}::SOCKET")
    assert seen.identity is None
    assert "Connection refused" in seen.amiss[0]


def test_the_run_folder_keeps_who_ran_what_on_which_device_and_every_byte(tmp_path, address):
    station = replace(load_station(EMULATED), devices=(ROOF,))
    record = BenchRecord(tmp_path, station, mode="real time", armed_by="emulated")
    record.seen([look(ROOF, address, asks=1)])
    with open_device(ROOF, address, open_link=record.open_link) as inverter:
        inverter.limit_power(2.5)
    record.end({"roof": ""}, real_time={"ticks": 3})
    kept = json.loads((tmp_path / "bench.json").read_text("utf-8"))
    assert all(kept[key] for key in ("user", "host"))
    assert kept["began"] < kept["ended"]
    assert kept["station"]["sha256"] == hashlib.sha256(EMULATED.read_bytes()).hexdigest()
    assert (tmp_path / "bench" / "station.yaml").read_bytes() == EMULATED.read_bytes()
    (device,) = kept["devices"]
    assert (device["name"], device["plays"], device["p_rated_kw"]) == ("roof", "mill", 5)
    assert device["identity"]["firmware"] == "1"
    assert (kept["safe"], kept["real_time"]) == ({"roof": ""}, {"ticks": 3})
    text = (tmp_path / "bench" / "roof.jsonl").read_text("utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    sent = "".join(line["bytes"] for line in lines if line["what"] == "sent")
    assert "POW:LIM 2500" in sent
    assert sent.rindex("POW:LIM 0") > sent.rindex("POW:LIM 2500")


def test_a_serial_number_alone_is_checked_when_a_device_is_opened(address):
    with pytest.raises(IdentityError, match=r"is number 'roof'; expected 'SN1'; nothing was set"):
        open_device(replace(ROOF, serial_number="SN1"), address)
    open_device(replace(ROOF, serial_number="roof"), address).close()
