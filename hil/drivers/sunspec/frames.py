"""Modbus TCP frames: what a question looks like, and which answers can be its own.

Modbus application protocol 1.1b3; Modbus messaging on TCP/IP 1.0b.
"""

import struct

READ, WRITE = 3, 16
MOST_READ, MOST_WRITTEN = 125, 123  # registers, application protocol 6.3 and 6.12
HEADER = struct.Struct(">HHHB")  # transaction, protocol, bytes that follow, unit
LONGEST = 260  # bytes, messaging on TCP/IP 3.1.3
_LEAST, _MOST = 3, LONGEST - 6  # bytes that follow: an exception's, and the longest
_ASK = struct.Struct(">BHH")
_EXCEPTION = 0x80
_REFUSALS = {
    1: "it has no such function",
    2: "it has no such register",
    3: "it does not take that value",
    4: "it failed",
    5: "it needs longer",
    6: "it is busy",
    8: "its memory is faulty",
    10: "no path through the gateway",
    11: "the device behind the gateway does not answer",
}
BEHIND_GATEWAY = (10, 11)


class Refused(Exception):
    """An exception response; the device understood that it was asked, and said no."""

    def __init__(self, code: int) -> None:
        super().__init__(_REFUSALS.get(code, "for a reason of its own") + f" (exception {code})")
        self.code = code


class Strange(Exception):
    """A frame that cannot be the answer to the question."""


def read_request(address: int, count: int) -> bytes:
    """Ask for holding registers."""
    return _ASK.pack(READ, address, count)


def write_request(address: int, data: bytes) -> bytes:
    """Set holding registers."""
    return _ASK.pack(WRITE, address, len(data) // 2) + bytes([len(data)]) + data


def framed(transaction: int, unit: int, request: bytes) -> bytes:
    """Put a request into its frame."""
    return HEADER.pack(transaction, 0, 1 + len(request), unit) + request


def length_of(start: bytes) -> int | None:
    """How long the frame is that begins like this; None while that cannot be told. [bytes]

    Raises
    ------
    Strange
        No frame begins like this.
    """
    strange = start[2:4].strip(b"\0")  # the protocol is 0
    if len(start) < HEADER.size and not strange:
        return None
    follow = int.from_bytes(start[4:6])
    if strange or not _LEAST <= follow <= _MOST:
        raise Strange(f"{start[:16].hex(' ')} is no Modbus frame")
    return 6 + follow


def answer_of(frame: bytes, transaction: int, unit: int, request: bytes) -> bytes:
    """Take the registers out of an answer, which must be this request's; empty for a write.

    Raises
    ------
    Refused
        It is an exception response.
    Strange
        It answers something else, or nothing.
    """
    length = length_of(frame)
    if length is None or len(frame) < length:
        raise Strange(f"{frame.hex(' ')} is no whole frame")
    if len(frame) > length:
        raise Strange("answered twice")
    found, _, _, answering = HEADER.unpack_from(frame)
    if found != transaction:
        raise Strange(f"answer {found} came to question {transaction}")
    if answering != unit:
        raise Strange(f"unit {answering} answered for unit {unit}")
    return _contents(frame[HEADER.size :], request)


def _contents(response: bytes, request: bytes) -> bytes:
    """Compare a response with its request, and take out what it carries."""
    if response[0] == request[0] | _EXCEPTION and len(response) == 2:
        raise Refused(response[1])
    if request[0] == WRITE:
        if response != request[: _ASK.size]:
            raise Strange(f"{response.hex(' ')} confirms something else")
        return b""
    count = _ASK.unpack(request)[2]
    if response[:2] != bytes([READ, 2 * count]) or len(response) != 2 + 2 * count:
        raise Strange(f"{response[:16].hex(' ')} are not {count} registers")
    return response[2:]
