"""Bringing a whole bench to its safe state, in an order that harms nothing, within a time.

Sources of power first, what carries them last:

1. inverters and stores stop feeding. While they feed, the load and the AC source must stay:
   a feeding inverter that loses both drives its own terminals' voltage up.
2. PV simulators open. An inverter that cannot be reached now has nothing left to feed.
3. loads open. Opened earlier, their power would go into the AC source, which may not absorb it.
4. AC grid simulators open, under no current. For an inverter that still cannot be reached this
   is the strongest means left: without a grid it stops by its own protection.
5. analysers, which move nothing.

A stage waits for the one before no longer than its share: a device that does not answer never
keeps the source on.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

from hil.errors import LinkError
from hil.roles import Role
from hil.station import StationDevice

STAGES: tuple[tuple[Role, ...], ...] = (
    ("inverter", "storage"),
    ("pv-simulator",),
    ("load",),
    ("grid-simulator",),
    ("analyser",),
)
STAGE_S = 1.0
RETRY_S = 0.05


class Securable(Protocol):
    """What making safe needs of a device."""

    def make_safe(self) -> None:
        """Bring it to its safe state, read back."""

    def close(self) -> None:
        """Let go of it."""


@dataclass(slots=True)
class Secured:
    """How one device was made safe.

    Attributes
    ----------
    device : str
    safe : bool
        It was told, and read back what it was told.
    attempts : int
    after_s : float
        From the beginning to its safe state, or to the last failure. [s]
    failure : str
        Of the last attempt that failed.
    gone : bool
        Emulated, and no longer there: its process ended with the run.
    """

    device: str
    safe: bool = False
    attempts: int = 0
    after_s: float = 0.0
    failure: str = ""
    gone: bool = False

    def __str__(self) -> str:
        """Say it in one line."""
        if self.safe:
            return f"{self.device}: safe, read back after {self.after_s:.2f} s"
        if self.gone:
            return f"{self.device}: emulated, ended with its run"
        tries = f"{self.attempts} attempts in {self.after_s:.1f} s"
        return f"{self.device}: NOT SAFE after {tries}: {self.failure or 'it does not answer'}"


def make_all_safe(
    devices: Sequence[StationDevice],
    opened: Callable[[StationDevice], Securable],
    *,
    within_s: float,
    stage_s: float = STAGE_S,
    noted: Callable[[Secured], None] = lambda secured: None,
) -> list[Secured]:
    """Make every device safe, each by a connection of its own, until all are or time is over.

    Parameters
    ----------
    devices : sequence of StationDevice
    opened : callable
        Opens one of them; identity is checked there.
    within_s : float
        How long a device that does not answer is tried again. [s]
    stage_s : float
        How long a stage waits for the one before it. [s]
    noted : callable
        Told of each device once its fate is known.

    Returns
    -------
    list of Secured
        One for each device, in their order.
    """
    begun_s = time.monotonic()
    tries = {device.name: _Try(device, opened, begun_s, within_s) for device in devices}
    for stage in STAGES:
        members = [tries[device.name] for device in devices if device.role in stage]
        for member in members:
            member.start()
        stage_ends_s = time.monotonic() + stage_s
        for member in members:
            member.join(max(0.0, stage_ends_s - time.monotonic()))
    for one in tries.values():
        one.join(max(0.0, begun_s + within_s - time.monotonic()))
        noted(one.secured)
    return [one.secured for one in tries.values()]


class _Try(threading.Thread):
    """Tries to make one device safe until it is; a daemon, so that a dead line holds nobody."""

    def __init__(
        self,
        device: StationDevice,
        opened: Callable[[StationDevice], Securable],
        begun_s: float,
        within_s: float,
    ) -> None:
        super().__init__(name=f"safe {device.name}", daemon=True)
        self._device, self._opened = device, opened
        self._begun_s, self._within_s = begun_s, within_s
        self.secured = Secured(device.name)

    def run(self) -> None:
        """Open it, make it safe, let go; again until it works, it is gone, or time is over."""
        while not self._attempt() and not self.secured.gone:
            if time.monotonic() - self._begun_s + RETRY_S >= self._within_s:
                return
            time.sleep(RETRY_S)

    def _attempt(self) -> bool:
        secured = self.secured
        secured.attempts += 1
        try:
            with closing(self._opened(self._device)) as device:
                device.make_safe()
        except Exception as failure:
            secured.failure = f"{type(failure).__name__}: {failure}"
            secured.gone = self._device.emulated is not None and isinstance(failure, LinkError)
        else:
            secured.safe = True
        secured.after_s = time.monotonic() - self._begun_s
        return secured.safe
