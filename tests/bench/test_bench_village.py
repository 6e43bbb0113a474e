"""The village's tick: with every box, on empty boxes, and its kernels alone.

`make bench` prints the cost by box beside two floors: what mosaik takes for as many empty
simulators, wired alike, and what the kernels take when they are called bare in a loop.
"""

from collections.abc import Callable
from dataclasses import replace
from statistics import median
from time import perf_counter

import numpy as np
import pytest

from cosim import build
from cosim.assembly import boxes, laid
from cosim.boxes.box import Box, model, silent
from cosim.boxes.clock import NEVER
from cosim.boxes.recorder import LISTS, SCALARS
from cosim.boxes.wiring import Wire
from cosim.boxes.world import prepared
from cosim.plant import Plant, plant
from market.delivery.ledger import Ledger
from results.recording import TickRecorder
from scenarios.load import load_scenario

PERIOD_S = 20
FEW = 400
"""Ticks when nobody looks at the clock."""


@pytest.mark.benchmark(group="village")
@pytest.mark.parametrize(
    ("how", "ticks", "rounds"),
    [("model", 4_000, 3), ("model", 36_000, 1), ("scpi", 4_000, 3), ("unbundled", 4_000, 3)],
    ids=lambda value: str(value),
)
def test_bench_village(benchmark, play, note, how, ticks, rounds):
    """Recorder, auditor and trip included; delivery periods of 20 s throughout."""
    ticks = ticks if benchmark.enabled else FEW
    options = {"model_devices": how != "scpi", "bundled": how != "unbundled"}
    played = []

    benchmark.pedantic(
        lambda: played.append(play(ticks, period_s=PERIOD_S, **options)), rounds=rounds
    )

    _tell(benchmark, note, f"village, {how}, {ticks} ticks", played)


@pytest.mark.benchmark(group="village")
def test_bench_shipped_village(benchmark, play, note):
    """The hour that ships, with its quarter-hours; two minutes when nobody looks at the clock."""
    played = []
    ticks, period_s = (36_000, None) if benchmark.enabled else (FEW, PERIOD_S)

    benchmark.pedantic(
        lambda: played.append(play(ticks, period_s=period_s, model_devices=True)), rounds=1
    )

    _tell(benchmark, note, "village as shipped, model", played)


def _tell(benchmark, note, what, played):
    """Note the median of some runs, and demand that each came to its end with every check."""
    tick_us = median(one.tick_us for one in played)
    middle = min(played, key=lambda one: abs(one.tick_us - tick_us))
    by_box = {name: round(us, 1) for name, us in middle.by_box_us.items()}
    benchmark.extra_info["tick_us"] = tick_us
    benchmark.extra_info["times_real_time"] = middle.times_real_time
    benchmark.extra_info["by_box_us"] = by_box
    rest = {"mosaik and bundle": round(middle.tick_us - sum(by_box.values()), 1)}
    note(what, tick_us, ", ".join(f"{name} {us:.0f}" for name, us in (by_box | rest).items()))
    assert all(one.passed for one in played)


class Empty(Box):
    """Steps when another box would, and says zeros."""

    def __init__(self, like: Box, upcoming: Callable[[int], int]) -> None:
        self.models, self.kind = like.models, like.kind
        super().__init__()
        self._upcoming = upcoming

    def init(self, sid, time_resolution=1.0):
        return self.meta

    def create(self, num, model, **params):
        made = super().create(num, model)
        described = self.models[model]
        if self.kind == "hybrid":
            events = {*described["non-persistent"], *described["trigger"]}
            said = [attr for attr in described["attrs"] if attr not in events]
            self.values[made[0]["eid"]] = dict.fromkeys(said, 0.0)
        return made

    def advance(self, time, inputs):
        upcoming = self._upcoming(time)
        return upcoming if upcoming < NEVER else None


class Ticking(Box):
    """What the bundle is to mosaik: it steps on each tick, and has events to say, if any."""

    models = {"Ticking": model([], events_in=["schedule"], events_out=["orders", "alarm"])}


EVENT_WIRES = [
    Wire(
        source=source,
        target=target,
        attrs={attr: attr},
        source_eid=source,
        target_eid=target,
        delayed=target == "ticking",
    )
    for source, target, attr in (
        ("ticking", "market", "orders"),
        ("ticking", "contracts", "alarm"),
        ("market", "contracts", "cleared"),
        ("contracts", "ticking", "schedule"),
    )
]


@pytest.fixture
def made(tmp_path, write_village):
    """The village's plain objects."""
    resolved = load_scenario(write_village(tmp_path, 4_000, period_s=PERIOD_S))
    with Ledger() as ledger:
        yield plant(resolved, ledger=ledger, log=silent)


@pytest.fixture
def recorder(made, tmp_path):
    buses = len(made.live_buses())
    widths = {name: buses if name == "vm_pu" else len(made.names) for name in LISTS}
    with TickRecorder(tmp_path, scalars=list(SCALARS), lists=widths, metadata={}) as opened:
        yield opened


