"""The command `peerwatt emulate`: one emulated instrument, until Ctrl-C."""

import json
import socket
from typing import Annotated, Any, NoReturn

import typer

__all__ = ["emulate"]

WRONG_INPUT = 2
_ADDRESSES = {
    "socket": "TCPIP0::{host}::{port}::SOCKET",
    "hislip": "TCPIP0::{host}::hislip0,{port}::INSTR",
    "sunspec": "sunspec://{host}:{port}/1",
}
_ANY_HOST = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to
_RATINGS: dict[str, dict[str, float]] = {
    "inverter": {"p_rated_kw": 5.0, "s_kva": 5.0},
    "storage": {"p_max_kw": 5.0, "s_kva": 5.0, "capacity_kwh": 10.0},
}
_OF_THE_NODE = ("v_nominal_v", "f_nominal_hz", "step_s")


def emulate(
    role: Annotated[
        str,
        typer.Argument(
            help="inverter, storage, grid-simulator, pv-simulator, load or analyser.",
        ),
    ],
    port: Annotated[int, typer.Option(help="Raw socket; 0 takes any free one.")] = 0,
    hislip_port: Annotated[
        int | None, typer.Option(help="HiSLIP too, on this port; 0 takes any free one.")
    ] = None,
    sunspec_port: Annotated[
        int | None, typer.Option(help="SunSpec Modbus TCP too, for an inverter.")
    ] = None,
    bind: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    settings: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="One setting; see docs/emulators.md."),
    ] = None,
    serial: Annotated[str, typer.Option(help="Serial number in its identity.")] = "0",
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="S:FAULT[:VALUES]", help="What goes wrong, when: 12:delay:0.5."),
    ] = None,
) -> None:
    """Emulate one instrument until Ctrl-C; prints its addresses as a station file wants them.

    Exit codes: 0 ended by Ctrl-C, 2 no such role or setting, or the port is taken.
    """
    import asyncio

    from hil.emulators.node import serve_nodes

    try:
        given = {"serial": serial, **_RATINGS.get(role, {}), **_read_settings(settings or [])}
        world = {name: given.pop(name) for name in _OF_THE_NODE if name in given}
        given["faults"] = [_read_fault(text) for text in fault or []]
        ports = {"port": port, "hislip_port": hislip_port, "sunspec_port": sunspec_port}
        instrument = {"name": serial, "role": role, "settings": given, **ports}
        document = {"world": world, "instruments": [instrument]}
        host = socket.gethostname() if bind in _ANY_HOST else bind
        asyncio.run(serve_nodes(document, host=bind, announce=lambda at: _announce(at, host)))
    except (OSError, ValueError) as error:
        _leave(str(error))
    except KeyboardInterrupt:
        typer.echo("ended", err=True)


def _read_settings(given: list[str]) -> dict[str, Any]:
    """Read ``name=value``; a value is JSON, or else a word.

    Raises
    ------
    ValueError
        Text without ``=``.
    """
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--settings {text!r}: expected NAME=VALUE")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _read_fault(text: str) -> dict[str, Any]:
    """Read ``<s>:<fault>[:<value>[,<value>]]``; of a delay alone its seconds may be given.

    Raises
    ------
    ValueError
        Anything else.
    """
    at, _, rest = text.partition(":")
    name, _, words = rest.partition(":")
    try:
        at_s, values = float(at), [float(word) for word in words.split(",") if word]
    except ValueError:
        raise ValueError(f"--fault {text!r}: expected S:FAULT[:VALUES], as 12:delay:0.5") from None
    if name.lower() == "delay" and len(values) == 1:
        values = [1.0, *values]
    return {"at_s": at_s, "fault": name, "values": values}


def _announce(ports: dict[str, dict[str, int]], host: str) -> None:
    """Print where the instrument is."""
    for doors in ports.values():
        for kind, port in doors.items():
            typer.echo(f"address: {_ADDRESSES[kind].format(host=host, port=port)}")


def _leave(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise SystemExit(WRONG_INPUT)
