"""Emulated devices in processes of their own, started for a run and gone with it."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from types import TracebackType
from typing import IO, Any, Self

from models.inverters.inverter import InverterParams

from .drivers.opening import open_device
from .drivers.scpi_inverter import ScpiInverter
from .emulators.instrument import identity_of
from .emulators.settings import RATINGS, SettingsError, read_settings
from .errors import DeviceError
from .station import Limits, Station, StationDevice

# -P: a folder called hil or models where the user stands must not be taken for ours.
_EMULATOR = (sys.executable, "-P", "-m", "hil.emulators", "--stop-at-eof")

Ports = dict[str, dict[str, int]]


class EmulatorProcess:
    """The emulators of one node or several in one process, which ends with block and parent.

    Parameters
    ----------
    document : mapping, or a sequence of mappings
        The nodes, as `hil.emulators.node` reads them.
    name : str
        What messages call it.
    start_timeout_s : float
        Longest wait for its port. [s]

    Notes
    -----
    It watches the pipe at its standard input, which the operating system closes when the
    parent ends, also by ``kill -9``. It is in a session of its own, so Ctrl-C in a terminal
    reaches the bench alone, which then still finds a device to make safe.
    """

    def __init__(
        self,
        document: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        name: str,
        start_timeout_s: float = 30.0,
    ) -> None:
        self.name, self._start_timeout_s = name, start_timeout_s
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [*_EMULATOR, "--", json.dumps(document)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        """Running since it was made; its port is asked for by `port`."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()

    @property
    def pid(self) -> int:
        """Number of its process."""
        return self._process.pid

    def ports(self) -> Ports:
        """Wait for the ports that it prints when it is ready: by instrument, by kind of door.

        Raises
        ------
        DeviceError
            It ended, or printed nothing in time; its last words are in the message.
        """
        assert self._process.stdout is not None
        patience = threading.Timer(self._start_timeout_s, self._process.kill)
        patience.start()
        try:
            printed = self._process.stdout.readline()
        finally:
            patience.cancel()
        if not printed.startswith(b"{"):
            self._process.wait()
            self._complaints.seek(0)
            last_words = self._complaints.read().decode(errors="replace").strip()[-500:]
            raise DeviceError(
                f"{self.name}: its emulator did not start within {self._start_timeout_s} s "
                f"(exit {self._process.returncode}): {last_words or 'it said nothing'}"
            )
        ports: Ports = json.loads(printed)
        return ports

    def stop(self) -> None:
        """End it: politely by closing its input, then by force."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        finally:
            self._complaints.close()


def settings_of(device: StationDevice) -> dict[str, Any]:
    """Settings of the emulator that plays a device: what its station says of it, then its own.

    ``step_s`` is of the node: see `document_of`.

    Raises
    ------
    SettingsError
        Settings that its role has not.
    """
    p_name, s_name = RATINGS[device.role]
    given: dict[str, Any] = {"phase": device.phase, "serial": device.serial_number or device.name}
    if device.expected_identity is not None:
        given["identity"] = device.expected_identity
    if p_name:
        given[p_name] = device.p_rated_kw
    if s_name:
        given[s_name] = device.s_rated_kva
    if device.role == "storage":
        given["capacity_kwh"] = 2.0 * device.p_rated_kw
    if device.role == "analyser":
        given["current_ratio"] = device.current_ratio
        given["voltage_ratio"] = device.voltage_ratio
        given["sign"] = float(device.signs.get("p", 1))
    settings = {**given, **(device.emulated or {})}
    settings.pop("step_s", None)
    try:
        read_settings(device.role, settings)
    except SettingsError as fault:
        raise SettingsError(f"{device.name}: {fault}") from None
    return settings


def document_of(devices: Sequence[StationDevice], station: Station) -> dict[str, Any]:
    """Spell one node as the document that its emulators' process takes.

    Its step is the shortest ``step_s`` of its devices.

    Raises
    ------
    SettingsError
        Settings that a role has not.
    """
    instruments = []
    for device in devices:
        settings = settings_of(device)
        instruments.append(
            {
                "name": device.name,
                "role": device.role,
                "settings": settings,
                "sunspec_port": 0 if device.driver == "sunspec" else None,
            }
        )
    world = {"v_nominal_v": station.v_nominal_v, "f_nominal_hz": station.f_nominal_hz}
    steps = {one.emulated["step_s"] for one in devices if one.emulated and "step_s" in one.emulated}
    if steps:
        world["step_s"] = min(steps)
    return {"world": world, "instruments": instruments}


class EmulatedStation:
    """Emulators of all emulated devices of a station.

    Parameters
    ----------
    station : Station
        Devices that play the same peer share a world; one that plays nothing has its own.
        Worlds are dealt to as many processes as the machine has processors to spare beside
        the bench: more would only take turns, and every turn costs a tick its time.

    Attributes
    ----------
    addresses : dict of str to str
        Where the driver of each emulated device finds it, while the block runs.
    processes : dict of str to EmulatorProcess
        By node; nodes may share one.
    """

    def __init__(self, station: Station) -> None:
        self._documents = {
            name: document_of(devices, station) for name, devices in _groups(station).items()
        }
        self._sunspec = {one.name for one in station.devices if one.driver == "sunspec"}
        self._open = ExitStack()
        self.addresses: dict[str, str] = {}
        self.processes: dict[str, EmulatorProcess] = {}

    def __enter__(self) -> Self:
        """Start all processes at once, then wait for their ports."""
        with ExitStack() as opening:
            shares = max(1, (os.cpu_count() or 1) - 1)
            for first in range(min(shares, len(self._documents))):
                names = list(self._documents)[first::shares]
                documents = [self._documents[name] for name in names]
                process = EmulatorProcess(documents, name=", ".join(names))
                self.processes |= dict.fromkeys(names, opening.enter_context(process))
            for process in dict.fromkeys(self.processes.values()):
                for device, ports in process.ports().items():
                    self.addresses[device] = (
                        f"sunspec://127.0.0.1:{ports['sunspec']}/1?scpi={ports['socket']}"
                        if device in self._sunspec
                        else f"TCPIP0::127.0.0.1::{ports['socket']}::SOCKET"
                    )
            self._open = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the processes."""
        self._open.__exit__(kind, fault, trace)
        self.addresses.clear()
        self.processes.clear()


