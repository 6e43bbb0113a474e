"""What stands on the bench, found out and written down: `bench.json` of a run folder.

Who ran what, on which device, with which firmware and calibration. What was sent byte by byte is
in ``bench/<device>.jsonl`` (`hil.link.record`), what the guardian did in ``guardian.jsonl``.
"""

import hashlib
import shutil
import socket
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from results.folder import write_json

from .drivers.opening import open_device, open_link_of
from .errors import BenchError, IdentityError, LinkError, UnsafeError
from .link.record import Recorder
from .roles import Device, Identity, Link
from .safety.lease import user
from .station import Station, StationDevice

__all__ = ["BENCH_FILE", "BenchRecord", "Seen", "look", "recorded"]

BENCH_FILE = "bench.json"
_MOST_ERRORS = 20
_DONE = ("0,", "+0,")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one device said when it was looked at; nothing was set on it.

    Attributes
    ----------
    device : StationDevice
    address : str or None
        Where it was looked for.
    identity : Identity or None
        None when it did not answer.
    amiss : tuple of str
        Why it cannot be used as it is.
    noted : tuple of str
        What does not hinder, but belongs in the record: another firmware, an old calibration.
    median_s, p99_s : float or None
        Of the time from asking who it is to its answer. [s]
    errors : tuple of str or None
        What lay in its error queue, which is empty now; None where it was not asked.
    """

    device: StationDevice
    address: str | None
    identity: Identity | None = None
    amiss: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()
    median_s: float | None = None
    p99_s: float | None = None
    errors: tuple[str, ...] | None = None

    def plain(self) -> dict[str, Any]:
        """Give it as JSON can say it."""
        device, whole = self.device, asdict(self)
        del whole["device"]
        identity = None if self.identity is None else self.identity._asdict()
        of_device = {
            key: getattr(device, key)
            for key in ("name", "role", "plays", "driver", "phase", "scale", "p_rated_kw")
        }
        return {
            **whole,
            **of_device,
            "identity": identity,
            "emulated": device.emulated is not None,
            "calibrated": _iso(device.calibrated),
            "calibration_due": _iso(device.calibration_due),
            "current_ratio": device.current_ratio,
            "voltage_ratio": device.voltage_ratio,
            "signs": dict(device.signs),
            "limits": asdict(device.limits),
            "revert_s": device.revert_s,
            "interlocked": device.interlocked,
        }


def look(
    device: StationDevice,
    address: str | None,
    *,
    today: date | None = None,
    asks: int = 30,
) -> Seen:
    """Ask a device who it is, how long it takes, and what errors it holds; never an exception.

    Parameters
    ----------
    device : StationDevice
    address : str or None
        Where it is; for an emulated one, where its emulator listens.
    today : date, optional
        The day that its calibration is judged on.
    asks : int
        How often it is asked, for the round trip.
    """
    links: list[Link] = []

    def remembered(given: StationDevice, place: str) -> Link:
        links.append(open_link_of(given, place))
        return links[-1]

    blank = Seen(device=device, address=address, noted=_on_paper(device, today or date.today()))
    if address is None:
        return replace(blank, amiss=("nobody plays it: it has no address",))
    try:
        # Another serial number is told below, with all that the device says of itself.
        anyone = replace(device, serial_number=None)
        opened = open_device(anyone, address, open_link=remembered)
    except Exception as failure:  # a user's own driver may raise anything
        for link in links:
            link.close()
        return replace(blank, amiss=(_told(failure, device),))
    try:
        return _looked(blank, opened, links, asks)
    except Exception as failure:  # likewise
        return replace(blank, amiss=(_told(failure, device),))
    finally:
        opened.close()


def _looked(blank: Seen, opened: Device, links: list[Link], asks: int) -> Seen:
    """Ask a device that is open."""
    times_s = []
    identity = opened.identify()
    for _ in range(asks):
        began_s = time.perf_counter()
        again = opened.identify()
        times_s.append(time.perf_counter() - began_s)
        if again != identity:
            return replace(blank, amiss=(f"answers as {identity}, then as {again}",))
    amiss, noted = _compared(blank.device, identity)
    errors = _errors(opened, links)
    return replace(
        blank,
        identity=identity,
        amiss=amiss,
        noted=(*noted, *blank.noted),
        median_s=statistics.median(times_s) if times_s else None,
        p99_s=sorted(times_s)[int(0.99 * (len(times_s) - 1))] if times_s else None,
        errors=errors,
    )


def _compared(device: StationDevice, identity: Identity) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Say in what a device is another than the station expects, and what only differs."""
    amiss, noted = [], []
    serial, firmware = device.serial_number, device.firmware
    if serial is not None and serial != identity.serial:
        amiss.append(f"has serial number {identity.serial!r}; expected {serial!r}")
    if firmware is not None and firmware != identity.firmware:
        noted.append(f"firmware {identity.firmware!r}, calibrated with {firmware!r}")
    return tuple(amiss), tuple(noted)


def _errors(opened: Device, links: list[Link]) -> tuple[str, ...] | None:
    """Empty a device's error queue, where it speaks SCPI."""
    take = getattr(opened, "take_errors", None)
    if take is not None:
        return tuple(take())
    if not links:
        return None
    found: list[str] = []
    while len(found) < _MOST_ERRORS:
        try:
            entry = links[-1].query("SYST:ERR?")
        except BenchError:
            return tuple(found) or None
        if entry.startswith(_DONE):
            break
        found.append(entry)
    return tuple(found)


