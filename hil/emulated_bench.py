"""Emulated devices in processes of their own, started for a run and gone with it."""

import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Self

from models.inverter import InverterParams

from .drivers.scpi_inverter import ScpiInverter
from .emulators.inverter import identity_of, options_of
from .errors import DeviceError
from .link.visa import open_link

# -P: a folder called hil or models where the user stands must not be taken for ours.
_EMULATOR = (sys.executable, "-P", "-m", "hil.emulators.inverter", "--stop-at-eof")


class EmulatorProcess:
    """One emulator in its own process; it ends with the block, and with its parent.

    Parameters
    ----------
    params : InverterParams
        Ratings and settings of its physics.
    name : str
        What messages call it; also its serial number.
    start_timeout_s : float
        Longest wait for its port. [s]

    Notes
    -----
    It watches the pipe at its standard input, which the operating system closes when the
    parent ends, also by ``kill -9``. It is in a session of its own, so Ctrl-C in a terminal
    reaches the bench alone, which then still finds a device to make safe.
    """

    def __init__(self, params: InverterParams, *, name: str, start_timeout_s: float = 20.0) -> None:
        self.name, self._start_timeout_s = name, start_timeout_s
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [*_EMULATOR, "--serial", name, *options_of(params)],
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

    def port(self) -> int:
        """Wait for the port that it prints when it is ready.

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
        if not printed.strip().isdigit():
            self._process.wait()
            self._complaints.seek(0)
            last_words = self._complaints.read().decode(errors="replace").strip()[-500:]
            raise DeviceError(
                f"{self.name}: its emulator did not start within {self._start_timeout_s} s "
                f"(exit {self._process.returncode}): {last_words or 'it said nothing'}"
            )
        return int(printed)

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
                process = EmulatorProcess(params, name=name)
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
        self.addresses[name] = f"TCPIP0::127.0.0.1::{self.processes[name].port()}::SOCKET"
        link = open_link(
            self.addresses[name],
            timeout_s=self._timeout_s,
            expected_identity=identity_of(name),
            name=name,
        )
        return ScpiInverter(link, name=name, p_rated_kw=params.p_rated_kw)
