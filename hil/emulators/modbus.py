"""Modbus TCP: reading and writing holding registers of a device, with its faults of replies.

Functions 3, 6 and 16 of the Modbus application protocol 1.1b3; any unit number is answered.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Protocol

from .server import Connection, Door, Served, Watch

READ, WRITE_ONE, WRITE = 3, 6, 16
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
MOST_READ, MOST_WRITTEN = 125, 123  # registers, Modbus application protocol 6.3 and 6.12
_HEADER = struct.Struct(">HHHB")  # transaction, protocol, bytes that follow, unit
_LONGEST = 254  # unit and protocol data unit


class ModbusError(Exception):
    """A request that is refused, by the number of its exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Registers(Protocol):
    """A device as holding registers."""

    def read(self, address: int, count: int) -> Sequence[int]:
        """Give registers; `ModbusError` where there are none."""

    def write(self, address: int, words: Sequence[int]) -> None:
        """Set registers; `ModbusError` for what cannot be set, and nothing is."""


class ModbusClient(Connection):
    """One client: requests in, responses out."""

    def __init__(self, door: "ModbusServer") -> None:
        super().__init__(door.instrument, door.heard, door.connections)
        self._registers, self._buffer = door.registers, b""

    def cut(self, data: bytes) -> Iterable[bytes]:
        """Cut into frames; a client that sends none is cut off."""
        data, found = self._buffer + data, list[bytes]()
        while len(data) >= _HEADER.size:
            _, protocol, length, _ = _HEADER.unpack_from(data)
            if protocol != 0 or not 2 <= length <= _LONGEST:
                self.transport.abort()
                return found
            if len(data) < 6 + length:
                break
            found.append(data[: 6 + length])
            data = data[6 + length :]
        self._buffer = data
        return found

    def carry_out(self, message: bytes) -> bytes:
        """Carry out one request."""
        transaction, protocol, _, unit = _HEADER.unpack_from(message)
        request = message[_HEADER.size :]
        try:
            response = self._respond(request)
        except ModbusError as refusal:
            response = bytes([request[0] | 0x80, refusal.code])
        return _HEADER.pack(transaction, protocol, 1 + len(response), unit) + response

    def _respond(self, request: bytes) -> bytes:
        """Carry out one protocol data unit."""
        function = request[0]
        if function not in (READ, WRITE_ONE, WRITE):
            raise ModbusError(ILLEGAL_FUNCTION)
        if len(request) < 5:
            raise ModbusError(ILLEGAL_VALUE)
        address, value = struct.unpack_from(">HH", request, 1)
        if function == READ:
            if len(request) != 5 or not 1 <= value <= MOST_READ:
                raise ModbusError(ILLEGAL_VALUE)
            words = self._registers.read(address, value)
            return struct.pack(f">BB{value}H", READ, 2 * value, *words)
        if function == WRITE_ONE:
            if len(request) != 5:
                raise ModbusError(ILLEGAL_VALUE)
            self._registers.write(address, [value])
            return request
        fits = len(request) > 5 and len(request) == 6 + request[5] == 6 + 2 * value
        if not (fits and 1 <= value <= MOST_WRITTEN):
            raise ModbusError(ILLEGAL_VALUE)
        self._registers.write(address, struct.unpack_from(f">{value}H", request, 6))
        return request[:5]


class ModbusServer(Door):
    """The Modbus door of an instrument.

    Parameters
    ----------
    instrument : Served
        Whose faults of replies, latency and watchdog hold here too.
    registers : Registers
        What is read and written.
    watch : Watch, optional
        Shared with the instrument's other doors.
    """

    def __init__(
        self, instrument: Served, registers: Registers, watch: Watch | None = None
    ) -> None:
        super().__init__(instrument, watch)
        self.registers = registers

    def connect(self) -> Connection:
        """Make the connection of a new client."""
        return ModbusClient(self)
