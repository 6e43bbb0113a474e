"""Plays one scenario from its file to its verdict, and leaves the run folder."""

from __future__ import annotations

import time as wall
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hil.errors import BenchError
from hil.realtime.pacer import Pacer
from hil.realtime.tape import Played
from models.grid.power_flow import PowerFlowDiverged
from results.bills import write_bills
from results.folder import EventLog, Manifest, Status, write_json
from results.invariants import InvariantViolated
from results.metrics import Metric
from results.tables import SCHEMAS, write_table
from results.verdict import Verdict
from scenarios.load import load_scenario
from scenarios.overrides import Override
from scenarios.resolve import ResolvedScenario
from scenarios.station import load_station

from . import provenance
from .ageing import ageing_rows
from .assembly import boxes, energy_books, laid
from .bench import resources
from .bench.live import Live
from .bench.replaying import station_of, tape_of
from .bench.seating import Seating, nobody, refuse_real, seated, unheeded
from .boxes.consuming import appliance_rows, charging_rows
from .boxes.pacer import measured_jitter, pace_file, told
from .boxes.world import Boxes, prepared
from .judging import checks_of, judge
from .plant import Plant, plant
from .trade.book_keeping import first_anchor, open_ledger
from .trade.pricing import described
from .vitals import Vitals

RUNS = Path("results/runs")
"""Where run folders go unless told otherwise, below the working folder."""

REPORT_EVERY_TICKS = 200

Progress = Callable[[int, int, float, Mapping[str, float]], None]
"""Told (ticks done, ticks in all, seconds since physics began, seconds by simulator)."""


class RunBroken(RuntimeError):
    """A run could not go on; what was recorded is kept in `folder`."""

    def __init__(self, message: str, folder: Path) -> None:
        super().__init__(message)
        self.folder = folder