@pytest.mark.benchmark(group="village floors")
@pytest.mark.parametrize("layout", ["three slots", "bundled", "unbundled"])
def test_bench_empty_simulators(benchmark, made, recorder, note, layout):
    """mosaik alone, as many slots as a layout has.

    With three slots, one steps on each tick and two wait; "bundled" has in that one our bundle
    of empty boxes, which goes on within a step; "unbundled" wires every empty box by itself.
    """
    clock = replace(made.clock, ticks=4_000 if benchmark.enabled else 40)
    real = boxes(made, recorder=recorder, watch=lambda *_: None, log=silent)
    wires = laid(made)
    slow = {
        "profiles": clock.next_second,
        "manager": clock.next_second,
        "market": clock.next_gate,
        "contracts": clock.next_end,
    }
    likes = {name: box for name, (box, _) in real.items()}
    if layout == "three slots":
        likes = {name: likes[name] for name in ("market", "contracts")} | {"ticking": Ticking()}
        wires = EVENT_WIRES
    taken_s = []

    def play_empty():
        empty = {
            name: (Empty(like, slow.get(name, clock.next_tick)), {}) for name, like in likes.items()
        }
        with prepared(empty, wires, clock, bundled=layout == "bundled") as go:
            began = perf_counter()
            go()
            taken_s.append(perf_counter() - began)
        return empty

    empty = benchmark.pedantic(play_empty, rounds=3)

    _tell_floor(benchmark, note, f"empty simulators, {layout}", taken_s, clock.ticks)
    ticking = [box.steps for name, (box, _) in empty.items() if name not in slow]
    assert min(ticking) >= clock.ticks


def _tell_floor(benchmark, note, what, taken_s, ticks, remark=""):
    tick_us = 1e6 * median(taken_s) / ticks
    benchmark.extra_info["tick_us"] = tick_us
    note(what, tick_us, remark)


@pytest.mark.benchmark(group="village floors")
def test_bench_bare_kernels(benchmark, made, recorder, note):
    """What the boxes of a tick call, called in a loop, with neither mosaik nor audit."""
    ticks = 1_200 if benchmark.enabled else 20
    kernels = BareKernels(made, recorder)
    kernels.play(20)
    taken_s = []

    def play():
        kernels.spent_s.clear()
        kernels.play(ticks)
        taken_s.append(sum(kernels.spent_s.values()))

    benchmark.pedantic(play, rounds=3)

    by_kernel = {name: 1e6 * s / ticks for name, s in kernels.spent_s.items()}
    benchmark.extra_info["by_kernel_us"] = by_kernel
    remark = ", ".join(f"{name} {us:.0f}" for name, us in by_kernel.items())
    _tell_floor(benchmark, note, "kernels called bare", taken_s, ticks, remark)
    assert kernels.mismatch_pu < 1e-8


class BareKernels:
    """The village's tick as a plain loop over the objects that its boxes open to mosaik."""

    def __init__(self, made: Plant, recorder: TickRecorder) -> None:
        self._made, self._recorder = made, recorder
        self._read = build.second_reader(made.resolved, made.refined)
        self._frequency = build.frequency(made.resolved)
        self._buses, self._live = np.array(made.peer_bus), made.live_buses()
        self._nobody = np.zeros(len(made.names), dtype=np.bool_)
        self._none_kw, self._vm_pu = np.zeros(len(made.names)), np.ones(len(made.names))
        self._soc = made.fleet.soc
        self._tick, self.mismatch_pu = 0, 0.0
        self.spent_s: dict[str, float] = {}
        self._began = 0.0

    def _lap(self, name: str) -> None:
        now = perf_counter()
        self.spent_s[name] = self.spent_s.get(name, 0.0) + now - self._began
        self._began = now

    def play(self, ticks: int) -> None:
        """Play some ticks, and add up what each object took."""
        self._began = perf_counter()
        for tick in range(self._tick, self._tick + ticks):
            if tick % 10 == 0:
                self._decide(tick)
            self._flow(tick)
        self._tick += ticks

    def _decide(self, tick: int) -> None:
        made = self._made
        self._load_kw, self._load_kvar, self._available_kw = self._read(tick // 10)
        self._lap("profiles")
        self._setpoint_kw, self._limit_kw = made.managers.plan(
            tick,
            load_kw=self._load_kw,
            pv_available_kw=self._available_kw,
            soc=self._soc,
            metered_wh=made.meters.total_wh,
            tripped=self._nobody,
        )
        self._lap("manager")

    def _flow(self, tick: int) -> None:
        made, none_kw = self._made, self._none_kw
        der = made.fleet.step(
            self._available_kw, self._limit_kw, self._setpoint_kw, self._vm_pu, none_kw
        )
        self._soc = der.soc
        self._lap("der")
        f = self._frequency.step()
        self._lap("frequency")
        p_kw, q_kvar = der.pv_kw + der.battery_kw - self._load_kw, der.q_kvar - self._load_kvar
        n_bus = made.grid.n_bus
        p_mw = np.bincount(self._buses, weights=p_kw, minlength=n_bus) * 1e-3
        q_mvar = np.bincount(self._buses, weights=q_kvar, minlength=n_bus) * 1e-3
        grid = made.grid.solve(p_mw, q_mvar)
        self._vm_pu = grid.vm_pu[self._buses]
        self.mismatch_pu = max(self.mismatch_pu, grid.mismatch_pu)
        self._lap("grid")
        made.meters.step(p_kw, none_kw, self._nobody)
        self._lap("meters")
        scalars = (f.f_hz, f.f_min_hz, f.f_max_hz, f.rocof_hz_per_s)
        lists = {
            "vm_pu": grid.vm_pu[self._live],
            "p_kw": p_kw,
            "load_kw": self._load_kw,
            "pv_kw": der.pv_kw,
            "battery_kw": der.battery_kw,
            "soc": der.soc,
        }
        of_grid = (grid.p_boundary_mw, grid.q_boundary_mvar, grid.losses_mw)
        self._recorder.write(
            tick, (*scalars, *of_grid, grid.mismatch_pu, grid.loading_max_percent), lists
        )
        self._lap("recorder")
