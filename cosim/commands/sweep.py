"""The command `peerwatt sweep`: many runs of one scenario, and what they say together."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, cast

import typer

from ..portable import Portable

if TYPE_CHECKING:
    from ..sweeps.asked import Asked
    from ..sweeps.plan import Plan
    from ..sweeps.points import Keep
    from ..sweeps.sweep import SweepOutcome

__all__ = ["sweep"]

WRONG_INPUT = 2
BROKE = 3
INTERRUPTED = 130
TOLD = 10
"""Points that did not pass which are told one by one; the report has all."""


def sweep(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Scenario, or a sweep file.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUES",
            help="What varies: market.mechanism=vcg,mcafee or peers.mill.pv.p_kwp=5..40; "
            "a range may end in :log or :whole.",
        ),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="How many, from the scenario's own on; or which: 3,5,8.")
    ] = None,
    sampling: Annotated[
        str | None, typer.Option(help="grid, random, latin-hypercube or sobol.")
    ] = None,
    points: Annotated[
        int | None,
        typer.Option(min=1, help="Combinations to draw; in a grid, values of every range."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; one per core unless given.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Play by Dask: tcp://host:8786, or local.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the sweep, instead of results/sweeps/NAME.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the sweep of --out as it was asked.")
    ] = False,
    only: Annotated[
        str | None, typer.Option(metavar="I/N", help="Play one of N parts, tables later.")
    ] = None,
    collect: Annotated[
        bool, typer.Option("--collect", help="Write tables and report of what is there.")
    ] = False,
    slurm: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Write scripts for a SLURM array of N.")
    ] = None,
    find: Annotated[
        str | None,
        typer.Option(
            metavar="PATH=EASY..HARD", help="Look for the last value for which all checks hold."
        ),
    ] = None,
    share: Annotated[
        float, typer.Option("--for", help="Share of the seeds that have to hold.")
    ] = 1.0,
    tolerance: Annotated[
        float | None, typer.Option(help="How finely to look; a fiftieth of the range.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="Figure to draw in the report.")
    ] = None,
    keep: Annotated[str, typer.Option(help="Run folders to keep: none, failed or all.")] = "none",
    emulate: Annotated[
        bool, typer.Option("--emulate", help="Emulate devices through VISA; models play them else.")
    ] = False,
    portable: Portable = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Play a scenario many times, with other values and other seeds.

    A point that is finished is never played again: called once more, a sweep goes on where it
    was stopped or killed. Tables and report are in its folder.

    Exit codes: 0 all checks hold everywhere, 1 a check failed somewhere, 2 the input is wrong or
    a sweep is under way in the folder, 3 a point could not be run, 130 interrupted. With --find:
    0 something was found, 1 no value holds.
    """
    from scenarios.faults import ScenarioError
    from scenarios.overrides import OverrideError

    from ..sweeps.asked import Asked, Refused, part, planned
    from ..sweeps.dask import NoScheduler
    from ..sweeps.folder import NoSweep, SweepRunning
    from ..sweeps.pool import PoolBroken

    asked = Asked(
        file=file,
        set=set_ or (),
        seeds=seeds,
        sampling=sampling,
        points=points,
        emulate=emulate,
        find=find,
        share=share,
        tolerance=tolerance,
    )
    where = out
    try:
        which = part(only)
        _refuse_nonsense(asked, out, resume=resume, collect=collect, keep=keep)
        plan = planned(asked, out)
        where = out or _folder(plan)
        how: dict[str, Any] = {"metrics": metric or ()}
        if collect:
            _collect(where, how)
        if slurm is not None:
            _write_slurm(plan, where, slurm)
        how |= {"workers": workers, "scheduler": scheduler, "keep": cast("Keep", keep)}
        _play(plan, where, which, how, quiet=quiet)
    except (ScenarioError, OverrideError, Refused, NoSweep, SweepRunning, NoScheduler) as error:
        _leave(str(error), WRONG_INPUT)
    except KeyboardInterrupt:
        kept = f"interrupted; finished points are kept in {where}, the same command goes on"
        _leave(kept, INTERRUPTED)
    except PoolBroken as error:
        _leave(str(error), BROKE)
    except OSError as error:
        text = f"{where}: the sweep's folder cannot be written: {error}; the same command goes on"
        _leave(text, BROKE)


