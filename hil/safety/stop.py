"""Stopping a bench from another terminal: by its guardian where one is, and by hand anyway.

This is no emergency stop. That is hardware: it works when this host, its network or Python does
not.
"""

import signal
import time
from collections.abc import Callable, Sequence

import psutil

from hil.station import StationDevice

from .guardian import GRACE_S
from .journal import Journal
from .notice import Notice
from .order import open_named
from .safe_state import Secured, make_all_safe


def stop(
    devices: Sequence[StationDevice],
    guardian: Notice | None,
    *,
    within_s: float = 10.0,
    told: Callable[[str], None] = lambda line: None,
) -> list[Secured]:
    """Bring a bench to its safe state now.

    Parameters
    ----------
    devices : sequence of StationDevice
        Of the station; where a guardian is, those that it guards are taken instead.
    guardian : Notice or None
        It is asked first: it also ends the run that drives the bench.
    within_s : float
        How long a device that does not answer is tried again. [s]
    told : callable
        Told line by line what happens.

    Returns
    -------
    list of Secured
        What every device says after that, asked anew; those that are emulated within a run
        cannot be asked, they end with it.
    """
    if guardian is not None:
        devices = guardian.order.devices
        told(_ask(guardian))
    secured = make_all_safe(devices, open_named, within_s=within_s)
    if guardian is not None:
        journal = Journal(guardian.order.journal, who="peerwatt stop")
        for one in secured:
            journal.write("stopped", device=one.device, said=str(one))
    return secured


def _ask(guardian: Notice) -> str:
    """Have the guardian act, and wait until it has."""
    process, order = guardian.process, guardian.order
    if process is None:
        return f"{order.station.name}: its guardian is gone; making it safe from here"
    begun_s = time.monotonic()
    try:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=order.safe_within_s + 3 * GRACE_S)
    except psutil.NoSuchProcess:
        return f"{order.station.name}: its run has just ended"
    except psutil.TimeoutExpired:
        return f"{order.station.name}: its guardian (process {process.pid}) has not finished"
    after_s = time.monotonic() - begun_s
    return f"{order.station.name}: its guardian (process {process.pid}) acted in {after_s:.2f} s"
