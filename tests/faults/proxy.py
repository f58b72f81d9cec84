"""A slow broker: a program that stands before a real one and holds back each request for some time.

`python proxy.py PORT BROKER_PORT`: each line of standard input is a delay in seconds that holds from then
on; the end of the input ends the program. The requests of a connection wait one after the other, as in a
broker that is slow itself: Kafka takes a connection's next request only when it has answered the one before.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import closing

HOST = "127.0.0.1"
_SIZE_BYTES = 4
_PIECE_BYTES = 1 << 16


class Proxy:
    """Forwards every connection to one broker; `delay` is in seconds."""

    def __init__(self, broker_port: int) -> None:
        self.delay = 0.0
        self._broker_port = broker_port

    async def serve(self, port: int) -> None:
        """Listen, and obey standard input until its end."""
        server = await asyncio.start_server(self.connected, HOST, port)
        while line := await asyncio.to_thread(sys.stdin.readline):
            self.delay = float(line)
        server.close()

    async def connected(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Forward one connection until either side ends it."""
        with closing(to_client):
            try:
                broker, to_broker = await asyncio.open_connection(HOST, self._broker_port)
            except OSError:
                return
            with closing(to_broker):
                ways = self._requests(client, to_broker), _answers(broker, to_client)
                await _until_one_ends(*map(asyncio.ensure_future, ways))

    async def _requests(self, client: asyncio.StreamReader, to_broker: asyncio.StreamWriter) -> None:
        while True:
            size = await client.readexactly(_SIZE_BYTES)
            request = await client.readexactly(int.from_bytes(size, "big"))
            await asyncio.sleep(self.delay)
            to_broker.write(size + request)
            await to_broker.drain()


async def _answers(broker: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
    while piece := await broker.read(_PIECE_BYTES):
        to_client.write(piece)
        await to_client.drain()


async def _until_one_ends(*ways: asyncio.Future[None]) -> None:
    """Wait for the end of either side's connection, however it ends."""
    _, open_ways = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for way in open_ways:
        way.cancel()
    await asyncio.gather(*ways, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(Proxy(int(sys.argv[2])).serve(int(sys.argv[1])))
