"""The one way to drive a bench: leased, guarded, armed, within its limits, and safe at the end.

::

    with guarded(station, devices, folder, arm_now=arm) as guard:   # in the run's process
        with energised(guard.armed) as bench:                       # wherever devices are driven
            bench.drivers["roof"].limit_power(2.5)                  # refused beyond its limits
            bench.beat()                                            # every exchange
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from hil.errors import LeaseError, UnsafeError
from hil.station import Station, StationDevice

from .arming import Armed, arm
from .guardian import DONE, GRACE_S, READY
from .heart import Heart
from .lease import lease
from .notice import notice_file, notice_of
from .order import Order, to_json

JOURNAL = "guardian.jsonl"
# -P: a folder called hil where the user stands must not be taken for ours.
_GUARDIAN = (sys.executable, "-P", "-m", "hil.safety.guardian")


class Guard:
    """What the run holds while its bench is guarded.

    Attributes
    ----------
    armed : Armed
        Leave to energise, for `energised`: here or, pickled, in another process. A process of
        the run that drives must be started anew (no fork), or it holds the guardian's pipe.
    """

    def __init__(self, armed: Armed, process: "GuardianProcess | None" = None) -> None:
        self.armed, self._process = armed, process

    def beat(self) -> None:
        """Show that the run lives; at every tick, costs about a microsecond.

        Raises
        ------
        UnsafeError
            The guardian makes the bench safe, or is gone: leave the block.
        """
        if self._process is not None:
            self._process.beat()

    def rest(self) -> None:
        """Say that no beats are due until the next one, as after the last tick."""
        if self._process is not None:
            self._process.rest()


@contextmanager
def guarded(
    station: Station,
    devices: Sequence[StationDevice],
    folder: Path,
    *,
    arm_now: bool = False,
    ask: Callable[[str], bool] | None = None,
    rehearse: bool = False,
    hung_after_s: float = 3.0,
    run_hung_after_s: float = 30.0,
    safe_within_s: float = 10.0,
) -> Iterator[Guard]:
    """Lease the station, get leave to energise it, and start its guardian.

    Parameters
    ----------
    station : Station
    devices : sequence of StationDevice
        Those of this run, each with its address (an emulated one: where its emulator listens).
    folder : Path
        Run folder; ``guardian.jsonl`` is written there.
    arm_now, ask
        See `hil.safety.arming.arm`.
    rehearse : bool
        Start a guardian also where nothing is real.
    hung_after_s, run_hung_after_s : float
        How long a process that drives devices, and the run that does not, may show no beat
        before it is killed. A market that clears may keep the run from its ticks for a while;
        whoever drives then makes the devices safe by itself. [s]
    safe_within_s : float
        How long the guardian goes on trying to reach a device. [s]

    Raises
    ------
    LeaseError
        Another run has the station or one of its devices, or its guardian is still at work.
    UnsafeError
        Not armed; a device does not answer the guardian; or at the end not all were safe.
    """
    armed = arm(station, devices, arm_now=arm_now, ask=ask).noted((folder / JOURNAL).resolve())
    if armed.by == "emulated" and not rehearse:
        yield Guard(armed)
        return
    with ExitStack() as stack:
        stack.enter_context(lease(station, devices))
        _refuse_beside_another(station)
        page = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="peerwatt-"))) / "heart"
        order = Order(
            station=station,
            devices=tuple(devices),
            journal=(folder / JOURNAL).resolve(),
            heart=page,
            notice=notice_file(station),
            hung_after_s=hung_after_s,
            run_hung_after_s=run_hung_after_s,
            safe_within_s=safe_within_s,
        )
        process = stack.enter_context(GuardianProcess(order))
        yield Guard(armed.noted(order.journal, order.heart), process)


def _refuse_beside_another(station: Station) -> None:
    """Refuse a bench that the guardian of a dead run still makes safe: it outlives the lease."""
    left = notice_of(station)
    if left is not None and left.process is not None:
        raise LeaseError(
            f"{station.name}: the guardian of a run that is gone (process {left.process.pid}) "
            f"still makes it safe; wait for it, see {left.order.journal}; nothing was sent"
        )


class GuardianProcess:
    """A guardian in its own process and session, told at the end that all is safe.

    Parameters
    ----------
    order : Order
        Its `heart` is made here.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._heart = Heart.make(order.heart)
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by exit
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            _GUARDIAN,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            start_new_session=True,
        )
        self._seat = self._heart.sit("the run", drives=False)

    def __enter__(self) -> Self:
        """Wait until it has visited every device.

        Raises
        ------
        UnsafeError
            It could not.
        """
        said = ""
        try:
            self._send(to_json(self._order))
            said = self._line()
        finally:
            if said != READY:
                self._process.kill()
                self._process.wait()
                self._let_go()
        if said != READY:
            raise UnsafeError(f"nothing was energised: the guardian cannot guard: {said}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Have it check that all is safe; what is not is an error, or a note of what came first."""
        self._seat.leave()
        try:
            unsafe = self._verified()
            tripped = self._heart.tripped
        finally:
            self._let_go()
        if tripped and fault is None:
            raise UnsafeError(f"the guardian made the bench safe: {tripped}")
        if unsafe and fault is None:
            raise UnsafeError(unsafe)
        if unsafe and fault is not None:
            fault.add_note(unsafe)

    @property
    def pid(self) -> int:
        """Number of its process."""
        return self._process.pid

    def beat(self) -> None:
        """Show that the run lives, and see that the guardian does."""
        if self._process.poll() is not None and self._heart.tripped is None:
            raise UnsafeError(
                f"the guardian (process {self.pid}) is gone; nothing is driven without one"
            )
        self._seat.beat()

    def rest(self) -> None:
        """Say that no beats are due until the next one."""
        self._seat.rest()

    def _verified(self) -> str:
        """Say that all is safe, and read what it found; empty when it agrees."""
        self._send(DONE)
        self._hang_up()
        limit_s = self._order.safe_within_s + 3 * GRACE_S
        try:
            self._process.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            return f"the guardian still tries after {limit_s:g} s; see {self._order.journal}"
        said = self._line()
        if self._process.returncode == 0:
            return ""
        try:
            found: list[str] = json.loads(said)
        except ValueError:
            return f"the guardian ended (exit {self._process.returncode}): {said}"
        return "; ".join(found)

    def _send(self, line: str) -> None:
        """Tell it something; one that is gone hears nothing, which its exit tells."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            return

    def _hang_up(self) -> None:
        """Close its input; what one that is gone was not told, nobody needs."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def _line(self) -> str:
        """Read one line of it, or its last words."""
        assert self._process.stdout is not None
        said = self._process.stdout.readline().decode().strip()
        if said:
            return said
        self._complaints.seek(0)
        return self._complaints.read().decode(errors="replace").strip()[-500:] or "it said nothing"

    def _let_go(self) -> None:
        """Close what connects to it."""
        self._hang_up()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._complaints.close()
        self._heart.close()
