"""Nothing is energised before the operator's arm step, and what is energised is left safe."""

import pickle
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from hil.errors import LinkError, SetpointError, UnsafeError
from hil.safety.arming import ENERGISING, Armed, arm
from hil.safety.energised import energised
from hil.safety.guarded import JOURNAL, guarded
from hil.safety.journal import Journal
from hil.safety.safe_state import STAGES, make_all_safe
from hil.station import Interlock, Limits, Station, StationDevice


def device(name, role="inverter", **given):
    return StationDevice(
        **{
            "name": name,
            "role": role,
            "driver": "scpi",
            "address": f"TCPIP0::192.0.2.1::{name}::SOCKET",
            "p_rated_kw": 5.0,
            "s_rated_kva": 5.0,
            "limits": Limits(p_min_kw=-5.0, p_max_kw=5.0, v_max_v=260.0),
            "revert_s": 5.0,
            **given,
        }
    )


def station(*devices, **given):
    return Station(name="lab", file=Path("/lab.yaml"), devices=devices, **given)


class Fake:
    """A device that says in a common list what it was told."""

    p_rated_kw = 5.0

    def __init__(self, name, said, *, unsafe=0, answer="1"):
        self.name, self._said, self._unsafe, self.answer = name, said, unsafe, answer

    def make_safe(self):
        if self._unsafe:
            self._unsafe -= 1
            raise LinkError("no answer")
        self._said.append((self.name, "safe"))

    def limit_power(self, p_kw):
        self._said.append((self.name, p_kw))

    def arm_revert(self, revert_s):
        self._said.append((self.name, "revert", revert_s))

    def ask(self, query):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self):
        self._said.append((self.name, "closed"))


def bench_of(*devices, said, **given):
    """Leave to energise devices, and what opens fakes in their stead."""
    fakes = {one.name: Fake(one.name, said) for one in devices}
    armed = arm(station(*devices, **given), devices, arm_now=True)
    return armed, fakes, lambda one: fakes[one.name]


@pytest.mark.parametrize("role", sorted(ENERGISING))
def test_a_device_that_would_stay_energised_when_the_host_dies_is_not_armed(role):
    bare = device("bare", role, revert_s=None)
    with pytest.raises(UnsafeError, match=r"bare would stay as last set .* interlocked: true"):
        arm(station(bare), [bare], arm_now=True)
    for covered in (replace(bare, interlocked=True), replace(bare, revert_s=2.0)):
        assert arm(station(covered), [covered], arm_now=True).by == "--arm"


def test_an_analyser_needs_neither_timer_nor_interlock_and_all_that_do_are_named():
    bare = [device(name, revert_s=None) for name in ("roof", "barn")]
    watt = device("watt", "analyser", revert_s=None)
    with pytest.raises(UnsafeError, match="roof, barn would stay"):
        arm(station(*bare, watt), [*bare, watt], arm_now=True)
    assert arm(station(watt), [watt], arm_now=True).devices == (watt,)


def test_a_real_bench_is_armed_by_the_operator_alone_and_the_question_says_what():
    roof = device("roof", interlocked=True)
    asked = []
    with pytest.raises(UnsafeError, match="not armed, nothing was energised"):
        arm(station(roof), [roof])
    with pytest.raises(UnsafeError, match="did not arm it"):
        arm(station(roof), [roof], ask=lambda question: bool(asked.append(question)))
    (question,) = asked
    assert "roof  inverter at TCPIP0::192.0.2.1::roof::SOCKET" in question
    assert "reverts by itself after 5 s and interlocked" in question
    assert arm(station(roof), [roof], ask=lambda question: True).by == "answer"


def test_an_emulated_bench_needs_no_arm_step_and_one_real_device_on_it_does():
    played = device("roof", emulated={}, revert_s=None)
    assert arm(station(played), [played]).by == "emulated"
    real = device("barn")
    with pytest.raises(UnsafeError, match="not armed"):
        arm(station(played, real), [played, real])


