"""Devices in their own time: a tick never waits for them, and old readings are called so."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
import pytest

from hil.drivers.opening import open_device
from hil.emulated_bench import EmulatedStation
from hil.errors import LateError, LinkError
from hil.exchange import Answered, Asked
from hil.realtime.board import Board, Row
from hil.realtime.lateness import Lateness
from hil.realtime.live import RealTimeExchange
from hil.realtime.opening import open_armed
from hil.realtime.pacer import Pacer
from hil.safety.arming import arm
from hil.station import Limits, OnLoss, Station, StationDevice

PATIENCE_S = 20.0  # of a loaded machine


def roof(name: str, on_loss: OnLoss) -> StationDevice:
    return StationDevice(
        name=name,
        role="inverter",
        driver="scpi-inverter",
        emulated={},
        plays=name,
        p_rated_kw=5.0,
        s_rated_kva=5.0,
        limits=Limits(p_max_kw=5.0, q_max_kvar=5.0),
        timeout_s=0.5,
        on_loss=on_loss,
    )


@contextmanager
def live(
    on_loss: dict[str, OnLoss], *, quiet_s: float = 60.0
) -> Iterator[tuple[RealTimeExchange, Station]]:
    """Emulated inverters in real time."""
    devices = tuple(roof(name, loss) for name, loss in on_loss.items())
    station = Station(name="roofs", file=Path("roofs.yaml"), devices=devices)
    with EmulatedStation(station) as emulated:
        devices = tuple(replace(one, address=emulated.addresses[one.name]) for one in devices)
        station = replace(station, devices=devices)
        opener = partial(open_armed, arm(station, devices))
        with RealTimeExchange(opener, on_loss, quiet_s=quiet_s) as exchange:
            yield exchange, station


def sunny(nodes: int) -> Asked:
    return Asked(np.full(nodes, 4.0), np.full(nodes, 3.0), np.ones(nodes), 50.0)


def tick_until(exchange: RealTimeExchange, done, nodes: int) -> Answered:
    """Tick at 50 Hz until the answer is the one that is waited for."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        answer = exchange.exchange(sunny(nodes))
        if done(answer):
            return answer
        time.sleep(0.02)
    raise AssertionError(f"not within {PATIENCE_S} s: {answer}")


def test_a_device_that_hangs_is_flagged_delays_nobody_and_comes_back():
    # An answer that takes 5 s: ten times the time-out, so the link gives up and tries again.
    losses = {"good": OnLoss(after_s=2.0), "bad": OnLoss(action="hold", after_s=0.6)}
    with live(losses) as (exchange, _):
        tick_until(exchange, lambda answer: (answer.p_kw > 2.5).all(), 2)
        exchange.inject("bad", "delay", 2, 5.0)
        start_s = time.monotonic()
        lost = tick_until(exchange, lambda answer: answer.stale[1], 2)
        assert time.monotonic() - start_s < 5.0
        assert lost.age_s[1] > 0.6
        assert (lost.stale[0], lost.tripped[1]) == (False, False)
        assert lost.p_kw[1] == pytest.approx(3.0, abs=0.5)
        back = tick_until(exchange, lambda answer: not answer.stale[1], 2)
        assert back.p_kw[1] == pytest.approx(3.0, abs=0.5)
        told = [(one.name, one.what) for one in exchange.happened() if one.name == "bad"]
        assert told == [("bad", "lost"), ("bad", "back")]


@pytest.mark.soak
@pytest.mark.parametrize(
    "fault",
    ["drop,4", "garbage,4", "torn,4", "double,4", "close,4", "reset,4", "refuse", "reboot,1"],
)
def test_in_real_time_every_fault_is_flagged_or_right_and_it_ends(fault):
    name, *values = fault.split(",")
    with live({"roof": OnLoss(after_s=0.4)}) as (exchange, _):
        tick_until(exchange, lambda answer: answer.p_kw[0] > 2.5, 1)
        exchange.inject("roof", name, *map(float, values))
        for _ in range(100):
            answer = exchange.exchange(sunny(1))
            off = answer.stale[0] or answer.tripped[0]
            assert answer.p_kw[0] == (0.0 if off else pytest.approx(3.0, abs=0.5))
            time.sleep(0.02)
        exchange.clear_faults("roof")
        tick_until(exchange, lambda answer: not answer.stale[0], 1)


