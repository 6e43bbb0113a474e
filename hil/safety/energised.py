"""A bench while it is driven: opened, in its safe state, within limits; and safe at the end."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hil.errors import BenchError, UnsafeError
from hil.roles import Device, Questionable, Reverting
from hil.station import StationDevice

from .arming import ENERGISING, Armed
from .heart import Heart, Seat
from .journal import Journal
from .limited import limited
from .limits import BenchLimits, Excess
from .order import open_named
from .safe_state import make_all_safe

END_S = 2.0
"""How long the end of the block tries a device; where a guardian is, it goes on trying. [s]"""


class Bench:
    """What may be driven, by whoever holds leave to.

    Attributes
    ----------
    drivers : dict of str to Device
        By name, each behind its limits.
    limits : BenchLimits
    """

    def __init__(self, armed: Armed, on_excess: Callable[[Excess], None]) -> None:
        self.armed, self._on_excess = armed, on_excess
        self.limits = BenchLimits(armed.station, on_excess=self._exceeded)
        self.drivers: dict[str, Device] = {}
        self.excesses: Counter[tuple[str, str, str]] = Counter()
        self._journal = None if armed.journal is None else Journal(armed.journal, who="bench")
        self._seat: Seat | None = None

    def beat(self) -> None:
        """Show that whoever drives lives; at every exchange, costs about a microsecond.

        Raises
        ------
        UnsafeError
            The guardian makes the bench safe, or is gone: leave the block.
        """
        if self._seat is not None:
            self._seat.beat()

    def rest(self) -> None:
        """Say that no beats are due until the next one."""
        if self._seat is not None:
            self._seat.rest()

    def check_interlock(self) -> None:
        """Ask whether the bench may be energised; by whoever may speak to that device now.

        Raises
        ------
        UnsafeError
            The interlock is open, its device does not answer, or cannot be asked.
        """
        interlock = self.armed.station.interlock
        if interlock is None or interlock.device not in self.drivers:
            return
        device = self.drivers[interlock.device]
        if not isinstance(device, Questionable):
            raise UnsafeError(f"{device.name}: its driver cannot ask {interlock.query!r}")
        try:
            answer = device.ask(interlock.query)
        except BenchError as failure:
            raise UnsafeError(f"the interlock cannot be read: {failure}") from failure
        if answer.strip() != interlock.expected:
            raise UnsafeError(
                f"the interlock is open: {device.name} answers {answer!r} to "
                f"{interlock.query!r}; expected {interlock.expected!r}"
            )

    def arm_revert(self, name: str) -> None:
        """Start a device's own revert timer, read back; again after it has restarted.

        Raises
        ------
        UnsafeError
            Its driver cannot, and nothing else covers it.
        """
        device = next(one for one in self.armed.devices if one.name == name)
        driver = self.drivers[name]
        if not device.revert_s or device.role not in ENERGISING:
            return
        if isinstance(driver, Reverting):
            driver.arm_revert(device.revert_s)
            self.note("revert timer", device=name, revert_s=device.revert_s)
        elif device.emulated is None and not device.interlocked:
            raise UnsafeError(
                f"{name}: the station says that it reverts after {device.revert_s:g} s, but its "
                f"driver {device.driver!r} cannot start that timer, and it is not interlocked"
            )

    def note(self, event: str, **details: Any) -> None:
        """Write what happened, where there is a journal."""
        if self._journal is not None:
            self._journal.write(event, **details)

    def _exceeded(self, excess: Excess) -> None:
        """Note the first of each kind; the record gets all, the journal their number."""
        kind = excess.device, excess.quantity, excess.action
        if kind not in self.excesses:
            self.note("limit", said=str(excess))
        self.excesses[kind] += 1
        self._on_excess(excess)


@contextmanager
def energised(
    armed: Armed,
    *,
    who: str = "bench",
    opened: Callable[[StationDevice], Device] = open_named,
    revert: bool = True,
    on_excess: Callable[[Excess], None] = lambda excess: None,
) -> Iterator[Bench]:
    """Open all devices of an armed bench, in their safe state; and leave them in it.

    Parameters
    ----------
    armed : Armed
    who : str
        What the guardian calls this process.
    opened : callable
        Opens one device; the default checks identity and serial number. Another one may record.
    revert : bool
        Start revert timers; on the bench's clock, which may stand still, there are none.
    on_excess : callable
        Told of every set point that was refused or clamped.

    Raises
    ------
    UnsafeError
        The interlock is open, a revert timer cannot be started, or at the end a device may not
        be safe; the guardian, where there is one, then goes on trying.
    """
    bench = Bench(armed, on_excess)
    heart = None if armed.heart is None else Heart(armed.heart)
    bench._seat = seat = None if heart is None else heart.sit(who, drives=True)
    fault: BaseException | None = None
    try:
        _open(bench, opened, revert)
        yield bench
    except BaseException as ended:
        fault = ended
        bench.note("ended", by=f"{type(ended).__name__}: {ended}")
        raise
    finally:
        bench.rest()
        try:
            _leave(bench, fault, revert)
        finally:
            if seat is not None and heart is not None:
                seat.leave()
                heart.close()


def _open(bench: Bench, opened: Callable[[StationDevice], Device], revert: bool) -> None:
    """Open every device and bring it to its safe state before any is told something else."""
    armed = bench.armed
    for device in armed.devices:
        bench.drivers[device.name] = limited(opened(device), device, bench.limits)
    for device in armed.devices:
        bench.drivers[device.name].make_safe()
    bench.check_interlock()
    if revert:
        for device in armed.devices:
            bench.arm_revert(device.name)
    bench.note("armed", by=armed.by, devices=[device.name for device in armed.devices])


def _leave(bench: Bench, fault: BaseException | None, revert: bool) -> None:
    """Make all safe, stop the timers of what is, and let go."""
    devices = [device for device in bench.armed.devices if device.name in bench.drivers]
    kept = {name: _Kept(driver) for name, driver in bench.drivers.items()}
    secured = make_all_safe(devices, lambda device: kept[device.name], within_s=END_S)
    failures = [str(one) for one in secured if not (one.safe or one.gone)]
    for one, device in zip(secured, devices, strict=True):
        driver = bench.drivers[one.device]
        bench.note("safe" if one.safe else "NOT SAFE", device=one.device, failure=one.failure)
        try:
            if one.safe and revert and device.revert_s and isinstance(driver, Reverting):
                driver.arm_revert(0.0)
            driver.close()
        except Exception as failure:
            failures.append(f"{one.device}: {failure}")
    for (name, quantity, action), count in bench.excesses.items():
        bench.note("limits", device=name, quantity=quantity, action=action, count=count)
    if failures and fault is None:
        raise UnsafeError("; ".join(failures))
    if failures and fault is not None:
        fault.add_note("; ".join(failures))


class _Kept:
    """A driver that stays open when whoever made it safe lets go of it."""

    def __init__(self, driver: Device) -> None:
        self._driver = driver

    def make_safe(self) -> None:
        """Bring it to its safe state."""
        self._driver.make_safe()

    def close(self) -> None:
        """Keep it."""
