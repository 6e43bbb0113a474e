"""The command `peerwatt`.

Nothing heavy is imported here: `--help` answers at once, and each command imports what it needs.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from .commands.baseline import baseline_app
from .commands.bills import bills
from .commands.compare import compare
from .commands.devices import devices
from .commands.driver_test import driver_test
from .commands.emulate import emulate
from .commands.flexibility import flexibility
from .commands.hosting import hosting
from .commands.ieee14 import ieee14
from .commands.ledger import ledger_app
from .commands.market import clear_market
from .commands.stop import stop
from .commands.sweep import sweep
from .commands.type_test import type_test
from .portable import Portable

if TYPE_CHECKING:
    from .run import RunOutcome

CHECK_FAILED = 1
WRONG_INPUT = 2
BROKE = 3
INTERRUPTED = 130
RUNS = Path("results") / "runs"

app = typer.Typer(
    name="peerwatt",
    help="A test bench for what happens when peer-to-peer electricity trades meet physics.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

ScenarioFile = Annotated[Path, typer.Argument(metavar="SCENARIO", help="Scenario, a YAML file.")]


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"peerwatt {version('peerwatt')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_say_version, help="Say which one it is."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; the entry point of the package."""
    from .commands.doctor import strangers

    foreign = strangers()
    if foreign:
        for line in foreign:
            typer.echo(line, err=True)
        raise SystemExit(BROKE)
    app()


@app.command()
def run(
    scenario: ScenarioFile,
    out: Annotated[
        Path | None, typer.Option(help="Where the run folder is made, instead of results/runs.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed, instead of the file's.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="Set a value instead of the file's: market.mechanism=vcg, peers.mill.pv.p_kwp=20.",
        ),
    ] = None,
    model_devices: Annotated[
        bool, typer.Option("--model-devices", help="Play devices by models, without emulators.")
    ] = False,
    station: Annotated[
        Path | None, typer.Option(help="Bench whose devices play peers, a YAML file.")
    ] = None,
    real_time: Annotated[
        bool, typer.Option("--real-time", help="Let ticks wait for the wall clock.")
    ] = False,
    overrun: Annotated[
        str, typer.Option(help="When a tick is a whole tick late: hold, skip or abort.")
    ] = "hold",
    arm: Annotated[
        bool, typer.Option("--arm", help="Energise real devices without asking.")
    ] = False,
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="Repeat a run with its devices as they were then, without them."
        ),
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no report.html.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
    portable: Portable = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback when the run breaks.")
    ] = False,
) -> None:
    """Play a scenario and judge it.

    Exit codes: 0 all checks hold, 1 a check failed, 2 the input is wrong and nothing was written,
    3 the run broke, 130 interrupted.
    """
    with _leaving_at_once():
        from scenarios.faults import ScenarioError
        from scenarios.gallery import tick_s
        from scenarios.overrides import OverrideError, parse_override

        from .bench.live import LiveError, live_of
        from .bench.seating import SeatingError
        from .progress import showing
        from .run import RunBroken, run_scenario

    try:
        live = live_of(real_time=real_time, overrun=overrun, arm=arm)
        if replay is not None and (real_time or model_devices):
            raise LiveError("--replay: devices are those of that run, which waits for no clock")
        with showing(quiet=quiet, dt_s=tick_s(scenario)) as progress:
            outcome = run_scenario(
                scenario,
                out=out,
                seed=seed,
                overrides=[parse_override(text) for text in set_ or ()],
                model_devices=model_devices,
                station=station,
                live=live,
                replay=replay,
                progress=progress,
                vitals=None if progress is None else progress.vitals,
                report=not no_report,
            )
    except (ScenarioError, OverrideError, SeatingError, LiveError) as error:
        _refuse(error)
    except KeyboardInterrupt:
        typer.echo("stopped at once; whatever a run had recorded is kept in its folder", err=True)
        raise SystemExit(INTERRUPTED) from None
    except Exception as error:
        if debug:
            raise
        kept = f"; what was recorded is in {error.folder}" if isinstance(error, RunBroken) else ""
        typer.echo(f"the run broke: {_sentence(error)}{kept}", err=True)
        raise SystemExit(BROKE) from None
    _tell(outcome)


