"""Command tables: faults all at once with their lines, and nothing in them is ever executed."""

import random

import pytest

from hil.drivers.table import DIALECTS, find_table, load_table
from hil.drivers.table_parts import fill
from hil.drivers.table_roles import open_table_device
from hil.drivers.table_text import TableError
from hil.errors import BenchError, DeviceError, SetpointError
from hil.roles import AcReading, StorageReading
from hil.station import Limits, StationDevice

FAULTY = """\
dialect: acme
about: Broken in many ways.
source: nobody
roles:
  load:
    set:
      demand_kw: {send: "DEM {value.__class__}", ask: "DEM?", unit: W}
      output: {send: "INP {value}", ask: "INP", words: {CLOSED: 1, OPEN: 0}}
    read:
      p_kw: {ask: "POW?", unit: V}
      speed: {ask: "SPE?"}
"""


def test_faults_come_all_at_once_with_file_and_line(tmp_path):
    file = tmp_path / "acme.yaml"
    file.write_text(FAULTY)
    with pytest.raises(TableError) as refused:
        load_table(file)
    text = str(refused.value)
    assert f"{file}:7: roles.load.set.demand_kw.send" in text
    assert "expected no braces but {value}" in text
    assert f"{file}:8: roles.load.set.output.ask" in text
    file = tmp_path / "next.yaml"
    file.write_text(FAULTY.replace(".__class__", "").replace('ask: "INP"', 'ask: "INP?"'))
    with pytest.raises(TableError) as refused:
        load_table(file)
    text = str(refused.value)
    assert f"{file}:10: roles.load.read.p_kw: unit 'V'; expected one of W, kW" in text
    assert f"{file}:11: roles.load.read.speed: a load does not read it" in text
    assert "read lacks q_kvar, vm_v, i_a, f_hz" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2\n", ":2: key 'a' stands twice"),
        ("words: {ON: 1}\n", "key True is no text; put it between quotes"),
        ("a: [1\n", "no YAML"),
        ("!!python/object/apply:os.system ['true']\n", "no YAML"),
        ("", "expected a command table"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_its_place(tmp_path, text, said):
    file = tmp_path / "table.yaml"
    file.write_text(text)
    with pytest.raises(TableError) as refused:
        load_table(file)
    assert said in str(refused.value)


def test_a_hole_takes_only_what_it_is_given():
    assert fill("VOLT{phase} {value}", phase="2", value="{phase}") == "VOLT2 {phase}"


@pytest.mark.parametrize("name", sorted(file.stem for file in DIALECTS.glob("*.yaml")))
def test_every_shipped_table_can_be_read_and_says_where_it_is_from(name):
    table = load_table(find_table(name))
    assert table.dialect == name
    assert table.source
    assert table.verified is not None


def test_an_unknown_table_names_those_that_there_are():
    with pytest.raises(TableError, match=r"no command table 'acme'; known: .*peerwatt-emulator"):
        find_table("acme")


class Says:
    """A link that answers what it is told to."""

    def __init__(self, reply=None):
        self.reply, self.sent, self.dropped = reply, [], 0

    def write(self, message):
        self.sent.append(message)

    def query(self, message):
        self.sent.append(message)
        return '0,"No error"' if message == "SYST:ERR?" else self.reply

    exchange = query

    def drop(self):
        self.dropped += 1

    def close(self):
        pass


def driver(role, reply=None, **given):
    device = StationDevice(
        **{
            "name": "one",
            "role": role,
            "driver": "scpi",
            "p_rated_kw": 5.0,
            "s_rated_kva": 5.0,
            "limits": Limits(v_max_v=300.0),
            **given,
        }
    )
    link = Says(reply)
    return open_table_device(link, device, load_table(find_table("peerwatt-emulator"))), link


@pytest.mark.parametrize(
    "reply",
    [
        "9.91E37;0;50;0;RUN",
        "1;2;3;4",
        "1;2;3;4;RUN;6",
        ":MEAS:POW 1;2;3;4;RUN",
        "1;2;3;4;HOT",
        "nan;2;3;4;RUN",
        "1;2;101;4;RUN",
        "1e6;2;3;4;RUN",
        "",
    ],
)
def test_a_reading_that_is_none_is_refused_and_the_connection_distrusted(reply):
    store, link = driver("storage", reply)
    with pytest.raises(DeviceError):
        store.measure()
    assert link.dropped == 1


def test_a_reading_comes_in_our_units():
    store, _ = driver("storage", "-1500;250;42.5;-3000;RUN", signs={"q": -1})
    assert store.measure() == StorageReading(-1.5, -0.25, False, "running", 0.425, -3.0)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ('1000.0;0,"No error"', "asked for power_kw 2000, device holds 1000"),
        ('2000.0;-222,"Data out of range;2"', "the device says -222"),
    ],
)
def test_a_setpoint_that_was_not_taken_is_an_error(reply, said):
    store, link = driver("storage", reply)
    with pytest.raises(SetpointError, match=said):
        store.set_power(2.0)
    assert "SOUR:POW 2000.000000;:SOUR:POW?;:SYST:ERR?" in link.sent


