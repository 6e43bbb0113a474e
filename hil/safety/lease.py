"""One run to a bench: a lease that ends with the process that holds it, also by ``kill -9``.

Every real device is leased, so two station files that name one instrument exclude each other,
and so does one file by two names. A lease is an advisory lock (`flock(2)`) on a file in the
user's state folder: the operating system ends it with its owner, and nothing has to be cleaned
up. Another host, or another user, is not seen; instruments' own locks are for that.
"""

import fcntl
import getpass
import hashlib
import json
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from hil.errors import LeaseError
from hil.station import Station, StationDevice, same_place

from .state import key_of, state_folder

__all__ = ["lease", "user"]


@contextmanager
def lease(
    station: Station,
    devices: Sequence[StationDevice] | None = None,
    *,
    folder: Path | None = None,
) -> Iterator[None]:
    """Hold a station and its real devices; emulated ones are every run's own, and are not held.

    Parameters
    ----------
    station : Station
    devices : sequence of StationDevice, optional
        Those that are driven; all of them unless given.
    folder : Path, optional
        Where the locks lie, instead of the user's state folder.

    Raises
    ------
    LeaseError
        Another process holds one of them; the message says who, since when and what for.
    """
    given = station.devices if devices is None else devices
    real = [device for device in given if device.emulated is None and device.address is not None]
    if not real:
        yield
        return
    place = folder or state_folder() / "leases"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys = {f"station-{key_of(station.file)}": f"station {station.name!r}"}
    # Sorted: two runs that want the same devices ask for them in one order.
    for device in sorted(real, key=lambda one: same_place(one.address or "")):
        keys[_key(device.address or "")] = f"{device.name} at {device.address}"
    with ExitStack() as held:
        for key, what in keys.items():
            held.callback(os.close, _held(place / f"{key}.lease", what, station))
        yield


def _held(path: Path, what: str, station: Station) -> int:
    """Lock a file and write into it who holds it; the lock ends when the number is closed."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LeaseError(
                f"{what} is in use: {_holder(path)}; wait for it, or end it with "
                f"`peerwatt stop {station.file.name}`; nothing was sent"
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(_self(station)).encode(), 0)
    except BaseException:
        os.close(file)
        raise
    return file


def _self(station: Station) -> dict[str, object]:
    return {
        "user": user(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "station": str(station.file),
    }


def _holder(path: Path) -> str:
    """Say who holds a lock; between taking it and saying so there is a moment."""
    try:
        who = json.loads(path.read_text("utf-8"))
        return (
            f"{who['user']} on {who['host']}, process {who['pid']}, since {who['since']}, "
            f"runs `{who['command']}`"
        )
    except (OSError, ValueError, KeyError):
        return "somebody took it just now"


def _key(address: str) -> str:
    return "device-" + hashlib.sha256(same_place(address).encode()).hexdigest()[:16]


def user() -> str:
    """Name the user whose process this is; by number where the system knows no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"
