"""Serves the API on a socket until it is told to end, and ends so that whoever was let in has an answer."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, cast

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from provider_console.api.app import HEADER_BYTES, Api, api
from provider_console.api.certificate import Certificate
from provider_console.api.exchange import WHOLE
from provider_console.api.supervisor import Supervisor
from provider_console.console.errors import BadRequest, ConsoleError
from provider_console.console.service import Service

log = logging.getLogger(__name__)

GRACE_S: Final = 30.0
"""How long what runs may go on once the end was asked for."""
PARTING_S: Final = 5
"""After that, how long answers may take to go out."""
CONNECTIONS: Final = 1_000
HEAD_S: Final = 15.0
"""How long the head of a request may take to arrive, and the rest of a body that was answered unread."""
IDLE_S: Final = 60
BACKLOG: Final = 1_024

_FINAL: Final = tuple(b"HTTP/1.1 %d" % kind for kind in (2, 3, 4, 5))
"""How the head of an answer begins that a body may follow; 100 Continue is waited for."""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where to serve, and how the way there is protected."""

    host: str = "127.0.0.1"
    port: int = 8750
    certfile: Path | None = None
    keyfile: Path | None = None
    behind_proxy: bool = False

    def check(self) -> None:
        """Raises: BadRequest: what would be sent could be read on its way, or the certificate is half there."""
        if (self.certfile is None) != (self.keyfile is None):
            raise BadRequest("--certfile and --keyfile belong together", field="certfile")
        if self.certfile is not None or self.behind_proxy or _is_loopback(self.host):
            return
        raise BadRequest(
            f"{self.host} can be reached from elsewhere, and tokens would travel in the clear: give --certfile and "
            "--keyfile, or --behind-proxy where a proxy in front of it does TLS",
            field="host",
        )

    def certificate(self) -> Certificate | None:
        """What protects the way. Raises: BadRequest."""
        if self.certfile is None or self.keyfile is None:
            return None
        return Certificate(self.certfile, self.keyfile)

    def at(self, port: int) -> str:
        """As a client calls it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.certfile is None else 'https'}://{host}:{port}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Stop:
    """How the outside says that it is time: once to end, twice to end at once; and to read the settings again."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._again = asyncio.Event()
        self._reload = asyncio.Event()

    def end(self) -> None:
        """End; called a second time, do not wait for what runs."""
        (self._again if self._asked.is_set() else self._asked).set()

    def reload(self) -> None:
        """Read the configuration and the certificate again."""
        self._reload.set()

    async def asked(self) -> None:
        """Wait for the first call of `end`."""
        await self._asked.wait()

    async def asked_again(self) -> None:
        """Wait for the second."""
        await self._again.wait()

    async def reload_asked(self) -> None:
        """Wait for a call of `reload`."""
        await self._reload.wait()
        self._reload.clear()


