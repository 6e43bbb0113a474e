"""Trips that are missing, trips that come too early, and a fleet that does as its standard says."""

import dataclasses
import itertools
import json

import numpy as np
import pytest

from models.inverters.fleet import InverterFleet
from models.inverters.inverter import InverterParams
from models.inverters.standards import profiles
from results.checks_ride_through import ride_through
from results.folder import EventLog, Manifest
from results.reading import Record
from results.recording import TickRecorder

DT_S = 0.1
B_III = "ieee1547-2018-b-iii"
runs = itertools.count()


@pytest.fixture
def judged(tmp_path):
    """Record one inverter's run and judge it."""

    def judge(vm_pu, is_open, *, f_hz=50.0, standard=B_III, forced=None, **options):
        folder = tmp_path / f"run-{next(runs)}"
        folder.mkdir()
        vm_pu, is_open = np.asarray(vm_pu, dtype=float), np.asarray(is_open, dtype=float)
        f_hz = np.broadcast_to(np.asarray(f_hz, dtype=float), vm_pu.shape)
        kind = None if standard is None else dataclasses.asdict(profiles()[standard].functions({}))
        peer = {"name": "roof", "bus": "home", "pv_kwp": 5.0, "inverter": kind, "phase": None}
        scenario = {"island": None, "frequency": {"nominal_hz": 50.0}}
        given = {"ticks": vm_pu.size, "resolved": {"peers": [peer], "scenario": scenario}}
        manifest = Manifest(folder, given)
        metadata = {"buses": '["home"]', "peers": '["roof"]', "dt_s": json.dumps(DT_S)}
        lists = {"vm_pu": 1, "inverter_open": 1}
        with TickRecorder(folder, scalars=["f_hz"], lists=lists, metadata=metadata) as recorder:
            for tick, row in enumerate(zip(vm_pu, is_open, f_hz, strict=True)):
                v, opened, f = row
                recorder.write(tick, [f], {"vm_pu": [v], "inverter_open": [opened]})
        with EventLog(folder) as log:
            for tick in [] if forced is None else [forced]:
                log.write(tick, "trip", peer="roof")
        manifest.end("finished")
        return ride_through(Record(folder), **options)

    return judge


def stretch(inside, outside, *, lasting, after=50):
    """Five seconds inside, some time outside, and inside again."""
    return np.r_[
        np.full(50, inside), np.full(round(lasting / DT_S), outside), np.full(after, inside)
    ]


def open_from(ticks, row):
    return np.arange(ticks) >= row


def test_a_trip_that_is_missing_is_told_with_what_should_have_tripped_it(judged):
    # Category III: 1.20 p.u. for 0.16 s.
    vm_pu = stretch(1.0, 1.25, lasting=0.5)
    found = judged(vm_pu, np.zeros(vm_pu.size))
    assert not found.passed
    assert "roof did not trip: 1.250 p.u., above 1.2 for 0.3" in found.worst
    # Seen first at tick 51, it has lasted 0.2 s at 53: there it has to be open, or a tick later.
    assert judged(vm_pu, open_from(vm_pu.size, 53)).passed
    assert judged(vm_pu, open_from(vm_pu.size, 54)).passed
    assert not judged(vm_pu, open_from(vm_pu.size, 54), late_ticks=0).passed
    assert not judged(vm_pu, open_from(vm_pu.size, 55)).passed


def test_a_trip_without_a_cause_is_a_fault_and_one_by_the_scenario_is_not(judged):
    vm_pu = np.full(100, 1.02)
    found = judged(vm_pu, open_from(100, 40))
    assert not found.passed
    assert "roof tripped too early: 1.020 p.u. and 50.000 Hz at" in found.worst
    assert judged(vm_pu, open_from(100, 40), forced=40).passed


@pytest.mark.parametrize(("after_s", "may"), [(5.0, False), (9.9, False), (10.1, True)])
def test_a_dip_has_to_be_stood_for_its_time(judged, after_s, may):
    # Category III: 0.50 to 0.70 p.u. for 10 s; only below 0.50 must it trip sooner than 21 s.
    vm_pu = stretch(1.0, 0.6, lasting=15.0)
    assert judged(vm_pu, open_from(vm_pu.size, 51 + round(after_s / DT_S))).passed is may


@pytest.mark.parametrize(("f_hz", "must"), [(51.4, False), (51.6, True)])
def test_over_frequency_trips_by_the_german_standard(judged, f_hz, must):
    # VDE-AR-N 4105: above 51.5 Hz, 0.1 s.
    seen = stretch(50.0, f_hz, lasting=2.0)
    small = {"f_hz": seen, "standard": "vde-ar-n-4105-2018-large"}
    assert judged(np.ones(seen.size), np.zeros(seen.size), **small).passed is not must
    assert judged(np.ones(seen.size), open_from(seen.size, 52), **small).passed is must


def test_frequencies_of_a_standard_of_60_hz_are_taken_in_proportion(judged):
    # By hand: 62.0 Hz of 60 is 51.667 Hz of 50.
    low, high = (stretch(50.0, f_hz, lasting=1.0) for f_hz in (51.65, 51.70))
    assert judged(np.ones(low.size), np.zeros(low.size), f_hz=low).passed
    assert not judged(np.ones(high.size), np.zeros(high.size), f_hz=high).passed


def test_a_run_without_a_standard_is_not_judged(judged):
    found = judged(np.ones(10), np.zeros(10), standard=None)
    assert not found.passed
    assert found.worst == "no inverter of this run follows a standard"


def excursions(seed, ticks=3000):
    """Voltage and frequency that leave every band, for tenths to tens of seconds."""
    rng = np.random.default_rng(seed)
    vm_pu, f_hz = np.ones(ticks), np.full(ticks, 50.0)
    at = 0
    while at < ticks:
        lasting = int(10 ** rng.uniform(0.0, 2.4))
        vm_pu[at : at + lasting] = rng.choice([1.0, rng.uniform(0.1, 1.3)])
        if rng.random() < 0.3:
            f_hz[at : at + lasting] = rng.uniform(46.5, 52.5)
        at += lasting
    return vm_pu.astype(np.float32).astype(float), f_hz


@pytest.mark.parametrize("standard", sorted(profiles()))
@pytest.mark.parametrize("eager", [False, True])
def test_our_inverters_do_as_their_standard_says(judged, standard, eager):
    rules = profiles()[standard].functions({"ride_through": {"may_trip": eager}})
    soon = dataclasses.replace(rules.enter_service, delay_s=1.0)
    kind = dataclasses.replace(rules, enter_service=soon).at_nominal(50.0)
    own = InverterParams(p_rated_kw=5.0, s_kva=5.0)
    fleet, (vm_pu, f_hz) = InverterFleet([own], [kind], dt_s=DT_S), excursions(len(standard))
    is_open, one = [], np.ones(1)
    for v, f in zip(np.r_[1.0, vm_pu[:-1]], np.r_[50.0, f_hz[:-1]], strict=True):
        fleet.step(4.0 * one, np.inf * one, v * one, float(f))
        is_open.append(fleet.state(0) != "running")
    assert np.count_nonzero(np.diff(is_open)) > 5
    found = judged(vm_pu, is_open, f_hz=f_hz, standard=standard)
    assert found.passed, found.worst
    # Held against what it never saw, the same run must fail.
    assert not judged(np.ones(vm_pu.size), is_open, f_hz=50.0, standard=standard).passed
