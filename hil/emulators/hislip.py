"""A SCPI instrument over HiSLIP: a synchronous and an asynchronous channel to each client.

After IVI-6.1, version 1.0, in synchronised mode: messages with their numbers, status query,
device clear, locks (granted and told, not enforced), interrupted answers. Only what a client
of an instrument needs: no overlapped mode, no encryption.
"""

import itertools
import struct
from collections.abc import Iterable
from typing import NamedTuple

from .server import MAX_LINE, Connection, Door, Served, Watch

_HEADER = struct.Struct("!2sBBIQ")  # IVI-6.1, 2.5: prologue, type, control code, parameter, length
_MESSAGE_BYTES = MAX_LINE
_VERSION = 0x0100

INITIALIZE, INITIALIZE_RESPONSE, FATAL_ERROR, ERROR = 0, 1, 2, 3
ASYNC_LOCK, ASYNC_LOCK_RESPONSE, DATA, DATA_END = 4, 5, 6, 7
CLEAR_COMPLETE, CLEAR_ACKNOWLEDGE = 8, 9
REMOTE_LOCAL, REMOTE_LOCAL_RESPONSE, TRIGGER, INTERRUPTED, ASYNC_INTERRUPTED = 10, 11, 12, 13, 14
MAX_SIZE, MAX_SIZE_RESPONSE, ASYNC_INITIALIZE, ASYNC_INITIALIZE_RESPONSE = 15, 16, 17, 18
ASYNC_CLEAR, STATUS_QUERY, STATUS_RESPONSE, ASYNC_CLEAR_ACKNOWLEDGE = 19, 21, 22, 23
LOCK_INFO, LOCK_INFO_RESPONSE = 24, 25

_BAD_HEADER, _BAD_SEQUENCE = 1, 3  # fatal errors, IVI-6.1, table 7
_UNKNOWN_TYPE, _TOO_LARGE = 1, 4  # errors, IVI-6.1, table 9
_MESSAGE_AVAILABLE = 16


class Message(NamedTuple):
    """One message of the protocol."""

    kind: int
    control: int = 0
    parameter: int = 0
    payload: bytes = b""

    def spell(self) -> bytes:
        """Spell it as bytes."""
        return _HEADER.pack(b"HS", *self[:3], len(self.payload)) + self.payload


