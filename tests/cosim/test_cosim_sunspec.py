"""A run whose inverter speaks SunSpec, in the bench's time and in its own."""

import json

import numpy as np
import pytest
import yaml

pytest.importorskip("sunspec2.modbus.client")

from cosim.bench.live import Live
from cosim.run import run_scenario
from results.reading import Record

DURATION = {"start": "2016-06-14T12:00:00+02:00", "duration": "2 s"}


@pytest.fixture(scope="module")
def play(write_village, tmp_path_factory):
    """Two seconds of the village, its mill played by a bench of one device."""

    def play(driver, **how):
        folder = tmp_path_factory.mktemp(driver)
        device = {
            "role": "inverter",
            "driver": driver,
            "emulated": {"reconnect_delay_s": 0},
            "plays": "mill",
            "p_rated_kw": 30,
            "timeout": "5 s",
            "revert": "20 s",
            "on_loss": {"after": "10 s"},
        }
        told = {"station": "lab", "devices": {"roof": device}}
        (folder / "lab.yaml").write_text(yaml.safe_dump(told), "utf-8")
        market = {"period": "2 s", "gate": "2 s"}
        file = write_village(folder, time=DURATION, market=market, events=[])
        out = folder / "runs"
        return Record(
            run_scenario(file, out=out, report=False, station=folder / "lab.yaml", **how).folder
        )

    return play


def of_mill(record):
    return record.values("pv_kw")[:, record.peers.index("mill")]


def test_in_lockstep_it_does_what_the_same_inverter_does_by_scpi(play, village):
    by_scpi, by_sunspec = of_mill(Record(village.folder)), of_mill(play("sunspec"))
    assert by_sunspec.max() > 10
    # A limit in hundredths of a percent of 30 kW is rounded down by less than 3 W.
    assert np.abs(by_sunspec - by_scpi[: by_sunspec.size]).max() < 0.003 + 1e-9


@pytest.mark.soak
def test_in_real_time_it_is_read_and_every_byte_is_kept(play):
    record = play("sunspec", live=Live())
    assert of_mill(record)[-5:].min() > 10
    assert not record.values("device_stale").any()
    kept = (record.folder / "bench" / "roof.jsonl").read_text("utf-8").splitlines()
    sent = [json.loads(line)["bytes"] for line in kept if '"sent"' in line]
    transactions = [int.from_bytes(one.encode("latin-1")[:2]) for one in sent]
    assert transactions == list(range(1, len(sent) + 1))
    bench = json.loads((record.folder / "bench.json").read_text("utf-8"))
    assert bench["devices"][0]["identity"]["serial"] == "roof"
    assert bench["safe"] == {"roof": ""}
