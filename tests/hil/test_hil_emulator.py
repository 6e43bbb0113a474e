"""The emulated inverter: its commands, its clock, its watchdog, its faults, its socket."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest

from hil.emulators.faults import REPLY_FAULTS
from hil.emulators.inverter import EmulatedInverter, identity_of
from hil.emulators.server import MAX_LINE, InstrumentServer
from models.inverters.inverter import Inverter, InverterParams

ROOF = InverterParams(p_rated_kw=5.0, s_kva=5.5, q_per_p=0.1, ramp_kw_per_s=20.0)
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def roof() -> EmulatedInverter:
    return EmulatedInverter(ROOF, serial="roof")


def tick_line(tick: int, available_w: float = 4000.0, limit_w: float = 5000.0) -> str:
    return f"SIM:TICK {tick},0.1,{available_w},1.0,50.0;:SOUR:POW:LIM {limit_w};:SIM:STEP?"


def errors(instrument: EmulatedInverter) -> list[int]:
    codes = []
    while code := int((instrument.execute("SYST:ERR?") or "0").split(",")[0]):
        codes.append(code)
    return codes


def talk(instrument: EmulatedInverter, *clients: Talk) -> None:
    """Serve the instrument on loopback to clients that come one after another."""

    async def scenario() -> None:
        async with await InstrumentServer(instrument).listen() as server:
            port = server.sockets[0].getsockname()[1]
            for client in clients:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                async with asyncio.timeout(20):
                    await client(reader, writer)
                writer.close()

    asyncio.run(scenario())


def test_it_says_who_it_is(roof):
    assert roof.execute("*IDN?") == "Peerwatt,Emulated inverter,roof,1"


def test_a_name_that_cannot_be_a_serial_number_is_spelt_otherwise():
    assert identity_of("Süd, 1;2") == "Peerwatt,Emulated inverter,S_d_ 1_2,1"


def test_it_starts_safe_and_resets_to_safe(roof):
    assert roof.execute("SOUR:POW:LIM?;:SYST:WATC?;:SOUR:STAT?") == "0.0;0.0;RUN"
    assert roof.execute("POW:LIM 3000;:SYST:WATC 5;*RST;:POW:LIM?;:SYST:WATC?") == "0.0;0.0"


@pytest.mark.parametrize("header", ["POW:LIM", "source:power:limit:amplitude", "Sour:Pow:LIM:AMPL"])
def test_the_limit_is_set_by_every_spelling(roof, header):
    assert roof.execute(f"{header} 1.5E3;:{header}?") == "1500.0"


def test_the_limit_knows_its_bounds(roof):
    assert (
        roof.execute("POW:LIM? MIN;LIM? MAX;LIM MAX;LIM?;LIM DEF;LIM?") == "0.0;5000.0;5000.0;0.0"
    )
    assert errors(roof) == []


@pytest.mark.parametrize("value", ["-1", "5000.1", "1e99"])
def test_a_limit_outside_the_rating_is_refused_not_clamped(roof, value):
    assert roof.execute(f"POW:LIM 700;LIM {value};LIM?") == "700.0"
    assert errors(roof) == [-222]


def test_ticks_let_the_physics_pass_as_the_model_does():
    # The model, stepped beside it, is the reference; W and kW differ in the last bits only.
    emulator, model, rng = EmulatedInverter(ROOF), Inverter(ROOF), random.Random(3)
    for k in range(400):
        available_kw, limit_kw = rng.uniform(0, 6), rng.uniform(0, 5)
        vm_pu, f_hz = rng.uniform(0.7, 1.2), rng.uniform(49.5, 50.4)
        if k == 300:
            emulator.execute("SIM:FAUL TRIP")
            model.trip()
        reply = emulator.execute(
            f"SIM:TICK {k},0.1,{1000 * available_kw},{vm_pu},{f_hz};"
            f":POW:LIM {1000 * limit_kw};:SIM:STEP?"
        )
        model.step(0.1, available_kw, limit_kw, vm_pu, f_hz)
        assert reply is not None
        tick, p_w, q_var, state, limit_w = reply.split(",")
        assert (int(tick), state) == (k, "RUN" if k < 300 else "TRIP")
        assert float(p_w) == pytest.approx(1000 * model.p_kw, rel=1e-12, abs=1e-9)
        assert float(q_var) == pytest.approx(1000 * model.q_kvar, rel=1e-12, abs=1e-9)
        assert float(limit_w) == 1000 * limit_kw
    energy_wh = float(emulator.execute("MEAS:ENER?") or "nan")
    assert energy_wh == pytest.approx(1000 * model.energy_kwh, rel=1e-12)


def test_a_tick_asked_for_again_is_answered_again_and_does_not_pass_again(roof):
    first = roof.execute(tick_line(0))
    assert roof.execute(tick_line(0)) == first
    assert roof.execute("MEAS:POW?") == (first or "").split(",")[1]
    assert roof.execute(tick_line(1)) != first
    assert errors(roof) == []


@pytest.mark.parametrize("tick", [0, 2, 5, 0.5])
def test_a_tick_out_of_turn_does_not_pass(roof, tick):
    roof.execute(tick_line(0))
    before = roof.execute("MEAS:ENER?")
    # Tick 0 with other inputs is no repetition.
    reply = roof.execute(tick_line(tick, available_w=4001.0))
    assert reply == "-1,9.91E37,9.91E37,RUN,5000.0"
    assert roof.execute("MEAS:ENER?") == before
    assert errors(roof) == [-221]


def test_a_step_without_a_tick_does_not_pass(roof):
    assert roof.execute("SIM:STEP?") == "-1,9.91E37,9.91E37,RUN,0.0"


@pytest.mark.parametrize(
    ("inputs", "code"),
    [("0,0,1,1,50", -222), ("0,0.1,-1,1,50", -222), ("0,0.1,1,1", -109), ("0,0.1,nan,1,50", -104)],
)
def test_a_tick_with_impossible_inputs_does_not_pass(roof, inputs, code):
    assert (roof.execute(f"SIM:TICK {inputs};STEP?") or "").startswith("-1,9.91E37")
    assert errors(roof) == [code]


def test_the_bench_may_begin_to_count_again(roof):
    roof.execute(tick_line(0))
    assert roof.execute("SIM:CLOC:BEG;:SIM:CLOC?") == "BENCH"
    assert (roof.execute(tick_line(0)) or "").startswith("0,")
    assert errors(roof) == []


def test_a_trip_lasts_until_the_fault_is_cleared_and_the_delay_is_over():
    # By hand: 1 s of delay is ten ticks of 0.1 s counted up, and it runs again at the next.
    quick = InverterParams(p_rated_kw=5.0, s_kva=5.0, reconnect_delay_s=1.0)
    roof = EmulatedInverter(quick)
    states = []
    for k in range(30):
        if k == 5:
            roof.execute("SIM:FAUL TRIP")
        if k == 10:
            roof.execute("SIM:FAUL:CLE")
        states.append((roof.execute(tick_line(k)) or "").split(",")[3])
    assert states == 5 * ["RUN"] + 5 * ["TRIP"] + 10 * ["WAIT"] + 10 * ["RUN"]


@pytest.mark.parametrize(
    ("message", "code"),
    [("SIM:FAUL MELT", -224), ("SIM:FAUL", -109), ("SIM:FAUL TRIP,1", -108),
     ("SIM:FAUL DROP,0", -222), ("SIM:FAUL DELAY,1,2,3", -108)],
)  # fmt: skip
def test_a_fault_that_it_does_not_know_is_refused(roof, message, code):
    roof.execute(message)
    assert errors(roof) == [code]
    assert roof.reply_fault is None


def test_questions_over_the_socket_are_answered_in_order():
    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"*IDN?\r\nPOW:LIM 7;LIM?\nFOO\nSYST:ERR:CO")
        assert await reader.readline() == b"Peerwatt,Emulated inverter,0,1\n"
        assert await reader.readline() == b"7.0\n"
        writer.write(b"UN?\n")
        assert await reader.readline() == b"1\n"

    talk(EmulatedInverter(ROOF), ask)


def test_the_instrument_is_the_same_for_the_next_client():
    async def set_limit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POW:LIM 7;*OPC?\n")
        assert await reader.readline() == b"1\n"

    async def read_limit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POW:LIM?\n")
        assert await reader.readline() == b"7.0\n"

    talk(EmulatedInverter(ROOF), set_limit, read_limit)


@pytest.mark.parametrize("pieces", [1, 700])
def test_a_line_without_end_is_thrown_away_as_it_comes(pieces):
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(pieces):
            writer.write(b"POW:LIM 7" + b"7" * MAX_LINE)
            await writer.drain()
        writer.write(b"\nPOW:LIM?;:SYST:ERR?\n")
        assert await reader.readline() == b'0.0;-363,"Input buffer overrun"\n'

    talk(EmulatedInverter(ROOF), flood)


def test_a_client_that_does_not_read_is_not_listened_to_for_ever():
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # 20 MB of questions have 200 MB of answers; sending stalls long before.
        writer.transport.pause_reading()

        async def send() -> None:
            for _ in range(1000):
                writer.write(b"*IDN?;*IDN?;*IDN?\n" * 1000)
                await writer.drain()

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(send(), 0.5)
        writer.transport.abort()

    talk(EmulatedInverter(ROOF), shout)


def test_the_watchdog_reverts_the_limit_when_the_bench_falls_silent():
    async def fall_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SYST:WATC 0.05;:POW:LIM 3000;LIM?\n")
        assert await reader.readline() == b"3000.0\n"
        await asyncio.sleep(0.4)
        writer.write(b"POW:LIM?;:SYST:ERR?\n")
        assert await reader.readline() == (
            b'0.0;-300,"Watchdog: bench silent, back to the safe state"\n'
        )

    talk(EmulatedInverter(ROOF), fall_silent)


def test_the_watchdog_is_off_unless_armed_and_can_be_disarmed():
    async def fall_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for line in (b"POW:LIM 3000\n", b"SYST:WATC 0.05\n", b"SYST:WATC 0;*OPC?\n"):
            writer.write(line)
        assert await reader.readline() == b"1\n"
        await asyncio.sleep(0.2)
        writer.write(b"POW:LIM?\n")
        assert await reader.readline() == b"3000.0\n"

    talk(EmulatedInverter(ROOF), fall_silent)


def test_the_watchdog_is_fed_by_any_message():
    roof = EmulatedInverter(ROOF)
    looked: list[float] = []

    async def keep_talking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SYST:WATC 5;:POW:LIM 3000\n")
        for _ in range(5):
            writer.write(b"*OPC?\n")
            await reader.readline()
            looked.append(float((roof.execute("POW:LIM?")) or "nan"))

    talk(roof, keep_talking)
    assert looked == [3000.0] * 5


def test_a_message_before_a_late_answer_interrupts_it():
    # IEEE 488.2, 6.3.2.3: the answer is cleared, and the error is -410.
    async def interrupt(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SIM:FAUL DELAY,1,60\n*IDN?\n")
        writer.write(b"SYST:ERR?\n")
        assert await reader.readline() == b'-410,"Query INTERRUPTED"\n'

    talk(EmulatedInverter(ROOF), interrupt)


@pytest.mark.parametrize(
    ("fault", "received"),
    [
        ("DROP", b""),
        ("DOUBLE", b"1\n1\n"),
        ("GARBAGE", b"\xfe\x00#!\xff\n"),
        ("TORN", b"1"),
        ("CLOSE", b""),
        ("DELAY", b"1\n"),
    ],
)
def test_a_fault_spoils_as_many_answers_as_ordered(fault, received):
    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"SIM:FAUL {fault},1,0.01;*OPC?\n*OPC?\n".encode())
        assert await reader.readline() == b"1\n"
        if fault == "CLOSE":
            assert await reader.read() == b""
            return
        if received:
            assert await reader.readexactly(len(received)) == received
        writer.write(b"*IDN?\n")
        assert await reader.readline() == identity_of("0").encode() + b"\n"

    talk(EmulatedInverter(ROOF), ask)


def test_a_reset_reaches_the_client_as_one():
    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SIM:FAUL RESET\n*OPC?\n")
        with pytest.raises(ConnectionResetError):
            await reader.readline()

    talk(EmulatedInverter(ROOF), ask)


def test_clearing_ends_a_fault_of_answers():
    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SIM:FAUL DROP,1000\n*OPC?\n*OPC?\nSIM:FAUL:CLE;*IDN?\n")
        assert await reader.readline() == identity_of("0").encode() + b"\n"

    talk(EmulatedInverter(ROOF), ask)


PIECES = (
    "SIM:TICK|SIM:STEP?|SIM:FAUL|TRIP|DROP|GARBAGE|POW:LIM|MEAS:POW?|SYST:ERR?|*RST|*ESE|*IDN?|"
    "SIM:CLOC:BEG|0,0.1,4000,1,50|:|;|;| | |,|?|*|-1|1e300|9.91E37|nan|MAX|'|\"|\t|\r|\x00|\xff"
)


def random_line(rng: random.Random) -> bytes:
    """Make a line of valid, torn and senseless pieces."""
    pieces = PIECES.split("|")
    words = (
        rng.choice(pieces) if rng.random() < 0.9 else chr(rng.randrange(256))
        for _ in range(rng.randrange(12))
    )
    return "".join(words).encode("latin-1").replace(b"\n", b"")


def test_two_thousand_senseless_lines_never_break_it():
    roof = EmulatedInverter(ROOF)
    rng = random.Random(11)

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2000):
            writer.write(random_line(rng) + b"\n")
        writer.write(b"SIM:FAUL:CLE;:SIM:CLOC:BEG;*CLS;:POW:LIM 7\n\nPOW:LIM?;:SIM:CLOC?\n")
        async for line in reader:
            if line == b"7.0;BENCH\n":
                break
        else:
            pytest.fail("the emulator closed the connection")

    talk(roof, babble)
    assert (roof.execute("SIM:CLOC:BEG;:" + tick_line(0)) or "").startswith("0,")


def test_every_fault_of_answers_can_be_ordered(roof):
    for name in REPLY_FAULTS:
        roof.execute(f"SIM:FAUL {name},3,0.5")
        assert roof.reply_fault is not None
        assert (roof.reply_fault.name, roof.reply_fault.left) == (name, 3)
    assert errors(roof) == []


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("hil", {"pyvisa", "numpy", "asyncio"}),
        (
            "hil.emulators.node",
            {"pyvisa", "numpy", "numba", "pandas", "pydantic", "hil.link"},
        ),
        ("hil.emulated_bench", {"pyvisa", "numpy", "numba", "scipy", "pandas"}),
    ],
)
def test_imports_stay_light(module, heavy):
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert heavy.isdisjoint(loaded.stdout.split())
