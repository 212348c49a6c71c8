"""Consoles elsewhere: one over TLS on a real socket, one over ASGI in this loop, without a socket.

async with far(place, folder) as console:
    await console.health()
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import trustme

from provider_console.adapters.clock import SystemClock
from provider_console.adapters.http_wire import Answer
from provider_console.api.app import Api, api
from provider_console.api.serve import Address, Stop, serve
from provider_console.bootstrap import Situation, open_front_end, open_remote, open_service
from provider_console.console.access import Identity, Role
from provider_console.console.console import Console
from provider_console.console.service import Service
from provider_console.remote.address import address_of
from provider_console.remote.connection import Connection
from provider_console.remote.remote_console import remote
from provider_console.remote.tokens import VARIABLE, Tokens
from provider_console.sdk.secret import Secret

WHO = Identity(actor="alice", role=Role.SUPER_ADMIN, front_end="api")


class Certificate(NamedTuple):
    """Files of a certificate for 127.0.0.1, and of the authority that signed it."""

    cert: Path
    key: Path
    authority: Path


def certificate(folder: Path) -> Certificate:
    """A new one."""
    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1")
    files = Certificate(folder / "cert.pem", folder / "key.pem", folder / "authority.pem")
    files.cert.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    files.key.write_bytes(made.private_key_pem.bytes())
    files.authority.write_bytes(authority.cert_pem.bytes())
    return files


async def token_of(service: Service, *, role: Role = Role.SUPER_ADMIN, ttl_ms: int = 900_000) -> str:
    """A token of a service that runs."""
    return (await service.console(WHO).issue_token("alice", role=role.value, ttl_ms=ttl_ms)).token


@asynccontextmanager
async def running(
    service: Service, *, files: Certificate | None = None, port: int = 0, grace_s: float = 1.0
) -> AsyncIterator[str]:
    """The address at which a service is served until the block ends."""
    stop = Stop()
    found: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    address = Address(port=port, certfile=files and files.cert, keyfile=files and files.key)
    async with asyncio.TaskGroup() as tasks:
        server = tasks.create_task(serve(service, address, stop, started=found.set_result, grace_s=grace_s))
        try:
            yield address.at(await found)
        finally:
            stop.end()
            await server


Opened = Callable[[], AbstractAsyncContextManager[Console]]
Engine = Callable[[Situation, Path], AbstractAsyncContextManager[Opened]]
"""Where an engine is, and what opens a console on it: `here` or `elsewhere`."""


@asynccontextmanager
async def here(place: Situation, _folder: Path) -> AsyncIterator[Opened]:
    """What opens a console with an engine of its own."""
    yield lambda: open_front_end("tui", place, grace_s=0.1)


@asynccontextmanager
async def elsewhere(place: Situation, folder: Path) -> AsyncIterator[Opened]:
    """An engine served over TLS, and what opens the console that looks after it from here."""
    files = certificate(folder)
    async with open_service(place, grace_s=0.1) as service, running(service, files=files, grace_s=0.1) as url:
        address = address_of(url)
        token = await token_of(service)

        def opened() -> AbstractAsyncContextManager[Console]:
            tokens = Tokens(address, environ={VARIABLE: token})
            home = Situation(home=folder / "elsewhere")
            return open_remote(address, tokens, situation=home, ca_file=files.authority)

        yield opened


@asynccontextmanager
async def far(place: Situation, folder: Path) -> AsyncIterator[Console]:
    """That console, opened."""
    async with elsewhere(place, folder) as opened, opened() as console:
        yield console


@asynccontextmanager
async def near_asgi(place: Situation) -> AsyncIterator[Console]:
    """The same over ASGI: what is said is the same, only the socket is missing."""
    async with open_service(place, grace_s=0.1) as service, api(service) as app, asyncio.TaskGroup() as tasks:
        wire = AsgiWire(app, tasks)
        token = Secret(await token_of(service))
        connection = Connection(address_of("http://127.0.0.1:8750"), wire, token)
        yield remote(connection, SystemClock(), spread=lambda: 0.0)


class AsgiWire:
    """What sends to an application in this loop; httpx's own way holds an answer back until it is whole."""

    def __init__(self, app: Api, tasks: asyncio.TaskGroup) -> None:
        self._app = app
        self._tasks = tasks

    async def send(
        self, method: str, url: str, *, headers: Mapping[str, str], content: bytes | None, target: str
    ) -> Answer:
        """Send one request and wait for the head of its answer."""
        request = httpx.Request(method, url, headers=headers, content=content)
        call = _Call(request, content or b"")
        self._tasks.create_task(call.run(self._app))
        try:
            head = await call.sent.get()
        except asyncio.CancelledError:
            call.gone.set()
            raise
        response = httpx.Response(head["status"], headers=head["headers"], stream=call)
        return Answer(response, target=target)


class _Call(httpx.AsyncByteStream):
    """One request to the application, and the body of its answer."""

    def __init__(self, request: httpx.Request, content: bytes) -> None:
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        self.gone = asyncio.Event()
        self._request = request
        self._content: bytes | None = content

    async def run(self, app: Api) -> None:
        url = self._request.url
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self._request.method,
            "headers": [(name.lower(), value) for name, value in self._request.headers.raw],
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.split(b"?")[0],
            "query_string": url.query,
            "server": (url.host, url.port),
            "client": ("127.0.0.1", 1),
            "root_path": "",
        }
        await app(scope, self._receive, self.sent.put)

    async def _receive(self) -> Any:
        if self._content is not None:
            content, self._content = self._content, None
            return {"type": "http.request", "body": content, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while True:
                message = await self.sent.get()
                if message["body"]:
                    yield message["body"]
                if not message.get("more_body", False):
                    return
        finally:
            self.gone.set()

    async def aclose(self) -> None:
        """Hang up."""
        self.gone.set()
