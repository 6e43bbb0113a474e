"""Whatever ends a bench, its devices are safe soon after: real processes, really killed."""

import contextlib
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from hil.drivers.opening import open_device
from hil.emulated_bench import EmulatedStation
from hil.errors import LeaseError, UnsafeError
from hil.safety.energised import energised
from hil.safety.guarded import JOURNAL, guarded
from hil.safety.notice import notice_file, notice_of
from hil.safety.stop import stop
from hil.station import Limits, Station, StationDevice

BENCH = Path(__file__).with_name("bench_process.py")
PATIENCE_S = 60.0  # of a test on a busy machine; what is asserted in seconds is its own matter
ROLES = {"grid": "grid-simulator", "sun": "pv-simulator", "roof": "inverter"}


def played(name, **given):
    return StationDevice(
        **{
            "name": name,
            "role": ROLES[name],
            "driver": "scpi-inverter" if name == "roof" else "scpi",
            "emulated": {"reconnect_delay_s": 0.5} if name == "roof" else {},
            "plays": "mill",
            "p_rated_kw": 5.0,
            "s_rated_kva": 5.0,
            "limits": Limits(p_min_kw=-5.0, p_max_kw=5.0, v_max_v=260.0),
            "timeout_s": 2.0,
            "revert_s": 3600.0,  # not what makes it safe here, unless a test says so
            **given,
        }
    )


