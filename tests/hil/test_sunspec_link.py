"""Registers over Modbus TCP: no answer for another question, whatever the device does."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sunspec_device import BASE, HandMade, common, legacy

from hil.drivers.sunspec.address import read_place
from hil.drivers.sunspec.link import ModbusLink, open_modbus
from hil.errors import BenchError, DeviceError, IdentityError, LinkError

WAIT_S = 0.15


@pytest.fixture(scope="module")
def device():
    """Registers that hold their own address."""
    with HandMade([64_000, 600, *range(BASE + 72, BASE + 672)]) as made:
        yield made


@pytest.fixture
def link(device):
    device.spoil = None
    opened = open_modbus(device.address, timeout_s=WAIT_S, name="roof")
    yield opened
    opened.close()


def words(data):
    return list(struct.unpack(f">{len(data) // 2}H", data))


def renumbered(frame, by):
    transaction, rest = struct.unpack(">H", frame[:2])[0], frame[2:]
    return struct.pack(">H", (transaction + by) & 0xFFFF) + rest


def test_what_does_not_fit_one_request_comes_in_several(link):
    # 300 registers: 125, 125 and 50.
    assert words(link.read_registers(BASE + 100, 300)) == list(range(BASE + 100, BASE + 400))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda frame: [1.5 * WAIT_S, frame], "nothing within 0.15 s of reading 3 registers"),
        (lambda frame: [frame[:9], 2 * WAIT_S], "only .* within"),
        (lambda frame: [renumbered(frame, -1)], "came to question"),
        (lambda frame: [frame, frame], "answered twice|came unasked|came to question"),
        (lambda frame: [frame[:6], b"\x08", frame[7:]], "unit 8 answered for unit 7"),
        (lambda frame: [b"\xfe\x00#!\xff\n\x00\x00\x00"], "is no Modbus frame"),
        (
            lambda frame: [frame[:4] + b"\xff\xff" + frame[6:] + 90_000 * b"x"],
            "no Modbus frame|over 260 bytes",
        ),
        (lambda frame: [None], "the device closed the connection"),
    ],
    ids=["late", "torn", "swapped", "doubled", "other unit", "garbage", "endless", "closed"],
)
def test_a_wrong_answer_is_refused_and_the_next_question_gets_its_own(device, link, spoil, said):
    device.spoil = spoil

    def read():
        assert words(link.read_registers(BASE + 80, 3)) == [BASE + k for k in (80, 81, 82)]

    def read_twice():  # a copy is found at the next question
        read()
        read()

    with pytest.raises((LinkError, DeviceError), match=said):
        read_twice()
    for start in range(BASE + 90, BASE + 100):
        assert words(link.read_registers(start, 2)) == [start, start + 1]
    assert link.connects == 2


def test_a_dead_peer_is_noticed_and_found_again_where_it_is_back():
    with HandMade(legacy()) as first:
        link = open_modbus(first.address, timeout_s=5.0, name="roof")
    place = read_place(first.address)
    with pytest.raises(LinkError, match=r"closed the connection|connection lost"):
        link.read_registers(BASE, 2)
    with pytest.raises(LinkError, match="cannot open"):
        link.read_registers(BASE, 2)
    assert place.unit == 7
    link.close()


def test_another_device_at_the_address_is_refused_and_nothing_is_written(device):
    with pytest.raises(IdentityError, match=r"says 'Maker,Model,SN-7,1.4'; expected 'A,B,C,D'"):
        open_modbus(device.address, timeout_s=5.0, expected_identity="A,B,C,D")
    link = open_modbus(device.address, timeout_s=5.0, name="roof")
    kept, device.words[2 : 2 + 68] = device.words[2 : 2 + 68], common("SN-8")
    link.drop()
    with pytest.raises(IdentityError, match="SN-8"):
        link.write_registers(BASE + 100, b"\0\1")
    assert not device.writes
    device.words[2 : 2 + 68] = kept
    link.close()


def test_what_is_no_sunspec_device_is_refused_in_words():
    with HandMade() as made:
        made.words[0] = 0
        with pytest.raises(IdentityError, match="nothing begins with 'SunS' at 40000, 0, 50000"):
            open_modbus(made.address, timeout_s=5.0)


def test_a_refusal_is_told_in_words_and_costs_no_connection(link):
    with pytest.raises(DeviceError, match=r"refused: it has no such register \(exception 2\)"):
        link.read_registers(50, 2)
    assert words(link.read_registers(BASE + 80, 1)) == [BASE + 80]
    assert link.connects == 1


def test_who_speaks_scpi_to_it_is_told(link):
    with pytest.raises(DeviceError, match="speaks SunSpec Modbus"):
        link.query("SYST:ERR?")


def test_nobody_there_is_a_link_error():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        with pytest.raises(LinkError, match="cannot open"):
            open_modbus(f"sunspec://127.0.0.1:{port}", timeout_s=1.0)


class Spoilt:
    """A wire in memory whose answers are what a test makes of the right ones."""

    remembers = False

    def __init__(self, device, twist):
        self.device, self.twist, self.sent = device, twist, b""

    def send(self, data):
        self.sent = data

    def receive(self, wait_s):
        reply = self.device.answer(self.sent[7:])
        head = struct.pack(">2sHHB", self.sent[:2], 0, 1 + len(reply), self.sent[6])
        return self.twist(head + reply)

    def unasked(self):
        return b""

    def close(self):
        pass


HEADER_AND_COUNT = 9


@given(
    place=st.integers(0, HEADER_AND_COUNT - 1),
    changed=st.integers(0, 255),
    other_length=st.integers(-60, 60),
)
def test_of_frames_with_any_header_none_is_taken_for_another_answer(
    device, place, changed, other_length
):
    # Registers that are bent within a good frame look like good ones: Modbus TCP has no check sum.
    def twist(frame):
        bent = frame[:place] + bytes([changed]) + frame[place + 1 :]
        return (bent + other_length * b"\0")[: max(1, len(bent) + other_length)]

    twisted = False
    wire = Spoilt(device, lambda frame: twist(frame) if twisted else frame)
    link = ModbusLink(lambda doubt: wire, name="roof", unit=7, timeout_s=1.0)
    link.connect()
    twisted = True
    try:
        found = words(link.read_registers(BASE + 80, 20))
    except BenchError:
        return
    assert found == list(range(BASE + 80, BASE + 100))
