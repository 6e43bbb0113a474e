"""The interlock input: asked again and again, by a thread of its own, while anything is driven."""

import threading
from collections.abc import Callable

from hil.errors import BenchError, UnsafeError
from hil.roles import Device, Questionable
from hil.station import Interlock

POLL_S = 0.2
UNREAD = 3
"""How many times in a row it may not be readable before that counts as open."""


def check(interlock: Interlock, device: Device) -> None:
    """Ask whether the bench may be energised.

    Raises
    ------
    UnsafeError
        The interlock is open, or its device cannot be asked.
    BenchError
        Its device does not answer.
    """
    if not isinstance(device, Questionable):
        raise UnsafeError(
            f"the interlock cannot be read: the driver of {device.name} has no ask(), which "
            f"{interlock.query!r} needs"
        )
    answer = device.ask(interlock.query)
    if answer.strip() != interlock.expected:
        raise UnsafeError(
            f"the interlock is open: {device.name} answers {answer!r} to {interlock.query!r}; "
            f"expected {interlock.expected!r}"
        )


class InterlockWatch(threading.Thread):
    """Asks until it is open or the block ends.

    Parameters
    ----------
    interlock : Interlock
    device : Device
        Which one thread at a time may speak to, as `limited` sees to.
    trip : callable
        Told why, once, when it is open or cannot be read.
    poll_s : float
        Time between two questions. [s]
    """

    def __init__(
        self,
        interlock: Interlock,
        device: Device,
        trip: Callable[[str], None],
        *,
        poll_s: float = POLL_S,
    ) -> None:
        super().__init__(name="interlock", daemon=True)
        self._interlock, self._device, self._trip = interlock, device, trip
        self._poll_s, self._over = poll_s, threading.Event()

    def run(self) -> None:
        """Ask; what cannot be read a few times in a row is open."""
        unread = 0
        while not self._over.wait(self._poll_s):
            try:
                check(self._interlock, self._device)
                unread = 0
            except UnsafeError as opened:
                return self._trip(str(opened))
            except Exception as failure:
                unread += 1
                if unread == UNREAD:
                    return self._trip(f"the interlock cannot be read: {failure}")
        return None

    def end(self) -> None:
        """Ask no more."""
        self._over.set()
        self.join(1.0)


def check_at_first(interlock: Interlock, device: Device) -> None:
    """Ask before anything is energised, when silence is as bad as an open one.

    Raises
    ------
    UnsafeError
        It is not known to be closed.
    """
    try:
        check(interlock, device)
    except UnsafeError:
        raise
    except BenchError as failure:
        raise UnsafeError(f"the interlock cannot be read: {failure}") from failure
