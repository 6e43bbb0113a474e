"""A bench has one run at a time; real processes, really killed."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from hil.errors import LeaseError
from hil.safety.lease import lease
from hil.station import Limits, Station, StationDevice

ADDRESS = "TCPIP0::192.0.2.1::5025::SOCKET"


def station(file, address=ADDRESS):
    device = StationDevice(
        name="roof",
        role="inverter",
        driver="scpi-inverter",
        address=address,
        emulated=None if address else {},
        p_rated_kw=5,
        s_rated_kva=5,
        limits=Limits(p_max_kw=5),
    )
    return Station(name="lab", file=Path(file), devices=(device,))


HOLD = """
import sys
from pathlib import Path
from hil.safety.lease import lease
from hil.station import Limits, Station, StationDevice

file, address, folder = sys.argv[1:]
device = StationDevice(name="roof", role="inverter", driver="scpi-inverter", address=address,
                       p_rated_kw=5, s_rated_kva=5, limits=Limits(p_max_kw=5))
with lease(Station(name="lab", file=Path(file), devices=(device,)), folder=Path(folder)):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holding(folder, file="/lab.yaml", address=ADDRESS):
    """Another process that holds the bench while the block runs."""
    words = [sys.executable, "-c", HOLD, file, address, str(folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_lease_ends_with_its_owner_however_that_ends(tmp_path, how):
    with holding(tmp_path) as owner:
        with (
            pytest.raises(LeaseError, match=rf"'lab' is in use: .* process {owner.pid}, since 20"),
            lease(station("/lab.yaml"), folder=tmp_path),
        ):
            pass
        owner.send_signal(how)
        owner.wait()
        with lease(station("/lab.yaml"), folder=tmp_path):
            assert "lab" in "".join(os.listdir(tmp_path))


def test_two_files_that_name_one_instrument_exclude_each_other(tmp_path):
    with (
        holding(tmp_path, file="/one.yaml", address="tcpip::192.0.2.1::5025::socket"),
        pytest.raises(LeaseError, match=r"roof at TCPIP0::192\.0\.2\.1::5025::SOCKET is in use"),
        lease(station("/other.yaml"), folder=tmp_path),
    ):
        pass


def test_two_benches_are_driven_at_once(tmp_path):
    other = "TCPIP0::192.0.2.2::5025::SOCKET"
    with holding(tmp_path, file="/one.yaml"), lease(station("/two.yaml", other), folder=tmp_path):
        pass


def test_emulated_devices_are_every_runs_own(tmp_path):
    bench = station("/emulated.yaml", address=None)
    with lease(bench, folder=tmp_path), lease(bench, folder=tmp_path):
        assert list(tmp_path.iterdir()) == []


def test_what_was_taken_before_the_refusal_is_given_back(tmp_path):
    with holding(tmp_path, file="/one.yaml") as owner:
        with pytest.raises(LeaseError), lease(station("/other.yaml"), folder=tmp_path):
            pass
        owner.kill()
        owner.wait()
    with lease(station("/other.yaml"), folder=tmp_path):
        pass