def _on_paper(device: StationDevice, today: date) -> tuple[str, ...]:
    """Say what the station file itself says of its calibration."""
    due = device.calibration_due
    if device.emulated is not None:
        return ()
    if due is None:
        return ("calibration unknown",) if device.role == "analyser" else ()
    return (f"calibration overdue since {due}",) if due < today else ()


def _told(failure: Exception, device: StationDevice) -> str:
    text = str(failure).strip() or type(failure).__name__
    return text.removeprefix(f"{device.name}: ")


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


class BenchRecord:
    """Writes `bench.json` into a run folder, whole after each step.

    Parameters
    ----------
    folder : Path
        Run folder.
    station : Station
    mode : {"lockstep", "real time"}
    armed_by : str or None
        How the operator armed it.
    say : callable
        Told once, in words, when bytes are no longer recorded.

    Attributes
    ----------
    recorder : Recorder
        Taps the links of the run, for ``bench/<device>.jsonl``.
    driven : bool
        Devices were driven, by somebody who makes them safe before this record ends and says so
        where he cannot.
    """

    def __init__(
        self,
        folder: Path,
        station: Station,
        *,
        mode: Literal["lockstep", "real time"],
        armed_by: str | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self._path, self.driven = folder / BENCH_FILE, False
        self.recorder = Recorder(folder / "bench", say=say)
        self.content: dict[str, Any] = {
            "user": user(),
            "host": socket.gethostname(),
            "began": _now(),
            "mode": mode,
            "armed_by": armed_by,
            "station": _station(station, folder),
            "devices": [],
            "safe": {},
        }
        self._write()

    def open_link(self, device: StationDevice, address: str) -> Link:
        """Open a link whose bytes are recorded; `open_device` takes it as ``open_link``."""
        return open_link_of(device, address, tap=self.recorder.tap(device.name))

    def seen(self, devices: Iterable[Seen]) -> None:
        """Write down what devices said before the run."""
        self.content["devices"] = [one.plain() for one in devices]
        self._write()

    def end(self, safe: Mapping[str, str], **more: Any) -> None:
        """Write down how each device was left: empty where it confirmed its safe state.

        Parameters
        ----------
        safe : mapping of str to str
            By device, why it may not be safe; empty when it is.
        more
            What else is known by now, as JSON can say it.
        """
        self.recorder.close()
        self.content |= {**more, "safe": dict(safe), "ended": _now()}
        self._write()

    def _write(self) -> None:
        write_json(self._path, self.content)


@contextmanager
def recorded(
    folder: Path,
    station: Station,
    devices: Sequence[StationDevice],
    *,
    mode: Literal["lockstep", "real time"],
    armed_by: str | None = None,
    say: Callable[[str], None] = print,
) -> Iterator[BenchRecord]:
    """Look at the devices of a run, write `bench.json`, and how they were left at the end.

    Parameters
    ----------
    folder : Path
        Run folder.
    station : Station
    devices : sequence of StationDevice
        Those of the run, each with the address where it is.
    mode, armed_by, say
        See `BenchRecord`.

    Raises
    ------
    IdentityError, LinkError
        A device is another one than the station expects, or does not answer.
    """
    record = BenchRecord(folder, station, mode=mode, armed_by=armed_by, say=say)
    with ThreadPoolExecutor(max(1, len(devices))) as pool:
        seen = list(pool.map(lambda one: look(one, one.address, asks=10), devices))
    record.seen(seen)
    amiss = [one for one in seen if one.amiss]
    try:
        if amiss:
            told = "; ".join(f"{one.device.name}: {', '.join(one.amiss)}" for one in amiss)
            raise (IdentityError if all(one.identity for one in amiss) else LinkError)(told)
        yield record
    except BaseException as fault:
        left = "" if record.driven and not _doubtful(fault) else "not said by the run"
        record.end({one.name: left for one in devices}, broke=_broke(fault))
        raise
    record.end({one.name: "" for one in devices})


def _doubtful(fault: BaseException) -> bool:
    """Tell whether an error leaves open that everything is safe, as those say who make it safe."""
    notes = "; ".join(getattr(fault, "__notes__", ()))
    return isinstance(fault, UnsafeError) or "NOT SAFE" in notes or "safe state" in notes


def _broke(fault: BaseException) -> str:
    return "; ".join([str(fault) or type(fault).__name__, *getattr(fault, "__notes__", ())])


def _station(station: Station, folder: Path) -> dict[str, Any]:
    """Describe a station, and keep its file as it was."""
    told: dict[str, Any] = {
        "name": station.name,
        "about": station.about,
        "operator": station.operator,
        "file": str(station.file),
        "emulated": station.is_emulated,
        "sha256": None,
    }
    if station.file.is_file():
        kept = folder / "bench" / "station.yaml"
        kept.parent.mkdir(exist_ok=True)
        shutil.copyfile(station.file, kept)
        told["sha256"] = hashlib.sha256(kept.read_bytes()).hexdigest()
    return told


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