def test_devices_are_made_safe_when_no_tick_comes_any_more():
    with live({"roof": OnLoss()}, quiet_s=0.3) as (exchange, station):
        tick_until(exchange, lambda answer: answer.p_kw[0] > 2.5, 1)
        (device,) = station.devices
        witness = open_device(device, device.address)
        deadline_s = time.monotonic() + PATIENCE_S
        while witness.measure().p_kw > 0.5 and time.monotonic() < deadline_s:
            time.sleep(0.02)
        witness.close()
        assert time.monotonic() < deadline_s
        tick_until(exchange, lambda answer: answer.p_kw[0] > 2.5, 1)
        assert "made safe" in [one.what for one in exchange.happened()]


def test_a_process_of_the_devices_that_is_killed_ends_the_run_in_words():
    def run() -> None:
        with live({"roof": OnLoss()}) as (exchange, _):
            exchange.process.kill()
            tick_until(exchange, lambda answer: False, 1)

    with pytest.raises(LinkError, match="process of the devices is gone") as ended:
        run()
    assert "may not be in their safe state" in ended.value.__notes__[0]


def test_a_reading_that_is_being_written_is_as_it_was_before():
    # The count of the readings, the second on the page, is odd while a row is written.
    with Board(2) as board:
        page = SharedMemory(name=board.name)
        assert page.buf is not None
        counts = page.buf[:24].cast("q")
        board.write(0, Row(1.0, 0.0, 0.0, 0.0, 5.0))
        before = board.readings().tolist()
        counts[1] += 1
        board._rows[0] = 2.0  # half of a write by the other process
        assert board.readings().tolist() == before
        counts[1] += 1
        assert board.readings()[0].tolist() == 5 * [2.0]
        counts.release()
        page.close()


class FakeClock:
    """A clock that moves when somebody sleeps, or works."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def starts(overrun: str, work_s: list[float]) -> tuple[list[float], Pacer]:
    """When each tick of 1 s begins, for work of these lengths."""
    clock = FakeClock()
    pacer = Pacer(1.0, overrun=overrun, clock=clock, sleep=clock.sleep)
    began_s = []
    for work in work_s:
        pacer.wait()
        began_s.append(clock.now_s - 100.0)
        clock.sleep(work)
    return began_s, pacer


def test_ticks_that_are_held_catch_up_and_ticks_that_are_skipped_move_the_clock():
    # By hand: the second tick takes 2.5 s, so the third begins 1.5 s late.
    work_s = [0.1, 2.5, 0.1, 0.1, 0.1]
    held, pacer = starts("hold", work_s)
    assert held == pytest.approx([0.0, 1.0, 3.5, 3.6, 4.0])
    assert (pacer.overruns, pacer.skipped) == (1, 0)
    skipped, pacer = starts("skip", work_s)
    assert skipped == pytest.approx([0.0, 1.0, 3.5, 4.0, 5.0])
    assert (pacer.overruns, pacer.skipped) == (1, 1)
    with pytest.raises(LateError, match=r"tick 2 began 1500\.0 ms late, at 1000 ms a tick"):
        starts("abort", work_s)


def test_each_tick_says_when_it_began_by_the_wall_clock_and_never_before_its_time():
    # Beside a clock of the test's own, read before and after every wait.
    pacer, read = Pacer(0.005), time.monotonic
    start_s = read()
    first_s: tuple[float, float] | None = None
    for tick in range(60):
        before_s = read()
        paced = pacer.wait()
        first_s = first_s or (start_s, read())
        assert before_s - first_s[1] <= paced.began_s <= read() - first_s[0]
        assert paced.began_s >= 0.005 * tick
        assert 1e-6 * paced.late_us == pytest.approx(paced.began_s - 0.005 * tick, abs=1e-9)


def test_ten_thousand_ticks_do_not_drift():
    began_s, _ = starts("hold", 10_000 * [0.3])
    assert began_s[-1] == pytest.approx(9_999.0, abs=1e-6)


def test_quantiles_of_lateness_are_exact_to_their_bins():
    # By hand: of 1 to 1000 µs half are at most 500, the largest is 1000.
    lateness = Lateness()
    for late_us in range(1, 1001):
        lateness.add(float(late_us))
    assert lateness.quantile(0.5) == pytest.approx(500.0, rel=0.024)
    assert lateness.quantile(1.0) == lateness.most_us == 1000.0
    assert sum(count for _, count in lateness.histogram()) == 1000
