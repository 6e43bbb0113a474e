"""A SunSpec device made by hand: registers in a list, Modbus in thirty lines of socketserver.

It shares nothing with our emulator or with pysunspec2; the layouts are written out from the
models' tables, so that the numbers in tests can be followed with a pencil.
"""

import contextlib
import socket
import socketserver
import struct
import threading
import time

BASE = 40_000
ABSENT = 0xFFFF
NO_FACTOR = 0x8000


def text(words, given):
    return list(struct.unpack(f">{words}H", given.encode().ljust(2 * words, b"\0")))


def signed(value):
    return value & 0xFFFF


def common(serial="SN-7"):
    named = [*text(16, "Maker"), *text(16, "Model"), *text(8, ""), *text(8, "1.4")]
    return [1, 66, *named, *text(16, serial), 1, 0x8000]


def legacy(*, pct_factor=-1, w_factor=1):
    """Models 103, 121 and 123 of a 10 kW inverter that feeds 1 230 W and is at its maximum power.

    Limit at 250 counts of a tenth: 25 %.
    """
    m103 = [103, 50, *50 * [ABSENT]]
    m103[14:16] = [123, signed(w_factor)]  # W, W_SF
    m103[20:22] = [signed(-45), signed(w_factor)]  # VAr
    m103[24:27] = [0, 4321, 0]  # WH, acc32, and its factor
    m103[38] = 4  # St: MPPT
    m121 = [121, 30, *30 * [ABSENT]]
    m121[2], m121[22] = 1000, signed(1)  # WMax of ten watts
    m123 = [123, 24, *24 * [ABSENT]]
    m123[5:10] = [250, 0, 0, 0, 0]  # WMaxLimPct, WinTms, RvrtTms, RmpTms, WMaxLim_Ena
    m123[23] = signed(pct_factor)
    return [*m103, *m121, *m123]


def modern(*, pct_factor=-1):
    """Models 701, 702 and 704 of the same inverter, throttled."""
    m701 = [701, 153, *153 * [ABSENT]]
    m701[4] = 4  # InvSt: throttled
    m701[10], m701[12] = 123, signed(-45)  # W, Var
    m701[19:23] = [0, 0, 0, 4321]  # TotWhInj
    m701[113:123] = [0, 0, 0, 1, 0, 1, 1, 0, 0, 0]  # A, V, Hz, W, PF, VA, Var, TotWh, … _SF
    m702 = [702, 50, *50 * [ABSENT]]
    m702[26] = 1000  # WMax
    m702[45] = 1  # W_SF
    m704 = [704, 65, *65 * [ABSENT]]
    m704[14:20] = [0, 1000, 0, 0, 0, 0]  # Ena, Pct, Rvrt, EnaRvrt, RvrtTms
    m704[53:59] = [0, signed(pct_factor), 0, 0, 0, 0]
    return [*m701, *m702, *m704]


class HandMade:
    """Registers behind a port of this machine, and what goes wrong with chosen answers.

    Attributes
    ----------
    words : list of int
    writes : list of (int, list of int)
        Every write that came: register, and what it was set to.
    spoil : callable or None
        Gets the next answer that is due, gives the pieces that go out: bytes, seconds of
        silence, or None for the end of the connection. For one answer alone.
    """

    def __init__(self, *models, serial="SN-7"):
        words = [*struct.unpack(">2H", b"SunS"), *common(serial)]
        self.words = [*words, *(word for model in models for word in model), 0xFFFF, 0]
        self.writes, self.spoil = [], None
        self._server = _Server(("127.0.0.1", 0), _Client)
        self._server.device = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def address(self):
        return f"sunspec://127.0.0.1:{self._server.server_address[1]}/7"

    def at(self, model, offset):
        """Place of a point in `words`, by its model and its offset there."""
        place = 2
        while self.words[place] != model:
            place += 2 + self.words[place + 1]
        return place + offset

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        for connection in list(self._server.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join()

    def answer(self, request):
        function, address, count = struct.unpack_from(">BHH", request)
        place = address - BASE
        if place < 0 or place + count > len(self.words):
            return bytes([function | 0x80, 2])
        if function == 3:
            return struct.pack(f">BB{count}H", 3, 2 * count, *self.words[place : place + count])
        words = struct.unpack_from(f">{count}H", request, 6)
        self.writes.append((place, list(words)))
        self.words[place : place + count] = words
        return request[:5]


class _Server(socketserver.ThreadingTCPServer):
    """Its end waits for all connections, which it ends first."""

    def __init__(self, *where):
        super().__init__(*where)
        self.connections = set()


class _Client(socketserver.BaseRequestHandler):
    def setup(self):
        self.server.connections.add(self.request)

    def finish(self):
        self.server.connections.discard(self.request)

    def handle(self):
        with contextlib.suppress(OSError):  # a driver may go at any moment
            self._serve()

    def _serve(self):
        device = self.server.device
        while len(head := self.request.recv(7)) == 7:
            transaction, protocol, follow, unit = struct.unpack(">HHHB", head)
            reply = device.answer(self.request.recv(follow - 1))
            frame = struct.pack(">HHHB", transaction, protocol, 1 + len(reply), unit) + reply
            spoil, device.spoil = device.spoil, None
            for piece in (frame,) if spoil is None else spoil(frame):
                if piece is None:
                    return
                if isinstance(piece, bytes):
                    self.request.sendall(piece)
                else:
                    time.sleep(piece)
