"""Sweeps over many links, the record of every byte and its replay, and random replies."""

import contextlib
import json
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.errors import BenchError, IdentityError, LinkError
from hil.link.record import Recorder
from hil.link.replay import ReplayError, open_replay
from hil.link.sweep import sweep
from hil.link.visa import VisaLink, open_link

TAGGED = re.compile(rb"\*ESE (\d+);(.*);\*ESE\?")
LONG_S = 30.0


def echo(question: bytes) -> bytes | None:
    return question + b";TAG\n" if question.endswith(b"?") else None


class Line:
    """Devices on loopback, each with its name in its identity, in one thread each.

    ``play`` answers a question: bytes, where ``TAG`` becomes its tag, or None for silence, or
    ``close``.
    """

    def __init__(self, play=echo, name="device") -> None:
        self.play, self.name = play, name
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"TCPIP0::127.0.0.1::{self._server.getsockname()[1]}::SOCKET"
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._client, _ = self._server.accept()
                with contextlib.suppress(OSError), self._client, self._client.makefile("rb") as all:
                    for line in all:
                        if not self._answer(line.strip()):
                            break

    def _answer(self, line: bytes) -> bool:
        assert self._client is not None
        if line == b"*IDN?":
            self._client.sendall(f"Maker,{self.name},1,1\n".encode())
            return True
        tagged = TAGGED.fullmatch(line)
        reply = self.play(tagged[2] if tagged else line)
        if reply == "close":
            return False
        if reply is not None:
            self._client.sendall(reply.replace(b"TAG", tagged[1] if tagged else b""))
        return True

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        if self._client is not None:
            with contextlib.suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)
        self._thread.join()


@contextlib.contextmanager
def lines(*devices: Line, timeout_s: float = LONG_S) -> Iterator[list[VisaLink]]:
    with contextlib.ExitStack() as stack:
        for device in devices:
            stack.callback(device.stop)
        yield [
            stack.enter_context(open_link(d.address, timeout_s=timeout_s, name=d.name))
            for d in devices
        ]


def test_a_sweep_asks_all_before_it_waits_for_any():
    # The first device answers only once the last one has been asked.
    asked = threading.Event()

    def first(question: bytes) -> bytes:
        asked.wait()
        return b"1;TAG\n"

    def last(question: bytes) -> bytes:
        asked.set()
        return b"2;TAG\n"

    with lines(Line(first), Line(last)) as links:
        assert sweep([(link, "A?") for link in links]) == ["1", "2"]


def test_a_device_that_fails_in_a_sweep_costs_only_itself():
    plays = [
        lambda q: b"1;TAG\n",
        lambda q: None,
        lambda q: "close",
        lambda q: b"2;255\n",
        lambda q: b"\xff\n",
        lambda q: b"6;TAG\n",
    ]
    with lines(*map(Line, plays), timeout_s=0.2) as links:
        for _ in range(2):  # the second time some have to be reconnected
            answers = sweep([(link, "A?") for link in links])
            assert [a if isinstance(a, str) else type(a).__name__ for a in answers] == [
                *("1", "LinkError", "LinkError", "LinkError", "DeviceError", "6")
            ]
        assert [link.connects for link in links] == [1, 2, 2, 2, 2, 1]


def test_a_link_stands_once_in_a_sweep():
    with lines(Line()) as (link,), pytest.raises(ValueError, match="stands twice"):
        sweep([(link, "A?"), (link, "B?")])


def test_a_question_whose_answer_nobody_fetched_does_not_answer_the_next():
    with lines(Line()) as (link,):
        link.ask("A?")
        assert link.query("B?") == "B?"
        with pytest.raises(LinkError, match="nothing is asked"):
            link.take()


def test_a_batch_goes_out_in_one_line_and_the_next_answer_is_its_own():
    heard = []

    def play(question: bytes) -> bytes | None:
        heard.append(question)
        return b"7;TAG\n" if question == b"A?" else None

    with lines(Line(play)) as (link,):
        link.write_all(["SOUR:VOLT 230", "SOUR:FREQ 50", "*CLS"])
        assert link.query("A?") == "7"
    assert heard == [b":SOUR:VOLT 230;:SOUR:FREQ 50;*CLS", b"A?"]


def faulty() -> Line:
    """Answer, then silence, garbage, a closed connection, two lines; and answer again."""
    plays = iter([b"1;TAG\n", None, b"\xff\n", "close", b"2;TAG\n2;TAG\n", b"5;TAG\n", b"6\n"])
    return Line(lambda question: next(plays))


def converse(link: VisaLink) -> list[str]:
    heard = []
    link.write_all([])
    for n in range(6):
        try:
            heard.append(link.query(f"N{n}?"))
        except BenchError as fault:
            heard.append(f"{type(fault).__name__}: {fault}")
    heard.append(link.exchange("STEP"))
    return heard


def test_a_recorded_run_happens_again_without_the_device_faults_and_all(tmp_path):
    with Recorder(tmp_path, say=pytest.fail) as recorder, contextlib.ExitStack() as stack:
        device = faulty()
        stack.callback(device.stop)
        link = open_link(device.address, timeout_s=0.2, name="roof", tap=recorder.tap("roof"))
        then = converse(link)
        link.close()
    path = recorder.path("roof")
    assert {json.loads(line)["what"] for line in path.read_text().splitlines()} >= {
        *("begin", "open", "sent", "heard", "silent", "lost", "closed")
    }
    now = converse(open_replay(path, name="roof", timeout_s=0.2))
    assert now == then
    assert sum(answer.startswith("LinkError") for answer in now) == 3


