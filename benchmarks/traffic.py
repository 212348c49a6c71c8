"""The two ends of a load test, cheap enough not to be what is measured: a provider and a client, both bare protocols.

A client of a library takes as much CPU for a request as what it asks; then half of what is measured is the client.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import uvloop

ANSWER: Final = json.dumps(
    {
        "id": "x",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
).encode()
_JSON: Final = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_DOWN: Final = b'{"error": {"message": "down for the benchmark", "type": "server_error"}}'
DOWN: Final = b"HTTP/1.1 500 Internal Server Error\r\n" + _JSON % (len(_DOWN), _DOWN)
MODELS: Final = {"object": "list", "data": [{"id": "m", "object": "model"}]}
CATALOGUE: Final = {"providers": [{"id": "listed", "driver": "openai_compatible", "base_url": "http://127.0.0.1:9/v1"}]}
LOOK_S: Final = 0.5
LANES: Final = 16
OK: Final = b"HTTP/1.1 200 OK\r\n" + _JSON % (len(ANSWER), ANSWER)


class Look(NamedTuple):
    """A short stretch of a load, for others on this machine disturb it: requests a second, and CPU for each."""

    a_second: float
    each_us: float


class Load(NamedTuple):
    """What a stretch of load came to."""

    requests: int
    wall_s: float
    cpu_s: float
    took_s: Sequence[float]
    looks: Sequence[Look]

    @property
    def a_second(self) -> float:
        """Requests a second, all in."""
        return self.requests / self.wall_s

    @property
    def peak(self) -> float:
        """Requests a second in the quietest tenth of the time."""
        return sorted(look.a_second for look in self.looks)[-1 - len(self.looks) // 10]

    @property
    def each_us(self) -> float:
        """CPU of the process that was asked, for each request, in the quietest tenth of the time."""
        return sorted(look.each_us for look in self.looks)[len(self.looks) // 10]

    def ms(self, percent: int) -> float:
        """A percentile of the time to an answer."""
        return sorted(self.took_s)[len(self.took_s) * percent // 100] * 1000


class Messages(asyncio.Protocol):
    """Cuts a stream into messages of HTTP/1.1 that say their length, or end with a chunk of nothing."""

    def connection_made(self, transport: Any) -> None:
        self.transport, self._waiting = transport, b""

    def data_received(self, data: bytes) -> None:
        waiting = self._waiting + data if self._waiting else data
        while (end := waiting.find(b"\r\n\r\n")) >= 0:
            head = waiting[:end].lower()
            at = head.find(b"content-length:")
            if at >= 0:
                size = end + 4 + int(head[at + 15 : at + 26].partition(b"\r")[0])
            elif b"transfer-encoding: chunked" in head:
                last = waiting.find(b"0\r\n\r\n", end)
                size = last + 5 if last >= 0 else len(waiting) + 1
            else:
                size = end + 4
            if len(waiting) < size:
                break
            message, waiting = waiting[:size], waiting[size:]
            self.message(message)
        self._waiting = waiting

    def message(self, message: bytes) -> None:
        """One whole message came."""
        raise NotImplementedError


class Provider(Messages):
    """An OpenAI-compatible provider that answers at once; `/down` and `/up` switch it, `/seen` counts the paths."""

    def __init__(self, state: State) -> None:
        self._state = state

    def message(self, message: bytes) -> None:
        if message.startswith(b"POST"):
            down = self._state.down and b"/faulty/" in message[:40]
            self._state.seen["failed"] = self._state.seen.get("failed", 0) + down
            self.transport.write(DOWN if down else OK)
            return
        path = message.split(b" ", 2)[1].decode()
        self._state.seen[path] = self._state.seen.get(path, 0) + 1
        if path in ("/down", "/up"):
            self._state.down = path == "/down"
        body = self._state.seen if path == "/seen" else CATALOGUE if path == "/catalogue" else MODELS
        encoded = json.dumps(body).encode()
        self.transport.write(b"HTTP/1.1 200 OK\r\n" + _JSON % (len(encoded), encoded))


class State:
    """Of a provider: whether what is under `/faulty` fails, and how often each other path was asked for."""

    def __init__(self) -> None:
        self.down = False
        self.seen: dict[str, int] = {}


def provide(ports: Any, core: int) -> None:
    """Run the provider on a core and say on which port; for a process of its own."""
    os.sched_setaffinity(0, {core})
    state = State()

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Provider(state), "127.0.0.1", 0)
        ports.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(run())


class Asking(Messages):
    """One connection that asks again as soon as it has its answer, for as long as `more` says so."""

    def __init__(self, asked: bytes, took: list[float], more: Callable[[float], bool]) -> None:
        self._asked, self._took, self._more = asked, took, more
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._ask()

    def _ask(self) -> None:
        self._began = time.perf_counter()
        self.transport.write(self._asked)

    def message(self, message: bytes) -> None:
        now = time.perf_counter()
        self._took.append(now - self._began)
        if message[9:12] != b"200":
            self.done.set_exception(RuntimeError(f"refused: {message[:900].decode()}"))
        elif self._more(now):
            self._ask()
            return
        else:
            self.done.set_result(None)
        self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or RuntimeError("the connection was closed before the answer"))


class Pacing(Asking):
    """One of `LANES` connections that ask in turn, however long an answer takes: so many requests a second in all."""

    def __init__(self, asked: bytes, took: list[float], a_second: float, first: float, until: float) -> None:
        super().__init__(asked, took, lambda _now: self._next + self._step < until)
        self._step = LANES / a_second
        self._next = first

    def _ask(self) -> None:
        delay = max(0.0, self._next - time.perf_counter())
        self._next += self._step
        asyncio.get_running_loop().call_later(delay, super()._ask)


class Listening(asyncio.Protocol):
    """One listener to the console's events: how many came, when the last one did, and whether any was missed."""

    def __init__(self, asked: bytes) -> None:
        self._asked = asked
        self.came = 0
        self.gaps = 0
        self.at = 0.0
        self.answered = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self._asked)

    def data_received(self, data: bytes) -> None:
        # A frame cut in the middle of this word is counted by neither piece; the server sends whole ones.
        self.came += data.count(b"\nevent: ")
        self.gaps += data.count(b"\nevent: Gap")
        self.at = time.perf_counter()
        self.answered.set()


