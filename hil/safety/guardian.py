"""The guardian: a process that outlives the bench, and brings everything to its safe state.

``python -P -m hil.safety.guardian`` reads its order from standard input, visits every device
once, prints ``ready``, and then waits for one of:

- the end of its input without the word ``done``: the run is gone, by whatever way;
- a process at the bench that died, or showed no beat: it is killed, since what hangs may wake;
- SIGTERM: ``peerwatt stop``;
- the word ``done``: the run says that it made everything safe, which is checked on the devices.

Then it makes all devices safe by connections of its own, writes what it did, and ends.
"""

import json
import os
import select
import signal
import sys
import time

import psutil

from .heart import Heart, Seated
from .journal import Journal
from .notice import leave_notice
from .order import Order, from_json, open_named
from .safe_state import Secured, make_all_safe

POLL_S = 0.05
GRACE_S = 1.0
"""How long a process that lives may take to make safe itself before it is killed. [s]"""
READY, DONE = "ready", "done"


class Guardian:
    """Watches one bench.

    Parameters
    ----------
    order : Order
    stdin : int
        File descriptor whose end means that the run is gone.
    """

    def __init__(self, order: Order, stdin: int) -> None:
        self._order, self._stdin = order, stdin
        self._journal = Journal(order.journal, who="guardian")
        self._heart = Heart(order.heart)
        self._told = b""
        self._stop_asked = False
        self._known: dict[int, psutil.Process | None] = {}
        self._silent: dict[tuple[int, str], tuple[int, float]] = {}

    def visit(self) -> None:
        """Connect to every device once: a guardian that cannot reach them is none.

        Raises
        ------
        BenchError
            One does not answer, or is not the one expected.
        """
        for device in self._order.devices:
            open_named(device).close()

    def stop_asked(self, number: int, frame: object) -> None:
        """Take SIGTERM for the operator's stop."""
        self._stop_asked = True

    def watch(self) -> str | None:
        """Wait for the end; return why everything must be made safe, None after an orderly one."""
        last_s = time.monotonic()
        while True:
            select.select([self._stdin], [], [], POLL_S)
            now_s = time.monotonic()
            # A host that slept as a whole has hung nobody: only our own waking time counts.
            awake_s, last_s = min(now_s - last_s, 2 * POLL_S), now_s
            self._heart.look()
            if (end := self._word()) is not None:
                return self._left_behind() if end == DONE else end
            reason = "peerwatt stop" if self._stop_asked else self._heart.tripped
            if reason := reason or self._gone_or_hung(awake_s):
                return reason

    def act(self, reason: str) -> list[Secured]:
        """Have nobody else drive the bench any more, then make it safe."""
        self._heart.trip(reason)
        self._journal.write("tripped", reason=reason)
        self._clear_the_bench()
        return self.secure()

    def secure(self) -> list[Secured]:
        """Make every device safe, and write how that went."""

        def noted(secured: Secured) -> None:
            self._journal.write(
                "safe" if secured.safe else "gone" if secured.gone else "NOT SAFE",
                device=secured.device,
                attempts=secured.attempts,
                after_s=round(secured.after_s, 4),
                failure=secured.failure,
            )

        order = self._order
        return make_all_safe(order.devices, open_named, within_s=order.safe_within_s, noted=noted)

    def _word(self) -> str | None:
        """Look at what the run says: ``done``, that it is gone, or nothing."""
        if not select.select([self._stdin], [], [], 0)[0]:
            return None
        heard = os.read(self._stdin, 1024)
        self._told += heard
        if self._told.strip() == DONE.encode():
            return DONE
        return None if heard else "the run is gone"

    def _left_behind(self) -> str | None:
        """Find who drove and did not leave, though the run says that all is safe."""
        for seat in self._heart.seats():
            if seat.drives:
                return f"{seat.name} (process {seat.pid}) has not left the bench in order"
        return None

    def _gone_or_hung(self, awake_s: float) -> str | None:
        """Find a process at the bench that died or hangs; what hangs is killed at once."""
        for seat in self._heart.seats():
            process = self._process(seat)
            if process is None:
                return f"{seat.name} (process {seat.pid}) is gone"
            who = seat.pid, seat.name
            beats, silent_s = self._silent.get(who, (-1, 0.0))
            silent_s = 0.0 if seat.rests or seat.beats != beats else silent_s + awake_s
            self._silent[who] = seat.beats, silent_s
            order = self._order
            if silent_s >= (order.hung_after_s if seat.drives else order.run_hung_after_s):
                self._kill(seat, "hangs")
                return f"{seat.name} (process {seat.pid}) showed no beat for {silent_s:.1f} s"
        return None

    def _process(self, seat: Seated) -> psutil.Process | None:
        """Find the living process of a seat; psutil tells it from a later one of its number."""
        try:
            if seat.pid not in self._known:
                self._known[seat.pid] = psutil.Process(seat.pid)
            process = self._known[seat.pid]
            if process and process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except psutil.NoSuchProcess:
            pass
        self._known[seat.pid] = None
        return None

    def _clear_the_bench(self) -> None:
        """Wait for those who drive to go by themselves; then make them, before it acts itself."""
        deadline_s = time.monotonic() + GRACE_S
        while (driving := self._driving()) and time.monotonic() < deadline_s:
            self._heart.look()
            time.sleep(POLL_S / 5)
        for seat in driving:
            self._kill(seat, f"still drove the bench {GRACE_S:g} s later")
        deadline_s = time.monotonic() + GRACE_S
        while self._driving() and time.monotonic() < deadline_s:
            time.sleep(POLL_S / 5)

    def _driving(self) -> list[Seated]:
        return [seat for seat in self._heart.seats() if seat.drives and self._process(seat)]

    def _kill(self, seat: Seated, because: str) -> None:
        """End a process that would speak to devices meanwhile, stopped ones too."""
        process = self._process(seat)
        if process is not None:
            self._journal.write("killed", process=seat.pid, name=seat.name, because=because)
            process.kill()


def main() -> int:
    """Guard one bench; 0 when every device is safe, 1 when one is not."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    line = _first_line(sys.stdin.fileno())
    guardian = Guardian(order := from_json(line), sys.stdin.fileno())
    signal.signal(signal.SIGTERM, guardian.stop_asked)
    try:
        guardian.visit()
    except Exception as failure:
        _say(f"{type(failure).__name__}: {failure}")
        return 1
    leave_notice(order.notice, line)
    _say(READY)
    try:
        reason = guardian.watch()
        secured = guardian.secure() if reason is None else guardian.act(reason)
    finally:
        order.notice.unlink(missing_ok=True)
        _tidy(order)
    _say(json.dumps([str(one) for one in secured if not (one.safe or one.gone)]))
    return 0 if all(one.safe or one.gone for one in secured) else 1


def _tidy(order: Order) -> None:
    """Remove the page of a run that could not do so itself."""
    try:
        order.heart.unlink(missing_ok=True)
        order.heart.parent.rmdir()
    except OSError:
        return


def _first_line(stdin: int) -> str:
    """Read the order and nothing behind it, which `select` would then miss."""
    line = bytearray()
    while not line.endswith(b"\n"):
        one = os.read(stdin, 1)
        if not one:
            raise SystemExit("no order came")
        line += one
    return line.decode()


def _say(line: str) -> None:
    """Tell the run, which may be gone."""
    try:
        os.write(sys.stdout.fileno(), line.encode() + b"\n")
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main())
