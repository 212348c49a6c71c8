"""A loopback server that sends exactly the bytes a test wants, and counts what reached it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from provider_console.adapters.http import HttpClients
from provider_console.sdk.http import HttpClient


@dataclass
class Exchange:
    """One request as it arrived, on a connection that the test may do anything to."""

    head: str
    body: bytes
    number: int
    on_connection: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self, body: bytes = b"{}", *, status: str = "200 OK", headers: str = "") -> None:
        self.writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)
        await self.writer.drain()

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def hang_up(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """End the connection with RST instead of FIN."""
        raw: socket.socket = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def gone(self) -> None:
        """Until the other side has ended the connection."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(4096):
                pass


Handler = Callable[[Exchange], Awaitable[None]]


@dataclass
class WireServer:
    """What a running server saw."""

    port: int = 0
    exchanges: list[Exchange] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def requests(self) -> int:
        return len(self.exchanges)

    def url(self, path: str = "/", *, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


@contextlib.asynccontextmanager
async def serving(handler: Handler, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[WireServer]:
    """A server on a free loopback port; the handler is awaited for each request."""
    seen = WireServer()
    tasks: set[asyncio.Task[None]] = set()
    writers: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        writers.add(writer)
        seen.connections += 1
        seen.open += 1
        seen.idle.clear()
        count = 0
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = next(
                    (int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0
                )
                count += 1
                body = await reader.readexactly(length)
                exchange = Exchange(head, body, len(seen.exchanges) + 1, count, reader, writer)
                seen.exchanges.append(exchange)
                await handler(exchange)
                if writer.is_closing():
                    break
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, asyncio.CancelledError):
            # How a client leaves; which way is the test's business.
            tasks.discard(task)
        finally:
            tasks.discard(task)
            seen.open -= 1
            if not seen.open:
                seen.idle.set()
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls, limit=1 << 20)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
        # Two steps of the loop: one calls connection_lost, the next closes the socket.
        await asyncio.sleep(0)
        await asyncio.sleep(0)


class LoopClock:
    """The running loop's time."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@pytest.fixture
def serve() -> Any:
    """`async with serve(handler) as server`."""
    return serving


@pytest.fixture
def clock() -> LoopClock:
    return LoopClock()


@pytest.fixture
async def clients(clock: LoopClock) -> AsyncIterator[HttpClients]:
    made = HttpClients(clock=clock)
    yield made
    await made.aclose()


@pytest.fixture
def client(clients: HttpClients) -> HttpClient:
    """A client for this machine."""
    return clients.client(network="loopback")