class Lab:
    """Emulators that stand for real instruments: they outlive the bench, and are asked beside."""

    def __init__(self, emulated, folder):
        self._emulated, self.folder = emulated, folder
        self.environment = {**os.environ, "PEERWATT_STATE": str(folder / "state")}
        self.addresses = dict(emulated.addresses)

    def station(self, **given):
        devices = tuple(
            replace(
                played(name, **given),
                emulated=None,
                table=None if name == "roof" else "peerwatt-emulator",
                address=self.addresses[name],
            )
            for name in ROLES
        )
        return Station(name="lab", file=self.folder / "lab.yaml", devices=devices)

    def asked(self, name, query):
        device = next(one for one in self.station().devices if one.name == name)
        driver = open_device(device, device.address)
        try:
            return driver.ask(query)
        finally:
            driver.close()

    def holds(self):
        """The inverter's limit, and whether the outputs are closed. [W]"""
        limit = float(self.asked("roof", "SOUR:POW:LIM?"))
        return limit, self.asked("sun", "OUTP?"), self.asked("grid", "OUTP?")

    def is_safe(self):
        return self.holds() == (0.0, "0", "0")

    def events(self):
        file = self.folder / JOURNAL
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def event(self, name, who="guardian"):
        return next(one for one in self.events() if (one["event"], one["who"]) == (name, who))

    def guardian(self):
        return notice_of(self.station()).process

    @contextlib.contextmanager
    def bench(self, processes="one", *, hung_after_s=20.0, safe_within_s=10.0, **given):
        """A bench in a process of its own, which drives when the block begins."""
        words = [BENCH, self.folder, processes, hung_after_s, safe_within_s]
        process = subprocess.Popen(
            [sys.executable, *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=self.environment,
            start_new_session=True,
        )
        try:
            process.stdin.write(pickle.dumps(self.station(**given)))
            process.stdin.close()
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.stdout.close()
            process.stderr.close()
            process.wait()
            with contextlib.suppress(AttributeError, psutil.NoSuchProcess):
                self.guardian().kill()

    def energised(self, process):
        assert process.stdout.readline() == b"energised\n", process.stderr.read().decode()
        assert self.holds() == (3000.0, "1", "1")

    def safe_after(self, begun_s):
        """Wait until everything is safe and the guardian gone; how long that took. [s]"""
        until(self.is_safe)
        after_s = time.monotonic() - begun_s
        until(lambda: not notice_file(self.station()).exists())
        return after_s


def until(true):
    """Wait for something that will come."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline_s, "it never came"
        time.sleep(0.01)


def child_of(process):
    """The second process of a bench: not the guardian, which is in a session of its own."""
    (child,) = (
        one for one in psutil.Process(process.pid).children() if os.getsid(one.pid) == process.pid
    )
    return child


@pytest.fixture(scope="module")
def emulated():
    """Inverter, sun and grid of one node."""
    devices = tuple(played(name) for name in ROLES)
    with EmulatedStation(Station(name="lab", file=Path("/lab"), devices=devices)) as emulators:
        yield emulators


@pytest.fixture
def lab(emulated, tmp_path, monkeypatch):
    monkeypatch.setenv("PEERWATT_STATE", str(tmp_path / "state"))
    lab = Lab(emulated, tmp_path)
    yield lab
    for device in lab.station().devices:
        driver = open_device(device, device.address)
        driver.make_safe()
        driver.arm_revert(0.0)
        driver.close()


def test_a_bench_killed_at_once_is_made_safe_by_its_guardian(lab):
    with lab.bench() as process:
        lab.energised(process)
        begun_s = time.monotonic()
        process.kill()
        assert lab.safe_after(begun_s) < 5.0
    assert lab.event("tripped")["reason"] == "the run is gone"
    # Sources of power first, what carries them last.
    guarded_ = [
        one["device"] for one in lab.events() if one["who"] == "guardian" and "device" in one
    ]
    assert sorted(guarded_) == ["grid", "roof", "sun"]


def test_a_bench_that_hangs_is_killed_and_then_made_safe(lab):
    with lab.bench("two", hung_after_s=0.6) as process:
        lab.energised(process)
        driver = child_of(process)
        driver.suspend()
        until(lambda: not driver.is_running() or driver.status() == psutil.STATUS_ZOMBIE)
        until(lambda: process.poll() is not None)
        said = process.stderr.read().decode()
        lab.safe_after(time.monotonic())
    assert "the driver (process" in lab.event("tripped")["reason"]
    assert "showed no beat for 0." in lab.event("tripped")["reason"]
    assert lab.event("killed")["process"] == driver.pid
    assert lab.event("killed")["because"] == "hangs"
    assert "UnsafeError: the guardian makes the bench safe: the driver" in said


@pytest.mark.soak
def test_when_bench_and_guardian_are_both_killed_the_devices_revert_by_themselves(lab):
    with lab.bench(revert_s=1.0) as process:
        lab.energised(process)
        guardian = lab.guardian()
        os.kill(guardian.pid, signal.SIGSTOP)
        process.kill()
        guardian.kill()
        begun_s = time.monotonic()
        # Every question would renew the timers: none until they are over.
        time.sleep(1.0)
        until(lambda: time.monotonic() - begun_s > 1.3)
        assert lab.is_safe()
    assert not [one for one in lab.events() if one["who"] == "guardian"]


def stop_command(lab, *words):
    return subprocess.run(
        [sys.executable, "-c", "from cosim.cli import main; main()", "stop", *words],
        env=lab.environment,
        cwd=lab.folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.soak
def test_a_stop_from_another_terminal_ends_the_run_and_says_what_is_safe(lab):
    with lab.bench() as process:
        lab.energised(process)
        stopped = stop_command(lab)
        assert stopped.returncode == 0, stopped.stderr
        assert lab.is_safe()
        until(lambda: process.poll() is not None)
        said = process.stderr.read().decode().splitlines()[-1]
    assert said.startswith("hil.errors.UnsafeError: ")
    assert "the guardian makes the bench safe: peerwatt stop" in said
    first, *lines = stopped.stdout.splitlines()
    assert first.startswith("lab: its guardian (process")
    assert [line.split(", ")[0] for line in lines] == ["grid: safe", "sun: safe", "roof: safe"]
    assert stop_command(lab).stdout.startswith("no bench is in use")


def test_an_orderly_end_is_checked_on_the_devices_by_the_guardian(lab):
    station = lab.station()
    with guarded(station, station.devices, lab.folder, arm_now=True) as guard:
        with pytest.raises(LeaseError), guarded(station, station.devices, lab.folder, arm_now=True):
            pytest.fail("two runs drive one bench")
        with energised(guard.armed) as bench:
            bench.drivers["roof"].limit_power(3.0)
            guard.beat()
            bench.beat()
    verified = [(one["device"], one["event"]) for one in lab.events() if one["who"] == "guardian"]
    assert verified == [("grid", "safe"), ("sun", "safe"), ("roof", "safe")]
    assert lab.is_safe()
    assert list((lab.folder / "state").glob("*.json")) == []


@pytest.mark.soak
def test_a_stranger_at_an_address_keeps_the_bench_from_being_energised(lab):
    station = lab.station()
    stranger = replace(station.devices[2], serial_number="4711")
    devices = (*station.devices[:2], stranger)
    with (
        pytest.raises(UnsafeError, match=r"cannot guard: IdentityError: roof: .*expected '4711'"),
        guarded(replace(station, devices=devices), devices, lab.folder, arm_now=True),
    ):
        pytest.fail("the block was entered")


@pytest.mark.soak
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.parametrize("processes", ["one", "two"])
def test_a_signal_to_the_whole_terminal_leaves_everything_safe(lab, number, processes):
    with lab.bench(processes) as process:
        lab.energised(process)
        begun_s = time.monotonic()
        os.killpg(process.pid, number)
        assert lab.safe_after(begun_s) < 5.0


@pytest.mark.soak
def test_when_the_run_is_killed_the_process_that_drives_is_gone_before_the_guardian_acts(lab):
    with lab.bench("two") as process:
        lab.energised(process)
        driver = child_of(process)
        begun_s = time.monotonic()
        process.kill()
        assert lab.safe_after(begun_s) < 5.0
        until(lambda: not driver.is_running())


@pytest.mark.soak
def test_when_the_process_that_drives_is_killed_the_run_ends_and_everything_is_safe(lab):
    with lab.bench("two") as process:
        lab.energised(process)
        begun_s = time.monotonic()
        child_of(process).kill()
        assert lab.safe_after(begun_s) < 5.0
        until(lambda: process.poll() is not None)
        assert b"UnsafeError: the guardian" in process.stderr.read()
    # Whoever notices first: the guardian by itself, or the run, which then ends.
    reason = lab.event("tripped")["reason"]
    assert reason.startswith("the driver (process")
    assert reason.endswith(("is gone", "has not left the bench in order"))


@pytest.mark.soak
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_bench_whose_guardian_is_gone_or_hangs_drives_no_further(lab, number):
    with lab.bench() as process:
        lab.energised(process)
        guardian = lab.guardian()
        guardian.send_signal(number)
        until(lab.is_safe)
        with contextlib.suppress(psutil.NoSuchProcess):
            guardian.kill()
        until(lambda: process.poll() is not None)
        assert b"the guardian" in process.stderr.read()


@pytest.mark.soak
def test_a_device_that_cannot_be_reached_is_said_to_be_unsafe_and_the_next_run_waits(lab):
    with lab.bench(safe_within_s=3.0) as process:
        lab.energised(process)
        node = psutil.Process(lab._emulated.processes["mill"].pid)
        node.suspend()
        process.kill()
        until(lambda: any(one["event"] == "tripped" for one in lab.events()))
        station = lab.station()
        process.wait()
        with (
            pytest.raises(LeaseError, match="still makes it safe"),
            guarded(station, station.devices, lab.folder, arm_now=True),
        ):
            pytest.fail("the block was entered")
        until(lambda: not notice_file(station).exists())
        node.resume()
    assert {one["device"] for one in lab.events() if one["event"] == "NOT SAFE"} == set(ROLES)


def test_stop_makes_devices_safe_that_nobody_drives(lab):
    station = lab.station()
    roof = open_device(station.devices[2], station.devices[2].address)
    roof.limit_power(3.0)
    roof.close()
    assert not lab.is_safe()
    assert [one.safe for one in stop(station.devices, notice_of(station))] == [True, True, True]
    assert lab.is_safe()


@pytest.mark.soak
def test_stop_takes_over_from_a_guardian_that_is_gone(lab):
    station = lab.station()
    with guarded(station, station.devices, lab.folder, arm_now=True) as guard:
        left = notice_file(station).read_text()
        assert guard.armed.by == "--arm"
    notice_file(station).write_text(left)  # as a guardian that was killed leaves it
    roof = open_device(station.devices[2], station.devices[2].address)
    roof.limit_power(3.0)
    roof.close()
    stopped = stop_command(lab)
    assert stopped.returncode == 0
    assert stopped.stdout.startswith("lab: its guardian is gone; making it safe from here")
    assert lab.is_safe()


def station_file(lab):
    """The lab as the operator writes it down, every device real."""
    lines = ["station: lab", "devices:"]
    for device in lab.station(p_rated_kw=40.0).devices:
        driver = open_device(device, device.address)
        lines += [
            f"  {device.name}:",
            f"    role: {device.role}",
            f"    driver: {device.driver}",
            f"    address: {device.address}",
            f"    identity: '{driver.identify()}'",
            "    plays: mill",
            "    p_rated_kw: 4",
            "    scale: 10",
            "    revert: 3600 s",
            "    timeout: 500 ms",
        ]
        lines += [f"    table: {device.table}"] if device.table else []
        lines += ["    limits: {v_max_v: 260}"] if device.name == "grid" else []
        driver.close()
    file = lab.folder / "lab.yaml"
    file.write_text("\n".join(lines))
    return file


@pytest.mark.soak
@pytest.mark.parametrize("end", ["kill", "stop", "interrupt"])
def test_a_scenario_on_a_real_bench_leaves_it_safe_however_it_ends(lab, end):
    file = station_file(lab)
    village = Path(__file__).parents[2] / "scenarios" / "village.yaml"
    words = ["run", village, "--station", file, "--real-time", "--arm", "--out", lab.folder / "out"]
    with subprocess.Popen(
        [sys.executable, "-c", "from cosim.cli import main; main()", *map(str, words)],
        env=lab.environment,
        cwd=lab.folder,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            until(lambda: process.poll() is not None or lab.holds()[0] > 0)
            assert process.poll() is None, process.stderr.read()
            if end == "stop":
                assert stop_command(lab, str(file)).returncode == 0
                assert lab.is_safe()
            else:
                process.send_signal(signal.SIGKILL if end == "kill" else signal.SIGINT)
                begun_s = time.monotonic()
                until(lab.is_safe)
                assert time.monotonic() - begun_s < 5.0
            said = process.communicate(timeout=PATIENCE_S)[1]
        finally:
            process.kill()
    assert process.returncode == {"kill": -signal.SIGKILL, "stop": 3, "interrupt": 130}[end]
    if end == "stop":
        assert "the run broke: the guardian makes the bench safe: peerwatt stop" in said


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(30))
def test_a_bench_killed_at_any_moment_is_safe_after_it(lab, seed):
    rng = random.Random(seed)
    how = rng.choice(["run", "driver", "both", "hang"])
    with lab.bench("two", hung_after_s=0.6) as process:
        if rng.random() < 0.5:
            lab.energised(process)
            time.sleep(rng.uniform(0.0, 0.3))
        else:
            time.sleep(rng.uniform(0.0, 2.0))
        children = [
            one for one in psutil.Process(process.pid).children()
            if os.getsid(one.pid) == process.pid
        ]  # fmt: skip
        begun_s = time.monotonic()
        if how == "hang":
            process.send_signal(signal.SIGSTOP)
        for child in children if how in ("driver", "both") else ():
            child.kill()
        if how in ("run", "both") or not children:
            process.kill()
        assert lab.safe_after(begun_s) < 8.0
        until(lambda: process.poll() is not None)
        until(lab.is_safe)
