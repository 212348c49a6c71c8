"""One POST over loopback: CPU a request beside its peers, and what 10,000 cancelled requests leave behind.

    python benchmarks/http_transport.py [requests] [cancelled]

The server runs in a process of its own; CPU is this process's. Ratios hold between machines, microseconds do not.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import HttpxAiohttpClient

from provider_console.adapters.http import HttpClients
from provider_console.core.ports.time import Clock

ANSWER = b'{"choices":[{"message":{"content":"hello"}}]}'
PROMPT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
ROUNDS = 5


class LoopClock:
    """The running loop's time."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request on a connection, except those under /hang."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER)
    try:
        while True:
            asked = (await reader.readuntil(b"\r\n\r\n")).lower()
            lengths = [int(line[15:]) for line in asked.split(b"\r\n") if line.startswith(b"content-length:")]
            await reader.readexactly(sum(lengths))
            if b"/hang" not in asked:
                writer.write(head + ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def serve(ports: Any) -> None:
    """Run the server and say on which port."""

    async def run() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
        ports.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


async def cpu_us(call: Callable[[], Awaitable[object]], requests: int) -> float:
    """Microseconds of CPU a call, the best of five rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(requests):
            await call()
        best = min(best, time.process_time() - started)
    return best / requests * 1e6


async def cancelled_then(call: Callable[[str], Awaitable[object]], url: str, count: int) -> str:
    """Cancel requests that hang, a hundred at a time, then see how many of 20 still succeed."""
    for _ in range(count // 100):
        tasks = [asyncio.create_task(call(f"{url}/hang")) for _ in range(100)]
        await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    good = 0
    for _ in range(20):
        try:
            async with asyncio.timeout(5):
                await call(url)
            good += 1
        except (TimeoutError, httpx.HTTPError):
            continue
    return f"{good} of 20"


async def compare(port: int, requests: int, cancelled: int) -> None:
    """Print the table."""
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    headers = {"Authorization": "Bearer x"}
    clock: Clock = LoopClock()
    clients = HttpClients(clock=clock)
    own = clients.client(network="loopback")
    session, over_aiohttp, plain = aiohttp.ClientSession(), HttpxAiohttpClient(), httpx.AsyncClient()

    async def with_aiohttp(to: str) -> None:
        async with session.post(to, json=PROMPT, headers=headers) as response:
            await response.read()

    calls: dict[str, Callable[[str], Awaitable[object]]] = {
        "aiohttp alone": with_aiohttp,
        "provider console": lambda to: own.request("POST", to, json=PROMPT, headers=headers),
        "httpx over aiohttp": lambda to: over_aiohttp.post(to, json=PROMPT, headers=headers),
        "httpx": lambda to: plain.post(to, json=PROMPT, headers=headers),
    }
    print(f"{'':20}{'CPU us':>9}{'ratio':>8}   after {cancelled} cancelled")
    floor = 0.0
    for name, call in calls.items():
        await call(url)
        gc.collect()
        spent = await cpu_us(lambda call=call: call(url), requests)  # type: ignore[misc]
        floor = floor or spent
        print(f"{name:20}{spent:9.0f}{spent / floor:8.2f}   {await cancelled_then(call, url, cancelled)}")
    await clients.aclose()
    await session.close()
    await over_aiohttp.aclose()
    await plain.aclose()


def main() -> None:
    """Run against a server in a process of its own."""
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    cancelled = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    ports: Any = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(ports,))
    server.start()
    try:
        asyncio.run(compare(ports.get(), requests, cancelled))
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
