"""Addresses, options and proofs; a serial line, played by a pseudo terminal."""

import contextlib
import os
import pty
import threading
import tty
from collections.abc import Callable, Iterator

import pytest

from hil.errors import DeviceError, LinkError
from hil.link.address import read_address
from hil.link.lines import compound
from hil.link.options import LinkOptions
from hil.link.proofs import Unproven, proof_of
from hil.link.transport import MAX_LINE
from hil.link.visa import VisaLink, open_link


@pytest.mark.parametrize(
    ("text", "wire", "host", "port"),
    [
        ("TCPIP0::10.0.0.7::5025::SOCKET", "socket", "10.0.0.7", 5025),
        ("tcpip::source.lab::5025::socket", "socket", "source.lab", 5025),
        ("TCPIP0::10.0.0.7::hislip0::INSTR", "hislip", "10.0.0.7", 4880),
        ("TCPIP0::10.0.0.7::hislip0,4881::INSTR", "hislip", "10.0.0.7", 4881),
        ("TCPIP0::10.0.0.7::inst0::INSTR", "vxi11", "10.0.0.7", None),
        ("TCPIP0::10.0.0.7::INSTR", "vxi11", "10.0.0.7", None),
        ("ASRL/dev/ttyUSB0::INSTR", "serial", None, None),
        ("ASRLCOM3::INSTR", "serial", None, None),
        ("USB0::0x1AB1::0x0E11::DP8A1::INSTR", "usb", None, None),
        ("GPIB0::7::INSTR", "gpib", None, 7),
    ],
)
def test_an_address_says_which_wire_it_names(text, wire, host, port):
    found = read_address(text)
    assert (found.wire, found.host, found.port, str(found)) == (wire, host, port, text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "expected one like TCPIP0::<host>::<port>::SOCKET"),
        ("TCPIP0::10.0.0.7::99999::SOCKET", "99999 is outside 0 to 65535"),
        ("GPIB0::31::INSTR", "31 is outside 0 to 30"),
        ("TCPIP0::10.0.0.7::5025", "is no VISA address"),
        ("ASRL::INSTR", "is no VISA address"),
        ("", "is no VISA address"),
    ],
)
def test_an_address_that_names_none_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        open_link(text)


def test_options_are_read_from_a_device_and_all_that_is_wrong_is_said_at_once():
    assert LinkOptions.of({}) == LinkOptions()
    taken = LinkOptions.of({"link": {"baud": 115200, "parity": "even", "backend": "@ivi"}})
    assert (taken.baud, taken.parity, taken.backend) == (115200, "even", "@ivi")
    with pytest.raises(ValueError, match=r"no option speed; known: backend"):
        LinkOptions.of({"link": {"speed": 9600}})
    with pytest.raises(ValueError, match=r"parity: 'odd-ish'; expected none.*baud: 0; expected"):
        LinkOptions.of({"link": {"parity": "odd-ish", "baud": 0}})


@pytest.mark.parametrize("backend", ["@ivi", "/no/such/library.so"])
def test_a_back_end_that_is_not_here_is_said(backend):
    with pytest.raises(LinkError, match=f"no VISA back-end '{backend}' here.*or choose @py"):
        open_link("GPIB0::7::INSTR", options=LinkOptions(backend=backend))


@pytest.mark.parametrize(
    ("name", "sent", "reply", "answer"),
    [
        ("tag", "*ESE 1;A?;*ESE?", "5;6;1", "5;6"),
        ("errors", "A?;:SYST:ERR?", '5;0,"No error"', "5"),
        ("errors", "A?;:SYST:ERR?", '5;+0,"No error; none"', "5"),
        ("done", "A?;*OPC?", "5;1", "5"),
        ("fresh", "A?", "5", "5"),
        ("none", "A?", "5", "5"),
    ],
)
def test_each_proof_takes_the_answer_that_carries_it(name, sent, reply, answer):
    proof = proof_of(name)
    assert proof.wrap("A?") == sent
    assert proof.unwrap("A?", reply) == answer


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("tag", "5;2"),
        ("tag", "5"),
        ("tag", "5;01"),
        ("errors", "5"),
        ("errors", '5;0,"No err'),
        ("done", "5"),
        ("done", "5;0"),
    ],
)
def test_each_proof_refuses_the_answer_that_lacks_it(name, reply):
    proof = proof_of(name)
    proof.wrap("A?")
    with pytest.raises(Unproven):
        proof.unwrap("A?", reply)


def test_the_error_queue_in_the_same_line_gives_the_devices_own_words():
    with pytest.raises(DeviceError, match="-113"):
        proof_of("errors").unwrap("A?", '-113,"Undefined header"')


def test_tags_come_round_after_255_questions():
    proof = proof_of("tag")
    assert len({proof.wrap("A?") for _ in range(255)}) == 255
    assert proof.wrap("A?") == "*ESE 1;A?;*ESE?"


