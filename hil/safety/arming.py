"""The operator's arm step: before it nothing is energised, and code cannot forget it.

Whoever drives devices needs an `Armed`, and only `arm` makes one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from hil.errors import UnsafeError
from hil.roles import Role
from hil.station import Station, StationDevice

ENERGISING: frozenset[Role] = frozenset(
    {"inverter", "storage", "grid-simulator", "pv-simulator", "load"}
)
"""Roles that move energy; an analyser does not."""

By = Literal["--arm", "answer", "emulated"]
_KEY = object()


@dataclass(frozen=True, kw_only=True)
class Armed:
    """Leave to energise these devices, now and once; it travels to other processes by pickle.

    Attributes
    ----------
    station : Station
    devices : tuple of StationDevice
        Those of this run, each with the address where it is.
    by : {"--arm", "answer", "emulated"}
        How the operator gave it; `emulated` where nothing is real.
    at : datetime
        When. [UTC]
    heart : Path or None
        Where those who drive show that they live; None where no guardian watches.
    journal : Path or None
        Where they note what they did; without a guardian, only where limits were in the way.
    """

    station: Station
    devices: tuple[StationDevice, ...]
    by: By
    at: datetime
    heart: Path | None = None
    journal: Path | None = None
    key: object = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse to be made by anybody but `arm`."""
        if self.key is not _KEY:
            raise UnsafeError("leave to energise comes from hil.safety.arming.arm alone")
        object.__setattr__(self, "key", None)

    def noted(self, journal: Path, heart: Path | None = None) -> "Armed":
        """Tell it where to note what happens, and of the guardian that watches."""
        return replace(self, heart=heart, journal=journal, key=_KEY)


def arm(
    station: Station,
    devices: Sequence[StationDevice],
    *,
    arm_now: bool = False,
    ask: Callable[[str], bool] | None = None,
) -> Armed:
    """Get leave to energise devices, from the operator unless all of them are emulated.

    Parameters
    ----------
    station : Station
    devices : sequence of StationDevice
        Those that will be driven.
    arm_now : bool
        The operator has said so beforehand, as ``--arm`` does.
    ask : callable, optional
        Puts a question to the operator and returns whether the answer is yes; without it, and
        without `arm_now`, leave is refused.

    Raises
    ------
    UnsafeError
        A device would stay energised when the host dies, or the operator did not arm.
    """
    if all(device.emulated is not None for device in devices):
        return _armed(station, devices, "emulated")
    refuse_uncovered(station, devices)
    _refuse_unseen_interlock(station, devices)
    if arm_now:
        return _armed(station, devices, "--arm")
    if ask is None:
        raise UnsafeError(
            f"{station.name}: not armed, nothing was energised; look at the bench, "
            "then give --arm, or answer the question at a terminal"
        )
    if not ask(question(station, devices)):
        raise UnsafeError(f"{station.name}: the operator did not arm it; nothing was energised")
    return _armed(station, devices, "answer")


def refuse_uncovered(station: Station, devices: Sequence[StationDevice]) -> None:
    """Refuse devices that nothing makes safe when cable, host or power is lost.

    Raises
    ------
    UnsafeError
        Names every such device.
    """
    bare = [
        device.name
        for device in devices
        if device.role in ENERGISING
        and device.emulated is None
        and not device.revert_s
        and not device.interlocked
    ]
    if bare:
        raise UnsafeError(
            f"{station.name}: cannot be armed: {', '.join(bare)} would stay as last set when the "
            "cable is pulled, this host dies or loses power; set revert_s to use the device's "
            "own timer, or wire it into a hardware interlock and state interlocked: true"
        )


def _refuse_unseen_interlock(station: Station, devices: Sequence[StationDevice]) -> None:
    """Refuse an interlock whose device this run does not open."""
    interlock = station.interlock
    if interlock is not None and interlock.device not in {device.name for device in devices}:
        raise UnsafeError(
            f"{station.name}: cannot be armed: its interlock is an input of {interlock.device!r}, "
            "which this run does not open"
        )


def question(station: Station, devices: Sequence[StationDevice]) -> str:
    """Say what arming would energise, and what stands behind each device."""
    lines = [f"{station.name} would be energised:"]
    for device in devices:
        if device.role in ENERGISING:
            what = "emulated" if device.emulated is not None else str(device.address)
            lines.append(f"  {device.name}  {device.role} at {what}, {_behind(device)}")
    return "\n".join([*lines, "Arm it?"])


def _behind(device: StationDevice) -> str:
    if device.emulated is not None:
        return "nothing real"
    timer = f"reverts by itself after {device.revert_s:g} s" if device.revert_s else ""
    return " and ".join(filter(None, (timer, "interlocked" if device.interlocked else "")))


def _armed(station: Station, devices: Sequence[StationDevice], by: By) -> Armed:
    return Armed(station=station, devices=tuple(devices), by=by, at=datetime.now(UTC), key=_KEY)