def _refuse_nonsense(
    asked: Asked, out: Path | None, *, resume: bool, collect: bool, keep: str
) -> None:
    """Refuse options that say nothing together."""
    from ..sweeps.asked import Refused

    if keep not in ("none", "failed", "all"):
        raise Refused(f"--keep {keep}: expected none, failed or all")
    if (resume or collect) and out is None and asked.file is None:
        raise Refused("--resume and --collect need to know where; expected --out DIR")
    if resume and asked.file is not None:
        from ..sweeps.asked import planned
        from ..sweeps.folder import SweepFolder

        plan = planned(asked, out)
        if SweepFolder(out or _folder(plan)).plan() != plan:
            raise Refused(
                f"{out or _folder(plan)}: another sweep is there; leave --resume out to play "
                "this one there, with the points that both have"
            )


def _folder(plan: Plan) -> Path:
    from ..sweeps.sweep import SWEEPS

    return SWEEPS / plan.name


def _play(
    plan: Plan, out: Path, only: tuple[int, int] | None, how: dict[str, Any], *, quiet: bool
) -> NoReturn:
    from ..sweeps.asked import Refused
    from ..sweeps.progress import watching
    from ..sweeps.search import run_search
    from ..sweeps.sweep import run_sweep

    if plan.find is not None and only is not None:
        raise Refused("--find asks one value after another; expected it without --only or --slurm")
    with _terminated_like_interrupted():
        if plan.find is None:
            with watching(quiet=quiet) as watch:
                outcome = run_sweep(plan, out, only=only, watch=watch, **how)
            _tell(outcome, only)
        with watching(quiet=quiet) as watch:
            outcome, found = run_search(plan, out, watch=watch, **how)
    _account(outcome)
    typer.echo(f"{found.question}:")
    for line in found.told(plan.seeds):
        typer.echo(f"  {line}")
    typer.echo(str(out / "report.html"))
    unknown = any(one.of < len(one.answers) for one in found.tried) or outcome.unsaved
    raise SystemExit(BROKE if unknown else 0 if found.good is not None else 1)


def _collect(out: Path, how: dict[str, Any]) -> NoReturn:
    from ..sweeps.sweep import collect

    _tell(collect(out, **how), None)


def _write_slurm(plan: Plan, out: Path, parts: int) -> NoReturn:
    """Check every point, and write the scripts rather than playing anything."""
    from ..sweeps.asked import Refused
    from ..sweeps.folder import SweepFolder
    from ..sweeps.points import prepared
    from ..sweeps.slurm import write_scripts

    points = plan.all_points()
    if plan.find is not None:
        raise Refused("--find asks one value after another; expected it without --only or --slurm")
    if parts > len(points):
        raise Refused(f"--slurm {parts}: there are {len(points)} points; expected no more tasks")
    prepared(plan, points)
    folder = SweepFolder(out)
    with folder.held():
        folder.write_plan(plan)
        for command in write_scripts(out, plan.name, parts):
            typer.echo(command)
    raise SystemExit(0)


def _tell(outcome: SweepOutcome, only: tuple[int, int] | None) -> NoReturn:
    """Print the account and leave with its exit code."""
    _account(outcome)
    if only is None:
        typer.echo(str(outcome.folder / "report.html"))
    raise SystemExit(outcome.exit_code)


def _account(outcome: SweepOutcome) -> None:
    from results.report_sweep import CALLED
    from results.sweep_statistics import wilson
    from results.sweep_table import RAN

    counts = outcome.counts
    told = ", ".join(f"{counts[key]} {text}" for key, text in CALLED.items() if counts[key])
    before = f"; {outcome.found_before} were finished before" if outcome.found_before else ""
    typer.echo(f"{len(outcome.records)} points: {told}{before}")
    ran = sum(counts[status] for status in RAN)
    if ran:
        low, high = wilson(counts["passed"], ran)
        share = f"{100 * counts['passed'] / ran:.1f} %"
        typer.echo(f"pass rate {share}, 95 % confidence {100 * low:.1f} to {100 * high:.1f} %")
    pairs = zip(outcome.points, outcome.records, strict=True)
    amiss = [pair for pair in pairs if pair[1]["status"] not in ("passed", "not run")]
    for point, record in amiss[:TOLD]:
        told = f"{CALLED[record['status']]}: {record['because']}"
        typer.echo(f"  point {point.index} ({point}): {told}")
    if len(amiss) > TOLD:
        typer.echo(f"  and {len(amiss) - TOLD} more, see the report")
    if outcome.unsaved:
        lost = f"{len(outcome.unsaved)} records could not be written, {outcome.unsaved[0]}"
        typer.echo(f"{lost}; the same command plays those again", err=True)


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM, which a cluster sends before it kills, end a sweep as Ctrl-C does."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(text: str, code: int) -> NoReturn:
    typer.echo(text, err=True)
    raise SystemExit(code)
