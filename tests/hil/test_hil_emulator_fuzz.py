"""Senseless lines, frames and messages at every emulated instrument: no crash, no hang."""

import asyncio
import random
import re

import pytest

from hil.emulators.hislip import HislipServer
from hil.emulators.instrument import EmulatedInstrument
from hil.emulators.inverter import EmulatedInverter
from hil.emulators.modbus import ModbusServer
from hil.emulators.node import Placed, build_instrument
from hil.emulators.server import Door
from hil.emulators.sunspec import SunSpecInverter
from hil.emulators.world import World

NEEDED = {
    "inverter": {"p_rated_kw": 5.0, "s_kva": 5.0},
    "functional": {"p_rated_kw": 5.0, "s_kva": 5.0, "standard": "vde-ar-n-4105-2018-small"},
    "storage": {"p_max_kw": 3.0, "capacity_kwh": 6.0},
}
KINDS = (*NEEDED, "grid-simulator", "pv-simulator", "load", "analyser")
WORDS = (
    "0 1 -1 0.5 230 50 1000 5000 1e300 -1e300 9.91E37 nan inf MIN MAX DEF ON OFF ALL NONE TRIP "
    "STUCK DRIFT DROP IDENTITY REFUSE REBOOT CLEAR CYCLE CP U SIGM V_PU Q_PU ENABLED 0x1 ,, #13"
)
VALUES = (*WORDS.split(), *3 * ("0", "1", "50", "230"))
POISON = ("'", '"', "\t", "\r", "\x00", "\xff")
BOUNDS = (-1e6, 1e6)


def made(kind: str) -> EmulatedInstrument:
    world = World()
    role = "inverter" if kind == "functional" else kind
    for other in ("grid-simulator", "load"):
        if other != role:
            build_instrument(world, Placed(name=other, role=other, settings={}))
    return build_instrument(world, Placed(name="x", role=role, settings=NEEDED.get(kind, {})))


def random_line(rng: random.Random, headers: list[str]) -> str:
    """Make a line of units that are mostly headers of the instrument with senseless values."""
    units = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        header = rng.choice(headers)
        if rng.random() < 0.1:
            place = rng.randrange(len(header))
            header = header[:place] + chr(rng.randrange(256)) + header[place + 1 :]
        values = ",".join(rng.choice(VALUES) for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 3, 5))))
        if rng.random() < 0.05:
            values += rng.choice(POISON)
        units.append(f"{header} {values}" if rng.random() < 0.95 else header + values)
    return rng.choice((";:", ";:", ";", ":")).join(units).replace("\n", " ")


def headers_of(instrument: EmulatedInstrument) -> list[str]:
    """Give every command in its short form; time is passed by the test itself."""
    spelt = []
    for pattern in instrument.described:
        header = re.sub(r"\[[^\]]*\]", "", pattern).replace("#", "2").lstrip(":")
        if "ADV" not in header:
            spelt.append("".join(letter for letter in header if not letter.islower()))
    return spelt


def babble(kind: str, lines: int, seed: int) -> None:
    """Say senseless lines while time passes, and see that it still knows who it is."""
    instrument, rng = made(kind), random.Random(seed)
    headers, taken = headers_of(instrument), 0
    for number in range(lines):
        line = random_line(rng, headers)
        reply = instrument.execute(line)
        taken += instrument.execute("SYST:ERR:COUN?;*CLS") == "0"
        assert reply is None or (reply.isascii() and "\n" not in reply), line
        if number % 20 == 0:
            instrument.world.take_clock()
            instrument.world.advance(0.01 * rng.randrange(5))
    told = instrument.execute("SIM:FAUL:CLE;*RST;*CLS;*IDN?;:SYST:ERR?")
    assert told is not None
    assert taken > lines / 10  # the lines were not all noise
    assert told.endswith(',x,1;0,"No error"')
    world = instrument.world
    assert all(BOUNDS[0] < value < BOUNDS[1] for value in (*world.vm_v, *world.p_kw, world.f_hz))


