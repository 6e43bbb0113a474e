"""Emulated instruments that misbehave: by command, by schedule, in values, in time."""

import asyncio
import contextlib
import statistics
from collections.abc import Awaitable, Callable

import pytest

from hil.emulators.faults import FAULTS
from hil.emulators.instrument import EmulatedInstrument
from hil.emulators.node import Placed, build_instrument, serve_nodes
from hil.emulators.server import InstrumentServer
from hil.emulators.world import World

NEEDED = {
    "inverter": {"p_rated_kw": 5.0, "s_kva": 5.0, "response_s": 0.0, "reconnect_delay_s": 1.0},
    "storage": {"p_max_kw": 3.0, "capacity_kwh": 6.0, "reconnect_s": 1.0},
}
ROLES = ("inverter", "storage", "grid-simulator", "pv-simulator", "load", "analyser")
ON = {
    "inverter": "SIM:SURR 4000,1,50;:POW:LIM 3000",
    "storage": "POW 1000",
    "grid-simulator": "OUTP ON",
    "pv-simulator": "POW 4000;:OUTP ON",
    "load": "POW 1000;:LOAD ON",
}
SETPOINT = {
    "inverter": ("POW:LIM", 3000.0),
    "storage": ("POW", 1000.0),
    "grid-simulator": ("VOLT", 220.0),
    "pv-simulator": ("POW", 2000.0),
    "load": ("POW", 700.0),
}
ASKED = {"inverter": "POW:LIM?", "storage": "POW?", "load": "LOAD?", "analyser": "COMM:HEAD?"}
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def made(role: str, **settings: object) -> EmulatedInstrument:
    world = World()
    world.take_clock()
    placed = Placed(name="x", role=role, settings={**NEEDED.get(role, {}), **settings})
    return build_instrument(world, placed)


def errors(instrument: EmulatedInstrument) -> list[int]:
    codes = []
    while code := int((instrument.execute("SYST:ERR?") or "0").split(",")[0]):
        codes.append(code)
    return codes


@pytest.mark.parametrize("role", ROLES)
def test_every_role_takes_every_fault_and_ends_it(role):
    instrument = made(role)
    assert (instrument.execute("SIM:FAUL:CAT?") or "").split(",") == list(FAULTS)
    for name in FAULTS:
        instrument.execute(f"SIM:FAUL {'DRIFT,0.1' if name == 'DRIFT' else name}")
        assert errors(instrument) == ([-300] if role == "grid-simulator" and name == "TRIP" else [])
    instrument.execute("SIM:FAUL:CLE")
    assert instrument.reply_fault is None
    assert instrument.execute("*IDN?") == f"Peerwatt,Emulated {role},x,1"


@pytest.mark.parametrize("role", SETPOINT)
def test_a_refused_setpoint_leaves_the_old_one_and_an_error(role):
    instrument, (header, value) = made(role), SETPOINT[role]
    before = instrument.execute(f"{header}?")
    assert instrument.execute(f"SIM:FAUL REFUSE;:{header} {value};:{header}?") == before
    assert errors(instrument) == [-221]
    assert instrument.execute(f"SIM:FAUL:CLE;:{header} {value};:{header}?") == str(value)


@pytest.mark.parametrize("role", ["grid-simulator", "pv-simulator", "load"])
def test_refused_setpoints_still_let_an_output_open(role):
    instrument = made(role)
    output = "LOAD" if role == "load" else "OUTP"
    assert instrument.execute(f"{ON[role]};:SIM:FAUL REFUSE;:{output} OFF;:{output}?") == "0"
    assert instrument.execute(f"{output} ON;:{output}?") == "0"
    assert errors(instrument) == [-221]


def test_stuck_values_stay_and_drifting_ones_go_away():
    # By hand: 10 % a second of 3 kW for two seconds.
    roof = made("inverter")
    roof.execute(ON["inverter"])
    roof.world.advance(0.1)
    roof.execute("SIM:FAUL STUCK")
    assert roof.execute("MEAS:POW?;:POW:LIM 1000") == "3000.0"
    roof.world.advance(1.0)
    assert roof.execute("MEAS:POW?;:POW:LIM?") == "3000.0;1000.0"
    roof.execute("SIM:FAUL:CLE;:SIM:FAUL DRIFT,0.1")
    roof.world.advance(2.0)
    assert float(roof.execute("MEAS:POW?") or "nan") == pytest.approx(1200.0)
    assert float(roof.execute("MEAS:VOLT?") or "nan") == pytest.approx(276.0)
    assert roof.execute("SIM:FAUL:CLE;:MEAS:POW?") == "1000.0"


@pytest.mark.parametrize(
    ("role", "state", "after"),
    [
        ("inverter", "SOUR:STAT?", "WAIT"),
        ("storage", "SOUR:STAT?", "WAIT"),
        ("grid-simulator", "OUTP?", "0"),
        ("pv-simulator", "OUTP?", "0"),
        ("load", "LOAD?", "0"),
    ],
)
def test_a_trip_takes_the_power_until_the_fault_is_cleared(role, state, after):
    instrument = made(role)
    instrument.execute(ON[role])
    instrument.world.advance(0.1)
    instrument.execute("SIM:FAUL TRIP")
    instrument.world.advance(0.1)
    assert instrument.execute(state) in ("TRIP", "0")
    assert instrument.power() == (0.0, 0.0)
    instrument.execute("SIM:FAUL:CLE")
    instrument.world.advance(0.1)
    assert instrument.execute(state) == after


