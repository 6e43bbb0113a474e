"""Nodes on the bench's clock, over emulators in processes of their own."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hil.drivers.scpi_inverter import ScpiInverter
from hil.emulated_bench import EmulatedBench, EmulatedStation
from hil.errors import BenchError, LinkError, LockstepError
from hil.exchange import Answered, Asked
from hil.realtime.energy import EnergyCount
from hil.realtime.lockstep import LockstepExchange
from hil.realtime.node import Node
from hil.realtime.opening import open_armed
from hil.roles import AcReading, Identity, InverterReading
from hil.safety.arming import arm
from hil.safety.limited import limited
from hil.safety.limits import BenchLimits
from hil.station import Limits, OnLoss, Station, StationDevice
from models.inverters.inverter import Inverter, InverterParams

ROOF = InverterParams(p_rated_kw=5.0, s_kva=5.0)
SUNNY = Asked(np.array([4.0]), np.array([3.0]), np.array([1.0]), 50.0)


def asked(available_kw: float, limit_kw: float, vm_pu: float = 1.0) -> Asked:
    return Asked(np.array([available_kw]), np.array([limit_kw]), np.array([vm_pu]), 50.0)


def whole_node() -> Station:
    """One of each that has a say: two meters, two sources, and what feeds."""
    common = {"driver": "scpi-inverter", "emulated": {}, "plays": "mill", "timeout_s": 0.06}
    inverter = StationDevice(
        name="inverter",
        role="inverter",
        p_rated_kw=5.0,
        s_rated_kva=5.0,
        limits=Limits(p_max_kw=5.0, q_max_kvar=5.0),
        **common | {"emulated": {"reconnect_delay_s": 1.0}},
    )
    common["driver"] = "scpi"
    source = StationDevice(
        name="grid",
        role="grid-simulator",
        p_rated_kw=10.0,
        s_rated_kva=10.0,
        limits=Limits(p_max_kw=10.0, v_max_v=300.0, i_max_a=100.0),
        **common,
    )
    analyser = StationDevice(
        name="analyser", role="analyser", p_rated_kw=0.0, s_rated_kva=0.0, limits=Limits(), **common
    )
    return Station(name="whole", file=Path("whole.yaml"), devices=(inverter, source, analyser))


@contextmanager
def opened(station: Station) -> Iterator[dict[str, Node]]:
    with EmulatedStation(station) as emulated:
        devices = tuple(replace(d, address=emulated.addresses[d.name]) for d in station.devices)
        station = replace(station, devices=devices)
        with open_armed(arm(station, devices), live=False) as bench:
            yield dict(bench.nodes)


def play(faults: dict[int, tuple[str, float]], ticks: int = 60) -> list[Answered]:
    """A seeded run of one inverter."""
    rng = random.Random(7)
    with EmulatedBench({"roof": ROOF}, timeout_s=0.1) as bench:
        exchange = LockstepExchange({"roof": Node("roof", bench.inverters["roof"])}, dt_s=0.1)
        answers = []
        for k in range(ticks):
            if k in faults:
                exchange.inject("roof", *faults[k])
            answers.append(exchange.exchange(asked(rng.uniform(0, 5), rng.uniform(0, 5))))
    return answers


def spell(answers: list[Answered]) -> list[bytes]:
    return [b"".join(field.tobytes() for field in answer) for answer in answers]


def test_a_node_in_lockstep_is_the_model():
    # The model, stepped beside it; kilowatts and back to watts cost a last bit.
    rng, model = random.Random(7), Inverter(ROOF)
    for answer in play({}):
        model.step(0.1, rng.uniform(0, 5), rng.uniform(0, 5), 1.0, 50.0)
        assert answer.p_kw[0] == pytest.approx(model.p_kw, rel=1e-12)
        assert (answer.age_s[0], answer.stale[0]) == (0.0, False)


def test_a_run_with_lost_answers_repeats_to_the_bit_and_flags_what_was_lost():
    faults = {5: ("garbage", 1), 20: ("drop", 5), 50: ("close", 1)}
    answers = play(faults)
    assert spell(play(faults)) == spell(answers)
    stale = [k for k, answer in enumerate(answers) if answer.stale[0]]
    assert stale == list(range(20, stale[-1] + 1))
    assert all(answers[k].p_kw[0] == 0.0 and answers[k].tripped[0] for k in stale)
    assert answers[20].age_s[0] == pytest.approx(0.1)


def test_a_node_that_is_back_has_lived_the_ticks_it_missed_under_its_last_limit():
    # The model, stepped beside it: it keeps the limit of the tick in which it was lost.
    answers = play({20: ("drop", 5)})
    rng, model = random.Random(7), Inverter(ROOF)
    last_limit = 0.0
    back = max(k for k, answer in enumerate(answers) if answer.stale[0]) + 1
    for k, answer in enumerate(answers):
        available, limit = rng.uniform(0, 5), rng.uniform(0, 5)
        if k <= 20 or k >= back:
            last_limit = limit
        model.step(0.1, available, last_limit, 1.0, 50.0)
        if not answer.stale[0]:
            assert answer.p_kw[0] == pytest.approx(model.p_kw, rel=1e-12)


REPLIES = [("drop", 5), ("garbage", 3), ("torn", 5), ("double", 3), ("close", 5), ("reset", 5)]
SELVES = [("refuse",), ("stuck",), ("identity",), ("trip",), ("reboot", 0.05)]


@pytest.mark.parametrize(
    "device",
    [
        "inverter",
        pytest.param("grid", marks=pytest.mark.soak),
        pytest.param("analyser", marks=pytest.mark.soak),
    ],
)
def test_under_every_fault_of_every_role_a_tick_is_right_or_flagged_and_it_ends(device):
    with opened(whole_node()) as nodes:
        node = nodes["mill"]
        culprit = next(one for one in node.devices if one.name == device)
        exchange = LockstepExchange(nodes, dt_s=0.1, retry_ticks=2)
        for _ in range(30):
            answer = exchange.exchange(SUNNY)
        assert answer.p_kw[0] == pytest.approx(3.0, abs=0.01)
        for fault, *values in [*REPLIES, *SELVES]:
            if fault == "trip" and device == "analyser":
                continue  # it has nothing that could open
            with suppress(BenchError):  # a reboot takes its own answer along
                culprit.inject(fault, *values)
            answers = [exchange.exchange(SUNNY) for _ in range(3)]
            for answer in answers:
                dead = device == "grid" and fault in ("trip", "reboot")
                right = abs(answer.p_kw[0] - (0.0 if dead else 3.0)) < 0.02
                assert answer.stale[0] or answer.tripped[0] or right, (fault, answer)
            calm(culprit)
            if device == "grid" and fault in ("trip", "reboot"):
                # Its output stays open, and the node off, until somebody closes it again.
                assert all(exchange.exchange(SUNNY).p_kw[0] == 0.0 for _ in range(9))
                close_again(culprit)
            for _ in range(90):  # a reboot and a trip end with a second of waiting
                answer = exchange.exchange(SUNNY)
                if not (answer.stale[0] or answer.tripped[0]) and answer.p_kw[0] > 2.99:
                    break
            assert answer.p_kw[0] == pytest.approx(3.0, abs=0.02), (device, fault, answer)


def calm(device) -> None:
    """End its faults; a device whose answers are spoilt is told as often as it needs."""
    for _ in range(20):
        try:
            device.clear_faults()
            device.identify()
            return
        except BenchError:
            continue


def close_again(source) -> None:
    """Do as an operator does: wait until the source is there, then close its output."""
    deadline_s = time.monotonic() + 20.0
    while True:
        try:
            source.set_grid(230.0, 50.0)
            source.energise(True)
            return
        except BenchError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.02)


class Wall:
    """An inverter with a clock of its own, as every real one is."""

    name, p_rated_kw, energy_kwh = "wall", 3.0, 0.0

    def __init__(self, *, lost: bool = False) -> None:
        self.lost, self.limits_kw = lost, [0.0]

    def identify(self) -> Identity:
        return Identity("a", "b", "c", "d")

    def limit_power(self, p_kw: float) -> None:
        self.limits_kw.append(p_kw)

    def measure(self) -> InverterReading:
        if self.lost:
            raise LinkError("wall: cable pulled")
        return InverterReading(self.limits_kw[-1], 0.0, False, "running", energy_kwh=1.0)

    def make_safe(self) -> None:
        self.limits_kw.append(0.0)

    def close(self) -> None:
        pass


class Clocked(Wall):
    """The same on the bench's clock."""

    def begin_lockstep(self, dt_s: float) -> None:
        pass

    def tick(self, available_kw: float, limit_kw: float, vm_pu: float, f_hz: float):
        self.limits_kw.append(limit_kw)
        return self.measure()


