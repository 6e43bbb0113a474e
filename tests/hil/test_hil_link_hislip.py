"""HiSLIP: numbered messages, against a server that numbers them as the test says."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from hil.errors import DeviceError, LinkError
from hil.link.options import LinkOptions
from hil.link.visa import VisaLink, open_link

HEADER = struct.Struct("!2sBBIQ")
DATA, DATA_END, FATAL = 6, 7, 2
LONG_S = 30.0

Message = tuple[int, int, bytes]  # type, number against the question's, payload
Reply = list[Message] | Callable[[socket.socket], None]


def exactly(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = client.recv(count - len(data))
        if not piece:
            raise OSError("gone")
        data += piece
    return data


class Server:
    """Written replies in order; ``*IDN?`` is answered by itself."""

    def __init__(self, *replies: Reply) -> None:
        self.replies, self.heard = list(replies), []
        self._server = socket.create_server(("127.0.0.1", 0))
        self._clients: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.address = f"TCPIP0::127.0.0.1::hislip0,{self._server.getsockname()[1]}::INSTR"
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self._clients.append(client)
                self._threads.append(threading.Thread(target=self._serve, args=(client,)))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                _, kind, _, number, length = HEADER.unpack(exactly(client, HEADER.size))
                payload = exactly(client, length)
                self._answer(client, kind, number, payload)

    def _answer(self, client: socket.socket, kind: int, number: int, payload: bytes) -> None:
        def send(kind: int, number: int, payload: bytes = b"") -> None:
            header = HEADER.pack(b"HS", kind, 0, number & 0xFFFF_FFFF, len(payload))
            client.sendall(header + payload)

        if kind == 0:
            send(1, 0x0100_0001)
        elif kind == 17:
            send(18, 0)
        elif kind == 15:
            send(16, 0, struct.pack("!Q", 1 << 20))
        elif payload == b"*IDN?\n":
            send(DATA_END, number, b"Maker,Model,1,1\n")
        elif kind == DATA_END:
            self.heard.append(payload.strip().decode())
            reply = self.replies.pop(0) if self.replies else []
            if callable(reply):
                reply(client)
            else:
                for kind, offset, answer in reply:
                    send(kind, number + offset if offset < 100 else 0xFFFF_FFFF, answer)

    def stop(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._accepting.join()
        for client in self._clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for client in self._clients:
            client.close()


@contextlib.contextmanager
def served(*replies: Reply, timeout_s: float = LONG_S) -> Iterator[tuple[Server, VisaLink]]:
    server = Server(*replies)
    try:
        options = LinkOptions(proof="none")  # the numbers alone must hold
        with open_link(server.address, timeout_s=timeout_s, name="roof", options=options) as link:
            yield server, link
    finally:
        server.stop()


def close(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_RDWR)


def test_questions_are_answered_in_turn_and_a_message_may_come_in_pieces():
    with served([(DATA_END, 0, b"1.5\n")], [(DATA, 0, b"RUN"), (DATA_END, 0, b";2")]) as (
        server,
        link,
    ):
        assert (link.query("A?"), link.query("B?")) == ("1.5", "RUN;2")
        assert (server.heard, link.connects) == (["A?", "B?"], 1)


def test_answers_to_earlier_questions_are_dropped_by_their_number():
    late = [(DATA_END, -2, b"11\n"), (DATA, -2, b"1"), (DATA_END, 0, b"22\n")]
    with served([(DATA_END, 0, b"11\n")], late, [(DATA_END, 0, b"33\n")]) as (_, link):
        assert [link.query(f"{n}?") for n in "ABC"] == ["11", "22", "33"]
        assert link.connects == 1


def test_half_an_earlier_answer_is_not_joined_to_this_one():
    with served([(DATA, 0, b"9"), (DATA, -2, b"8"), (DATA_END, 0, b"7\n")]) as (_, link):
        assert link.query("A?") == "7"


WRONG: dict[str, tuple[Reply, type[Exception], str]] = {
    "silence": ([], LinkError, "nothing within"),
    "only a late one": ([(DATA_END, -2, b"11\n")], LinkError, "nothing within"),
    "a number from ahead": ([(DATA_END, 2, b"11\n")], LinkError, "nothing within"),
    "no end": ([(DATA, 0, b"12")], LinkError, "nothing within"),
    "no number": ([(DATA_END, 100, b"12\n")], LinkError, "does not number"),
    "two lines": ([(DATA_END, 0, b"12\n13\n")], LinkError, "answered twice"),
    "empty": ([(DATA_END, 0, b"")], DeviceError, "was answered with"),
    "not ASCII": ([(DATA_END, 0, b"1\xb0\n")], DeviceError, "was answered with"),
    "megabytes": ([(DATA_END, 0, b"1" * 3_000_000)], DeviceError, "over 4096 bytes"),
    "in many pieces": ([(DATA, 0, b"1" * 4000)] * 3, DeviceError, "over 4096 bytes"),
    "fatal error": ([(FATAL, 0, b"overload")], LinkError, "HiSLIP message 2: b'overload'"),
    "another protocol": (lambda c: c.sendall(b"HTTP/1.1 400 Bad"), LinkError, "no HiSLIP message"),
    "closed": (close, LinkError, "closed the connection"),
}


@pytest.mark.parametrize(("reply", "error", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_answer_is_refused_and_the_next_question_gets_its_own(reply, error, words):
    timeout_s = 0.1 if words.endswith("within") else LONG_S
    with served(reply, [(DATA_END, 0, b"7\n")], timeout_s=timeout_s) as (server, link):
        with pytest.raises(error, match=words):
            link.query("A?")
        assert link.query("B?") == "7"
        assert (server.heard, link.connects) == (["A?", "B?"], 2)


def test_a_copy_of_an_answer_is_refused_or_dropped():
    doubled = [(DATA_END, 0, b"11\n"), (DATA_END, 0, b"11\n")]
    with served(doubled, [(DATA_END, 0, b"22\n")]) as (_, link):
        assert link.query("A?") == "11"
        with contextlib.suppress(LinkError):  # refused where it lies there already
            assert link.query("B?") == "22"


def test_nobody_at_the_address_is_an_error_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(LinkError, match="roof: cannot open TCPIP0"):
        open_link(f"TCPIP0::127.0.0.1::hislip0,{port}::INSTR", timeout_s=LONG_S, name="roof")


def test_a_server_that_closes_at_once_is_an_error():
    server = socket.create_server(("127.0.0.1", 0))

    def hang_up() -> None:
        with contextlib.suppress(OSError):
            while True:
                server.accept()[0].close()

    thread = threading.Thread(target=hang_up)
    thread.start()
    try:
        address = f"TCPIP0::127.0.0.1::hislip0,{server.getsockname()[1]}::INSTR"
        with pytest.raises(LinkError, match="cannot open"):
            open_link(address, timeout_s=LONG_S)
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
