"""Ten minutes of real time with devices: every tick in its time, beside the machine's own timer."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from hil.emulated_bench import EmulatedStation
from hil.exchange import Asked
from hil.realtime.lateness import Lateness, timer_jitter
from hil.realtime.live import RealTimeExchange
from hil.realtime.opening import open_armed
from hil.realtime.pacer import Pacer
from hil.safety.arming import arm
from hil.station import Limits, OnLoss, Station, StationDevice


@contextmanager
def live_roofs(nodes: int) -> Iterator[RealTimeExchange]:
    """So many emulated inverters, each playing a peer."""
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
            on_loss=OnLoss(after_s=5.0),
        )
        for k in range(nodes)
    )
    station = Station(name="roofs", file=Path("roofs.yaml"), devices=devices)
    with EmulatedStation(station) as emulated:
        devices = tuple(replace(one, address=emulated.addresses[one.name]) for one in devices)
        opener = partial(open_armed, arm(replace(station, devices=devices), devices))
        with RealTimeExchange(opener, {one.name: one.on_loss for one in devices}) as exchange:
            yield exchange


@pytest.mark.soak
@pytest.mark.parametrize(
    ("nodes", "period_s", "ticks"), [(4, 0.1, 6_000), (1, 0.02, 6_000)], ids=["10 Hz", "50 Hz"]
)
def test_minutes_of_ticks_with_devices_do_not_drift_and_none_is_missed(
    capsys, nodes, period_s, ticks
):
    pacer, took = Pacer(period_s), Lateness()
    asked = Asked(np.full(nodes, 4.0), np.full(nodes, 3.0), np.ones(nodes), 50.0)
    lost, oldest_s = 0, 0.0
    with live_roofs(nodes) as exchange:
        began_s = time.monotonic()
        for _ in range(ticks):
            paced = pacer.wait()
            entered_s = time.perf_counter()
            answer = exchange.exchange(asked)
            took.add(1e6 * (time.perf_counter() - entered_s))
            lost += int(answer.stale.any())
            oldest_s = max(oldest_s, float(answer.age_s.max()))
        passed_s = time.monotonic() - began_s
    jitter = timer_jitter(period_s, min(ticks, round(20.0 / period_s)))
    with capsys.disabled():
        print(f"\n{nodes} devices at {1 / period_s:g} Hz for {passed_s:.0f} s:")
        print(f"  ticks late: {pacer.lateness}; {pacer.overruns} a period or more")
        print(f"  bare timer: {jitter}")
        print(f"  exchange: {took}; oldest reading {1e3 * oldest_s:.0f} ms, {lost} ticks stale")
    # The last tick is late by itself alone: nothing adds up over the ticks before it.
    assert (pacer.lateness.ticks, pacer.skipped, lost) == (ticks, 0, 0)
    assert passed_s - (ticks - 1) * period_s < 1e-6 * paced.late_us + 1.0
