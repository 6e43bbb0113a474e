"""The emulated bench as a whole: real processes, real sockets, real pyvisa."""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hil.emulated_bench import (
    EmulatedBench,
    EmulatedStation,
    EmulatorProcess,
    document_of,
    settings_of,
)
from hil.emulators.settings import SettingsError
from hil.errors import DeviceError, LinkError
from hil.roles import InverterReading
from hil.station import Limits, Station, StationDevice
from models.inverters.inverter import Inverter, InverterParams

ROOF = InverterParams(p_rated_kw=5.0, s_kva=5.0)


def play(ticks: int, *, trip_at: int, lose_at: tuple[int, ...] = ()) -> list[InverterReading]:
    """Step an emulated inverter through seeded inputs."""
    rng = random.Random(5)
    readings = []
    with EmulatedBench({"roof": ROOF}, timeout_s=0.3 if lose_at else 5.0) as bench:
        roof = bench.inverters["roof"]
        roof.begin_lockstep(0.1)
        for k in range(ticks):
            if k == trip_at:
                roof.inject("trip")
            if k in lose_at:
                roof.inject(("drop", "close", "reset", "torn", "double")[lose_at.index(k)])
            inputs = rng.uniform(0, 6), rng.uniform(0, 5), rng.uniform(0.9, 1.1), 50.0
            readings.append(roof.tick(*inputs))
    return readings


def gone(port: int) -> bool:
    """Whether nobody listens at a port of this machine any more."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def port_of(bench: EmulatedBench) -> int:
    return int(bench.addresses["roof"].split("::")[2])


def test_a_run_in_lockstep_repeats_bit_for_bit_also_when_answers_are_lost():
    readings = play(120, trip_at=100)
    assert play(120, trip_at=100) == readings
    assert play(120, trip_at=100, lose_at=(10, 11, 50, 99, 110)) == readings


def test_a_trip_is_seen_at_its_tick_and_power_is_the_models():
    # The model, stepped beside it, is the reference.
    readings, model, rng = play(60, trip_at=40), Inverter(ROOF), random.Random(5)
    for k, reading in enumerate(readings):
        if k == 40:
            model.trip()
        model.step(0.1, rng.uniform(0, 6), rng.uniform(0, 5), rng.uniform(0.9, 1.1), 50.0)
        assert reading.p_kw == pytest.approx(model.p_kw, rel=1e-12, abs=1e-12)
        assert (reading.tick, reading.tripped) == (k, k >= 40)


def test_garbage_within_a_tick_is_an_error_and_the_tick_can_be_asked_for_again():
    with EmulatedBench({"roof": ROOF}) as bench:
        roof = bench.inverters["roof"]
        roof.begin_lockstep(0.1)
        roof.inject("garbage")
        with pytest.raises(DeviceError, match="was answered with"):
            roof.tick(4.0, 5.0, 1.0, 50.0)
        assert roof.tick(4.0, 5.0, 1.0, 50.0).tick == 0


def test_several_inverters_have_limits_of_their_own():
    names = ("roof", "barn", "Süd, 1")
    with EmulatedBench(dict.fromkeys(names, ROOF)) as bench:
        for limit_kw, name in enumerate(names):
            bench.inverters[name].limit_power(float(limit_kw))
            bench.inverters[name].begin_lockstep(1000.0)
        powers = [bench.inverters[name].tick(9.0, 2.0 - k, 1.0, 50.0).p_kw
                  for k, name in enumerate(names)]  # fmt: skip
    assert powers == pytest.approx([2.0, 1.0, 0.0])


@pytest.mark.parametrize("end", [ValueError, KeyboardInterrupt, SystemExit])
def test_the_processes_end_with_the_block_however_it_ends(end):
    bench = EmulatedBench({"roof": ROOF})
    ports = []

    def run() -> None:
        with bench:
            ports.append(port_of(bench))
            assert not gone(ports[0])
            raise end

    with pytest.raises(end):
        run()
    assert gone(ports[0])
    assert (bench.inverters, bench.processes, bench.addresses) == ({}, {}, {})


def test_a_bench_can_be_entered_again():
    bench = EmulatedBench({"roof": ROOF})
    for _ in range(2):
        with bench:
            bench.inverters["roof"].limit_power(1.0)


def test_an_emulator_that_dies_is_noticed_at_the_next_tick():
    def run() -> None:
        with EmulatedBench({"roof": ROOF}) as bench:
            roof = bench.inverters["roof"]
            roof.begin_lockstep(0.1)
            os.kill(bench.processes["roof"].pid, signal.SIGKILL)
            os.waitid(os.P_PID, bench.processes["roof"].pid, os.WEXITED | os.WNOWAIT)
            roof.tick(4.0, 5.0, 1.0, 50.0)

    with pytest.raises(LinkError) as ended:
        run()
    assert "roof may not be in its safe state" in ended.value.__notes__[0]


def test_an_emulator_that_does_not_start_says_why():
    process = EmulatorProcess({"instruments": [{"nam": "x"}]}, name="roof")
    with process, pytest.raises(DeviceError) as failure:
        process.ports()
    assert "roof: its emulator did not start" in str(failure.value)
    assert "unexpected keyword argument 'nam'" in str(failure.value)


def test_an_emulator_that_says_nothing_is_given_up():
    process = EmulatorProcess({"instruments": []}, name="roof", start_timeout_s=0.0)
    with process, pytest.raises(DeviceError, match=r"did not start within 0.0 s \(exit -9\)"):
        process.ports()


PARENT = """
import signal, sys
# A shell that starts the tests in the background has them ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
from hil.emulated_bench import EmulatedBench
from models.inverters.inverter import InverterParams
with EmulatedBench({"roof": InverterParams(p_rated_kw=5.0, s_kva=5.0)}) as bench:
    bench.inverters["roof"].limit_power(5.0)
    print(bench.addresses["roof"].split("::")[2], flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_emulator_ends_with_its_parent_however_that_dies(number):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), timeout=20) as witness:
            parent.send_signal(number)
            # The connection ends when the emulator does; the timeout fails the test.
            with contextlib.suppress(ConnectionResetError):
                assert witness.recv(1) == b""
    assert gone(port)