def cpu_s(pid: int) -> float:
    """CPU seconds of a process's threads so far, in the scheduler's own nanoseconds."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def request(url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A POST as it goes over the wire."""
    parts = urlsplit(url)
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\n{fields}"
    return head.encode() + _JSON % (len(body), body)


async def ask(url: str, asked: bytes, took: list[float], *, concurrent: int, more: Callable[[float], bool]) -> None:
    """Ask over so many connections at once for as long as `more` says so, given the time."""
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    made = [
        await loop.create_connection(lambda: Asking(asked, took, more), parts.hostname, parts.port)
        for _ in range(concurrent)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in made))


async def paced(url: str, asked: bytes, *, a_second: float, seconds: float) -> list[float]:
    """Times of so many requests a second."""
    loop, parts, took = asyncio.get_running_loop(), urlsplit(url), list[float]()
    begin = time.perf_counter() + 0.1
    made = [
        await loop.create_connection(
            lambda n=number: Pacing(asked, took, a_second, begin + n / a_second, begin + seconds),
            parts.hostname,
            parts.port,
        )
        for number in range(LANES)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in made))
    return took


async def listen(url: str, headers: Mapping[str, str], count: int) -> list[Listening]:
    """So many listeners, all of them connected and answered."""
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    asked = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{fields}\r\n".encode()
    made = [await loop.create_connection(lambda: Listening(asked), parts.hostname, parts.port) for _ in range(count)]
    listeners = [protocol for _, protocol in made]
    await asyncio.gather(*(one.answered.wait() for one in listeners))
    return listeners


async def look(pid: int, took: list[float], looks: list[Look]) -> None:
    """Look at a load again and again."""
    cpu, count, at = cpu_s(pid), len(took), time.perf_counter()
    while True:
        await asyncio.sleep(LOOK_S)
        now, came, then = cpu_s(pid), len(took), time.perf_counter()
        if came > count:
            looks.append(Look((came - count) / (then - at), (now - cpu) / (came - count) * 1e6))
        cpu, count, at = now, came, then


async def load(
    url: str, asked: bytes, *, pid: int, concurrent: int, seconds: float, warm_s: float = 2.0, each: int = 0
) -> Load:
    """What asking for so long came to, or for `each` requests; after a while of the same to warm up."""
    if warm_s:
        warm = time.perf_counter() + warm_s
        await ask(url, asked, [], concurrent=concurrent, more=lambda now: now < warm)
    took: list[float] = []
    looks: list[Look] = []
    cpu, began = cpu_s(pid), time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(look(pid, took, looks))
        if each:
            await ask(url, asked, took, concurrent=concurrent, more=lambda _: len(took) <= each - concurrent)
        else:
            await ask(url, asked, took, concurrent=concurrent, more=lambda now: now < began + seconds)
        looking.cancel()
    return Load(len(took), time.perf_counter() - began, cpu_s(pid) - cpu, took, looks)