def recorded(tmp_path: Path) -> Path:
    with Recorder(tmp_path, say=pytest.fail) as recorder:
        device = Line()
        try:
            with open_link(device.address, tap=recorder.tap("a roof/1")) as link:
                link.query("A?")
                link.write("SET 1")
                link.query("B?")
        finally:
            device.stop()
    assert recorder.path("a roof/1") == tmp_path / "a_roof_1.jsonl"
    return recorder.path("a roof/1")


def test_a_replay_refuses_what_was_not_sent_then_and_names_the_line(tmp_path):
    path = recorded(tmp_path)
    link = open_replay(path, name="roof")
    assert link.query("A?") == "A?"
    # Begin, open, *IDN?, its answer, A?, its answer: the seventh line is the setting.
    with pytest.raises(ReplayError, match=r"jsonl:7: then sent b'SET 1\\n', now sending b'SET 2"):
        link.write("SET 2")
    with pytest.raises(ReplayError, match="jsonl:7"):
        link.query("B?")


def test_a_replay_ends_where_the_record_ends(tmp_path):
    path = recorded(tmp_path)
    link = open_replay(path, name="roof")
    link.query("A?")
    link.write("SET 1")
    link.query("B?")
    with pytest.raises(ReplayError, match="the record ends here, now sending"):
        link.query("C?")


def test_a_replay_checks_identity_like_any_link(tmp_path):
    with pytest.raises(IdentityError, match="expected 'Other,M,1,1'"):
        open_replay(recorded(tmp_path), name="roof", expected_identity="Other,M,1,1")


@pytest.mark.parametrize("text", ["", "{}\n", "no json\n", '{"t": 0, "what": "begin"}\n', "[1]\n"])
def test_what_is_no_record_is_refused(tmp_path, text):
    path = tmp_path / "roof.jsonl"
    path.write_text(text)
    with pytest.raises(ReplayError, match=r"roof\.jsonl:1: no (line of a )?record"):
        open_replay(path, name="roof")


KILLED = """
import os, sys
from hil.link.record import Recorder
from pathlib import Path
recorder = Recorder(Path(sys.argv[1]), say=print)
recorder.tap("roof")
for n in range(1000):
    recorder.put("roof", "heard", b"%d\\n" % n)
os.kill(os.getpid(), 9)
"""


def test_a_record_survives_the_kill_of_its_process_to_the_last_line(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    last = (tmp_path / "roof.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["bytes"] == "999\n"


def test_a_full_disk_ends_the_recording_and_not_the_run(tmp_path):
    said: list[str] = []
    device = Line()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    recorder = Recorder(tmp_path, say=said.append)
    try:
        link = open_link(device.address, tap=recorder.tap("roof"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (600, before[1]))
        answers = [link.query(f"N{n}?") for n in range(30)]
        link.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
        device.stop()
    assert answers == [f"N{n}?" for n in range(30)]
    assert len(said) == 1
    assert "no longer recorded, the run goes on" in said[0]
    assert recorder.ended_because
    text = recorder.path("roof").read_text()
    assert text.endswith("\n")  # no half line is left
    assert all(json.loads(line) for line in text.splitlines())


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path):
    said: list[str] = []
    (tmp_path / "file").write_text("")
    recorder = Recorder(tmp_path / "file" / "folder", say=said.append)
    recorder.tap("roof")
    recorder.tap("mill")
    assert len(said) == 1


# Without the semicolon: noise that guesses the tag, one in 255, is beyond any tag.
NOISE = bytes(byte for byte in range(256) if byte != ord(";"))


def spoil(luck: random.Random, right: bytes, wrong: bytes) -> bytes:
    """A reply that is right, or not: pieces, copies, other answers, other bytes, in any order."""
    pieces = [
        right,
        right[: luck.randrange(len(right))],
        wrong,
        wrong[: luck.randrange(len(wrong))],
        bytes(luck.choices(NOISE, k=luck.randrange(12))),
        bytes(luck.choices(b"0123456789,.+-E\r\n *?", k=luck.randrange(12))),
        b"9.91E37",
        b"\n",
        b"1" * luck.choice((10, 5000)),
    ]
    return b"".join(luck.choices(pieces, k=luck.randrange(4))) + luck.choice((b"", b"\n"))


@pytest.mark.parametrize(
    "count", [2000, pytest.param(100_000, marks=pytest.mark.soak)], ids="{} replies".format
)
def test_of_many_random_replies_no_wrong_value_is_accepted(count):
    # Question n is answered with n, spoiled or not. The device closes after each reply, so that
    # nothing has to be waited for.
    luck = random.Random(7)
    sent = [b""]

    def play(question: bytes) -> bytes:
        number = int(question)
        earlier = number - luck.randrange(1, 9)
        wrong = b"%d;%d\n" % (earlier, (earlier - 1_000_000) % 255 + 1)
        sent[0] = spoil(luck, b"%d;TAG\n" % number, wrong)
        return sent[0]

    class Closing(Line):
        def _answer(self, line: bytes) -> bool:
            return super()._answer(line) and line == b"*IDN?"

    accepted = 0
    with lines(Closing(play)) as (link,):
        for number in range(1_000_000, 1_000_000 + count):
            try:
                value = link.query(str(number))
            except BenchError:
                continue
            accepted += 1
            # What carries this question's own tag is its own answer; all else is refused.
            assert value.endswith(str(number)), sent[0]
            assert sent[0].strip().endswith(b"%d;TAG" % number)
    assert count / 50 < accepted < count / 2
