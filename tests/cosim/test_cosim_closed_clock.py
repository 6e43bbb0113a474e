"""No source runs ahead of the physics: the clock is closed by the last box of a tick."""

import pytest

from cosim.assembly import boxes, laid
from cosim.boxes.box import silent
from cosim.boxes.profiles import ProfilesSim
from cosim.boxes.recorder import LISTS, SCALARS, RecorderSim
from cosim.boxes.world import prepared
from cosim.plant import plant
from market.delivery.ledger import Ledger
from results.recording import TickRecorder
from scenarios.load import load_scenario


class TracedProfiles(ProfilesSim):
    """Notes how far the recorder has come whenever a new second is said."""

    def __init__(self, trace):
        super().__init__()
        self.trace = trace

    def advance(self, time, inputs):
        if self._clock.is_physics(time):
            self.trace["ahead"].append(self._clock.tick(time) - self.trace["recorded"])
        return super().advance(time, inputs)


class TracedRecorder(RecorderSim):
    """Notes which tick it has seen last."""

    def __init__(self, trace):
        super().__init__()
        self.trace = trace

    def advance(self, time, inputs):
        upcoming = super().advance(time, inputs)
        if self._clock.is_physics(time):
            self.trace["recorded"] = self._clock.tick(time)
        return upcoming


@pytest.fixture(scope="module")
def resolved(write_village, tmp_path_factory):
    """Half a minute of the village, its device played by a model."""
    folder = tmp_path_factory.mktemp("half-minute")
    time = {"start": "2016-06-14T12:00:00+02:00", "duration": "30 s"}
    market = {"period": "30 s", "gate": "10 s"}
    return load_scenario(write_village(folder, time=time, market=market, events=[]))


def run_ahead(resolved, folder, *, bundled, closed=True):
    """How far profiles were ahead of the last recorded tick, second by second. [ticks]"""
    trace = {"recorded": -1, "ahead": []}
    with Ledger(folder / "ledger.sqlite") as ledger:
        made = plant(resolved, ledger=ledger, log=silent)
        widths = {name: len(made.names) for name in LISTS} | {"vm_pu": len(made.live_buses())}
        with TickRecorder(folder, scalars=[*SCALARS], lists=widths, metadata={}) as recorder:
            all_boxes = dict(boxes(made, recorder=recorder, watch=lambda *_: None, log=silent))
            for name, box in (
                ("profiles", TracedProfiles(trace)),
                ("recorder", TracedRecorder(trace)),
            ):
                all_boxes[name] = (box, all_boxes[name][1])
            wires = [
                wire
                for wire in laid(made)
                if closed or (wire.source, wire.target) != ("recorder", "profiles")
            ]
            with prepared(all_boxes, wires, made.clock, bundled=bundled) as go:
                go()
    return trace["ahead"]


@pytest.mark.parametrize("bundled", [True, False])
def test_profiles_say_a_second_only_when_the_tick_before_it_is_recorded(
    resolved, tmp_path, bundled
):
    # By hand: 30 s, and at each of them the tick before is the last that was recorded.
    assert run_ahead(resolved, tmp_path, bundled=bundled) == [1] * 30


def test_without_the_wire_that_closes_the_clock_profiles_run_ahead(resolved, tmp_path):
    # By hand: all 30 s are said before the first tick is recorded, so the n-th is 10 n + 1 ahead.
    ahead = run_ahead(resolved, tmp_path, bundled=False, closed=False)
    assert ahead == [10 * second + 1 for second in range(30)]
