"""One vendor on one loopback port."""

from __future__ import annotations

import asyncio
import concurrent.futures
import email.utils
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from provider_console.sandbox.answering import answer_under
from provider_console.sandbox.control import PREFIX, control
from provider_console.sandbox.delivery import Exchange, deliver
from provider_console.sandbox.fault import OK, Faults, Lane
from provider_console.sandbox.listener import HOST, Listener
from provider_console.sandbox.message import Answer, Request, page_answer
from provider_console.sandbox.record import Record, Seen
from provider_console.sandbox.vendor import Vendor, find_route
from provider_console.sandbox.wire import Wire, Wires

_BODY_BYTES = 16 * 1024 * 1024
_PATH_CHARACTERS = 200
_CREDENTIALS = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key"})


class Server:
    """A running sandbox server: its address, its faults, and what it has seen.

    Made by `serve`. Faults and counts may be used from any thread.
    """

    def __init__(
        self, vendor: Vendor, *, port: int, name: str, wall: Callable[[], datetime], pace: Callable[[Lane], float]
    ) -> None:
        self.vendor = vendor
        self.name = name
        self.siblings: Mapping[str, Server] = {}
        self.record = Record()
        self.faults = Faults(self._listen)
        self._wall = wall
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._started_at = self._loop.time()
        self._numbered = 0
        self._arrival = asyncio.Event()
        self._wires = Wires(self._converse)
        self._again: asyncio.TimerHandle | None = None
        self._listener = Listener(self._wires.protocol, port=port, name=name)
        self._listener.open()

    @property
    def port(self) -> int:
        """The port, also while the server refuses connections."""
        return self._listener.port

    @property
    def origin(self) -> str:
        """`http://host:port`."""
        return f"http://{HOST}:{self.port}"

    @property
    def base_url(self) -> str:
        """What a client of this vendor is given as its base address: the origin, and `/v1` for OpenAI."""
        return self.origin + self.vendor.base_path

    @property
    def listening(self) -> bool:
        """Whether connections are accepted."""
        return self._listener.listening

    @property
    def connections(self) -> int:
        """How many connections have been accepted since the start."""
        return self._wires.accepted

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return self._wires.open

    @property
    def requests(self) -> tuple[Seen, ...]:
        """The last requests, oldest first; those to `/_sandbox` are not among them."""
        return self.record.requests

    def count(
        self,
        path: str | None = None,
        *,
        method: str | None = None,
        lane: Lane | None = None,
        status: int | None = None,
    ) -> int:
        """Return how many requests arrived, or with `status` were answered so, that match all that is given."""
        return self.record.count(path, method=method, lane=lane, status=status)

    async def arrived(
        self, count: int, path: str | None = None, *, method: str | None = None, lane: Lane | None = None
    ) -> None:
        """Return once `count` requests that match have arrived, answered or not; for callers in the server's loop."""
        while self.count(path, method=method, lane=lane) < count:
            self._arrival.clear()
            await self._arrival.wait()

    async def close(self) -> None:
        """Give the port back and end every connection, hanging ones too."""
        if self._again is not None:
            self._again.cancel()
        await self._listener.close()
        await self._wires.close()

    def _listen(self, listening: bool, seconds: float | None) -> None:  # noqa: FBT001 - the shape Faults calls
        if threading.get_ident() != self._thread:
            self._in_loop(lambda: self._listen(listening, seconds))
            return
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if listening:
            self._listener.open()
            return
        self._listener.refuse()
        self._wires.finish()
        if seconds is not None:
            self._again = self._loop.call_later(seconds, self.faults.set, OK)

    def _in_loop(self, change: Callable[[], None]) -> None:
        done: concurrent.futures.Future[None] = concurrent.futures.Future()

        def run() -> None:
            try:
                change()
            except OSError as error:
                done.set_exception(error)
            else:
                done.set_result(None)

        self._loop.call_soon_threadsafe(run)
        done.result()

    async def _converse(self, wire: Wire, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        wire.requests += 1
        body = await _body(receive)
        if body is None:
            return
        request = Request(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
            number=self._numbered + 1,
        )
        if request.path.startswith(PREFIX + "/"):
            answer = control(request, self, self.siblings)
            await deliver(self._dated(answer), OK, Exchange(wire, send, sent=_unnoted))
            return
        await self._answer(request, wire, send)

    async def _answer(self, request: Request, wire: Wire, send: Any) -> None:
        route = find_route(self.vendor, request)
        lane = route.lane if route else None
        fault = self.faults.next(lane) if lane else OK
        self._numbered = request.number
        seen = Seen(
            number=request.number,
            at_s=round(self._loop.time() - self._started_at, 6),
            method=request.method,
            path=request.path[:_PATH_CHARACTERS],
            lane=lane,
            fault=fault.kind,
            connection=wire.number,
            reused=wire.requests > 1,
            credential=not _CREDENTIALS.isdisjoint(request.headers),
        )
        self.record.arrived(seen)
        self._arrival.set()
        if len(request.body) > _BODY_BYTES:
            answer = page_answer(413)
        else:
            answer = answer_under(fault, self.vendor, request, origin=self.origin, wall=self._wall)
            if lane is not None:
                answer = msgspec.structs.replace(answer, delay_s=answer.delay_s + self._pace(lane))

        def sent(status: int) -> None:
            self.record.answered(seen, status=status, facts=answer.facts)

        await deliver(self._dated(answer), fault, Exchange(wire, send, sent=sent), gap_s=self.vendor.gap_s)

    def _dated(self, answer: Answer) -> Answer:
        return answer.with_headers(("date", email.utils.format_datetime(self._wall().astimezone(UTC), usegmt=True)))


def _at_once(lane: Lane) -> float:
    """Answer without a pause."""
    del lane
    return 0.0


def _unnoted(status: int) -> None:
    """Stand in where nothing is recorded."""
    del status


async def _body(receive: Any) -> bytes | None:
    """Return the whole body, one byte over the limit where it is longer, or None when the client has gone."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        if len(body) <= _BODY_BYTES:
            body += message["body"]
        if not message["more_body"]:
            return bytes(body[: _BODY_BYTES + 1])


@asynccontextmanager
async def serve(
    vendor: Vendor,
    *,
    port: int = 0,
    name: str | None = None,
    wall: Callable[[], datetime] = email.utils.localtime,
    pace: Callable[[Lane], float] = _at_once,
) -> AsyncIterator[Server]:
    """Serve `vendor` on loopback in the running loop until the block ends; `port` 0 takes a free one.

    `wall` tells the time for dates in headers, `pace` how many seconds the next answer on a lane takes.
    Raises: PortInUseError.
    """
    server = Server(vendor, port=port, name=name or vendor.name, wall=wall, pace=pace)
    try:
        yield server
    finally:
        await server.close()