def test_faults_come_and_go_by_schedule():
    planned = [
        {"at_s": 1.0, "fault": "trip"},
        {"at_s": 2.0, "fault": "clear"},
        {"at_s": 2.5, "fault": "drift"},
        {"at_s": 5.0, "fault": "Delay", "values": [3, 0.5]},
    ]
    roof = made("inverter", faults=planned)
    roof.execute(ON["inverter"])
    states = []
    for _ in range(9):
        roof.world.advance(0.4)
        states.append(roof.execute("SOUR:STAT?"))
    # 1 s of reconnection delay begins at 2 s.
    assert states == ["RUN"] * 2 + ["TRIP"] * 3 + ["WAIT"] * 2 + ["RUN"] * 2
    assert errors(roof) == [-109]  # a drift has a rate; the world goes on
    roof.world.advance(2.0)
    assert roof.reply_fault is not None
    assert (roof.reply_fault.name, roof.reply_fault.left) == ("DELAY", 3)


def test_a_stranger_answers_with_another_serial_number():
    assert made("load").execute("SIM:FAUL IDENTITY;*IDN?") == "Peerwatt,Emulated load,not-x,1"


def test_noise_has_its_size_and_its_seed_and_leaves_registers_alone():
    def measured(**settings: object) -> list[float]:
        roof = made("inverter", noise=0.01, **settings)
        roof.execute(ON["inverter"])
        roof.world.advance(36.0)
        assert roof.execute("MEAS:ENER?") == roof.execute("MEAS:ENER?")
        return [float(roof.execute("MEAS:POW?") or "nan") for _ in range(2000)]

    first = measured(seed=1)
    assert measured(seed=1) == first != measured(seed=2)
    # Of 2000 values the mean is within 4 standard errors, the deviation within 10 %.
    assert statistics.mean(first) == pytest.approx(3000.0, abs=4 * 30.0 / 2000**0.5)
    assert statistics.stdev(first) == pytest.approx(30.0, rel=0.1)


def talk(instrument: EmulatedInstrument, client: Talk) -> None:
    async def scenario() -> None:
        async with await InstrumentServer(instrument).listen() as server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.timeout(20):
                await client(reader, writer)
            writer.close()

    asyncio.run(scenario())


def test_answers_take_their_time_and_lines_wait_for_one_another():
    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        writer.write(b"*IDN?\nPOW:LIM 7\nPOW:LIM?\n*OPC?\n")
        assert await reader.readline() == b"Peerwatt,Emulated inverter,x,1\n"
        assert await reader.readline() == b"7.0\n"
        assert await reader.readline() == b"1\n"
        # Three answers of 30 ms at least; a line without an answer costs nothing.
        assert loop.time() - began_s >= 0.09

    talk(made("inverter", latency_s=0.03, jitter_s=0.01), ask)


def test_a_client_that_leaves_while_an_answer_is_on_its_way_does_no_harm():
    slow = made("inverter", latency_s=0.05)

    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"*IDN?\n*IDN?\n")
        await writer.drain()
        writer.close()
        await asyncio.sleep(0.15)

    talk(slow, leave)
    assert slow.execute("*OPC?") == "1"


async def eventually_connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    while True:
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("role", ROLES)
def test_a_reboot_ends_connections_and_brings_defaults_back_at_the_same_port(role):
    async def scenario() -> None:
        document = {"instruments": [{"name": "x", "role": role, "settings": NEEDED.get(role, {})}]}
        ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(
            serve_nodes(document, announce=lambda ports: ready.set_result(ports["x"]["socket"]))
        )
        port = await ready
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{ON.get(role, 'COMM:HEAD OFF')};:SIM:FAUL REBOOT,0.2\n".encode())
        began_s = asyncio.get_running_loop().time()
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        again, asking = await eventually_connected(port)
        assert asyncio.get_running_loop().time() - began_s >= 0.19
        asking.write(ASKED.get(role, "OUTP?").encode() + b"\n")
        answer = (await again.readline()).decode().strip()
        assert answer in ("0.0", "0", ":COMMUNICATE:HEADER 1")
        for one in (writer, asking):
            one.close()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_a_rebooted_inverter_enters_service_by_its_own_delay():
    roof = made("inverter")
    roof.execute(ON["inverter"])
    roof.world.advance(0.1)
    roof.execute("SIM:FAUL REBOOT,0;:POW:LIM 3000")
    roof.world.advance(0.9)
    assert roof.execute("SOUR:STAT?;:MEAS:POW?") == "WAIT;0.0"
    roof.world.advance(0.3)
    assert roof.execute("SOUR:STAT?;:MEAS:POW?") == "RUN;3000.0"
