"""Devices in a run: lost and back, in the bench's time and in their own."""

import json

import numpy as np
import pytest
import yaml

from cosim.bench.live import Live
from cosim.bench.seating import SeatingError
from cosim.run import run_scenario
from results.metrics import key_figures
from results.reading import Record

LOST = {"at": "2 s", "device": "mill-inverter", "fault": "close", "for": "2 s"}


@pytest.fixture(scope="module")
def write_feeder(write_village, tmp_path_factory):
    """Four seconds of the village; the mill's link is closed in the third and the fourth."""

    def write(events=(LOST,), **device):
        devices = {"mill-inverter": {"timeout": "500 ms", **device}}
        return write_village(
            tmp_path_factory.mktemp("feeder"),
            time={"start": "2016-06-14T12:00:00+02:00", "duration": "5 s"},
            market={"period": "5 s", "gate": "5 s"},
            events=list(events),
            devices=devices,
        )

    return write


def played(file, **how):
    return Record(run_scenario(file, out=file.parent / "runs", report=False, **how).folder)


def of_mill(record):
    return record.values("pv_kw")[:, record.peers.index("mill")]


def test_a_lost_device_counts_as_tripped_until_it_is_back(write_feeder):
    # By hand: ticks of 100 ms; closed from tick 20 to tick 40.
    record = played(write_feeder())
    stale = record.values("device_stale")[:, 0] > 0
    assert np.flatnonzero(stale).tolist() == list(range(20, 40))
    assert not of_mill(record)[stale].any()
    assert (of_mill(record)[~stale] > 10).all()
    figures = {figure.key: figure.value for figure in key_figures(record)}
    assert figures["device_losses"] == 1
    assert figures["device_stale_s"] == pytest.approx(2.0)
    assert figures["device_stale_kwh"] == 0
    kinds = [(e["kind"], e["tick"]) for e in record.events if e["kind"].startswith("device_")]
    assert kinds == [
        ("device_fault", 20),
        ("device_lost", 20),
        ("device_fault_cleared", 40),
        ("device_back", 40),
    ]


def test_a_device_that_holds_goes_on_with_flagged_energy(write_feeder):
    record = played(write_feeder(on_loss={"action": "hold"}))
    stale = record.values("device_stale")[:, 0] > 0
    power_kw = of_mill(record)
    assert set(power_kw[stale].tolist()) == {power_kw[19].item()}
    figures = {figure.key: figure.value for figure in key_figures(record)}
    # By hand: 2 s of the power of tick 19.
    assert figures["device_stale_kwh"] == pytest.approx(power_kw[19] * 2 / 3600)


def test_models_have_no_link_and_say_so(write_feeder):
    record = played(write_feeder(), model_devices=True)
    assert not record.has("device_stale")
    assert [e["fault"] for e in record.events if e["kind"] == "device_fault_ignored"] == [
        "close",
        "",
    ]


def test_in_real_time_every_tick_waits_for_the_wall_and_none_is_missed(write_feeder):
    record = played(write_feeder(events=()), live=Live())
    timed = json.loads((record.folder / "timing.json").read_text("utf-8"))
    # The last of 50 ticks begins 4.9 s after the first; drift would show in every run.
    assert 4.9 <= timed["physics_s"] < 30
    assert timed["real_time"]["ticks"] == 50 == record.tick.size
    assert sum(row["ticks"] for row in timed["real_time"]["histogram"]) == 50
    tick, began_s, late_us, skipped = np.loadtxt(
        record.folder / "pace.csv", delimiter=",", skiprows=1, unpack=True
    )
    assert tick.tolist() == list(range(50))
    # By hand: a tick of 100 ms begins that much after the one before, late by what it says.
    assert began_s == pytest.approx(0.1 * tick + 1e-6 * late_us, abs=2e-6)
    assert (late_us >= 0).all()
    assert not skipped.any()
    assert 1e-6 * late_us.max() == pytest.approx(timed["real_time"]["max_s"], abs=1e-6)
    assert (record.values("device_age_s") < 30).all()
    bench = json.loads((record.folder / "bench.json").read_text("utf-8"))
    assert bench


def test_real_devices_are_refused_where_ticks_wait_for_them(write_feeder, tmp_path):
    file = tmp_path / "lab.yaml"
    real = {
        "role": "inverter",
        "plays": "mill",
        "address": "TCPIP0::192.0.2.1::5025::SOCKET",
        "identity": "a,b,c,d",
        "p_rated_kw": 30,
        "interlocked": True,
    }
    file.write_text(yaml.safe_dump({"station": "lab", "devices": {"roof": real}}), "utf-8")
    with pytest.raises(SeatingError, match=r"roof.*--real-time"):
        played(write_feeder(), station=file)


def test_a_station_that_plays_who_has_no_pv_is_refused_with_all_its_faults(write_feeder, tmp_path):
    file = tmp_path / "lab.yaml"
    one = {"role": "inverter", "emulated": True, "p_rated_kw": 5}
    devices = {"a": {**one, "plays": "bakery"}, "b": {**one, "plays": "workshop"}}
    file.write_text(yaml.safe_dump({"station": "lab", "devices": devices}), "utf-8")
    with pytest.raises(SeatingError) as refused:
        played(write_feeder(), station=file)
    assert [line.count("no PV") for line in str(refused.value).splitlines()] == [1, 1]
