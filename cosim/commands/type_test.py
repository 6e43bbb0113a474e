"""The command `peerwatt type-test`: does an inverter do what its standard asks, step by step?"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from .type_test_record import PAGE, SIGNS, TypeTestRecord

if TYPE_CHECKING:
    from hil.typetest.opening import Target
    from hil.typetest.steps import Trial
    from models.inverters.standards import Profile

NOT_PASSED = 1
WRONG_INPUT = 2
BROKE = 3
INTERRUPTED = 130

BY_FREQUENCY = {50.0: "vde-ar-n-4105-2018-small", 60.0: "ieee1547-2018-b-iii"}
"""Standard that is tested unless one is named, by the station's nominal frequency. [Hz]"""


class WrongInput(ValueError):
    """Change what was asked for."""


def type_test(
    station: Annotated[
        Path | None,
        typer.Argument(metavar="[STATION]", help="Station, a YAML file; or give --model."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Inverter to test, where the station has several.")
    ] = None,
    standard: Annotated[
        str | None,
        typer.Option(help="Standard with its category, instead of the emulator's own."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="STANDARD", help="Test our model with a standard.")
    ] = None,
    procedure: Annotated[
        list[str] | None, typer.Option(help="Only this one; may be given again.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="All characteristics and powers, not the default alone.")
    ] = False,
    real_time: Annotated[
        bool, typer.Option("--real-time", help="Test an emulated bench in its own time.")
    ] = False,
    arm: Annotated[
        bool, typer.Option("--arm", help="Energise real devices: you have looked at the bench.")
    ] = False,
    accept_not_testable: Annotated[
        bool, typer.Option("--accept-not-testable", help="Leave with 0 if nothing failed.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder, instead of one in results/type-tests.")
    ] = None,
) -> None:
    """Test an inverter by procedures after IEEE 1547.1, with a verdict for every step.

    Exit codes: 0 every step passed, 1 one failed or was not testable, 2 the input is wrong, 3 the
    bench broke, 130 interrupted.
    """
    from hil.emulators.settings import SettingsError
    from hil.errors import BenchError
    from hil.typetest.opening import TargetError
    from scenarios.faults import ScenarioError

    folder = out or Path("results") / "type-tests" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    record = TypeTestRecord(folder, full)
    try:
        chosen = _chosen(procedure)
        with _target(station, device, standard, model, folder, real_time, arm) as opened:
            trials = _played(*opened, chosen, record)
    except (ScenarioError, SettingsError, TargetError, WrongInput) as error:
        _leave(str(error), WRONG_INPUT)
    except BenchError as error:
        _leave(f"the test broke: {error}; {record.break_off(str(error))}", BROKE)
    except KeyboardInterrupt:
        _leave(f"interrupted; devices are safe; {record.break_off('interrupted')}", INTERRUPTED)
    record.finish(trials)
    raise SystemExit(_told(folder, trials, accept_not_testable))


def _chosen(procedures: Sequence[str] | None) -> list[str]:
    from hil.typetest.run import PROCEDURES

    unknown = [key for key in procedures or () if key not in PROCEDURES]
    if unknown:
        known = ", ".join(PROCEDURES)
        raise WrongInput(f"no procedure {', '.join(unknown)}; known: {known}")
    return list(procedures or PROCEDURES)


@contextmanager
def _target(
    file: Path | None,
    name: str | None,
    standard: str | None,
    model: str | None,
    folder: Path,
    real_time: bool,
    arm: bool,
) -> Iterator[tuple[Profile, Target]]:
    """Open what is to be tested."""
    from hil.typetest.opening import bench_target, device_of, emulated_target, model_target
    from scenarios.station import load_station

    if (file is None) == (model is None):
        raise WrongInput("give a station file, or --model with a standard; one of the two")
    if file is None:
        assert model is not None
        profile = _profile(model)
        yield profile, model_target(profile)
        return
    station = load_station(file)
    device = device_of(station, name)
    own = (device.emulated or {}).get("standard")
    profile = _profile(standard or own or BY_FREQUENCY.get(station.f_nominal_hz, ""))
    nominal_hz = profile.settings["f_nominal_hz"].value
    if nominal_hz != station.f_nominal_hz:
        raise WrongInput(
            f"{profile.name} is for {nominal_hz:g} Hz, and {file} for {station.f_nominal_hz:g} Hz"
        )
    if device.emulated is not None and not real_time:
        with emulated_target(station, device) as target:
            yield profile, target
        return
    folder.mkdir(parents=True, exist_ok=True)
    ask = (lambda question: typer.confirm(question)) if sys.stdin.isatty() else None
    with bench_target(station, device, folder, arm_now=arm, ask=ask) as target:
        yield profile, target


def _profile(name: str) -> Profile:
    from models.inverters.standards import profiles

    if name not in profiles():
        raise WrongInput(f"no standard {name!r}; known: {', '.join(profiles())}")
    return profiles()[name]


def _played(
    profile: Profile, target: Target, chosen: Sequence[str], record: TypeTestRecord
) -> list[Trial]:
    """Play all procedures, and say what every step found as soon as it is over."""
    from hil.typetest.run import run
    from hil.typetest.setup import Setup

    for key, value in target.about.items():
        typer.echo(f"{key}: {value}")
    typer.echo(f"standard: {profile.name}")
    record.begin(profile, target.about)
    return run(Setup(target.lab, profile, full=record.full), chosen, told=record.tell)


def _told(folder: Path, trials: Sequence[Trial], accept_not_testable: bool) -> int:
    """Print the verdict of every procedure; give the exit code."""
    for trial in trials:
        counts = [step.verdict for step in trial.steps]
        told = ", ".join(
            f"{counts.count(word)} {word}" for word in dict.fromkeys(SIGNS) if word in counts
        )
        typer.echo(f"{SIGNS[trial.verdict]}  {trial.title}: {told}")
    typer.echo(str(folder / PAGE))
    verdicts = {trial.verdict for trial in trials}
    if "failed" in verdicts:
        return NOT_PASSED
    return NOT_PASSED if "not testable" in verdicts and not accept_not_testable else 0


def _leave(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise SystemExit(code)
