"""Every fault of every instrument of a node, in real time: right, or flagged; and it ends."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cosim.bench.emulated_faults import ALL_REPLIES, EmulatedFaults
from hil.drivers.opening import open_device
from hil.emulated_bench import EmulatedStation
from hil.exchange import Answered, Asked
from hil.realtime.live import RealTimeExchange
from hil.realtime.opening import open_armed
from hil.safety.arming import arm
from hil.station import OnLoss, Station
from scenarios.station import load_station

STATION = Path(__file__).parents[2] / "stations" / "emulated.yaml"
PATIENCE_S = 30.0  # of a loaded machine
SUNNY = Asked(np.array([20.0]), np.array([12.0]), np.array([1.0]), 50.0)
REPLIES = ("drop", "delay", "garbage", "torn", "double", "close", "reset")
SELVES = {"refuse": (), "stuck": (), "drift": (0.01,), "identity": (), "reboot": (1.0,), "trip": ()}
DEVICES = ("mill-inverter", "mill-analyser", "mill-grid")


class Bench:
    """A node of four emulated instruments in real time, with faults by a way of their own."""

    def __init__(self, exchange: RealTimeExchange, faults: EmulatedFaults, station: Station):
        self.exchange, self.faults, self.station = exchange, faults, station

    def tick_until(self, done) -> Answered:
        """Tick at 50 Hz until the answer is the one that is waited for."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            answer = self.exchange.exchange(SUNNY)
            if answer.stale[0]:
                assert (answer.p_kw[0], answer.tripped[0]) == (0.0, True)
            if done(answer):
                return answer
            time.sleep(0.02)
        raise AssertionError(f"not within {PATIENCE_S} s: {answer}")

    def feeds(self, answer: Answered) -> bool:
        return not (answer.stale[0] or answer.tripped[0]) and abs(answer.p_kw[0] - 12.0) < 0.3

    def close_again(self, name: str) -> None:
        """Do as an operator does with a source that has opened."""
        device = next(one for one in self.station.devices if one.name == name)
        driver = open_device(device, device.address)
        driver.set_grid(230.0, 50.0)
        driver.energise(True)
        driver.close()


@contextmanager
def opened() -> Iterator[Bench]:
    station = load_station(STATION)
    losses = {"mill": OnLoss(after_s=0.5)}
    with EmulatedStation(station) as emulated:
        places = emulated.addresses
        devices = tuple(
            replace(one, address=places[one.name], timeout_s=0.3) for one in station.devices
        )
        station = replace(station, devices=devices)
        with (
            RealTimeExchange(partial(open_armed, arm(station, devices)), losses) as exchange,
            EmulatedFaults(places, waits=False) as faults,
        ):
            bench = Bench(exchange, faults, station)
            bench.tick_until(bench.feeds)
            yield bench


def befall(bench: Bench, device: str, fault: str) -> None:
    """One fault of one instrument: what it does to the node, and that it ends."""
    spoils = fault in REPLIES
    values = (ALL_REPLIES, 5.0)[: 2 if fault == "delay" else 1] if spoils else SELVES[fault]
    bench.faults.inject(device, fault, *values)
    opens = device == "mill-grid" and fault in ("trip", "reboot")
    if spoils or fault in ("reboot", "refuse" if device == "mill-grid" else "reboot"):
        bench.tick_until(lambda answer: answer.stale[0] or answer.tripped[0])
    elif fault == "trip" and device != "mill-analyser":
        assert bench.tick_until(lambda answer: answer.tripped[0]).p_kw[0] < 0.3
    elif fault == "identity":
        bench.faults.inject(device, "close", 1.0)
        bench.tick_until(lambda answer: answer.stale[0])
    else:  # plausible values are believed, and a limit that is refused stays what it is
        assert abs(bench.tick_until(lambda answer: True).p_kw[0] - 12.0) < 0.3
    bench.faults.clear(DEVICES)
    if opens:
        bench.tick_until(lambda answer: answer.tripped[0] and not answer.stale[0])
        bench.close_again(device)
    bench.tick_until(bench.feeds)
    assert bench.faults.refused() == ()


ONE_OF_EACH = [("mill-inverter", "drop"), ("mill-analyser", "garbage"), ("mill-grid", "close")]


def test_in_real_time_a_fault_of_any_instrument_is_flagged_and_ends():
    with opened() as bench:
        for device, fault in ONE_OF_EACH:
            befall(bench, device, fault)


@pytest.mark.soak
@pytest.mark.parametrize("device", DEVICES)
def test_in_real_time_every_fault_of_every_instrument_is_right_or_flagged_and_ends(device):
    with opened() as bench:
        for fault in (*REPLIES, *SELVES):
            befall(bench, device, fault)
