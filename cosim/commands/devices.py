"""`peerwatt devices`: what answers on the bench, who it is, how fast, and what it complains of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from hil.record import Seen
    from hil.station import Station

WRONG_INPUT = 2


def devices(
    station: Annotated[
        Path | None,
        typer.Argument(metavar="[STATION]", help="Station, a YAML file; left out, what VISA sees."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at every device of a bench, without setting anything: identity, calibration, errors.

    Emulated devices are started for it. Exit codes: 0 every device is there and is the one
    expected, 1 one is not, 2 the station is wrong or another run drives it.
    """
    if station is None:
        _list_resources(as_json)
    from hil.emulators.settings import SettingsError
    from hil.errors import DeviceError, LeaseError
    from scenarios.faults import ScenarioError
    from scenarios.station import load_station

    try:
        bench = load_station(station)
        seen = look_at(bench)
    except (ScenarioError, LeaseError, SettingsError, DeviceError) as error:
        typer.echo(str(error), err=True)
        raise SystemExit(WRONG_INPUT) from None
    if as_json:
        plain = {"station": bench.name, "devices": [one.plain() for one in seen]}
        typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
    else:
        for line in _told(bench, seen):
            typer.echo(line)
    raise SystemExit(1 if any(one.amiss for one in seen) else 0)


def look_at(station: Station) -> list[Seen]:
    """Look at all devices of a station at once; emulated ones are started for it.

    Raises
    ------
    LeaseError
        Another run drives the bench: its devices are not to be spoken to.
    SettingsError, DeviceError
        An emulator has no such settings, or does not start.
    """
    from hil.emulated_bench import EmulatedStation
    from hil.record import look
    from hil.safety.lease import lease

    with lease(station), EmulatedStation(station) as emulated, ThreadPoolExecutor(16) as pool:
        addresses = {one.name: one.address for one in station.devices} | emulated.addresses
        return list(pool.map(lambda one: look(one, addresses[one.name]), station.devices))


def _told(station: Station, seen: list[Seen]) -> Iterator[str]:
    """Say what was found, two lines for each device, and what is amiss under it."""
    yield f"{station.name}: {station.about}" if station.about else station.name
    for one in seen:
        device = one.device
        plays = f"plays {device.plays}" if device.plays else "plays nothing"
        kind = "emulated " if device.emulated is not None else ""
        yield f"  {device.name}: {kind}{device.role}, {plays}"
        if one.identity is not None:
            yield f"    {one.identity} at {one.address}; {_speed(one)}; {_errors(one)}"
        if device.calibration_due is not None:
            yield f"    calibration holds until {device.calibration_due}"
        yield from (f"    note: {text}" for text in one.noted)
        yield from (f"    AMISS: {text}" for text in one.amiss)
    bad = sum(1 for one in seen if one.amiss)
    yield f"{len(seen) - bad} of {len(seen)} devices are there and are the ones expected"


def _speed(one: Seen) -> str:
    if one.median_s is None or one.p99_s is None:
        return "round trip not measured"
    return f"round trip {1e3 * one.median_s:.2f} ms, p99 {1e3 * one.p99_s:.2f} ms"


def _errors(one: Seen) -> str:
    if one.errors is None:
        return "error queue not asked"
    return f"errors: {'; '.join(one.errors)}" if one.errors else "no errors"


def _list_resources(as_json: bool) -> NoReturn:
    """List what VISA finds by itself: USB and serial lines, and instruments that announce."""
    from hil.link.sessions import list_resources
    from hil.link.transport import Lost

    try:
        found: tuple[str, ...] = list_resources()
    except Lost as failure:
        typer.echo(str(failure), err=True)
        raise SystemExit(3) from None
    if as_json:
        content: dict[str, Any] = {"resources": list(found)}
        typer.echo(json.dumps(content, indent=2))
    else:
        for address in found:
            typer.echo(address)
        told = "raw sockets cannot be found, only asked: write their address into a station file"
        typer.echo(f"{len(found)} VISA resources; {told}")
    raise SystemExit(0)
