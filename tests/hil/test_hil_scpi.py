"""SCPI on the instrument's side: spellings, numbers, compound lines, status and errors."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.emulators.scpi import QUEUE_LENGTH, Instrument, ScpiError, arguments, number, spellings
from hil.numbers import decimal


class Lamp(Instrument):
    """A small instrument: brightness from 0 to 100."""

    def __init__(self) -> None:
        super().__init__("Maker,Lamp,1,1")
        self.level = 0.0
        self.on("[SOURce]:LIGHt:LEVel[:IMMediate]", self._set)
        self.command("[SOURce]:LIGHt:LEVel[:IMMediate]?", lambda: str(self.level))
        self.command("SOURce:LIGHt:COLor?", lambda: "WARM")

    def _set(self, given: list[str]) -> None:
        self.level = number(arguments(given, 1)[0], 0.0, 100.0, 50.0)


@pytest.fixture
def lamp() -> Lamp:
    return Lamp()


def error(instrument: Instrument) -> int:
    reply = instrument.execute("SYST:ERR?")
    assert reply is not None
    return int(reply.split(",")[0])


def test_a_pattern_allows_short_and_long_forms_and_leaves_out_what_is_in_brackets():
    assert spellings("[SOURce]:POWer:LIMit?") == {
        f"{source}{power}:{limit}?"
        for source in ("", "SOUR:", "SOURCE:")
        for power in ("POW", "POWER")
        for limit in ("LIM", "LIMIT")
    }
    assert spellings("*IDN?") == {"*IDN?"}


@pytest.mark.parametrize(
    "header",
    [
        "LIGH:LEV",
        ":LIGH:LEV",
        "sour:ligh:lev",
        "Source:Light:Level:Immediate",
        ":SOUR:LIGHT:LEV:IMM",
    ],
)
def test_every_spelling_is_understood(lamp, header):
    assert lamp.execute(f"{header} 7;{header}?" if header[0] == ":" else f"{header} 7") in (
        None,
        "7.0",
    )
    assert (lamp.level, error(lamp)) == (7.0, 0)


@pytest.mark.parametrize(
    "header", ["LIGHTS:LEV", "LIG:LEV", "LIGH:LEVE", "LIGH", "LIGH:LEV:", "::", "?"]
)
def test_what_is_neither_short_nor_long_form_is_undefined(lamp, header):
    assert lamp.execute(f"{header} 7") is None
    assert (lamp.level, error(lamp)) == (0.0, -113)


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7), ("+7", 7), ("7.", 7), (".5", 0.5), ("7.25", 7.25), ("7E1", 70), ("7.0e-1", 0.7),
     ("5 E1", 50), ("MIN", 0), ("maximum", 100), ("DEF", 50)],
)  # fmt: skip
def test_numbers_of_every_form_are_read(lamp, text, value):
    assert lamp.execute(f"LIGH:LEV {text}") is None
    assert (lamp.level, error(lamp)) == (value, 0)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("LIGH:LEV 101", -222),
        ("LIGH:LEV -1e-9", -222),
        ("LIGH:LEV 1e999", -222),
        ("LIGH:LEV nan", -104),
        ("LIGH:LEV inf", -104),
        ("LIGH:LEV 1_0", -104),
        ("LIGH:LEV 0x10", -104),
        ("LIGH:LEV", -109),
        ("LIGH:LEV 1,2", -108),
        ("LIGH:LEV? 3", -108),
        ("LIGH:LEV ,", -108),
        ("LIGH:LEV '7'", -158),
        ("LIGH:LEV 7é", -101),
        ("LIGH:LEV\x007", -101),
        ("FOO", -113),
    ],
)
def test_a_refused_message_changes_nothing_and_leaves_its_error(lamp, message, code):
    assert lamp.execute(message) is None
    assert (lamp.level, error(lamp), error(lamp)) == (0.0, code, 0)


def test_units_of_a_line_share_the_path_until_a_colon():
    lamp = Lamp()
    assert lamp.execute("SOUR:LIGH:LEV 3;LEV?;COL?;*OPC?;COL?;:LIGH:LEV?") == "3.0;WARM;1;WARM;3.0"
    assert error(lamp) == 0


def test_a_refused_unit_does_not_stop_the_others(lamp):
    assert lamp.execute("LIGH:LEV 3;LEV 300;LEV?;:FOO?;:LIGH:LEV?") == "3.0;3.0"
    assert (error(lamp), error(lamp), error(lamp)) == (-222, -113, 0)


def test_empty_units_say_nothing(lamp):
    assert lamp.execute("") is None
    assert lamp.execute(" ;; ; ") is None
    assert error(lamp) == 0


def test_each_class_of_error_sets_its_bit_in_the_event_status_register(lamp):
    # IEEE 488.2, 11.5.1.1: 128 power on, 32 command, 16 execution, 8 device, 4 query, 1 complete.
    assert lamp.execute("*ESR?;*ESR?") == "128;0"
    lamp.execute("FOO")
    assert lamp.execute("*ESR?") == "32"
    lamp.execute("LIGH:LEV 101")
    assert lamp.execute("*ESR?") == "16"
    lamp.report(-363)
    assert lamp.execute("*ESR?") == "8"
    lamp.report(-410)
    assert lamp.execute("*ESR?") == "4"
    lamp.report(100, text="too hot")
    assert lamp.execute("*ESR?;*OPC;*ESR?") == "8;1"


def test_the_status_byte_sums_up_errors_messages_and_events(lamp):
    # SCPI-99 vol. 1, 9: 4 error queue, 16 message, 32 event, 64 master.
    lamp.execute("*CLS")
    assert lamp.execute("*STB?;*STB?") == "0;16"
    lamp.execute("*ESE 32;*SRE 255;FOO")
    assert lamp.execute("*ESE?;*SRE?") == "32;191"
    assert lamp.execute("*STB?") == str(4 + 32 + 64)
    lamp.execute("*CLS")
    assert lamp.execute("*STB?") == "0"


def test_the_error_queue_is_bounded_and_says_when_it_overflowed(lamp):
    for _ in range(QUEUE_LENGTH + 5):
        lamp.execute("FOO")
    assert lamp.execute("SYST:ERR:COUN?") == str(QUEUE_LENGTH)
    codes = [error(lamp) for _ in range(QUEUE_LENGTH + 1)]
    assert codes == [-113] * (QUEUE_LENGTH - 1) + [-350, 0]


def test_the_mandatory_commands_of_ieee_488_2_are_there(lamp):
    # IEEE 488.2, table 4-4 (required commands).
    lamp.execute("*CLS;*ESE 0;*OPC;*RST;*SRE 0;*WAI")
    assert (
        lamp.execute("*ESE?;*ESR?;*OPC?;*SRE?;*STB?;*TST?;*IDN?") == "0;1;1;0;16;0;Maker,Lamp,1,1"
    )
    assert error(lamp) == 0


@pytest.mark.parametrize(
    ("message", "code"), [("*ESE 256", -222), ("*SRE -1", -222), ("*ESE", -109)]
)
def test_status_masks_are_bytes(lamp, message, code):
    lamp.execute(message)
    assert error(lamp) == code


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_that_python_prints_is_a_number(value):
    assert decimal(str(value)) == value
    assert number(str(value), -1.8e308, 1.8e308) == value


@given(st.text(max_size=12))
def test_what_passes_as_a_number_is_one(text):
    if decimal(text) is not None:
        assert decimal(text) == float(text.replace(" ", ""))
    else:
        with pytest.raises(ScpiError):
            number(text, 0.0, 1.0)


def random_line(rng: random.Random) -> str:
    """Make a line of valid, torn and senseless pieces."""
    pieces = "*IDN?|*ESE|*RST|SYST:ERR?|LIGH:LEV|LEV?|:|;|?| |,|*|\t|'|\"|\x00|é|MAX|nan|1e400|999"
    return "".join(
        rng.choice(pieces.split("|")) if rng.random() < 0.8 else chr(rng.randrange(256))
        for _ in range(rng.randrange(30))
    )


def test_senseless_lines_never_break_it(lamp):
    rng = random.Random(7)
    for _ in range(2000):
        reply = lamp.execute(random_line(rng))
        assert reply is None or reply.isascii()
        assert 0.0 <= lamp.level <= 100.0
    assert lamp.execute("*CLS;*OPC?") == "1"
