"""A bundle of boxes does what mosaik does with the same boxes, in the same order."""

import mosaik
import pytest

from cosim.boxes.box import Box, happened, model, only
from cosim.boxes.bundle import Bundle
from cosim.boxes.wiring import Wire, connect, split

TICKS = 40


class Source(Box):
    """Counts, every third tick, and takes back what the sink said one tick ago."""

    models = {"Source": model(["count", "echo"])}

    def init(self, sid, time_resolution=1.0, *, trace):
        self.trace, self.count = trace, 0
        return self.meta

    def advance(self, time, inputs):
        self.count += 1 + only(inputs["source"]["echo"])
        self.trace.append(("source", time, self.count))
        self.values["source"]["count"] = self.count
        return time + 3


class Adder(Box):
    """Adds up on every tick, and calls out when the sum is even."""

    models = {"Adder": model(["count", "sum"], events_out=["even"])}

    def init(self, sid, time_resolution=1.0, *, trace):
        self.trace, self.sum = trace, 0
        return self.meta

    def advance(self, time, inputs):
        self.sum += only(inputs["adder"]["count"])
        self.trace.append(("adder", time, self.sum))
        self.values["adder"] = {"sum": self.sum}
        if self.sum % 2 == 0:
            self.values["adder"]["even"] = self.sum
        return time + 1


class Listener(Box):
    """Steps only when called."""

    models = {"Listener": model(["echo"], events_in=["even"])}

    def init(self, sid, time_resolution=1.0, *, trace):
        self.trace = trace
        return self.meta

    def advance(self, time, inputs):
        heard = list(happened(inputs, "listener", "even"))
        self.trace.append(("listener", time, heard))
        self.values["listener"]["echo"] = len(heard)
        return


class Ticker(Box):
    """Steps on every tick, and calls out at every seventh."""

    models = {"Ticker": model(["count"], events_out=["seventh"])}

    def init(self, sid, time_resolution=1.0, *, trace):
        self.trace = trace
        return self.meta

    def advance(self, time, inputs):
        self.trace.append(time)
        self.values["ticker"] = {"seventh": time} if time and time % 7 == 0 else {}
        return time + 1


def wire(source, target, attr, **more):
    """Lay a wire between two boxes of one entity each."""
    return Wire(
        source=source,
        target=target,
        attrs={attr: attr},
        source_eid=source,
        target_eid=target,
        **more,
    )


WIRES = [
    wire("source", "adder", "count"),
    wire("adder", "listener", "even"),
    wire("listener", "source", "echo", delayed=True, initial={"echo": 0}),
]
BOXES = {"source": Source, "adder": Adder, "listener": Listener}


def play(inside: list[str]) -> list[tuple]:
    """Run the three boxes with those inside a bundle, and return what each saw and when."""
    trace: list[tuple] = []
    starters = {"Hosted": {"python": "cosim.boxes.starting:Hosted"}}
    with mosaik.World(starters, cache=False, skip_greetings=True) as world:
        entities = {}
        within, across = split(WIRES, inside)
        if inside:
            boxes = {name: (BOXES[name](), {"trace": trace}) for name in inside}
            sharing = {"boxes": boxes, "wires": within}
            bundle = world.start("Hosted", box=Bundle(), options=sharing)
            for name in inside:
                entities[name] = {name: getattr(bundle, BOXES[name].__name__)()}
        for name, cls in BOXES.items():
            if name not in inside:
                started = world.start("Hosted", box=cls(), options={"trace": trace})
                entities[name] = {name: getattr(started, cls.__name__)()}
        connect(world, entities, across)
        world.run(until=TICKS, print_progress=False)
    return trace


@pytest.mark.parametrize(
    "inside", [["source", "adder", "listener"], ["source", "adder"], ["adder", "listener"]]
)
def test_a_bundle_sees_what_mosaik_shows_the_boxes_one_by_one(inside):
    alone = play([])

    assert play(inside) == alone
    assert {name for name, *_ in alone} == set(BOXES)
    assert any(heard for name, _, heard in alone if name == "listener")


def test_a_wire_that_points_back_without_delay_is_refused():
    back = Wire(
        source="adder",
        target="source",
        attrs={"sum": "echo"},
        source_eid="adder",
        target_eid="source",
    )
    bundle = Bundle()
    bundle.init("b", boxes={n: (BOXES[n](), {"trace": []}) for n in BOXES}, wires=[back])
    for cls in BOXES.values():
        bundle.create(1, cls.__name__)

    with pytest.raises(ValueError, match="wire from 'adder' back to 'source' needs a delay"):
        bundle.setup_done()


def test_two_boxes_with_one_model_name_are_refused():
    with pytest.raises(ValueError, match="another box has a model 'Source' too"):
        Bundle().init("b", boxes={n: (Source(), {"trace": []}) for n in ("first", "second")})


def test_a_leaping_bundle_goes_on_to_its_first_event_and_no_further_than_it_may():
    trace: list[int] = []
    bundle = Bundle()
    bundle.init("b", boxes={"ticker": (Ticker(), {"trace": trace})}, leaping=True)
    bundle.create(1, "Ticker")
    bundle.setup_done()

    assert bundle.step(0, {}, 20) == 8
    assert trace == list(range(8))
    assert bundle.get_data({"ticker": ["seventh"]}) == {"time": 7, "ticker": {"seventh": 7}}
    assert bundle.step(8, {}, 12) == 12
    assert trace[-1] == 11
    assert bundle.get_data({"ticker": ["seventh"]}) == {"time": 11, "ticker": {}}
