"""The link against a device that answers what the test writes: no wrong value is accepted."""

import contextlib
import os
import re
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from hil.errors import BenchError, DeviceError, IdentityError, LinkError
from hil.link.address import read_address
from hil.link.options import LinkOptions
from hil.link.proofs import proof_of
from hil.link.transport import MAX_LINE, Lost, Transport
from hil.link.visa import VisaLink, open_link
from hil.link.wires import open_transport

IDENTITY = "Maker,Model,1,1"
LONG_S = 30.0  # no test waits that long: whoever needs a timeout to notice would be seen

Reply = bytes | Callable[[socket.socket], None] | None
TAGGED = re.compile(rb"\*ESE (\d+);(.*);\*ESE\?\n")


class Puppet:
    """A device on loopback that gives written replies, in order, whoever asks.

    A reply is bytes, where ``TAG`` becomes the tag of the question; a function of the socket;
    or None for silence. ``*IDN?`` is answered by itself.
    """

    def __init__(self, *replies: Reply, port: int = 0) -> None:
        self.replies, self.identity = list(replies), IDENTITY.encode()
        self.heard: list[bytes] = []
        self._clients: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", port))
        self.port = self._server.getsockname()[1]
        self.address = f"TCPIP0::127.0.0.1::{self.port}::SOCKET"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self._clients.append(client)
                with contextlib.suppress(OSError), client.makefile("rb") as lines:
                    for line in lines:
                        self._answer(client, line)

    def _answer(self, client: socket.socket, line: bytes) -> None:
        if line == b"*IDN?\n":
            client.sendall(self.identity + b"\n")
            return
        tagged = TAGGED.fullmatch(line)
        self.heard.append(tagged[2] if tagged else line.strip())
        reply = self.replies.pop(0) if self.replies else None
        if callable(reply):
            reply(client)
        elif reply is not None:
            client.sendall(reply.replace(b"TAG", tagged[1] if tagged else b""))

    def stop(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for client in self._clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for client in self._clients:
            client.close()


@contextlib.contextmanager
def puppet(*replies: Reply, timeout_s: float = LONG_S) -> Iterator[tuple[Puppet, VisaLink]]:
    device = Puppet(*replies)
    try:
        with open_link(device.address, timeout_s=timeout_s, name="roof") as link:
            yield device, link
    finally:
        device.stop()


def close(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_RDWR)


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(client.detach())  # the reader beside it keeps an ordinary close waiting


def test_questions_are_answered_in_turn_on_one_connection():
    with puppet(b"1.5;TAG\n", b"RUN;WAIT;TAG\r\n") as (device, link):
        assert link.query("A?") == "1.5"
        assert link.query("B?;C?") == "RUN;WAIT"
        assert (device.heard, link.connects, link.identity) == ([b"A?", b"B?;C?"], 1, IDENTITY)


def test_a_line_without_answer_is_sent_and_not_waited_for():
    with puppet(None, b"1;TAG\n") as (device, link):
        link.write("SET 1")
        assert link.query("A?") == "1"
        assert device.heard == [b"SET 1", b"A?"]


def test_a_line_in_pieces_is_put_together():
    def in_pieces(client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (b"12", b"3.5", b";", b"1", b"\n"):
            client.sendall(piece)
            threading.Event().wait(0.01)

    with puppet(in_pieces) as (_, link):
        assert link.query("A?") == "123.5"


WRONG = {
    "silence": (None, LinkError, "nothing within"),
    "torn": (b"12", LinkError, "only b'12' within"),
    "torn in the tag": (b"12;", LinkError, "only b'12;' within"),
    "no tag": (b"12\n", LinkError, "belongs to something else"),
    "another tag": (b"12;255\n", LinkError, "belongs to something else"),
    "half a tag": (b"12;TAG9\n", LinkError, "belongs to something else"),
    "echo": (b"*ESE TAG;A?;*ESE?\n12;TAG\n", LinkError, "answered twice"),
    "echo alone": (b"*ESE TAG;A?;*ESE?\n", LinkError, "belongs to something else"),
    "header": (b"A 12;*ESE TAG\n", LinkError, "belongs to something else"),
    "doubled": (b"12;TAG\n12;TAG\n", LinkError, "answered twice"),
    "two lines": (b"11\n12;TAG\n", LinkError, "answered twice"),
    "begun twice": (b"12;TAG\n12", LinkError, "within"),
    "empty line": (b"\n", DeviceError, "was answered with"),
    "no answer": (b"TAG\n", DeviceError, "no answer to 'A\\?'"),
    "not ASCII": (b"12\xb0;TAG\n", DeviceError, "was answered with"),
    "control characters": (b"1\x002;TAG\n", DeviceError, "was answered with"),
    "too long": (b"1" * (MAX_LINE + 1), DeviceError, "over 4096 bytes"),
    "megabytes": (b"1" * 3_000_000, DeviceError, "over 4096 bytes"),
    "closed": (close, LinkError, "closed the connection"),
    "reset": (reset, LinkError, "connection lost"),
}


@pytest.mark.parametrize(("reply", "error", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_answer_is_refused_and_the_next_question_gets_its_own(reply, error, words):
    waits = words.endswith("within")
    with puppet(reply, b"7;TAG\n", timeout_s=0.1 if waits else LONG_S) as (device, link):
        with pytest.raises(error, match=words):
            link.query("A?")
        for _ in range(2):  # a device that closed may be noticed one message late
            with contextlib.suppress(LinkError):
                assert link.query("B?") == "7"
                break
        assert device.heard == [b"A?", b"B?"]
        assert link.connects == (1 if words.startswith("no answer") else 2)


def test_a_late_answer_is_not_taken_for_the_next_one():
    late = threading.Event()

    def answer_late(client: socket.socket) -> None:
        late.wait()
        with contextlib.suppress(OSError):
            client.sendall(b"11;1\n")

    with puppet(answer_late, b"22;TAG\n", b"33;TAG\n", timeout_s=0.2) as (device, link):
        with pytest.raises(LinkError, match="nothing within"):
            link.query("A?")
        late.set()
        assert link.query("B?") == "22"
        assert link.query("C?") == "33"
        assert device.heard == [b"A?", b"B?", b"C?"]


def test_answers_in_the_wrong_order_are_refused():
    # Tags count from 1: the answer to the second question comes first.
    with puppet(b"22;2\n", b"11;1\n") as (_, link):
        for question in ("A?", "B?"):
            with pytest.raises(LinkError, match="belongs to something else"):
                link.query(question)


def test_a_copy_that_comes_with_the_next_answer_is_refused():
    with puppet(b"11;1\n", b"11;1\n22;2\n", b"33;TAG\n") as (_, link):
        assert link.query("A?") == "11"
        with pytest.raises(LinkError, match="answered twice"):
            link.query("B?")
        assert link.query("C?") == "33"


def test_what_comes_unasked_is_refused_before_anything_is_sent():
    with puppet(b"1;TAG\n", b"7;TAG\n") as (device, link):
        assert link.query("A?") == "1"
        device._clients[0].sendall(b"HELLO\n")
        # Wait until it lies there, as the link's own socket sees it.
        link._transport._socket.recv(1, socket.MSG_PEEK)
        with pytest.raises(LinkError, match=r"b'HELLO\\n' came unasked; .* nothing was sent"):
            link.query("B?")
        assert device.heard == [b"A?"]
        assert link.query("C?") == "7"


def test_an_exchange_takes_the_one_line_that_comes():
    with puppet(b"5,1.5\n", b"6,1.5\n7,1.5\n") as (device, link):
        assert link.exchange("STEP 5") == "5,1.5"
        with pytest.raises(LinkError, match="answered twice"):
            link.exchange("STEP 6")
        assert device.heard == [b"STEP 5", b"STEP 6"]


def test_an_interrupted_question_leaves_nothing_to_be_mistaken():
    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        with puppet(None, b"22;TAG\n") as (_, link):
            alarm = threading.Timer(
                0.1, lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
            )
            alarm.start()
            with pytest.raises(KeyboardInterrupt):
                link.query("A?")
            alarm.join()
            assert link.query("B?") == "22"
            assert link.connects == 2
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_nobody_at_the_address_is_an_error_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(LinkError, match="roof: cannot open TCPIP0"):
        open_link(f"TCPIP0::127.0.0.1::{port}::SOCKET", timeout_s=LONG_S, name="roof")


def test_a_stranger_at_the_address_is_an_error():
    device = Puppet()
    try:
        with pytest.raises(IdentityError, match=r"answers 'Maker,Model,1,1'; expected 'Other,"):
            open_link(device.address, timeout_s=LONG_S, expected_identity="Other,Model,1,1")
        assert device.heard == []
    finally:
        device.stop()


def test_an_answer_that_is_no_identity_is_an_error():
    device = Puppet()
    device.identity = b"HTTP/1.1 400 Bad Request"
    try:
        with pytest.raises(IdentityError, match="expected maker, model"):
            open_link(device.address, timeout_s=LONG_S)
    finally:
        device.stop()


def test_a_restarted_device_is_found_again_and_a_swapped_one_is_not():
    first = Puppet(b"1;TAG\n")
    with open_link(first.address, timeout_s=LONG_S) as link:
        assert link.query("A?") == "1"
        first.stop()
        with pytest.raises(LinkError):
            link.query("B?")
        with pytest.raises(LinkError):
            link.query("C?")
        second = Puppet(b"2;TAG\n", close, port=first.port)
        assert link.query("D?") == "2"
        with pytest.raises(LinkError):
            link.query("E?")
        second.identity = b"Other,Model,1,1"
        with pytest.raises(IdentityError, match="answers 'Other,Model,1,1'"):
            link.query("F?")
        assert second.heard == [b"D?", b"E?"]
        second.stop()


@pytest.mark.parametrize("message", ["A?\nB?", "A" * MAX_LINE, "é?"])
def test_what_is_not_one_line_of_ascii_is_not_sent(message):
    with puppet(b"7;TAG\n") as (device, link):
        with pytest.raises(ValueError, match=r"one line|ascii"):
            link.query(message)
        assert link.query("B?") == "7"
        assert device.heard == [b"B?"]


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, float("inf"), float("nan")])
def test_a_timeout_that_is_none_is_refused(timeout_s):
    with pytest.raises(ValueError, match="expected more than 0 s"):
        open_link("TCPIP0::127.0.0.1::1::SOCKET", timeout_s=timeout_s)


def test_many_questions_with_many_faults_never_get_a_wrong_value():
    # The device answers question n with n; every third answer is spoiled in some way.
    spoilers: list[Callable[[int], Reply]] = [
        lambda n: b"%d;TAG\n%d;TAG\n" % (n, n),
        lambda n: b"%d\n" % (n - 1),
        lambda n: b"%d;%d\n" % (n - 1, n % 255),
        lambda n: close,
        lambda n: reset,
        lambda n: b"\xff%d;TAG\n" % n,
    ]
    replies: list[Reply] = [
        spoilers[n // 3 % len(spoilers)](n) if n % 3 == 2 else b"%d;TAG\n" % n for n in range(120)
    ]
    right = refused = 0
    with puppet(*replies) as (device, link):
        while device.replies:
            expected = len(device.heard)
            try:
                value = link.query(f"N{expected}?")
            except BenchError:
                refused += 1
            else:
                assert value == str(expected)
                right += 1
    assert (right, refused) == (80, 40)


def test_who_is_late_opens_no_connection_that_nobody_would_close():
    with puppet() as (device, link):
        link.close()
        with pytest.raises(LinkError, match="given up"):
            link.query("A?")
        assert len(device._clients) == 1

        opened = []

        def let_go_of_meanwhile(doubt: bool) -> Transport:
            opened.append(
                open_transport(read_address(device.address), LONG_S, LinkOptions(), doubt)
            )
            late.close()
            return opened[-1]

        late = VisaLink(
            let_go_of_meanwhile,
            address=device.address,
            timeout_s=LONG_S,
            expected_identity=None,
            name="roof",
            proof=proof_of("tag"),
        )
        with pytest.raises(LinkError, match="given up"):
            late.connect()
        with pytest.raises(Lost):
            opened[0].send(b"*IDN?\n")
