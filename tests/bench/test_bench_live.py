"""What devices cost a tick: on its clock, and in their own time; and how late ticks are."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from hil.emulated_bench import EmulatedStation
from hil.exchange import Asked
from hil.realtime.lateness import timer_jitter
from hil.realtime.live import RealTimeExchange
from hil.realtime.lockstep import LockstepExchange
from hil.realtime.opening import open_armed
from hil.realtime.pacer import Pacer
from hil.safety.arming import Armed, arm
from hil.station import Limits, Station, StationDevice
from scenarios.station import load_station


@contextmanager
def armed(nodes: int) -> Iterator[Armed]:
    """So many emulated inverters, each in a process of its own."""
    devices = tuple(
        StationDevice(
            name=f"roof{k}",
            role="inverter",
            driver="scpi-inverter",
            emulated={},
            plays=f"roof{k}",
            p_rated_kw=5.0,
            s_rated_kva=5.0,
            limits=Limits(p_max_kw=5.0, q_max_kvar=5.0),
        )
        for k in range(nodes)
    )
    station = Station(name="roofs", file=Path("roofs.yaml"), devices=devices)
    with EmulatedStation(station) as emulated:
        devices = tuple(replace(one, address=emulated.addresses[one.name]) for one in devices)
        yield arm(replace(station, devices=devices), devices)


def sunny(nodes: int) -> Asked:
    return Asked(np.full(nodes, 4.0), np.full(nodes, 3.0), np.ones(nodes), 50.0)


@pytest.mark.parametrize(
    "nodes", [1, pytest.param(4, marks=pytest.mark.soak), pytest.param(16, marks=pytest.mark.soak)]
)
def test_bench_lockstep_tick(benchmark, nodes):
    with armed(nodes) as leave, open_armed(leave, live=False) as bench:
        exchange = LockstepExchange(bench.nodes, dt_s=0.1)
        answer = benchmark(exchange.exchange, sunny(nodes))
        benchmark.extra_info["devices"] = nodes
    assert not answer.stale.any()


def test_bench_lockstep_tick_of_a_whole_bench(benchmark):
    """The shipped station: inverter, grid simulator, PV simulator and analyser of one peer."""
    station = load_station(Path(__file__).parents[2] / "stations" / "emulated.yaml")
    with EmulatedStation(station) as emulated:
        at = emulated.addresses
        devices = tuple(replace(one, address=at[one.name]) for one in station.devices)
        leave = arm(replace(station, devices=devices), devices)
        with open_armed(leave, live=False) as bench:
            exchange = LockstepExchange(bench.nodes, dt_s=0.1)
            answer = benchmark(exchange.exchange, sunny(1))
            benchmark.extra_info["devices"] = len(devices)
    assert not answer.stale.any()


@pytest.mark.soak
@pytest.mark.parametrize("nodes", [1, 4])
def test_bench_live_tick(benchmark, nodes):
    with armed(nodes) as leave:
        on_loss = {one.name: one.on_loss for one in leave.devices}
        with RealTimeExchange(partial(open_armed, leave), on_loss) as exchange:
            answer = benchmark(exchange.exchange, sunny(nodes))
    assert answer.age_s.shape == (nodes,)


@pytest.mark.soak
@pytest.mark.parametrize(("nodes", "period_s", "ticks"), [(4, 0.1, 200), (1, 0.02, 1_000)])
def test_bench_real_time_lateness(benchmark, nodes, period_s, ticks):
    pacer = Pacer(period_s)

    def run() -> None:
        for _ in range(ticks):
            pacer.wait()
            exchange.exchange(sunny(nodes))

    with armed(nodes) as leave:
        on_loss = {one.name: one.on_loss for one in leave.devices}
        with RealTimeExchange(partial(open_armed, leave), on_loss) as exchange:
            benchmark.pedantic(run, rounds=1, iterations=1)
    benchmark.extra_info["lateness"] = str(pacer.lateness)
    benchmark.extra_info["overruns"] = pacer.overruns
    benchmark.extra_info["timer_jitter"] = str(timer_jitter(period_s, min(ticks, 100)))
    assert pacer.lateness.ticks == ticks
