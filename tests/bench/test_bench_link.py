"""A tick in lockstep beside what it is made of: a raw socket, plain pyvisa, the physics."""

import itertools
import socket
from collections.abc import Iterator

import pytest
import pyvisa

from hil.emulated_bench import EmulatedBench
from hil.emulators.inverter import EmulatedInverter
from models.inverter import InverterParams

ROOF = InverterParams(p_rated_kw=30.0, s_kva=30.0)
TICK = "SIM:TICK {},0.1,20000.0,1.0,50.0;:SOUR:POW:LIM 30000.0;:SIM:STEP?"


@pytest.fixture
def bench() -> Iterator[EmulatedBench]:
    with EmulatedBench({"roof": ROOF}) as running:
        yield running


@pytest.mark.benchmark(group="lockstep tick")
def test_bench_lockstep_tick(benchmark, bench):
    inverter = bench.inverters["roof"]
    inverter.begin_lockstep(0.1)

    reading = benchmark(inverter.tick, 20.0, 30.0, 1.0, 50.0)

    assert reading.p_kw > 0


@pytest.mark.benchmark(group="lockstep tick")
def test_bench_the_same_bytes_over_a_raw_socket(benchmark, bench):
    bench.inverters["roof"].begin_lockstep(0.1)
    port = int(bench.addresses["roof"].split("::")[2])
    counter = itertools.count()
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def exchange() -> bytes:
            raw.sendall(TICK.format(next(counter)).encode() + b"\n")
            return raw.recv(4096)

        reply = benchmark(exchange)

    assert reply.endswith(b",RUN,30000.0\n")


@pytest.mark.benchmark(group="lockstep tick")
def test_bench_the_same_line_by_plain_pyvisa(benchmark, bench):
    bench.inverters["roof"].begin_lockstep(0.1)
    counter = itertools.count()
    manager = pyvisa.ResourceManager("@py")
    options = {"read_termination": "\n", "write_termination": "\n"}
    with manager.open_resource(bench.addresses["roof"], **options) as plain:
        reply = benchmark(lambda: plain.query(TICK.format(next(counter))))

    assert reply.endswith(",RUN,30000.0")


@pytest.mark.benchmark(group="lockstep tick")
def test_bench_the_emulator_without_a_wire(benchmark):
    emulator = EmulatedInverter(ROOF)
    counter = itertools.count()

    reply = benchmark(lambda: emulator.execute(TICK.format(next(counter))))

    assert reply is not None
    assert reply.endswith(",RUN,30000.0")


@pytest.mark.benchmark(group="question")
def test_bench_tagged_query(benchmark, bench):
    inverter = bench.inverters["roof"]

    reading = benchmark(inverter.measure)

    assert reading.state == "running"


@pytest.mark.benchmark(group="question")
def test_bench_shortest_question_over_a_raw_socket(benchmark, bench):
    port = int(bench.addresses["roof"].split("::")[2])
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def ask() -> bytes:
            raw.sendall(b"*OPC?\n")
            return raw.recv(4096)

        reply = benchmark(ask)

    assert reply == b"1\n"