class Interrupted(Exception):
    """Somebody asked the run to stop."""


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended.

    Attributes
    ----------
    folder : Path
        The run folder.
    status : str
        "finished" or "interrupted".
    passed : bool
        It came to its end and every check holds.
    verdicts : list of Verdict
    metrics : list of Metric
    """

    folder: Path
    status: str
    passed: bool
    verdicts: list[Verdict] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)


def run_scenario(
    path: Path | str,
    *,
    out: Path | None = None,
    seed: int | None = None,
    overrides: Sequence[Override] = (),
    model_devices: bool = False,
    station: Path | str | None = None,
    live: Live | None = None,
    replay: Path | None = None,
    bundled: bool = True,
    progress: Progress | None = None,
    vitals: Callable[[str], None] | None = None,
    report: bool = True,
) -> RunOutcome:
    """Play a scenario and judge it.

    Parameters
    ----------
    path : path
        The scenario's YAML file.
    out : Path, optional
        Where the run folder is made; `results/runs` by default.
    seed : int, optional
        Instead of the scenario's.
    overrides : sequence of Override
        Values that are set instead of the scenario's; recorded in the manifest.
    model_devices : bool
        Let models play the devices, instead of emulators reached through VISA.
    station : path, optional
        The bench whose devices play peers.
    live : Live, optional
        Play in real time, and how.
    replay : path, optional
        Folder of a run whose devices play again as they did then, without them.
    bundled : bool
        Let the boxes of a tick share one slot of mosaik's scheduler; the tables do not differ.
    progress : callable, optional
    vitals : callable, optional
        Told in a line how late ticks are and which devices are lost.
    report : bool
        Write report.html too.

    Raises
    ------
    ScenarioError, SeatingError
        The file is not a scenario, or not one for this station; nothing was written.
    RunBroken
        Physics, a device or an invariant stopped it; the folder holds what was recorded.
    """
    resolved = load_scenario(path, seed=seed, overrides=overrides)
    tape = None if replay is None else tape_of(replay)
    if replay is not None and tape is not None and station is None:
        station = station_of(replay, tape)
    seating = _seating(
        resolved, station, model_devices=model_devices, clocked=live is None and tape is None
    )
    folder = _new_folder(out or RUNS, resolved.scenario.scenario)
    described = _described(resolved) | {"overrides": [str(one) for one in overrides]}
    manifest = Manifest(folder, described)
    began = wall.perf_counter()
    run = _Run(
        resolved,
        folder,
        seating=seating,
        live=live,
        tape=tape,
        bundled=bundled,
        progress=progress,
        vitals=vitals,
    )
    try:
        status = run.play()
    except (PowerFlowDiverged, InvariantViolated, BenchError, ValueError) as fault:
        manifest.end("broken", because=str(fault))
        raise RunBroken(str(fault), folder) from fault
    except KeyboardInterrupt:
        manifest.end("interrupted", because="asked twice, so it stopped at once")
        raise
    except BaseException as fault:
        manifest.end("broken", because=f"{type(fault).__name__}: {fault}")
        raise
    manifest.end(status, **run.ending())
    timing = {"set_up_s": run.set_up_s, "physics_s": run.physics_s, "by_simulator_s": run.seconds}
    timing |= run.real_time()
    write_json(folder / "timing.json", timing)
    passed, verdicts, metrics = judge(
        folder,
        checks_of(resolved.scenario.checks),
        status=status,
        name=resolved.scenario.scenario,
        beside=resolved.file.parent,
    )
    if report:
        from results.report import write_report

        write_report(folder)
    write_json(folder / "timing.json", timing | {"total_s": wall.perf_counter() - began})
    return RunOutcome(folder, status, passed, verdicts, metrics)


def _seating(
    resolved: ResolvedScenario,
    station: Path | str | None,
    *,
    model_devices: bool,
    clocked: bool,
) -> Seating:
    """Give devices their seats, before anything is written or energised."""
    if model_devices:
        return nobody(resolved)
    bench = None if station is None else load_station(station, scenario=resolved)
    made = seated(resolved, bench)
    if clocked:
        refuse_real(made.station)
    return made


def _new_folder(out: Path, name: str) -> Path:
    """Make a folder that no other run has."""
    stamp = datetime.now(tz=UTC).strftime("%Y%m%dT%H%M%SZ")
    for number in range(1, 1000):
        folder = out / (f"{name}-{stamp}" if number == 1 else f"{name}-{stamp}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{out}: a thousand runs of {name} in one second")


def _described(resolved: ResolvedScenario) -> dict[str, Any]:
    """Say how the run comes to be, for the manifest."""
    scenario = resolved.scenario
    inputs = [resolved.file, *([resolved.network_file] if resolved.network_file else [])]
    return {
        "scenario": scenario.scenario,
        "about": scenario.about,
        "file": str(resolved.file),
        "seed": resolved.seed,
        "command": provenance.command(),
        "start": scenario.time.start.isoformat(),
        "dt_s": resolved.dt_s,
        "ticks": resolved.n_ticks,
        "ticks_per_period": resolved.ticks_per_period,
        "islanded": scenario.island is not None,
        "peers": {peer.name: peer.role for peer in resolved.peers},
        "roles": {peer.name: peer.role for peer in resolved.peers},
        "versions": provenance.versions(),
        "hashes": provenance.hashes(inputs),
        "machine": provenance.machine(),
        "market": described(resolved),
        "ledger": first_anchor(resolved),
        "resolved": resolved.manifest(),
    }


class _Run:
    """One run under way: its objects, its recorder, and what may stop it."""

    def __init__(
        self,
        resolved: ResolvedScenario,
        folder: Path,
        *,
        seating: Seating,
        live: Live | None,
        tape: Played | None,
        bundled: bool,
        progress: Progress | None,
        vitals: Callable[[str], None] | None = None,
    ) -> None:
        self._resolved, self._folder, self._bundled = resolved, folder, bundled
        self._seating, self._live, self._progress = seating, live, progress
        self._tape = tape
        self._pacer = None if live is None else Pacer(resolved.dt_s, overrun=live.overrun)
        self._late_us: list[float] = []
        self._vitals = Vitals(None if self._pacer is None else self._pacer.lateness)
        self._tell_vitals = vitals
        self._every = REPORT_EVERY_TICKS if live is None else max(1, round(1 / resolved.dt_s))
        self._beat: Callable[[], None] = lambda: None
        self._stopping = False
        self._boxes: Boxes = {}
        self.set_up_s = self.physics_s = self._physics_began = 0.0
        self.seconds: dict[str, float] = {}

    def play(self) -> Status:
        """Play to the end, or to where somebody stopped it; say which."""
        began = wall.perf_counter()
        with ExitStack() as open_:
            open_.enter_context(resources.signals(self._stop))
            self._events = open_.enter_context(EventLog(self._folder))
            ledger = open_.enter_context(open_ledger(self._folder, self._resolved))
            self._ledger = ledger
            made = plant(self._resolved, ledger=ledger, log=self._log, seating=self._seating)
            self._made = made
            bench = open_.enter_context(resources.bench(made, self._folder, self._live, self._tape))
            self._beat = bench.beat
            for event in unheeded(self._resolved, self._seating):
                at = made.clock.preroll + event.tick
                self._log(at, "device_fault_ignored", device=event.target, fault=event.fault)
            recorder = open_.enter_context(resources.recorder(made, self._folder))
            write_json(self._folder / "network.json", resources.drawing(made))
            self._auditor = resources.auditor(made, lambda: energy_books(made, self._boxes))
            self._boxes = boxes(
                made,
                bench=bench,
                recorder=recorder,
                watch=self._watch,
                log=self._log,
                pacing=self._pacing(open_),
            )
            self.set_up_s = wall.perf_counter() - began
            status = self._play(made)
            made.trading.loop.finish(made.clock.ticks + made.clock.tail)
        self._write_tables()
        return status

    def _play(self, made: Plant) -> Status:
        self._physics_began = wall.perf_counter()
        wires = laid(made, paced=self._pacer is not None)
        try:
            with prepared(self._boxes, wires, made.clock, bundled=self._bundled) as go:
                self._physics_began = wall.perf_counter()
                go()
        except Interrupted:
            self._log(made.clock.preroll + self._auditor.last_tick, "interrupted")
            return "interrupted"
        except PowerFlowDiverged:
            made.grid.save_case(self._folder / "diverged.json")
            raise
        finally:
            self.physics_s = wall.perf_counter() - self._physics_began
            self.seconds = {name: box.seconds for name, (box, _) in self._boxes.items()}
        self._auditor.close()
        return "finished"

    def ending(self) -> dict[str, Any]:
        """Say what is known of a run only at its end."""
        return {
            "audited_ticks": self._auditor.ticks,
            "ledger": self._ledger.anchor,
            "voltage_loop_gain": self._made.voltage_loop_gain,
        }

    def _pacing(self, open_: ExitStack) -> dict[str, Any] | None:
        """What the pacer's box takes; None outside of real time."""
        if self._pacer is None:
            return None
        note = open_.enter_context(pace_file(self._folder))
        return {"pacer": self._pacer, "late_us": self._late_us, "note": note}

    def real_time(self) -> dict[str, Any]:
        """Say how the run kept its time, where it had to."""
        if self._pacer is None:
            return {}
        return {"real_time": {**told(self._pacer, self._late_us), "timer": measured_jitter()}}

    def _watch(self, tick: int, given: Mapping[str, Mapping[str, Any]]) -> None:
        self._auditor.see(tick, given)
        self._beat()
        if self._stopping:
            raise Interrupted
        if self._tell_vitals is not None and (tick + 1) % self._every == 0:
            self._tell_vitals(self._vitals.line())
        if self._progress is not None and (tick + 1) % self._every == 0:
            elapsed_s = wall.perf_counter() - self._physics_began
            seconds = {name: box.seconds for name, (box, _) in self._boxes.items()}
            self._progress(tick + 1, self._resolved.n_ticks, elapsed_s, seconds)

    def _stop(self) -> None:
        self._stopping = True

    def _log(self, time: int, kind: str, **what: Any) -> None:
        self._vitals.note(kind, str(what.get("device", "")))
        self._events.write(time - self._resolved.gate_ticks, kind, **what)

    def _write_tables(self) -> None:
        self._tables = self._made.trading.tables()
        if "operator" in self._boxes:
            self._tables["operator"] = getattr(self._boxes["operator"][0], "rows", [])
        if ageing := ageing_rows(self._resolved, self._folder):
            self._tables["ageing"] = ageing
        flexible = self._made.flexible
        if rows_of := appliance_rows(self._resolved, flexible):
            self._tables["appliances"] = rows_of
        if rows_of := charging_rows(self._resolved, flexible):
            self._tables["charging"] = rows_of
        for name, rows in self._tables.items():
            if name in SCHEMAS:
                write_table(self._folder, name, rows)
        write_bills(self._folder)