def test_a_device_with_its_own_clock_is_refused_in_words():
    with pytest.raises(LockstepError, match=r"wall keeps its own time.*run in real time"):
        LockstepExchange({"roof": Node("roof", Wall())}, dt_s=0.1)


def test_every_node_is_told_before_any_is_heard_also_behind_limits_and_a_lost_one_is_asked_again():
    # What goes over three links, in order; the second answers its first question with garbage.
    said: list[str] = []

    class Halves:
        def __init__(self, name: str) -> None:
            self.name, self.spoilt = name, name == "b"

        def query(self, message: str) -> str:
            return "BENCH" if "SIM:CLOC" in message else '0,"No error"'

        def ask(self, message: str, *, proven: bool = True) -> None:
            said.append(f"ask {self.name}")
            self.tick = message.split(",", 1)[0].rpartition(" ")[2]

        def take(self) -> str:
            said.append(f"take {self.name}")
            spoilt, self.spoilt = self.spoilt, False
            return "garbage" if spoilt else f"{self.tick},2000.0,0.0,RUN,3000.0"

        def drop(self) -> None: ...

    roofs = {
        name: StationDevice(
            name=name,
            role="inverter",
            driver="scpi-inverter",
            plays=name,
            p_rated_kw=5.0,
            s_rated_kva=5.0,
            limits=Limits(p_max_kw=5.0),
        )
        for name in "abc"
    }
    bench = BenchLimits(Station(name="roofs", file=Path("r.yaml"), devices=tuple(roofs.values())))
    nodes = {
        name: Node(
            name, limited(ScpiInverter(Halves(name), name=name, p_rated_kw=5.0), device, bench)
        )
        for name, device in roofs.items()
    }
    exchange = LockstepExchange(nodes, dt_s=0.1)
    answer = exchange.exchange(Asked(np.full(3, 4.0), np.full(3, 3.0), np.ones(3), 50.0))
    assert said == ["ask a", "ask b", "ask c", "take a", "take b", "ask b", "take c", "take b"]
    assert answer.p_kw.tolist() == [2.0, 2.0, 2.0]
    assert not answer.stale.any()


