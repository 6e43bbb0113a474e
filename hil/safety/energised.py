"""A bench while it is driven: opened, in its safe state, within limits; and safe at the end."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from hil.errors import UnsafeError
from hil.roles import Device, Reverting
from hil.station import StationDevice

from .arming import ENERGISING, Armed
from .heart import Heart, Seat
from .interlock import InterlockWatch, check_at_first
from .journal import Journal
from .limited import limited
from .limits import BenchLimits, Excess
from .order import open_named
from .safe_state import Secured, make_all_safe

END_S = 2.0
_EXCESS = ("beyond limits", "times beyond limits")


class Bench:
    """What may be driven, by whoever holds leave to.

    Attributes
    ----------
    drivers : dict of str to Device
        By name, each behind its limits.
    limits : BenchLimits
    armed : Armed
    """

    def __init__(self, armed: Armed, on_excess: Callable[[Excess], None]) -> None:
        self.armed, self._on_excess = armed, on_excess
        self.limits = BenchLimits(armed.station, on_excess=self._exceeded)
        self.limits.forbidden = self._why_not
        self.drivers: dict[str, Device] = {}
        self._excesses: Counter[tuple[str, str, str]] = Counter()
        self._journal = None if armed.journal is None else Journal(armed.journal, who="bench")
        self._heart: Heart | None = None
        self._seat: Seat | None = None
        self._tripped: str | None = None

    def beat(self) -> None:
        """Show that whoever drives lives; at every exchange, costs about a microsecond.

        Raises
        ------
        UnsafeError
            The bench is being made safe, or its guardian is gone: leave the block.
        """
        if self._tripped is not None:
            raise UnsafeError(self._tripped)
        if self._seat is not None:
            self._seat.beat()

    def rest(self) -> None:
        """Say that no beats are due until the next one."""
        if self._seat is not None:
            self._seat.rest()

    def trip(self, reason: str) -> None:
        """Have no set point sent any more, and everybody leave; from any thread."""
        if self._tripped is None:
            self._tripped = reason
            self.note("tripped", reason=reason)
            if self._heart is not None:
                self._heart.trip(reason)

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
        """Write what happened; without a guardian nobody needs to read that all went well."""
        if self._journal is not None and (self.armed.heart is not None or event in _EXCESS):
            self._journal.write(event, **details)

    def sit(self, who: str, heart: Heart) -> Seat:
        """Take a seat that the guardian watches."""
        self._heart, self._seat = heart, heart.sit(who, drives=True)
        return self._seat

    def note_excesses(self) -> None:
        """Write how often limits were in the way."""
        for (name, quantity, action), count in self._excesses.items():
            self.note(_EXCESS[1], device=name, quantity=quantity, action=action, count=count)

    def _why_not(self) -> str | None:
        """Say why nothing may be sent, if so."""
        if self._tripped is None and self._heart is not None and self._heart.tripped:
            self._tripped = f"the guardian makes the bench safe: {self._heart.tripped}"
        return self._tripped

    def _exceeded(self, excess: Excess) -> None:
        """Note the first of each kind; the record gets all, the journal their number."""
        kind = excess.device, excess.quantity, excess.action
        if kind not in self._excesses:
            self.note(_EXCESS[0], said=str(excess))
        self._excesses[kind] += 1
        self._on_excess(excess)


@contextmanager
def energised(
    armed: Armed,
    *,
    who: str = "bench",
    opened: Callable[[StationDevice], Device] = open_named,
    live: bool = True,
    on_excess: Callable[[Excess], None] = lambda excess: None,
    end_s: float = END_S,
) -> Iterator[Bench]:
    """Open all devices of an armed bench, in their safe state; and leave them in it.

    Parameters
    ----------
    armed : Armed
    who : str
        What the guardian calls this process.
    opened : callable
        Opens one device; the default checks identity and serial number. Another one may record.
    live : bool
        Start revert timers and keep asking the interlock. On the bench's clock, which may
        stand still, there are no timers, and the interlock is asked once.
    on_excess : callable
        Told of every set point that was refused or clamped.
    end_s : float
        How long the end of the block tries each device; a guardian, where there is one, goes
        on trying. [s]

    Raises
    ------
    UnsafeError
        The interlock is open, a revert timer cannot be started, or at the end a device may not
        be safe; the guardian, where there is one, then goes on trying.
    """
    bench = Bench(armed, on_excess)
    with ExitStack() as stack:
        if armed.heart is not None:
            heart = Heart(armed.heart)
            stack.callback(heart.close)
            stack.callback(bench.sit(who, heart).leave)
        fault: BaseException | None = None
        try:
            _open(bench, opened, live)
            with _watched(bench, live):
                yield bench
        except BaseException as ended:
            fault = ended
            bench.note("ended", by=f"{type(ended).__name__}: {ended}")
            raise
        finally:
            bench.rest()
            _leave(bench, fault, live, end_s)


def _open(bench: Bench, opened: Callable[[StationDevice], Device], live: bool) -> None:
    """Open every device and bring it to its safe state before any is told something else."""
    armed = bench.armed
    for device in armed.devices:
        bench.drivers[device.name] = limited(opened(device), device, bench.limits)
    for device in armed.devices:
        bench.drivers[device.name].make_safe()
    interlock = armed.station.interlock
    if interlock is not None and interlock.device in bench.drivers:
        check_at_first(interlock, bench.drivers[interlock.device])
    if live:
        for device in armed.devices:
            bench.arm_revert(device.name)
    bench.note("armed", by=armed.by, devices=[device.name for device in armed.devices])


@contextmanager
def _watched(bench: Bench, live: bool) -> Iterator[None]:
    """Keep asking the interlock, where there is one."""
    interlock = bench.armed.station.interlock
    if not live or interlock is None or interlock.device not in bench.drivers:
        yield
        return
    watch = InterlockWatch(interlock, bench.drivers[interlock.device], bench.trip)
    watch.start()
    try:
        yield
    finally:
        watch.end()


def _leave(bench: Bench, fault: BaseException | None, live: bool, end_s: float) -> None:
    """Make all safe, stop the timers of what is, and let go; nothing is sent after that."""
    bench._tripped = bench._tripped or "the bench is being left"
    devices = [device for device in bench.armed.devices if device.name in bench.drivers]
    leaving = {
        device.name: _Leaving(bench.drivers[device.name], live and bool(device.revert_s))
        for device in devices
    }

    def noted(one: Secured) -> None:
        bench.note("safe" if one.safe else "NOT SAFE", device=one.device, failure=one.failure)

    secured = make_all_safe(
        devices, lambda device: leaving[device.name], within_s=end_s, noted=noted
    )
    for one in leaving.values():
        one.give_up()
    bench.note_excesses()
    failures = [str(one) for one in secured if not (one.safe or one.gone)]
    if failures and fault is None:
        raise UnsafeError("; ".join(failures))
    if failures and fault is not None:
        fault.add_note("; ".join(failures))


class _Leaving:
    """A driver that is made safe for the last time; it is let go of once it is safe."""

    def __init__(self, driver: Device, has_timer: bool) -> None:
        self._driver, self._has_timer, self._safe = driver, has_timer, False

    def make_safe(self) -> None:
        """Bring it to its safe state; then nothing needs its timer."""
        self._driver.make_safe()
        if self._has_timer and isinstance(self._driver, Reverting):
            self._driver.arm_revert(0.0)
        self._safe = True

    def close(self) -> None:
        """Let go of it unless it is to be tried again."""
        if self._safe:
            self._driver.close()

    def give_up(self) -> None:
        """Let go of what is not safe too, so that the guardian may reach it; never wait for it."""
        if not self._safe:
            closing = threading.Thread(target=self._driver.close, daemon=True)
            closing.start()
            closing.join(0.2)
