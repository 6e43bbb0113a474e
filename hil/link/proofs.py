"""How an answer is tied to its question: each proof holds some faults, and one of them is chosen.

A proof wraps a message before it goes out and unwraps the answer; what cannot be unwrapped
belongs to something else. Which fault each of them holds stands in docs/hil-link.md.
"""

import re
from typing import ClassVar, Protocol

from hil.errors import DeviceError

from .options import ProofName


class Unproven(Exception):
    """The answer does not carry what the question asked it to carry."""


class Proof(Protocol):
    """One way to tie an answer to its question.

    Attributes
    ----------
    alone : bool
        Whether every question needs a connection of its own.
    """

    alone: bool

    def wrap(self, message: str) -> str:
        """Add to a message what its answer is known by."""

    def unwrap(self, message: str, reply: str) -> str:
        """Take the answer out of what came.

        Raises
        ------
        Unproven
            It belongs to something else.
        DeviceError
            The device itself says that it did not understand.
        """


class Tag:
    """A number from 1 to 255 goes through the event status enable register and comes back.

    Every instrument of IEEE 488.2 writes and reads that register (10.10, 10.11), so that
    ``*ESE 7;<message>;*ESE?`` must end with ``;7``. A late, doubled or swapped answer carries
    another number for the next 254 questions. The register then no longer masks events for
    whoever else reads the status byte.
    """

    alone = False

    def __init__(self) -> None:
        self._tag = 0

    def wrap(self, message: str) -> str:
        """Set the register before, ask for it after."""
        self._tag = self._tag % 255 + 1
        return f"*ESE {self._tag};{message};*ESE?"

    def unwrap(self, message: str, reply: str) -> str:
        """Expect the register's value at the end."""
        answer, _, tag = reply.rpartition(";")
        if tag != str(self._tag):
            raise Unproven(f"with tag {self._tag} ")
        return answer


class Errors:
    """The error queue is asked in the same line: the answer must end with its entry.

    Proves that the line was understood and answered to its end, by this kind of device; two
    answers to different questions look the same. The device's own error is raised.
    """

    alone = False
    _ENTRY: ClassVar = re.compile(r'(?:(?P<answer>.*);)?(?P<code>[+-]?\d+),"(?:[^"]|"")*"')

    def wrap(self, message: str) -> str:
        """Ask for the queue's oldest entry after."""
        return f"{message};:SYST:ERR?"

    def unwrap(self, message: str, reply: str) -> str:
        """Expect ``0,"No error"`` at the end."""
        entry = self._ENTRY.fullmatch(reply)
        if entry is None:
            raise Unproven("with SYST:ERR? ")
        if int(entry["code"]):
            raise DeviceError(f"{message!r} was answered with {reply!r}")
        return entry["answer"] or ""


class Done:
    """``*OPC?`` is asked in the same line: the answer must end with its 1.

    Proves that the line was answered to its end; two answers to different questions look
    the same.
    """

    alone = False

    def wrap(self, message: str) -> str:
        """Ask whether it is done after."""
        return f"{message};*OPC?"

    def unwrap(self, message: str, reply: str) -> str:
        """Expect a 1 at the end."""
        answer, _, done = reply.rpartition(";")
        if done != "1":
            raise Unproven("with *OPC? ")
        return answer


class Bare:
    """Nothing is added; what is on the wire alone must prove the answer.

    Enough for HiSLIP, which numbers its messages. With a connection of its own for every
    question (`alone`) it is enough for a raw socket too: what was late on the last one is
    gone with it.
    """

    def __init__(self, *, alone: bool) -> None:
        self.alone = alone

    def wrap(self, message: str) -> str:
        """Leave it."""
        return message

    def unwrap(self, message: str, reply: str) -> str:
        """Take it as it is."""
        return reply


def proof_of(name: ProofName) -> Proof:
    """Make the proof of that name; each link has its own."""
    match name:
        case "tag":
            return Tag()
        case "errors":
            return Errors()
        case "done":
            return Done()
        case "fresh":
            return Bare(alone=True)
        case "none":
            return Bare(alone=False)