def test_what_befell_the_device_before_is_not_blamed_on_a_setpoint():
    store, _ = driver("storage", '0.0;-300,"Watchdog: bench silent"')
    store.make_safe()


NUMBERS = (
    "0",
    "1",
    "-250",
    "5e3",
    "9.91E37",
    "9.9E37",
    "nan",
    "inf",
    "1_0",
    "",
    "0x1",
    "1,2",
    "42",
)
PIECES = (*NUMBERS, "RUN", "TRIP", "HOT", ";", ",", ":MEAS:POW ", '"', "\x7f", "é", "1" * 400, " ")


def replies(dice, count):
    """Random text, text of telling pieces, and almost right answers."""
    for _ in range(count):
        match dice.randrange(3):
            case 0:
                yield "".join(chr(dice.randrange(32, 256)) for _ in range(dice.randrange(40)))
            case 1:
                yield "".join(dice.choice(PIECES) for _ in range(dice.randrange(12)))
            case _:
                good = ("0", "1", "42", "1.5E3")
                fields = [
                    dice.choice(good if dice.random() < 0.95 else NUMBERS)
                    for _ in range(dice.choice((2, 3, 4, 8, 14, 15)))
                ]
                yield dice.choice(";;,").join(fields) + dice.choice(["", ";RUN", ";WAIT", ";"])


def assert_only_right_answers_are_accepted(count):
    """Whatever comes, a reading has the very numbers of the answer, or there is none."""
    dice = random.Random(6)
    roles = ["inverter", "storage", "grid-simulator", "pv-simulator", "load", "analyser"]
    drivers = {role: driver(role) for role in roles}
    accepted = 0
    for reply in replies(dice, count):
        for role, (device, link) in drivers.items():
            link.reply = reply
            try:
                reading = device.measure()
            except BenchError:
                continue
            accepted += 1
            fields = reply.split("," if role == "analyser" else ";")
            count_of = {"inverter": 4, "storage": 5, "pv-simulator": 3, "analyser": 14}
            assert len(fields) == count_of.get(role, len(fields))
            p_w = float(fields[0].replace(" ", "")) if role != "analyser" else None
            if role in ("inverter", "storage", "pv-simulator"):
                assert reading.p_kw == p_w / 1000.0
            if isinstance(reading, AcReading):
                assert abs(reading.p_kw) <= 3 * 50.0
                assert all(value >= 0 for value in (*reading.vm_v, *reading.i_a))
    assert accepted > count / 100  # the almost right ones are right now and then


def test_random_replies_are_right_or_refused():
    assert_only_right_answers_are_accepted(1500)


@pytest.mark.soak
def test_a_hundred_thousand_random_replies_are_right_or_refused():
    assert_only_right_answers_are_accepted(100_000)


def test_random_replies_to_a_setpoint_never_confirm_another():
    dice = random.Random(7)
    store, link = driver("storage")
    for reply in replies(dice, 3000):
        link.reply = reply
        try:
            store.set_power(2.0)
        except BenchError:
            continue
        held, entry = reply.split(";", 1)
        assert abs(float(held) - 2000.0) <= 0.5
        code = float(entry.split(",")[0])
        assert code == 0 or -500 < code <= -300
