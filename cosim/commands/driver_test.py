"""The command `peerwatt driver-test`: does a driver, with its device, keep what a bench needs?"""

import json
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from hil.conformance import Step
    from hil.station import Station, StationDevice

__all__ = ["driver_test"]

FAILED = 1
WRONG_INPUT = 2
BROKE = 3


def driver_test(
    station: Annotated[Path, typer.Argument(metavar="STATION", help="Station, a YAML file.")],
    device: Annotated[
        str | None, typer.Argument(metavar="DEVICE", help="One device of it; else all.")
    ] = None,
    arm: Annotated[
        bool, typer.Option("--arm", help="Energise real devices too, after asking.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Run the conformance suite against drivers and their devices, real or emulated.

    Exit codes: 0 no step failed, 1 one did, 2 the input is wrong, 3 the test broke.
    """
    from hil.emulated_bench import EmulatedStation
    from hil.errors import BenchError
    from scenarios.faults import ScenarioError
    from scenarios.station import load_station

    try:
        bench = load_station(station)
    except ScenarioError as error:
        _refuse(str(error))
    chosen = [one for one in bench.devices if device in (None, one.name)]
    if not chosen:
        known = ", ".join(one.name for one in bench.devices)
        _refuse(f"no device {device!r} in {station}; known: {known}")
    _ask(chosen, arm=arm)
    needs_emulators = any(one.emulated is not None for one in chosen)
    try:
        with EmulatedStation(bench) if needs_emulators else nullcontext() as emulated:
            addresses = {} if emulated is None else emulated.addresses
            found = {one.name: _judge(one, bench, addresses, arm=arm) for one in chosen}
    except (BenchError, OSError) as fault:
        typer.echo(f"the test broke: {fault}", err=True)
        raise SystemExit(BROKE) from None
    _tell(found, as_json=as_json)
    if any(step.verdict == "failed" for steps in found.values() for step in steps):
        raise SystemExit(FAILED)


def _ask(chosen: "list[StationDevice]", *, arm: bool) -> None:
    """Ask before anything real is energised."""
    real = [one.name for one in chosen if one.emulated is None]
    if arm and real:
        typer.confirm(
            f"{', '.join(real)} will be energised, up to its limits. Is the bench clear?",
            abort=True,
            err=True,
        )


def _judge(
    device: "StationDevice", bench: "Station", addresses: dict[str, str], *, arm: bool
) -> "list[Step]":
    """Run the suite on one device."""
    from hil.conformance import Conformance
    from hil.drivers.opening import open_device

    address = addresses[device.name] if device.emulated is not None else device.address
    if address is None:
        _refuse(f"{device.name}: no address")
    return Conformance(device, lambda: open_device(device, address), arm=arm).run()


def _tell(found: "dict[str, list[Step]]", *, as_json: bool) -> None:
    """Print what came of it."""
    if as_json:
        plain = {name: [asdict(step) for step in steps] for name, steps in found.items()}
        typer.echo(json.dumps(plain, indent=2))
        return
    for name, steps in found.items():
        typer.echo(name)
        for step in steps:
            because = f"  {step.because}" if step.because else ""
            typer.echo(f"  {step.verdict:<12}  {step.name}{because}")


def _refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise SystemExit(WRONG_INPUT)