async def serve(
    service: Service,
    address: Address,
    stop: Stop,
    *,
    started: Callable[[int], None],
    grace_s: float = GRACE_S,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Serve until `stop`. `started` is told the port once requests are taken, and systemd where `environ` names it.

    Then: nothing new is taken, what runs gets `grace_s`, what still runs is ended and answered with its report.

    Raises:
        BadRequest: the address cannot be used.
    """
    address.check()
    certificate = address.certificate()
    supervisor = Supervisor(environ, service.clock)
    with _bound(address) as listener:
        server = _Served(service, address.at(listener.getsockname()[1]), certificate, supervisor, stop)
        await _serve_on(listener, server, behind_proxy=address.behind_proxy, started=started, grace_s=grace_s)


class _Served(NamedTuple):
    """What runs, where it is called, and what is shown and told of it."""

    service: Service
    url: str
    certificate: Certificate | None
    supervisor: Supervisor
    stop: Stop


async def _serve_on(
    listener: socket.socket, it: _Served, *, behind_proxy: bool, started: Callable[[int], None], grace_s: float
) -> None:
    service, stop = it.service, it.stop
    async with api(service, behind_proxy=behind_proxy) as app, asyncio.TaskGroup() as tasks:
        server = _Server(_configured(app, it.certificate))
        serving = tasks.create_task(server.serve(sockets=[listener]))
        beside = [tasks.create_task(_reload(it)), tasks.create_task(it.supervisor.keep_alive())]
        try:
            while not server.started:
                await service.clock.sleep(0.01)
            started(listener.getsockname()[1])
            it.supervisor.ready(f"serving {it.url}")
            await stop.asked()
        finally:
            it.supervisor.stopping()
            app.drain()
            beside.append(tasks.create_task(_hurry(service, stop)))
            # Whoever asks meanwhile hears that it is ending: a port that is closed says nothing to a load balancer.
            await service.drain(grace_s)
            server.should_exit = True
            await _parted(serving, server)
            for task in beside:
                task.cancel()


async def _parted(serving: asyncio.Task[None], server: uvicorn.Server) -> None:
    """Wait until the last answers are out; who does not take theirs is cut off."""
    try:
        async with asyncio.timeout(PARTING_S):
            await asyncio.shield(serving)
    except TimeoutError:
        serving.cancel()
        for connection in list(server.server_state.connections):
            if connection.transport is not None:
                connection.transport.close()


async def _hurry(service: Service, stop: Stop) -> None:
    await stop.asked_again()
    service.hurry()


async def _reload(it: _Served) -> None:
    while True:
        await it.stop.reload_asked()
        it.supervisor.reloading()
        status = f"serving {it.url}"
        try:
            await it.service.reload()
            if it.certificate is not None:
                await asyncio.to_thread(it.certificate.reload)
        except ConsoleError as error:
            log.warning("not everything was read again, what was before stays in force: %s", error.message)
            status += f"; {error.message}"
        it.supervisor.ready(status)


def _bound(address: Address) -> socket.socket:
    """The open port. Raises: BadRequest."""
    listener = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise BadRequest(
            f"{address.host}:{address.port} cannot be served ({error}); choose another --host or --port", field="port"
        ) from error
    return listener


def _configured(app: Api, certificate: Certificate | None) -> uvicorn.Config:
    # What uvicorn says of broken requests belongs with our own lines, not on standard error.
    logger = logging.getLogger("uvicorn")
    logger.propagate = False
    logger.handlers = logging.getLogger("provider_console").handlers
    return uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=IDLE_S,
        ssl_context_factory=None if certificate is None else lambda _config, _default: certificate.context,
    )


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the end is asked for through `Stop`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Joining:
    """A transport that sends the head of an answer together with what follows it: uvicorn writes them one by one.

    A write is a system call, and on the other side a second piece to wait for.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send bytes, or keep them where they are a head."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(_FINAL) and data.endswith(b"\r\n\r\n"):
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Send a head that nothing follows."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def close(self) -> None:
        """Close, once everything is out."""
        self.flush()
        self._transport.close()


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP with bounds on what is no body, and on connections: it has none of its own.

    What follows the last piece of a body as further headers (trailers) is dropped: uvicorn would put it among those of
    the head, so that a request could change its Host or its token behind the back of whoever looked at them.
    """

    _joining: Joining
    _timer: asyncio.TimerHandle | None = None
    _headless = False
    _unfinished = False
    _bare_bytes = 0
    """Since the request began, or since the last piece of its body."""
    _body_came = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # of a server it is no other
        """A connection more, unless there are too many."""
        self._joining = Joining(transport)
        super().connection_made(cast(asyncio.Transport, self._joining))
        if len(self.connections) > CONNECTIONS:
            transport.close()
            return
        self._await()

    def connection_lost(self, exc: Exception | None) -> None:
        """A connection less."""
        self._came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came; a head or trailers that never end are cut off."""
        self._body_came = False
        super().data_received(data)
        if self._headless and self._timer is None:
            # Most heads come in one piece and need no timer.
            self._await()
        self._bare_bytes = 0 if self._body_came else self._bare_bytes + len(data)
        if self._unfinished and self._bare_bytes > 2 * HEADER_BYTES and not self.transport.is_closing():
            if self._headless:
                self.send_400_response("The head of the request is too large.")
            else:
                self.transport.close()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._headless = self._unfinished = True
        self._bare_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which is dropped."""
        if self._headless:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._headless = False
        self._came()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body_came = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is there too: nobody needs to wait for it with a clock in hand."""
        self._unfinished = False
        self._came()
        self.scope["state"][WHOLE] = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is out; whoever goes on sending what nobody reads has so long to come to an end."""
        self._joining.flush()
        super().on_response_complete()
        if self._unfinished and not self._headless and self.cycle.response_complete and self._timer is None:
            self._await()

    def _await(self) -> None:
        self._timer = self.loop.call_later(HEAD_S, self.transport.close)

    def _came(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
