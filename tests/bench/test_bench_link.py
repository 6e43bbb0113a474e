"""A query over the link beside a raw socket, plain pyvisa and pyvisa-sim.

The device is a process of its own, as real ones are, that answers at once. The last test prints
ratios, interleaved, so that a noisy machine slows all of them alike.
"""

import contextlib
import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import pytest

from hil.link.record import Recorder
from hil.link.visa import open_link

ANSWERS = {b"*IDN?": b"Maker,Model,1,1", b"A?": b"1.5"}


def serve(ready: Connection) -> None:
    """Answer lines until the parent goes, to several clients in turn."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ready.send(server.getsockname()[1])
        while True:
            threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()


def answer(client: socket.socket) -> None:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError), client, client.makefile("rb") as lines:
        for line in lines:
            parts = line.strip().split(b";")
            answers = [ANSWERS[part] for part in parts if part in ANSWERS]
            if parts[-1] == b"*ESE?":
                answers.append(parts[0].removeprefix(b"*ESE "))
            client.sendall(b";".join(answers) + b"\n")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there,), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.kill()
        process.join()


@contextlib.contextmanager
def raw(port: int, message: bytes = b"A?\n") -> Iterator[Callable[[], object]]:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(1.0)

        def query() -> bytes:
            client.sendall(message)
            return client.recv(4096)

        yield query


@contextlib.contextmanager
def ours(port: int, **options: object) -> Iterator[Callable[[], object]]:
    with open_link(f"TCPIP0::127.0.0.1::{port}::SOCKET", **options) as link:
        yield lambda: link.query("A?")


@contextlib.contextmanager
def plain(port: int) -> Iterator[Callable[[], object]]:
    import pyvisa

    resource = pyvisa.ResourceManager("@py").open_resource(f"TCPIP0::127.0.0.1::{port}::SOCKET")
    resource.read_termination = resource.write_termination = "\n"
    try:
        yield lambda: resource.query("A?")
    finally:
        resource.close()


@contextlib.contextmanager
def simulated(port: int) -> Iterator[Callable[[], object]]:
    pytest.importorskip("pyvisa_sim")
    import pyvisa

    resource = pyvisa.ResourceManager("@sim").open_resource("ASRL2::INSTR")
    resource.read_termination = "\r\n"
    resource.write_termination = "\r\n"
    try:
        yield lambda: resource.query("?FREQ")
    finally:
        resource.close()


WAYS = {"raw socket": raw, "link": ours, "plain pyvisa": plain, "pyvisa-sim": simulated}


@pytest.mark.parametrize("way", WAYS)
def test_query(benchmark, port, way):
    with WAYS[way](port) as query:
        benchmark(query)


def test_query_while_recording(benchmark, port, tmp_path):
    with (
        Recorder(tmp_path, say=pytest.fail) as recorder,
        ours(port, tap=recorder.tap("roof")) as query,
    ):
        benchmark(query)


def test_reconnect(benchmark, port):
    with open_link(f"TCPIP0::127.0.0.1::{port}::SOCKET") as link:

        def again() -> None:
            link.drop()
            link.connect()

        benchmark(again)


def test_ratios(port, benchmark, capsys):
    """Interleaved rounds; the median of each way over that of the raw socket."""
    tagged = b"*ESE 7;A?;*ESE?\n"
    with raw(port) as bare, raw(port, tagged) as same, ours(port) as link, plain(port) as visa:
        ways = {"raw": bare, "raw, same bytes": same, "link": link, "plain pyvisa": visa}
        took: dict[str, list[float]] = {name: [] for name in ways}

        def interleaved() -> None:
            for name, query in ways.items():
                began_s = time.perf_counter()
                query()
                took[name].append(time.perf_counter() - began_s)

        benchmark.pedantic(interleaved, rounds=3000, warmup_rounds=10)
    medians = {name: 1e6 * sorted(times)[len(times) // 2] for name, times in took.items()}
    if benchmark.enabled:
        with capsys.disabled():
            for name, us in medians.items():
                print(f"\n{name}: {us:.1f} µs, {us / medians['raw']:.2f} × raw", end="")