def device(name: str, role: str, **given: object) -> StationDevice:
    return StationDevice(
        **{
            "name": name,
            "role": role,
            "driver": "scpi",
            "emulated": {},
            "plays": "mill",
            "p_rated_kw": 5.0,
            "s_rated_kva": 6.0,
            "limits": Limits(p_max_kw=5.0),
            **given,
        }
    )


def station(*devices: StationDevice) -> Station:
    return Station(
        name="lab", file=Path("lab.yaml"), devices=devices, v_nominal_v=240.0, f_nominal_hz=60.0
    )


def asked(address: str, line: str) -> str:
    port = int(address.split("::")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        raw.sendall(f"{line}\n".encode())
        return raw.makefile().readline().strip()


def test_devices_that_play_the_same_peer_share_a_process_and_a_world():
    lab = station(
        device("inverter", "inverter", expected_identity="Maker,Model,7,1"),
        device("grid", "grid-simulator", serial_number="G 1"),
        device("real", "analyser", emulated=None, address="TCPIP0::lab::5025::SOCKET"),
        device("store", "storage", plays=None),
        device("spare", "load", plays=None),
    )
    with EmulatedStation(lab) as bench:
        assert set(bench.addresses) == {"inverter", "grid", "store", "spare"}
        assert set(bench.processes) == {"mill", "store alone", "spare alone"}
        assert asked(bench.addresses["inverter"], "*IDN?;:POW:LIM? MAX") == "Maker,Model,7,1;5000.0"
        assert asked(bench.addresses["grid"], "*IDN?;:VOLT?;:FREQ?;:OUTP ON;:SIM:CLOC:ADV? 1") == (
            "Peerwatt,Emulated grid-simulator,G 1,1;240.0;60.0;1.0"
        )
        assert asked(bench.addresses["inverter"], "MEAS:VOLT?") == "240.0"
        ports = [int(address.split("::")[2]) for address in bench.addresses.values()]
    assert all(map(gone, ports))
    assert (bench.addresses, bench.processes) == ({}, {})


def test_an_inverter_of_a_sunspec_driver_is_found_where_it_speaks_that():
    lab = station(device("inverter", "inverter", driver="sunspec"))
    with EmulatedStation(lab) as bench:
        spelled = r"sunspec://127\.0\.0\.1:(\d+)/1\?scpi=\d+"
        found = re.fullmatch(spelled, bench.addresses["inverter"])
        assert found
        with socket.create_connection(("127.0.0.1", int(found[1])), timeout=20) as raw:
            raw.sendall(bytes.fromhex("0001 0000 0006 01 03 9c40 0002"))
            assert raw.recv(32).endswith(b"SunS")


def test_an_analyser_is_wired_as_the_station_says_unless_its_emulator_says_otherwise():
    signs = {"p": -1}
    declared = device("meter", "analyser", current_ratio=10.0, signs=signs, phase="b")
    assert settings_of(declared) == {
        "phase": "b",
        "serial": "meter",
        "current_ratio": 10.0,
        "voltage_ratio": 1.0,
        "sign": -1.0,
    }
    mistaken = device("meter", "analyser", signs=signs, emulated={"sign": 1.0, "noise": 0.01})
    assert (settings_of(mistaken)["sign"], settings_of(mistaken)["noise"]) == (1.0, 0.01)


def test_a_setting_that_no_emulator_has_is_told_with_its_device():
    with pytest.raises(SettingsError, match="meter: analyser: no setting 'nois'; nearest: noise"):
        EmulatedStation(station(device("meter", "analyser", emulated={"nois": 1})))


def test_the_step_of_a_node_is_its_finest():
    devices = [
        device("a", "inverter", emulated={"step_s": 0.005}),
        device("b", "load", emulated={"step_s": 0.002}),
    ]
    assert document_of(devices, station(*devices))["world"]["step_s"] == 0.002