def test_leave_to_energise_cannot_be_made_by_hand_but_travels_to_another_process():
    roof = device("roof")
    real = arm(station(roof), [roof], arm_now=True)
    with pytest.raises(UnsafeError, match=r"comes from hil\.safety\.arming\.arm alone"):
        Armed(station=real.station, devices=real.devices, by="--arm", at=real.at)
    with pytest.raises(UnsafeError, match="alone"):
        replace(real, devices=())
    assert pickle.loads(pickle.dumps(real)) == real


def test_an_interlock_whose_device_is_not_opened_is_not_armed():
    roof = device("roof")
    with pytest.raises(UnsafeError, match="an input of 'door'"):
        arm(station(roof, interlock=Interlock(device="door", query="INP?")), [roof], arm_now=True)


def test_nothing_is_leased_or_started_for_a_bench_that_is_not_armed(tmp_path, monkeypatch):
    monkeypatch.setenv("PEERWATT_STATE", str(tmp_path / "state"))
    roof = device("roof")
    with pytest.raises(UnsafeError, match="not armed"), guarded(station(roof), [roof], tmp_path):
        pytest.fail("the block was entered")
    assert list(tmp_path.iterdir()) == []


def test_devices_begin_safe_with_timers_and_end_safe_in_order_without_them():
    said = []
    devices = [
        device("grid", "grid-simulator"), device("watt", "analyser"), device("roof"),
        device("sun", "pv-simulator"), device("drain", "load"),
    ]  # fmt: skip
    armed, _, opened = bench_of(*devices, said=said)
    with energised(armed, opened=opened) as bench:
        assert said[:5] == [(one.name, "safe") for one in devices]
        assert {entry[0] for entry in said[5:] if entry[1] == "revert"} == (
            {"grid", "roof", "sun", "drain"}
        )
        bench.drivers["roof"].limit_power(3.0)
        said.clear()
    order = [name for name, what, *_ in said if what == "safe"]
    assert order == ["roof", "sun", "drain", "grid", "watt"]
    for name in ("roof", "sun", "drain", "grid"):
        own = [entry[1:] for entry in said if entry[0] == name]
        assert own == [("safe",), ("revert", 0.0), ("closed",)]


def test_a_driver_that_somebody_kept_drives_nothing_after_the_block():
    said = []
    armed, _, opened = bench_of(device("roof"), said=said)
    with energised(armed, opened=opened) as bench:
        roof = bench.drivers["roof"]
        roof.limit_power(3.0)
    before = list(said)
    with pytest.raises(UnsafeError, match="is being left; nothing was sent"):
        roof.limit_power(3.0)
    assert said == before


@pytest.mark.parametrize("beyond", ["refuse", "clamp"])
def test_what_a_scenario_asks_beyond_limits_stands_in_the_run_folder(tmp_path, beyond):
    said = []
    played = device("roof", emulated={})
    bench_station = station(played, beyond=beyond)
    with (
        guarded(bench_station, [played], tmp_path) as guard,
        energised(guard.armed, opened=lambda one: Fake(one.name, said)) as bench,
    ):
        for _ in range(3):
            with suppress(SetpointError):
                bench.drivers["roof"].limit_power(6.0)
    assert [entry[1] for entry in said if entry[1] in (5.0, 6.0)] == [5.0] * 3 * (beyond == "clamp")
    first, total = Journal(tmp_path / JOURNAL, who="").read()
    assert "roof: power of 6 kW is outside its rating of 5 kW" in first["said"]
    assert (total["action"], total["count"]) == (beyond, 3)


def test_the_stages_hold_every_role_once():
    assert sorted(role for stage in STAGES for role in stage) == sorted({*ENERGISING, "analyser"})


@pytest.mark.parametrize("end", [ValueError, KeyboardInterrupt, SystemExit])
def test_devices_end_safe_however_the_block_ends(end):
    said = []
    armed, _, opened = bench_of(device("roof"), said=said)

    def drive():
        with energised(armed, opened=opened):
            said.clear()
            raise end

    with pytest.raises(end):
        drive()
    assert ("roof", "safe") in said


