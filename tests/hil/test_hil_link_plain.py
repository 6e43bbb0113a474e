"""One fault among twelve questions: what plain pyvisa takes for an answer, and what the link does.

Question n is answered with n; the third goes wrong once, in each way that a device or a network
can. Counted is how many of the twelve get another question's answer.
"""

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from hil.errors import BenchError
from hil.link.visa import open_link

TAGGED = re.compile(rb"\*ESE (\d+);(.*);\*ESE\?")
QUESTIONS = [f"N{n}?" for n in range(12)]

# From the third answer and the question's text to what is sent at once, and what with the next.
FAULTS: dict[str, Callable[[bytes, bytes], tuple[bytes, bytes]]] = {
    "late": lambda answer, asked: (b"", answer),
    "doubled": lambda answer, asked: (2 * answer, b""),
    "doubled, the copy late": lambda answer, asked: (answer, answer),
    "echoed": lambda answer, asked: (asked + b"\n" + answer, b""),
    "unsolicited": lambda answer, asked: (b"OVERTEMPERATURE\n" + answer, b""),
    "torn, the rest late": lambda answer, asked: (answer[:1], answer[1:]),
    "swapped with the first": lambda answer, asked: (b"0;1\n" if b";" in answer else b"0\n", b""),
}


@contextlib.contextmanager
def device(fault: str) -> Iterator[str]:
    server = socket.create_server(("127.0.0.1", 0))
    clients: list[socket.socket] = []

    def serve() -> None:
        later = b""
        with contextlib.suppress(OSError):
            while True:
                clients.append(server.accept()[0])
                with contextlib.suppress(OSError), clients[-1].makefile("rb") as lines:
                    for line in map(bytes.strip, lines):
                        if line == b"*IDN?":
                            clients[-1].sendall(b"Maker,Model,1,1\n")
                            continue
                        tagged = TAGGED.fullmatch(line)
                        asked = tagged[2] if tagged else line
                        answer = asked[1:-1] + (b";" + tagged[1] if tagged else b"") + b"\n"
                        now, then = (
                            FAULTS[fault](answer, line) if asked == b"N2?" else (answer, b"")
                        )
                        clients[-1].sendall(later + now)
                        later = then

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"TCPIP0::127.0.0.1::{server.getsockname()[1]}::SOCKET"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        for client in clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        thread.join()
        for client in clients:
            client.close()


def wrong_and_missing(query: Callable[[str], str], failures: type[Exception]) -> tuple[int, int]:
    """How many questions get another's answer, and how many get none."""
    wrong = missing = 0
    for question in QUESTIONS:
        try:
            wrong += query(question) != question[1:-1]
        except failures:
            missing += 1
    return wrong, missing


def with_plain_pyvisa(address: str) -> tuple[int, int]:
    import pyvisa

    resource = pyvisa.ResourceManager("@py").open_resource(address)
    resource.read_termination = resource.write_termination = "\n"
    resource.timeout = 250
    try:
        return wrong_and_missing(resource.query, pyvisa.VisaIOError)
    finally:
        resource.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_the_link_gives_no_question_anothers_answer(fault):
    with device(fault) as address, open_link(address, timeout_s=0.25) as link:
        wrong, missing = wrong_and_missing(link.query, BenchError)
    assert wrong == 0
    assert missing <= 2  # the one that went wrong, and the one on which its rest came


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("late", 9), ("doubled", 9), ("doubled, the copy late", 9), ("echoed", 10)],
)
def test_plain_pyvisa_gives_most_questions_anothers_answer(fault, expected):
    with device(fault) as address:
        wrong, _ = with_plain_pyvisa(address)
    assert wrong == expected
