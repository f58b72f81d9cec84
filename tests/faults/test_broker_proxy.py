"""The slow broker of the fault scenarios is as slow as it says."""

from __future__ import annotations

import asyncio
import struct
import time

from fraudstream.demo.workers import free_ports
from tests.faults.proxy import HOST, Proxy

DELAY = 0.2


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A broker that gives back each request."""
    while size := await reader.read(4):
        request = await reader.readexactly(int.from_bytes(size, "big"))
        writer.write(size + request)


async def exchange(port: int, requests: list[bytes]) -> tuple[list[bytes], float]:
    """Send all at once; the answers, and the seconds until the last came."""
    reader, writer = await asyncio.open_connection(HOST, port)
    began = time.monotonic()
    writer.write(b"".join(struct.pack(">i", len(request)) + request for request in requests))
    answers = [await reader.readexactly(4 + len(request)) for request in requests]
    seconds = time.monotonic() - began
    writer.close()
    return [each[4:] for each in answers], seconds


async def test_each_request_waits_and_those_of_a_connection_wait_one_after_the_other() -> None:
    broker_port, port = free_ports(2)
    requests = [b"fetch" * 50_000, b"", b"produce"]
    proxy = Proxy(broker_port)
    async with (
        await asyncio.start_server(answer, HOST, broker_port),
        await asyncio.start_server(proxy.connected, HOST, port),
    ):
        for proxy.delay, least in ((0.0, 0.0), (DELAY, len(requests) * DELAY)):
            answers, seconds = await exchange(port, requests)
            assert answers == requests
            assert least <= seconds < least + 5


async def test_a_broker_that_is_away_ends_the_connection() -> None:
    broker_port, port = free_ports(2)
    async with await asyncio.start_server(Proxy(broker_port).connected, HOST, port):
        reader, writer = await asyncio.open_connection(HOST, port)
        assert await reader.read() == b""
        writer.close()
