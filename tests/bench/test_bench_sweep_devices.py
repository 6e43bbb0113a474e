"""Sixteen devices of 5 ms each: one after the other, and written to before any is read."""

import asyncio
import contextlib
import multiprocessing
import selectors
from collections.abc import Iterator
from multiprocessing.connection import Connection

import pytest

from hil.link.sweep import sweep
from hil.link.visa import VisaLink, open_link

COUNT = 16


class Thinking(asyncio.Protocol):
    """A device that answers after a while, whoever else is answering."""

    def __init__(self, think_s: float) -> None:
        self._think_s = think_s

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if data == b"*IDN?\n":
            self._transport.write(b"Maker,Model,1,1\n")
            return
        tag = data.split(b";")[0].removeprefix(b"*ESE ")
        loop = asyncio.get_running_loop()
        loop.call_later(self._think_s, self._transport.write, b"1.5;%s\n" % tag)


def serve(ready: Connection, think_s: float) -> None:
    async def all_of_them() -> None:
        loop = asyncio.get_running_loop()
        servers = [
            await loop.create_server(lambda: Thinking(think_s), "127.0.0.1", 0)
            for _ in range(COUNT)
        ]
        ready.send([server.sockets[0].getsockname()[1] for server in servers])
        await asyncio.Event().wait()

    # An epoll rounds its timers up to whole milliseconds: a device of 5 ms would be one of 6.
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    loop.run_until_complete(all_of_them())


@contextlib.contextmanager
def devices(think_s: float) -> Iterator[list[VisaLink]]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, think_s), daemon=True)
    process.start()
    try:
        with contextlib.ExitStack() as stack:
            yield [
                stack.enter_context(open_link(f"TCPIP0::127.0.0.1::{port}::SOCKET"))
                for port in here.recv()
            ]
    finally:
        process.kill()
        process.join()


@pytest.mark.parametrize("think_s", [0.0, 0.005])
@pytest.mark.parametrize("how", ["one by one", "sweep"])
def test_sixteen_devices(benchmark, think_s, how):
    with devices(think_s) as links:
        questions = [(link, "A?") for link in links]
        if how == "sweep":
            answers = benchmark(sweep, questions)
        else:
            answers = benchmark(lambda: [link.query(question) for link, question in questions])
    assert answers == ["1.5"] * COUNT
