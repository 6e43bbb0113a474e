"""The commands `peerwatt baseline accept`, `check` and `show`."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..portable import Portable

if TYPE_CHECKING:
    from results.baseline import Baseline

__all__ = ["baseline_app"]

DIFFERENT = 1
WRONG_INPUT = 2
BROKE = 3
INTERRUPTED = 130

baseline_app = typer.Typer(
    help="Keep beside a scenario what it is expected to give, and hold runs against it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Targets = Annotated[
    list[Path],
    typer.Argument(metavar="RUN|SCENARIO...", help="Folders of runs; scenarios are played first."),
]
ScenarioOption = Annotated[
    Path | None, typer.Option("--scenario", help="Scenario that a run is of, if it is not found.")
]
OutOption = Annotated[
    Path | None, typer.Option(help="Where run folders are made and kept, instead of a temporary.")
]
Modelled = Annotated[
    bool, typer.Option("--model-devices", help="Play devices by models, without emulators.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]


class _Refused(Exception):
    """One target cannot be dealt with; the others can."""

    def __init__(self, message: str, code: int = WRONG_INPUT) -> None:
        super().__init__(message)
        self.code = code


@baseline_app.command("accept")
def accept_runs(
    targets: Targets,
    scenario: ScenarioOption = None,
    out: OutOption = None,
    model_devices: Modelled = False,
    portable: Portable = False,
    quiet: Quiet = False,
) -> None:
    """Make runs the baselines of their scenarios.

    Writes NAME.baseline.yaml beside NAME.yaml: review it and put it under version control.
    Tolerances in an earlier one are kept.

    Exit codes: 0 accepted, 2 the input is wrong, 3 a run broke, 130 interrupted.
    """
    from results.baseline import accept

    how = _How(scenario, out, model_devices, quiet)

    def one(run: Path, file: Path) -> int:
        made, changed = accept(run, file)
        typer.echo(f"{file}: {'accepted' if changed else 'unchanged'}; {_kept(made)}")
        failing = [name for name, found in made.checks.items() if found != "holds"]
        if failing:
            typer.echo(f"{file}: accepted although these do not hold: {', '.join(failing)}")
        return 0

    _each(targets, how, one, needs_baseline=False)


@baseline_app.command("check")
def check_runs(
    targets: Targets,
    scenario: ScenarioOption = None,
    out: OutOption = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="The page to write on a difference, instead of baseline.html in the run."
        ),
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no page.")] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="Signals have to be the same to the last bit, too.")
    ] = False,
    model_devices: Modelled = False,
    portable: Portable = False,
    quiet: Quiet = False,
) -> None:
    """Hold runs against the baselines of their scenarios.

    Exit codes: 0 as expected, 1 different, 2 the input is wrong (there is no baseline),
    3 a run broke, 130 interrupted.
    """
    from results.baseline import check

    how = _How(scenario, out, model_devices, quiet)

    def one(run: Path, file: Path) -> int:
        page = None if no_report else report or run / "baseline.html"
        held = check(run, file, exact=exact, page=page)
        typer.echo(f"{file}: {'as expected' if held.same else 'not as expected'}")
        for line in (*held.differences, *held.notes):
            typer.echo(f"  {line}")
        if held.same:
            return 0
        if page is not None:
            typer.echo(str(page))
        return DIFFERENT

    _each(targets, how, one, needs_baseline=True)


@baseline_app.command("show")
def show(
    target: Annotated[
        Path, typer.Argument(metavar="FILE|SCENARIO", help="A baseline, or its scenario.")
    ],
) -> None:
    """Print a baseline as tables.

    Exit codes: 0 printed, 2 there is none or it is at fault.
    """
    from results.baseline import BaselineError, baseline_file, read_baseline

    from .baseline_tables import print_baseline

    file = target if target.name.endswith(".baseline.yaml") else baseline_file(target)
    try:
        print_baseline(read_baseline(file), str(file))
    except BaselineError as error:
        typer.echo(_with_remedy(error, file, target), err=True)
        raise SystemExit(WRONG_INPUT) from None


@dataclass(frozen=True)
class _How:
    """How targets are found and played."""

    scenario: Path | None
    out: Path | None
    model_devices: bool
    quiet: bool


def _each(
    targets: Sequence[Path], how: _How, deal: Callable[[Path, Path], int], *, needs_baseline: bool
) -> None:
    """Deal with every target, whatever the others come to, and leave with the gravest code."""
    from results.baseline import BaselineError

    code = 0
    for target in targets:
        try:
            with _run_of(target, how, needs_baseline=needs_baseline) as (run, file, done):
                found = deal(run, file)
                done.append(found)
                code = max(code, found)
        except _Refused as refused:
            typer.echo(str(refused), err=True)
            code = max(code, refused.code)
        except BaselineError as error:
            typer.echo(str(error), err=True)
            code = max(code, WRONG_INPUT)
        except OSError as error:
            typer.echo(f"{error.filename}: {error.strerror}", err=True)
            code = max(code, WRONG_INPUT)
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise SystemExit(INTERRUPTED) from None
    raise SystemExit(code)


@contextmanager
def _run_of(
    target: Path, how: _How, *, needs_baseline: bool
) -> Iterator[tuple[Path, Path, list[int]]]:
    """Give a target's run and baseline file; a scenario is played.

    A temporary run folder is removed unless the list that is given ends with a difference.
    """
    from results.baseline import baseline_file, is_run, scenario_of, was_edited

    outcome: list[int] = []
    if is_run(target):
        scenario = how.scenario or scenario_of(target)
        file = baseline_file(scenario)
        _see(file, target, needed=needs_baseline)
        if not needs_baseline and was_edited(target, scenario):
            raise _Refused(f"{target}: {scenario} has been edited since this run; play it anew")
        yield target, file, outcome
        return
    if not target.is_file():
        raise _Refused(f"{target}: neither a run folder nor a scenario")
    file = baseline_file(target)
    _see(file, target, needed=needs_baseline)
    made = None if how.out is not None else Path(tempfile.mkdtemp(prefix="peerwatt-baseline-"))
    try:
        yield _played(target, how.out or made or Path(), how), file, outcome
    finally:
        if made is not None and outcome != [DIFFERENT]:
            shutil.rmtree(made, ignore_errors=True)


def _see(file: Path, target: Path, *, needed: bool) -> None:
    if needed and not file.is_file():
        raise _Refused(
            f"{file}: there is no baseline yet; accept one by: peerwatt baseline accept {target}"
        )


def _played(scenario: Path, out: Path, how: _How) -> Path:
    """Play a scenario, and give its run folder."""
    from scenarios.faults import ScenarioError
    from scenarios.gallery import tick_s

    from ..progress import showing
    from ..run import RunBroken, run_scenario

    try:
        with showing(quiet=how.quiet, dt_s=tick_s(scenario)) as progress:
            outcome = run_scenario(
                scenario,
                out=out,
                model_devices=how.model_devices,
                progress=progress,
                report=how.out is not None,
            )
    except ScenarioError as error:
        raise _Refused(str(error)) from None
    except RunBroken as error:
        raise _Refused(f"{scenario}: the run broke: {error}", BROKE) from None
    if outcome.status != "finished":
        raise KeyboardInterrupt
    return outcome.folder


def _kept(made: "Baseline") -> str:
    """Say what a baseline has, in a line."""
    trades, bills = made.trades.count, made.bills.count
    told = [f"{bills} bills"] if bills else [f"{trades} trades"]
    listed = len(made.trades.lines or made.bills.lines)
    if listed < max(trades, bills):
        told.append(f"the first {listed} a line each, the others by their hash")
    told += [f"{len(made.metrics)} key figures", f"{len(made.series)} signals"]
    return ", ".join(told)


def _with_remedy(error: Exception, file: Path, target: Path) -> str:
    remedy = "" if file.exists() else f"; accept one by: peerwatt baseline accept {target}"
    return f"{error}{remedy}"