@pytest.mark.parametrize("kind", KINDS)
def test_thousands_of_senseless_lines_never_break_it(kind):
    babble(kind, 3000, 11)


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_thousand_senseless_lines_never_break_it(kind):
    babble(kind, 100_000, 12)


def shout(door: Door, make: "type[Babbler]", times: int) -> None:
    """Send what a babbler makes, connection after connection, then see that it answers."""

    async def scenario() -> None:
        rng = random.Random(13)
        babbler = make()
        async with await door.listen() as server:
            port = server.sockets[0].getsockname()[1]
            for _ in range(times):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                for _ in range(rng.randrange(1, 30)):
                    writer.write(babbler.message(rng))
                writer.write_eof()
                async with asyncio.timeout(20):
                    try:
                        while await reader.read(65_536):
                            pass
                    except ConnectionResetError:
                        pass
                writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(babbler.asked)
            async with asyncio.timeout(20):
                assert await reader.readexactly(len(babbler.answered)) == babbler.answered
            writer.close()

    asyncio.run(scenario())


class Babbler:
    """Senseless messages of a protocol, a good one, and its answer."""

    asked = answered = b""

    def message(self, rng: random.Random) -> bytes:
        raise NotImplementedError


class ModbusBabbler(Babbler):
    """Frames that are mostly whole, with functions, addresses and counts of any size."""

    asked = b"\x00\x07\x00\x00\x00\x06\x01\x03\x9c\x40\x00\x02"
    answered = b"\x00\x07\x00\x00\x00\x07\x01\x03\x04SunS"

    def message(self, rng: random.Random) -> bytes:
        function = rng.choice((3, 6, 16, rng.randrange(256)))
        address = rng.choice((rng.randrange(40_000, 40_700), rng.randrange(65_536)))
        body = bytes([function]) + address.to_bytes(2) + rng.randbytes(rng.randrange(1, 40))
        if function == 16:
            count = rng.randrange(1, 8)
            body = bytes([16]) + address.to_bytes(2) + count.to_bytes(2) + bytes([2 * count])
            body += rng.randbytes(2 * count)
        length = len(body) + 1 if rng.random() < 0.97 else rng.randrange(65_536)
        return rng.randbytes(2) + b"\0\0" + length.to_bytes(2) + b"\1" + body


class HislipBabbler(Babbler):
    """Messages of all types with parameters and payloads of any kind."""

    asked = b"HS\x00\x00\x01\x00xx" + (7).to_bytes(8) + b"hislip0"
    answered = b"HS\x01\x00\x01\x00"

    def message(self, rng: random.Random) -> bytes:
        prologue = b"HS" if rng.random() < 0.98 else rng.randbytes(2)
        kind = rng.choice((0, 0, 6, 7, 8, 12, 17, 19, rng.randrange(256)))
        payload = rng.choice(
            (b"", b"*IDN?", b"SIM:FAUL DELAY,1,60", rng.randbytes(20), b"7" * 5000)
        )
        size = len(payload) if rng.random() < 0.98 else rng.randrange(2**32)
        parameter = rng.choice((rng.randrange(1, 30), rng.randrange(2**32)))
        return (
            prologue
            + bytes([kind, rng.randrange(4)])
            + parameter.to_bytes(4)
            + (size.to_bytes(8) + payload)
        )


@pytest.mark.parametrize("kind", ["inverter", "functional"])
def test_senseless_modbus_never_breaks_it(kind):
    inverter = made(kind)
    assert isinstance(inverter, EmulatedInverter)
    shout(ModbusServer(inverter, SunSpecInverter(inverter)), ModbusBabbler, 60)
    assert 0.0 <= inverter.limit_w <= inverter.rated_w


def test_senseless_hislip_never_breaks_it():
    door = HislipServer(made("load"))
    shout(door, HislipBabbler, 60)
    assert len(door.sessions) <= 1  # the last one's channel has just been left