def test_a_device_that_cannot_be_opened_leaves_those_before_it_safe_and_closed():
    said = []
    roof, barn = device("roof"), device("barn")
    armed, _, opened = bench_of(roof, barn, said=said)

    def only_roof(one):
        if one.name == "barn":
            raise LinkError("barn: nobody there")
        return opened(one)

    with pytest.raises(LinkError, match="nobody there"), energised(armed, opened=only_roof):
        pytest.fail("the block was entered")
    assert said == [("roof", "safe"), ("roof", "revert", 0.0), ("roof", "closed")]


def test_a_device_that_is_not_safe_at_the_end_is_an_error_that_names_it():
    def drive(end=None):
        armed, fakes, opened = bench_of(device("roof"), said=[])
        with energised(armed, opened=opened, end_s=0.15):
            fakes["roof"]._unsafe = 10**6
            if end is not None:
                raise end

    with pytest.raises(UnsafeError, match=r"roof: NOT SAFE after \d attempts"):
        drive()
    with pytest.raises(ValueError, match="came first") as first:
        drive(ValueError("came first"))
    assert "roof: NOT SAFE" in first.value.__notes__[0]


def test_a_timer_that_the_driver_cannot_start_is_refused_before_anything_is_energised():
    said = []
    armed, fakes, _ = bench_of(device("roof"), said=said)

    class Plain:
        make_safe, close = fakes["roof"].make_safe, fakes["roof"].close

    with (
        pytest.raises(UnsafeError, match="cannot start that timer"),
        energised(armed, opened=lambda one: Plain),
    ):
        pytest.fail("the block was entered")
    assert said[-1] == ("roof", "closed")


@pytest.mark.parametrize("answer", ["0", "", LinkError("no answer")])
def test_a_bench_whose_interlock_is_not_known_to_be_closed_is_not_energised(answer):
    said = []
    interlock = Interlock(device="roof", query="INP?")
    armed, fakes, opened = bench_of(device("roof"), said=said, interlock=interlock)
    fakes["roof"].answer = answer
    with pytest.raises(UnsafeError, match="interlock"), energised(armed, opened=opened):
        pytest.fail("the block was entered")
    assert not [entry for entry in said if entry[1:2] == ("revert",) and entry[2]]


@pytest.mark.parametrize("answer", ["0", LinkError("cable pulled")])
def test_an_interlock_that_opens_stops_set_points_at_once_and_ends_the_block(answer):
    said = []
    interlock = Interlock(device="roof", query="INP?")
    armed, fakes, opened = bench_of(device("roof"), said=said, interlock=interlock)

    def drive():
        with energised(armed, opened=opened) as bench:
            bench.beat()
            fakes["roof"].answer = answer
            until = time.monotonic() + 30
            while time.monotonic() < until:
                bench.drivers["roof"].limit_power(2.0)
                time.sleep(0.001)

    with pytest.raises(UnsafeError, match="interlock"):
        drive()
    assert said[-3:] == [("roof", "safe"), ("roof", "revert", 0.0), ("roof", "closed")]


def test_a_device_that_does_not_answer_never_keeps_the_source_on():
    said, hung = [], threading.Event()

    class Hanging(Fake):
        def make_safe(self):
            hung.wait(30)

    fakes = {
        "roof": Hanging("roof", said),
        "grid": Fake("grid", said),
        "late": Fake("late", said, unsafe=3),
    }
    devices = [device("grid", "grid-simulator"), device("roof"), device("late", "load")]
    told = []
    secured = make_all_safe(
        devices, lambda one: fakes[one.name], within_s=0.6, stage_s=0.1, noted=told.append
    )
    hung.set()
    assert [one.safe for one in secured] == [True, False, True]
    assert secured[2].attempts == 4
    assert secured[0].after_s < 0.5
    assert "roof: NOT SAFE" in str(secured[1])
    assert told == secured


def test_a_full_disk_keeps_nobody_from_making_the_bench_safe(capfd):
    Journal(Path("/dev/full"), who="guardian").write("safe", device="roof")
    assert '"device": "roof"' in capfd.readouterr().err