@app.command()
def validate(
    scenarios: Annotated[list[Path], typer.Argument(metavar="SCENARIO...", help="YAML files.")],
) -> None:
    """Check scenarios without running them.

    Exit codes: 0 all are good, 2 one is at fault.
    """
    from scenarios.faults import Fault, ScenarioError
    from scenarios.load import load_scenario

    faults: list[Fault] = []
    for file in scenarios:
        try:
            resolved = load_scenario(file)
        except ScenarioError as error:
            faults += error.faults
            continue
        peers, periods = len(resolved.peers), resolved.n_periods
        typer.echo(f"{file}: good; {peers} peers, {periods} periods, {resolved.n_ticks} ticks")
    if faults:
        _refuse(ScenarioError(faults))


@app.command("list")
def list_() -> None:
    """List shipped scenarios and past runs."""
    from scenarios.gallery import shipped

    typer.echo("scenarios")
    for file, about in shipped():
        typer.echo(f"  {_near(file)}  {about}")
    folders = sorted(RUNS.glob("*/manifest.json"))
    if folders:
        typer.echo("runs")
    for manifest in folders:
        typer.echo(f"  {manifest.parent}  {_verdict_of(manifest.parent)}")


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
) -> None:
    """Write report.html anew from a run's tables."""
    if not (folder / "manifest.json").is_file():
        typer.echo(f"{folder}: no run is there; expected a folder with manifest.json", err=True)
        raise SystemExit(WRONG_INPUT)
    from results.report import write_report

    try:
        write_report(folder)
    except (OSError, ValueError, KeyError) as error:
        typer.echo(f"{folder}: no report can be written: {_sentence(error)}", err=True)
        raise SystemExit(BROKE) from None
    typer.echo(str(folder / "report.html"))


app.command("market")(clear_market)
app.command()(compare)
app.add_typer(baseline_app, name="baseline")
app.add_typer(ledger_app, name="ledger")
app.command("sweep")(sweep)
app.command("flexibility")(flexibility)
app.command()(ieee14)
app.command()(hosting)
app.command()(bills)
app.command()(devices)
app.command()(emulate)
app.command()(stop)
app.command("driver-test")(driver_test)
app.command("type-test")(type_test)


@app.command()
def schema(
    station: Annotated[bool, typer.Option("--station", help="That of station files.")] = False,
) -> None:
    """Print the JSON Schema of scenarios, or of stations, for editors."""
    from scenarios.gallery import schema_text, station_schema_text

    typer.echo(station_schema_text() if station else schema_text(), nl=False)


@app.command()
def doctor() -> None:
    """Look for what is wrong with this installation.

    Exit codes: 0 all is well, 3 something is amiss.
    """
    from .commands.doctor import examine

    amiss = False
    for finding in examine():
        typer.echo(str(finding))
        amiss |= not finding.good
    if amiss:
        raise SystemExit(BROKE)


@contextmanager
def _leaving_at_once() -> Iterator[None]:
    """Let Ctrl-C leave while there is nothing to clean up yet.

    Loading takes seconds, in packages that take a KeyboardInterrupt for a failed import.
    """
    try:
        before = signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    except ValueError:  # not in the main thread, where nobody presses Ctrl-C
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _refuse(error: Exception) -> NoReturn:
    typer.echo(str(error), err=True)
    raise SystemExit(WRONG_INPUT)


def _tell(outcome: "RunOutcome") -> NoReturn:
    """Print the verdict and leave with its exit code."""
    if outcome.status == "interrupted":
        kept = f"interrupted; devices are safe, tables up to there are in {outcome.folder}"
        typer.echo(kept, err=True)
        raise SystemExit(INTERRUPTED)
    for verdict in outcome.verdicts:
        typer.echo(f"{'holds ' if verdict.passed else 'FAILED'}  {verdict.name}: {verdict.worst}")
    typer.echo("passed" if outcome.passed else "failed")
    report = outcome.folder / "report.html"
    typer.echo(str(report if report.is_file() else outcome.folder))
    raise SystemExit(0 if outcome.passed else CHECK_FAILED)


def _sentence(error: Exception) -> str:
    text = str(error).strip()
    return text if text else type(error).__name__


def _near(file: Path) -> str:
    """Return a path as one would type it here."""
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        return str(file)


def _verdict_of(folder: Path) -> str:
    import json

    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        if manifest.get("status") != "finished":
            return str(manifest.get("status", "unknown"))
        verdict = json.loads((folder / "verdict.json").read_text("utf-8"))
    except (OSError, ValueError):
        return "unreadable"
    failed = [check["name"] for check in verdict["checks"] if not check["passed"]]
    return f"failed: {', '.join(failed)}" if failed else "passed"
