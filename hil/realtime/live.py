"""Devices in their own time: a tick says what it asks and reads what is newest, and never waits.

::

    with RealTimeExchange(partial(open_armed, armed), {"mill": OnLoss()}) as exchange:
        answered = exchange.exchange(asked)  # every tick: some microseconds
"""

import multiprocessing
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

import numpy as np

from hil.errors import LinkError, UnsafeError
from hil.exchange import Answered, Asked, BoolArray, FloatArray, Happened
from hil.station import OnLoss

from .board import ENERGY_KWH, MEASURED_S, P_KW, Q_KVAR, TRIPPED, Board
from .io_process import Opener, Settings, drive
from .messages import Broken, Failed, Inject, Quieted, Ready, Refused, Stop

START_S = 30.0
"""Longest that opening devices may take when no loop is tried. [s]"""


class RealTimeExchange:
    """Nodes in a process of their own, one thread each.

    Parameters
    ----------
    opener : callable
        Gives the context in which devices are open; it runs in the other process, where it
        comes by pickle. See `hil.realtime.opening.open_armed`.
    on_loss : mapping of str to OnLoss
        What each node does when it is lost, in the order of the arrays.
    start_s, stop_s : float
        Longest that opening, and making safe, may take. [s]
    quiet_s : float
        Devices are made safe when no tick has come for so long. [s]

    Notes
    -----
    The age of a reading is the time since it was measured, so about a tick when all is well.
    Once it is older than the node's `OnLoss.after_s`, the node does what that says and its
    ticks are stale, until a newer reading comes.

    The other process makes its devices safe when this one ends in whatever way, and when it
    falls silent. It cannot when it is itself killed, or stopped: that is the guardian's part.
    """

    def __init__(
        self,
        opener: Opener,
        on_loss: Mapping[str, OnLoss],
        *,
        start_s: float = START_S,
        stop_s: float = 10.0,
        quiet_s: float = 3.0,
    ) -> None:
        self.names = tuple(on_loss)
        self._opener, self._quiet_s = opener, quiet_s
        self._start_s, self._stop_s = start_s, stop_s
        self._after_s = np.array([loss.after_s for loss in on_loss.values()])
        self._holds = np.array([loss.action == "hold" for loss in on_loss.values()])
        self._aborts = np.array([loss.action == "abort" for loss in on_loss.values()])
        self._was_stale = np.zeros(len(self.names), dtype=np.bool_)
        self._any_stale = False
        self._because: dict[str, str] = {}
        self._log: list[Happened] = []
        self._heard = 0
        self._ready = False
        self._failure: Exception | None = None
        self._unsafe: str | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Start the process, and wait until all devices are open.

        Raises
        ------
        BenchError
            What kept them from opening.
        """
        # Spawned, not forked: a fork would carry over threads' locks, and mosaik's loop.
        context = multiprocessing.get_context("spawn")
        with ExitStack() as opening:
            self._board = opening.enter_context(Board(len(self.names)))
            self._bell, far_bell = socket.socketpair()
            self._pipe, far_pipe = context.Pipe()
            opening.enter_context(self._bell)
            opening.enter_context(self._pipe)
            self._bell.setblocking(False)
            settings = Settings(self._opener, self.names, self._board.name, self._quiet_s)
            with far_bell, far_pipe:
                self.process = context.Process(
                    target=drive,
                    args=(settings, far_bell, far_pipe),
                    name="peerwatt-devices",
                    daemon=True,
                )
                self.process.start()
            opening.callback(self._stop)
            self._await_ready()
            self._open = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Have the devices made safe, and end the process.

        Raises
        ------
        UnsafeError
            They may not be safe.
        """
        self._open.close()
        if self._unsafe is None:
            return
        unsafe = UnsafeError(f"devices may not be in their safe state: {self._unsafe}")
        if fault is None:
            raise unsafe
        fault.add_note(str(unsafe))

    def exchange(self, asked: Asked) -> Answered:
        """Say what this tick asks, and tell what the nodes last said; it never waits.

        Raises
        ------
        LinkError
            A node is lost that says ``abort``.
        BenchError
            The process of the devices ended, and why.
        """
        board = self._board
        board.ask(asked)
        self._ring()
        seen = board.readings()
        age_s = time.monotonic() - seen[:, MEASURED_S]
        if board.messages != self._heard:
            self._listen()
            if self._failure is not None:
                raise self._failure
        stale = age_s > self._after_s
        p_kw, q_kvar = seen[:, P_KW], seen[:, Q_KVAR]
        tripped = seen[:, TRIPPED].astype(np.bool_)
        any_stale = True in stale.tolist()  # for few nodes a tenth of what `any` takes
        if any_stale or self._any_stale:
            self._any_stale = any_stale
            self._note_losses(stale, age_s)
            gone = stale & ~self._holds
            p_kw, q_kvar = np.where(gone, 0.0, p_kw), np.where(gone, 0.0, q_kvar)
            tripped |= gone
        return Answered(p_kw, q_kvar, tripped, age_s, stale, seen[:, ENERGY_KWH])

    def happened(self) -> tuple[Happened, ...]:
        """Tell what happened since this was last asked."""
        told, self._log = tuple(self._log), []
        return told

    def inject(self, name: str, fault: str, *values: float) -> None:
        """Make an emulated device misbehave, as soon as its thread is free."""
        self._pipe.send(Inject(name, fault, values))

    def clear_faults(self, name: str) -> None:
        """Make it behave again, as soon as its thread is free."""
        self._pipe.send(Inject(name, None, ()))

    def _ring(self) -> None:
        """Wake those who speak to the devices; a bell that nobody hears is no reason to wait."""
        try:
            self._bell.send(b"\0")
        except BlockingIOError:
            pass
        except OSError as failure:
            self._listen()
            if self._failure is None:
                self._failure = LinkError(f"the process of the devices is gone: {failure}")
            raise self._failure from failure

    def _note_losses(self, stale: BoolArray, age_s: FloatArray) -> None:
        """Remember who was lost and who is back; stop where a node says so."""
        now_s = time.monotonic()
        for place in np.flatnonzero(stale != self._was_stale):
            name = self.names[place]
            if stale[place]:
                old = f"nothing newer than {age_s[place]:.3g} s"
                because = f"{old}: {self._because.get(name, 'no answer yet')}"
                self._log.append(Happened(name, "lost", because, now_s))
            else:
                self._because.pop(name, None)
                self._log.append(Happened(name, "back", "a new reading", now_s))
        self._was_stale = stale
        for place in np.flatnonzero(stale & self._aborts):
            name = self.names[place]
            because = self._because.get(name, "no answer")
            raise LinkError(f"{name} is lost and says abort; the run was stopped: {because}")

    def _listen(self) -> None:
        """Take the messages that have come."""
        self._heard = self._board.messages
        if not self._drain() and self._failure is None:
            self._failure = LinkError("the process of the devices is gone; see the guardian")

    def _drain(self) -> bool:
        """Take what is in the pipe; tell whether its other end is still there."""
        try:
            while self._pipe.poll():
                self._take(self._pipe.recv())
        except (EOFError, OSError):
            return False
        return True

    def _take(self, message: object) -> None:
        """Take one message."""
        match message:
            case Failed(name, because):
                self._because[name] = because
            case Refused(name, because, at_s):
                self._log.append(Happened(name, "refused", because, at_s))
            case Quieted(name, because, at_s):
                self._log.append(Happened(name, "made safe", because, at_s))
            case Broken(failure):
                self._failure = failure
            case Ready():
                self._ready = True

    def _await_ready(self) -> None:
        """Wait until every node was read once."""
        deadline_s = time.monotonic() + self._start_s
        while not self._ready and self._failure is None:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise LinkError(f"the devices were not open within {self._start_s:g} s")
            self._pipe.poll(left_s)
            self._listen()
        if self._failure is not None:
            raise self._failure

    def _stop(self) -> None:
        """End the process: politely, so that it makes its devices safe, then by force."""
        with suppress(OSError):  # it may be gone already
            self._pipe.send(Stop())
        self.process.join(self._stop_s)
        known = self._failure
        self._drain()
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
            self._unsafe = f"not done within {self._stop_s:g} s; their process was ended"
        elif self.process.exitcode != 0:
            self._unsafe = f"their process ended with code {self.process.exitcode}"
        elif self._failure is not known:
            self._unsafe = str(self._failure)
        self.process.close()