class Session:
    """The two channels of one client."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.synchronous: Channel | None = None
        self.asynchronous: Channel | None = None


class Channel(Connection):
    """One of the two connections of a client; its first message says which."""

    door: "HislipServer"

    def __init__(self, door: "HislipServer") -> None:
        super().__init__(door.instrument, door.heard, door.connections)
        self.door = door
        self.session: Session | None = None
        self._buffer, self._skip = b"", 0
        self._collected, self._overlong = b"", False

    def cut(self, data: bytes) -> Iterable[bytes]:
        """Cut into messages; the payload of one that is too large is thrown away as it comes."""
        found: list[bytes] = []
        data = self._buffer + data
        while True:
            skipped = min(self._skip, len(data))
            data, self._skip = data[skipped:], self._skip - skipped
            if len(data) < _HEADER.size:
                break
            prologue, _, _, parameter, length = _HEADER.unpack_from(data)
            if prologue != b"HS":
                self.send(Message(FATAL_ERROR, _BAD_HEADER, 0, b"no prologue").spell())
                self.transport.close()
                return found
            if length > MAX_LINE:
                found.append(Message(ERROR, _TOO_LARGE, parameter).spell())
                data, self._skip = data[_HEADER.size :], length
                continue
            if len(data) < _HEADER.size + length:
                break
            found.append(data[: _HEADER.size + length])
            data = data[_HEADER.size + length :]
        self._buffer = data
        return found

    def carry_out(self, message: bytes) -> bytes | None:
        """Carry out one message of either channel."""
        _, kind, control, parameter, _ = _HEADER.unpack_from(message)
        received = Message(kind, control, parameter, message[_HEADER.size :])
        if self.session is None:
            answer = self._introduce(received)
        elif self is self.session.asynchronous:
            answer = self.door.attend(self.session, received)
        else:
            return self._talk(received)
        # What is no answer of the instrument is never spoilt.
        self.send(answer.spell())
        if answer.kind == FATAL_ERROR:
            self.transport.close()
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """End the other channel too."""
        super().connection_lost(exc)
        if self.session is not None:
            self.door.end(self.session)

    def clear(self) -> None:
        """Forget what was said and what was to be answered."""
        self.forget()
        self.transport.resume_reading()
        self._collected, self._overlong = b"", False

    @property
    def answers_late(self) -> bool:
        """Whether an answer is on its way."""
        return bool(self._late) or self._thinks is not None

    def _introduce(self, received: Message) -> Message:
        """Open a session, or its second channel."""
        if received.kind == INITIALIZE:
            self.session = self.door.open_session(self)
            return Message(INITIALIZE_RESPONSE, 0, _VERSION << 16 | self.session.number)
        session = self.door.sessions.get(received.parameter)
        if received.kind == ASYNC_INITIALIZE and session and session.asynchronous is None:
            self.session, session.asynchronous = session, self
            return Message(ASYNC_INITIALIZE_RESPONSE, 0, int.from_bytes(b"PW"))
        return Message(FATAL_ERROR, _BAD_SEQUENCE, 0, b"initialize comes first")

    def _talk(self, received: Message) -> bytes | None:
        """Carry out a message of the synchronous channel."""
        kind = received.kind
        if kind in (DATA, DATA_END):
            self._interrupt(received.parameter)
            self._collect(received.payload)
            return self._execute(received.parameter) if kind == DATA_END else None
        if kind == CLEAR_COMPLETE:
            self.clear()
            self.send(Message(CLEAR_ACKNOWLEDGE).spell())
        elif kind == ERROR and received.control == _TOO_LARGE:
            # Its payload was thrown away as it came; the rest of the program message goes too.
            self._collected, self._overlong = b"", True
            self.send(Message(ERROR, _TOO_LARGE, 0, b"too large").spell())
        elif kind != TRIGGER:
            self.send(Message(ERROR, _UNKNOWN_TYPE, 0, b"unknown message").spell())
        return None

    def _collect(self, payload: bytes) -> None:
        """Add to a program message that comes in parts."""
        if len(self._collected) + len(payload) > MAX_LINE:
            self._collected, self._overlong = b"", True
        else:
            self._collected += payload

    def _execute(self, number: int) -> bytes | None:
        """Carry out a whole program message; its answer has its number."""
        line, overlong = self._collected, self._overlong
        self._collected, self._overlong = b"", False
        if overlong:
            self.instrument.report(-363)
            return None
        answer = self.instrument.execute(line.rstrip(b"\r\n").decode("latin-1"))
        if answer is None:
            return None
        return Message(DATA_END, 0, number, answer.encode("ascii") + b"\n").spell()

    def _interrupt(self, number: int) -> None:
        """Take back an answer that was not read before the next message (IVI-6.1, 3.1.1)."""
        if not self.take_back():
            return
        self.instrument.report(-410)
        self.send(Message(INTERRUPTED, 0, number).spell())
        if self.session is not None and self.session.asynchronous is not None:
            self.session.asynchronous.send(Message(ASYNC_INTERRUPTED, 0, number).spell())


class HislipServer(Door):
    """The HiSLIP door of an instrument.

    Attributes
    ----------
    sessions : dict of int to Session
        Clients that are there.
    """

    def __init__(self, instrument: Served, watch: Watch | None = None) -> None:
        super().__init__(instrument, watch)
        self.sessions: dict[int, Session] = {}
        self._numbers = itertools.count(1)
        self._owner: Session | None = None

    def connect(self) -> Connection:
        """Make the connection of a new client."""
        return Channel(self)

    def open_session(self, channel: Channel) -> Session:
        """Begin a session with its synchronous channel."""
        number = next(self._numbers) & 0xFFFF
        session = self.sessions[number] = Session(number)
        session.synchronous = channel
        return session

    def end(self, session: Session) -> None:
        """End a session when either of its channels ends."""
        if self.sessions.pop(session.number, None) is None:
            return
        if self._owner is session:
            self._owner = None
        for channel in (session.synchronous, session.asynchronous):
            if channel is not None:
                channel.transport.abort()

    def attend(self, session: Session, received: Message) -> Message:
        """Answer a message of the asynchronous channel."""
        kind = received.kind
        if kind == MAX_SIZE:
            return Message(MAX_SIZE_RESPONSE, 0, 0, struct.pack("!Q", _MESSAGE_BYTES))
        if kind == STATUS_QUERY:
            return Message(STATUS_RESPONSE, self._status(session))
        if kind == ASYNC_CLEAR:
            if session.synchronous is not None:
                session.synchronous.clear()
            return Message(ASYNC_CLEAR_ACKNOWLEDGE)
        if kind == ASYNC_LOCK:
            return Message(ASYNC_LOCK_RESPONSE, self._lock(session, received.control == 1))
        if kind == LOCK_INFO:
            held = int(self._owner is not None)
            return Message(LOCK_INFO_RESPONSE, held, held)
        if kind == REMOTE_LOCAL:
            return Message(REMOTE_LOCAL_RESPONSE)
        return Message(ERROR, _UNKNOWN_TYPE, 0, b"unknown message")

    def _status(self, session: Session) -> int:
        """Sum up what waits for this client."""
        status_byte = self.instrument.status_byte()
        late = session.synchronous is not None and session.synchronous.answers_late
        return status_byte | _MESSAGE_AVAILABLE if late else status_byte & ~_MESSAGE_AVAILABLE

    def _lock(self, session: Session, wanted: bool) -> int:
        """Give or take the exclusive lock: 1 is success, 0 failure, 3 an error."""
        if wanted:
            if self._owner not in (None, session):
                return 0
            self._owner = session
            return 1
        if self._owner is not session:
            return 3
        self._owner = None
        return 1