def test_a_small_device_plays_a_big_one_and_its_limit_moves_no_faster_than_its_ramp():
    # By hand: 30 kW are 3 kW of its own; 10 kW/s is 1 kW in each tick of 0.1 s.
    device = Clocked()
    exchange = LockstepExchange(
        {"mill": Node("mill", device, scale=10.0, ramp_kw_per_s=10.0)}, dt_s=0.1
    )
    fed_kw = [exchange.exchange(asked(30.0, 30.0)).p_kw[0] for _ in range(4)]
    assert fed_kw == pytest.approx([10.0, 20.0, 30.0, 30.0])
    assert max(device.limits_kw) == 3.0


def test_power_and_energy_come_from_the_analyser_where_there_is_one():
    class Meter:
        name = "meter"

        def measure(self) -> AcReading:
            return AcReading(1.5, 0.5, (230.0,), (6.5,), 50.0, 7.0)

    reading = Node("mill", Clocked(), analyser=Meter(), scale=2.0).read()
    assert (reading.p_kw, reading.q_kvar, reading.energy_kwh) == (3.0, 1.0, 14.0)


@pytest.mark.parametrize("action", ["hold", "abort"])
def test_a_lost_node_does_what_it_declared(action):
    device = Clocked()
    node = Node("mill", device, on_loss=OnLoss(action=action))
    exchange = LockstepExchange({"mill": node}, dt_s=0.1)
    assert exchange.exchange(asked(3.0, 2.0)).p_kw[0] == 2.0
    device.lost = True
    if action == "abort":
        with pytest.raises(LinkError, match="cable pulled"):
            exchange.exchange(asked(3.0, 1.0))
        return
    answer = exchange.exchange(asked(3.0, 1.0))
    assert (answer.p_kw[0], answer.tripped[0], answer.stale[0]) == (2.0, False, True)
    (lost,) = exchange.happened()
    assert (lost.name, lost.what, lost.because) == ("mill", "lost", "wall: cable pulled")


def test_a_register_replaces_what_was_held_and_a_restarted_one_is_counted_anew():
    # By hand: 3.6 kW for 1 s are 1 Wh. The register says 3 Wh after two ticks unread.
    count = EnergyCount(p_most_kw=36.0)
    count.step(3.6, 1.0, 10.0)
    assert count.total_kwh == pytest.approx(0.001)
    count.step(0.0, 1.0)
    count.step(0.0, 1.0, 10.003)
    assert count.total_kwh == pytest.approx(0.004)
    count.step(3.6, 1.0, 0.0)  # it restarted: the held power stands
    assert count.total_kwh == pytest.approx(0.005)
