"""What an emulated instrument answers a second: alone, on its doors, and pyvisa-sim beside it."""

import socket
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.emulated_bench import EmulatorProcess
from hil.emulators.node import Placed, build_instrument
from hil.emulators.world import World

QUERIES = 1000
SIMULATED = """
spec: "1.1"
devices:
  inverter:
    eom:
      TCPIP SOCKET: {q: "\\n", r: "\\n"}
    dialogues:
      - {q: "MEAS:POW?", r: "2999.5"}
resources:
  TCPIP0::127.0.0.1::5025::SOCKET: {device: inverter}
"""


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    settings = {"p_rated_kw": 5.0, "s_kva": 5.0}
    doors = {"port": 0, "hislip_port": 0, "sunspec_port": 0}
    placed = {"name": "roof", "role": "inverter", "settings": settings, **doors}
    with EmulatorProcess({"instruments": [placed]}, name="roof") as process:
        yield process.ports()["roof"]


@pytest.mark.benchmark(group="emulator")
def test_bench_a_query_without_a_socket(benchmark):
    settings = {"p_rated_kw": 5.0, "s_kva": 5.0}
    roof = build_instrument(World(), Placed(name="roof", role="inverter", settings=settings))

    assert benchmark(roof.execute, "MEAS:POW?") == "0.0"


@pytest.mark.benchmark(group="emulator")
@pytest.mark.parametrize("line", ["MEAS:POW?", "MEAS:POW?;:MEAS:POW:REAC?;:SOUR:STAT?"])
def test_bench_a_thousand_queries_one_after_the_other(benchmark, ports, line):
    with socket.create_connection(("127.0.0.1", ports["socket"])) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        query = f"{line}\n".encode()

        def ask() -> bytes:
            for _ in range(QUERIES):
                raw.sendall(query)
                reply = raw.recv(4096)
            return reply

        assert benchmark(ask).endswith(b"\n")


@pytest.mark.benchmark(group="emulator")
def test_bench_a_thousand_queries_at_once(benchmark, ports):
    with socket.create_connection(("127.0.0.1", ports["socket"])) as raw:
        queries = b"MEAS:POW?\n" * QUERIES
        replies = len(b"0.0\n") * QUERIES

        def ask() -> int:
            raw.sendall(queries)
            left = replies
            while left:
                left -= len(raw.recv(left))
            return left

        assert benchmark(ask) == 0


@pytest.mark.benchmark(group="emulator")
def test_bench_a_query_over_hislip(benchmark, ports):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyvisa

        manager = pyvisa.ResourceManager("@py")
        resource = manager.open_resource(
            f"TCPIP0::127.0.0.1::hislip0,{ports['hislip']}::INSTR", read_termination="\n"
        )
        with resource:
            assert benchmark(resource.query, "MEAS:POW?") == "0.0"


@pytest.mark.benchmark(group="emulator")
def test_bench_model_701_over_modbus(benchmark, ports):
    client = pytest.importorskip("sunspec2.modbus.client")
    device = client.SunSpecModbusClientDeviceTCP(
        slave_id=1, ipaddr="127.0.0.1", ipport=ports["sunspec"], timeout=20
    )
    device.scan()
    try:
        benchmark(device.models[701][0].read)
    finally:
        device.close()


@pytest.mark.benchmark(group="emulator")
def test_bench_a_query_of_pyvisa_sim(benchmark, tmp_path: Path):
    pytest.importorskip("pyvisa_sim")
    import pyvisa

    file = tmp_path / "inverter.yaml"
    file.write_text(SIMULATED)
    manager = pyvisa.ResourceManager(f"{file}@sim")
    options = {"read_termination": "\n", "write_termination": "\n"}
    with manager.open_resource("TCPIP0::127.0.0.1::5025::SOCKET", **options) as resource:
        assert benchmark(resource.query, "MEAS:POW?") == "2999.5"


@pytest.mark.benchmark(group="emulator steps")
@pytest.mark.parametrize("standard", ["", "ieee1547-2018-b-ii"])
def test_bench_a_second_of_a_whole_node(benchmark, standard):
    world = World()
    world.take_clock()
    inverter = {"p_rated_kw": 5.0, "s_kva": 5.0, "standard": standard}
    settings = {"inverter": inverter, "storage": {"p_max_kw": 3.0, "capacity_kwh": 6.0}}
    for role in ("grid-simulator", "pv-simulator", "inverter", "storage", "load", "analyser"):
        placed = Placed(name=role, role=role, settings=settings.get(role, {}))
        build_instrument(world, placed).execute("OUTP ON")

    benchmark(world.advance, 1.0)

    assert world.f_hz == 50.0