def _groups(station: Station) -> dict[str, tuple[StationDevice, ...]]:
    """Emulated devices by the node whose world they share."""
    groups: dict[str, tuple[StationDevice, ...]] = {}
    for device in station.devices:
        if device.emulated is not None:
            home = device.plays if device.plays is not None else f"{device.name} alone"
            groups[home] = (*groups.get(home, ()), device)
    return groups


def _alone(name: str, params: InverterParams) -> dict[str, Any]:
    """Spell a node with one inverter."""
    return {"instruments": [{"name": name, "role": "inverter", "settings": asdict(params)}]}


class EmulatedBench:
    """Emulated inverters by name, safe and gone when the block ends, however it ends.

    Parameters
    ----------
    devices : mapping of str to InverterParams
        What to emulate.
    timeout_s : float
        Longest wait for an answer. [s]

    Attributes
    ----------
    inverters : dict of str to ScpiInverter
        A driver for each, limit 0, while the block runs.
    addresses : dict of str to str
        The VISA address of each.
    processes : dict of str to EmulatorProcess
        The process of each.

    Examples
    --------
    >>> params = InverterParams(p_rated_kw=5.0, s_kva=5.0)
    >>> with EmulatedBench({"roof": params}) as bench:
    ...     bench.inverters["roof"].limit_power(2.5)
    """

    def __init__(self, devices: Mapping[str, InverterParams], *, timeout_s: float = 5.0) -> None:
        self._devices, self._timeout_s = dict(devices), timeout_s
        self._open = ExitStack()
        self.processes: dict[str, EmulatorProcess] = {}
        self.addresses: dict[str, str] = {}
        self.inverters: dict[str, ScpiInverter] = {}

    def __enter__(self) -> Self:
        """Start all processes at once, then connect to each."""
        with ExitStack() as opening:
            for name, params in self._devices.items():
                process = EmulatorProcess(_alone(name, params), name=name)
                self.processes[name] = opening.enter_context(process)
            for name, params in self._devices.items():
                self.inverters[name] = opening.enter_context(self._connect(name, params))
            self._open = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Make every inverter safe, then stop the processes."""
        self._open.__exit__(kind, fault, trace)
        self.inverters.clear()
        self.addresses.clear()
        self.processes.clear()

    def _connect(self, name: str, params: InverterParams) -> ScpiInverter:
        """Give a driver to one emulator."""
        port = self.processes[name].ports()[name]["socket"]
        self.addresses[name] = f"TCPIP0::127.0.0.1::{port}::SOCKET"
        device = StationDevice(
            name=name,
            role="inverter",
            driver="scpi-inverter",
            expected_identity=identity_of(name),
            p_rated_kw=params.p_rated_kw,
            s_rated_kva=params.s_kva,
            limits=Limits(p_max_kw=params.p_rated_kw),
            timeout_s=self._timeout_s,
        )
        opened = open_device(device, self.addresses[name])
        assert isinstance(opened, ScpiInverter)
        return opened
