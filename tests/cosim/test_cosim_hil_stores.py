"""A store of the bench plays the battery of a peer: told by its plan, metered as measured."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from cosim.bench.seating import SeatingError, seated
from cosim.run import run_scenario
from results.reading import Record
from scenarios.load import load_scenario
from scenarios.station import load_station

STATION = Path(__file__).parents[2] / "stations" / "emulated-store.yaml"
TRIP_TICK = 50


@pytest.fixture(scope="module")
def village(write_village, tmp_path_factory):
    """Twenty seconds; the mill trips, and the distributor's store stands in for it."""
    return write_village(
        tmp_path_factory.mktemp("stores"),
        time={"start": "2016-06-14T12:00:00+02:00", "duration": "20 s"},
        market={"period": "20 s", "gate": "20 s"},
        events=[{"at": f"{TRIP_TICK / 10:g} s", "device": "mill-inverter", "fault": "trip"}],
    )


def played(file, folder, **how):
    record = Record(run_scenario(file, out=folder, report=False, **how).folder)
    lpd = record.peers.index("lpd")
    return record, record.values("battery_kw")[:, lpd], record.values("soc")[:, lpd]


def test_a_store_of_the_bench_does_what_the_battery_of_its_peer_would(village, tmp_path):
    # Independent of the bench: the fleet's own model of that battery, in a run without devices.
    record, power_kw, soc = played(village, tmp_path / "bench", station=STATION)
    _, modelled_kw, modelled_soc = played(village, tmp_path / "models", model_devices=True)
    assert record.devices == ("mill-inverter", "lpd-store")
    assert power_kw[TRIP_TICK + 10 :].max() > 5.0
    assert power_kw == pytest.approx(modelled_kw, abs=0.05)
    assert soc == pytest.approx(modelled_soc, abs=1e-5)
    # What the store gave is what it holds less, and what was metered.
    assert np.ptp(soc) > 0
    verdicts = {one["name"]: one["passed"] for one in record.verdict["checks"]}
    assert verdicts["energy_balance"]
    assert verdicts["all_contracts_settled"]


def test_a_store_that_is_lost_gives_nothing_and_its_peer_keeps_what_it_has(village, tmp_path):
    spoilt = yaml.safe_load(STATION.read_text("utf-8"))
    # Its answers are lost from the middle of the run on: 3 s before the first tick, then 13 s.
    faults = [{"at_s": 16.0, "fault": "close", "values": [1e9]}]
    spoilt["devices"]["lpd-store"]["emulated"] = {"faults": faults}
    file = tmp_path / "spoilt.yaml"
    file.write_text(yaml.safe_dump(spoilt), "utf-8")
    record, power_kw, soc = played(village, tmp_path / "runs", station=file)
    stale = record.values("device_stale")[:, record.devices.index("lpd-store")] > 0
    assert stale[-60:].all()
    assert not stale[:120].any()
    assert not power_kw[stale].any()
    assert len(set(soc[stale][1:].tolist())) == 1


def test_a_store_that_plays_who_has_none_is_refused(village, tmp_path):
    told = yaml.safe_load(STATION.read_text("utf-8"))
    told["devices"]["lpd-store"]["plays"] = "mill"
    told["devices"].pop("mill-inverter")
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump(told), "utf-8")
    with pytest.raises(SeatingError, match=r"lpd-store\) play 'mill': no battery there"):
        run_scenario(village, out=tmp_path / "runs", station=file, report=False)


def test_a_peer_may_have_its_pv_and_its_battery_on_the_bench(write_village, tmp_path):
    file = write_village(tmp_path)
    told = yaml.safe_load(file.read_text("utf-8"))
    (mill,) = (peer for peer in told["peers"] if peer.get("name") == "mill")
    mill["battery"] = {"capacity_kwh": 10, "p_max_kw": 5}
    file.write_text(yaml.safe_dump(told), "utf-8")
    bench = yaml.safe_load(STATION.read_text("utf-8"))
    bench["devices"]["lpd-store"] |= {"plays": mill["bus"], "scale": 1}
    station = tmp_path / "both.yaml"
    station.write_text(yaml.safe_dump(bench), "utf-8")

    resolved = load_scenario(file)
    seating = seated(resolved, load_station(station, scenario=resolved))
    place = [peer.name for peer in resolved.peers].index("mill")
    assert seating.playing("pv") == seating.playing("battery") == [place]
    (store,) = (one for one in seating.station.devices if one.role == "storage")
    assert (store.emulated["capacity_kwh"], store.emulated["soc_initial"]) == (10, 0.5)
