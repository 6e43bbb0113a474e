"""The command `peerwatt stop`: bring a bench to its safe state from another terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from hil.safety.notice import Notice
    from hil.station import StationDevice

__all__ = ["stop"]

NOT_SAFE = 1
WRONG_INPUT = 2


def stop(
    station: Annotated[
        Path | None,
        typer.Argument(metavar="STATION", help="Station, a YAML file; else every bench in use."),
    ] = None,
    within: Annotated[
        float, typer.Option(min=0.0, help="How long a silent device is tried again. [s]")
    ] = 10.0,
) -> None:
    """Bring a bench to its safe state now, whoever drives it.

    The run that drives it is told, or killed. Where nothing runs, the station's devices are made
    safe all the same. This is no emergency stop: that is hardware.

    Exit codes: 0 every device says that it is safe, 1 one does not, 2 the input is wrong.
    """
    from hil.safety.notice import notice_of, notices
    from hil.safety.stop import stop as stopped

    if station is None:
        found = notices()
        if not found:
            typer.echo("no bench is in use; give a station file to make its devices safe")
            return
        benches: list[tuple[Sequence[StationDevice], Notice | None]] = [
            (notice.order.devices, notice) for notice in found
        ]
    else:
        from scenarios.faults import ScenarioError
        from scenarios.station import load_station

        try:
            loaded = load_station(station)
        except ScenarioError as error:
            _refuse(str(error))
        benches = [(loaded.devices, notice_of(loaded))]
    unsafe = False
    for devices, notice in benches:
        for one in stopped(devices, notice, within_s=within, told=typer.echo):
            typer.echo(str(one))
            unsafe |= not (one.safe or one.gone)
    if unsafe:
        typer.echo("NOT everything is safe: use the hardware's emergency stop", err=True)
        raise SystemExit(NOT_SAFE)


def _refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise SystemExit(WRONG_INPUT)