def test_writes_are_joined_to_as_few_lines_as_hold_them():
    assert compound("roof", ["*CLS", "SOUR:VOLT 1", ":OUTP ON"]) == b"*CLS;:SOUR:VOLT 1;:OUTP ON\n"
    lines = compound("roof", ["SOUR:VOLT 230.5"] * 1000).splitlines()
    assert len(lines) == -(-1000 // (MAX_LINE // len(";:SOUR:VOLT 230.5")))
    assert all(len(line) < MAX_LINE for line in lines)
    assert compound("roof", []) == b""


Reply = bytes | None | Callable[[int], None]


class SerialDevice:
    """Written replies at the far end of a pseudo terminal; ``*IDN?`` is answered by itself."""

    def __init__(self, *replies: Reply, end: bytes = b"\n") -> None:
        self.near, self.far = pty.openpty()
        tty.setraw(self.near)
        tty.setraw(self.far)
        self.replies, self.end, self.heard = list(replies), end, []
        self.address = f"ASRL{os.ttyname(self.far)}::INSTR"
        self._ends, self._end_here = os.pipe()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def say(self, data: bytes) -> None:
        os.write(self.near, data)

    def _serve(self) -> None:
        import select

        buffer = b""
        while self._ends not in select.select([self.near, self._ends], [], [])[0]:
            buffer += os.read(self.near, 4096)
            *lines, buffer = buffer.split(self.end)
            for line in lines:
                if line == b"*IDN?":
                    self.say(b"Maker,Model,1,1" + self.end)
                    continue
                self.heard.append(line)
                reply = self.replies.pop(0) if self.replies else None
                if reply is not None:
                    tag = line.split(b";")[0].removeprefix(b"*ESE ")
                    self.say(reply.replace(b"TAG", tag))

    def stop(self) -> None:
        os.write(self._end_here, b".")
        self._thread.join()
        for file in (self.near, self.far, self._ends, self._end_here):
            os.close(file)


@contextlib.contextmanager
def serial(
    *replies: Reply, timeout_s: float = 5.0, before: bytes = b"", **options: object
) -> Iterator[tuple[SerialDevice, VisaLink]]:
    ends = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}
    device = SerialDevice(*replies, end=ends[options.get("line_end", "LF")])
    try:
        device.say(before)
        with open_link(
            device.address,
            timeout_s=timeout_s,
            name="meter",
            options=LinkOptions(quiet_s=0.02, **options),
        ) as link:
            yield device, link
    finally:
        device.stop()


@pytest.mark.parametrize("line_end", ["LF", "CRLF", "CR"])
def test_a_serial_device_is_asked_in_its_own_line_ends(line_end):
    end = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}[line_end]
    with serial(b"1.5;TAG" + end, b"2;TAG" + end, line_end=line_end, baud=115200) as (device, link):
        assert (link.query("A?"), link.query("B?")) == ("1.5", "2")
        assert device.heard == [b"*ESE 1;A?;*ESE?", b"*ESE 2;B?;*ESE?"]


def test_what_an_earlier_session_left_on_a_serial_line_is_thrown_away():
    with serial(b"7;TAG\n", before=b"12;254\n13;2") as (_, link):
        assert link.query("A?") == "7"


def test_a_late_answer_on_a_serial_line_is_not_taken_for_the_next_one():
    # A serial line outlives its sessions: the answer comes on the next one, and is thrown away.
    with serial(None, b"22;TAG\n", timeout_s=0.2) as (device, link):
        with pytest.raises(LinkError, match="within"):
            link.query("A?")
        device.say(b"11;1\n")
        assert link.query("B?") == "22"
        assert link.connects == 2


WRONG: dict[str, tuple[bytes, str]] = {
    "another tag": (b"12;255\n", "belongs to something else"),
    "echo": (b"*ESE TAG;A?;*ESE?\n", "belongs to something else"),
    "torn": (b"12;", "within"),
    "too long": (b"1" * 6000, "over 4096"),
    "not ASCII": (b"\xff2;TAG\n", "was answered with"),
}


@pytest.mark.parametrize(("reply", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_answer_on_a_serial_line_is_refused(reply, words):
    timeout_s = 0.2 if words == "within" else 5.0
    with serial(reply, b"7;TAG\n", timeout_s=timeout_s) as (_, link):
        with pytest.raises((LinkError, DeviceError), match=words):
            link.query("A?")
        assert link.query("B?") == "7"


def test_a_copy_on_a_serial_line_is_refused_before_the_next_question():
    with serial(b"12;TAG\n12;TAG\n", b"7;TAG\n") as (device, link):
        assert link.query("A?") == "12"
        with pytest.raises(LinkError, match="came unasked"):
            link.query("B?")
        assert link.query("C?") == "7"
        assert len(device.heard) == 2


def test_a_serial_port_that_is_not_there_is_an_error():
    with pytest.raises(LinkError, match="cannot open ASRL/dev/no-such-port::INSTR"):
        open_link("ASRL/dev/no-such-port::INSTR")
