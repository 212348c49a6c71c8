"""The ASGI application: the table's routes behind one edge that knows who asks and what may not come in.

async with api(service) as app:
    ...
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from typing import Final, NamedTuple

import msgspec
from starlette.routing import Route as StarletteRoute
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from provider_console.api import docs, openapi
from provider_console.api.desk import Desk
from provider_console.api.events import Hub
from provider_console.api.exchange import JSON, ClientGone, Exchange
from provider_console.api.handlers import Handler, Plain, Specials
from provider_console.api.metrics import MEDIA_TYPE as METRICS_TYPE
from provider_console.api.metrics import Metrics
from provider_console.console.access import ACTIONS, Identity, Role, refusal
from provider_console.console.errors import BadRequest, ConsoleError, Draining, Forbidden, Unauthenticated
from provider_console.console.problems import MEDIA_TYPE, Refused, problem_of
from provider_console.console.routes import ROUTES, Route, faults
from provider_console.console.service import Service
from provider_console.console.words import clean_text

log = logging.getLogger(__name__)

HEADER_BYTES: Final = 32 * 1024
SERVER: Final = Identity(actor="provider-console serve", role=Role.ADMIN, front_end="api")
"""Who reads health and figures for the server itself; it changes nothing."""
AGAIN_S: Final = 5
"""When to come back to a console that is shutting down, or has trouble with its disk."""

_NOT_ITSELF: Final = frozenset({b"authorization", b"forwarded", b"via", b"x-forwarded-for", b"x-real-ip"})
"""Headers of who shows a token, and of a proxy on this machine that nobody told `serve` of."""
_PORT: Final = re.compile(r":\d{1,5}$")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_encode = msgspec.json.Encoder().encode


class Api:
    """The application. Make one with `api`."""

    def __init__(
        self,
        service: Service,
        *,
        tasks: asyncio.TaskGroup,
        routes: Iterable[Route] = ROUTES,
        behind_proxy: bool = False,
    ) -> None:
        rows = list(routes)
        if wrong := faults(rows):
            raise ValueError("; ".join(wrong))
        self._service = service
        self._behind_proxy = behind_proxy
        self._now = service.clock.monotonic
        self._called: tuple[str, Sequence[str]] = ("", ())
        """The Host that was let in last, and the names that it was looked up in."""
        self._server_console = service.console(SERVER)
        self.metrics = Metrics()
        self.desk = Desk(service)
        self.hub = Hub(service.clock)
        specials = Specials(service, self.desk, self.hub, tasks)
        self._document = _encode(openapi.document(rows))
        self._page = docs.page(msgspec.json.decode(self._document))
        paths: dict[str, dict[str, _Served]] = {}
        for row in rows:
            handler = Plain(row) if row.special is None else getattr(specials, row.special)
            paths.setdefault(row.path, {})[row.method] = _Served(handler, row.action)
        paths["/livez"] = {"GET": _Served(self._livez)}
        paths["/readyz"] = {"GET": _Served(self._readyz)}
        paths["/metrics"] = {"GET": _Served(self._metrics, "vitals")}
        paths["/openapi.json"] = {"GET": _Served(self._openapi)}
        paths["/docs"] = {"GET": _Served(self._docs)}
        endpoints = {path: _Endpoint(self, path, methods) for path, methods in paths.items()}
        # A path without parts is found at once; the router tries one pattern after the other.
        self._plain = {path: endpoint for path, endpoint in endpoints.items() if "{" not in path}
        routes_of = [StarletteRoute(path, endpoint) for path, endpoint in endpoints.items()]
        self._router = Router(routes_of, redirect_slashes=False, default=self._nothing_here)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        started = self._now()
        exchange = scope["exchange"] = Exchange(scope, receive, send)
        given = exchange.header(b"x-request-id") or ""
        request_id = exchange.request_id = given if _REQUEST_ID.fullmatch(given) else self._service.ids.new()
        try:
            self._look_at_headers(exchange)
            await self._plain.get(scope["path"], self._router)(scope, receive, send)
        except ClientGone:
            exchange.status = exchange.status or 499
        except ConsoleError as error:
            await self._refuse(exchange, error)
        except Exception:
            # A defect: the log file has it, redacted; who asked gets the id to look for.
            log.exception("request %s failed", request_id)
            await self._refuse(exchange, Refused("error", f"a defect; the log names it by request {request_id}"))
        finally:
            # A ring of the two would keep everything of this request until the collector of garbage came by.
            del scope["exchange"]
            took_s = self._now() - started
            route = scope.get("route_path", "none")
            self.metrics.answered(_known(scope["method"]), route, exchange.status or 499, took_s)

    def drain(self) -> None:
        """Take nothing new from now on, and end the streams of events."""
        self.desk.draining.set()
        self.hub.close()

    # --- the edge ----------------------------------------------------------------------------------------------

    def _look_at_headers(self, exchange: Exchange) -> None:
        """Look at size and name.

        Raises:
            Refused: the headers are too large, or call this console by a name that is not its own. BadRequest
        """
        scope = exchange.scope
        fields: list[tuple[bytes, bytes]] = scope["headers"]
        size = len(scope["raw_path"]) + len(scope["query_string"]) + 4 * len(fields)
        if size + sum(map(len, chain.from_iterable(fields))) > HEADER_BYTES:
            raise Refused("headers_too_large", f"headers and address have at most {HEADER_BYTES:,} bytes together")
        if exchange.repeated(b"host"):
            # RFC 9112, 3.2: a proxy in front may have looked at the other one.
            raise BadRequest("a request names one Host", field="Host")
        called = exchange.header(b"host") or "", self._service.settings().allowed_hosts
        if called != self._called:
            name = _PORT.sub("", called[0]).lower()
            if not any(name in (one.lower(), f"[{one.lower()}]") for one in called[1]):
                raise Refused("misdirected", "this console does not go by that name; add it to api.allowed_hosts")
            self._called = called

    async def admit(self, exchange: Exchange, path: str, action: str) -> None:
        """Find out who asks, and whether they may. Raises: Unauthenticated, Busy, Forbidden, Draining."""
        if path == "/metrics" and self._is_local(exchange):
            return
        exchange.bearer = await self.desk.bearer(exchange)
        identity, needed = exchange.bearer.identity, ACTIONS[action].role
        if not identity.role.includes(needed):
            # The guard would refuse it as well, but only once the body had been read.
            reason = refusal(action, identity)
            subject = clean_text(exchange.scope["path"], 200)
            await self._service.refused(identity, action=action, subject=subject, reason=reason)
            raise Forbidden(reason)
        exchange.console = self._service.console(identity)
        if self.desk.draining.is_set() and path != "/metrics":
            raise Draining("the console is shutting down and takes nothing new; ask again once it is back")

    def _is_local(self, exchange: Exchange) -> bool:
        """Whether a program on this machine asks, itself and not through a proxy."""
        client = exchange.scope.get("client")
        if self._behind_proxy or client is None or not _NOT_ITSELF.isdisjoint(exchange.headers):
            return False
        try:
            return ipaddress.ip_address(client[0]).is_loopback
        except ValueError:
            return False

    async def _refuse(self, exchange: Exchange, error: ConsoleError) -> None:
        if exchange.status:
            # The answer is under way: all that is left is to end it.
            log.warning("request %s ended early: %s", exchange.request_id, type(error).__name__)
            return
        problem = problem_of(error, request_id=exchange.request_id)
        headers: dict[bytes, bytes] = {}
        if isinstance(error, Unauthenticated):
            headers[b"www-authenticate"] = b"Bearer"
        if isinstance(error, _MethodRefused):
            headers[b"allow"] = error.allow
        if problem.retry_after_ms is not None:
            headers[b"retry-after"] = b"%d" % max(1, math.ceil(problem.retry_after_ms / 1000))
        elif problem.status == 503:
            headers[b"retry-after"] = b"%d" % AGAIN_S
        if problem.status in (408, 413):
            # What is still on its way is not read.
            headers[b"connection"] = b"close"
        await exchange.answer(_encode(problem), status=problem.status, kind=MEDIA_TYPE.encode(), headers=headers)

    # --- what needs no table -----------------------------------------------------------------------------------

    async def _nothing_here(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        raise Refused("not_found", "there is nothing at this address; /docs lists what there is")

    async def _livez(self, exchange: Exchange) -> None:
        await exchange.answer(b"ok\n", kind=b"text/plain; charset=utf-8")

    async def _readyz(self, exchange: Exchange) -> None:
        vitals = await self._server_console.vitals()
        draining = self.desk.draining.is_set() or vitals.draining
        ready = vitals.audit_writable and not draining
        body = {"ready": ready, "draining": draining, "auditWritable": vitals.audit_writable}
        await exchange.answer(_encode(body), status=200 if ready else 503)

    async def _metrics(self, exchange: Exchange) -> None:
        if hasattr(exchange, "bearer"):
            vitals = await exchange.console.vitals()
        else:
            vitals = await self._server_console.vitals()
        health = await self._server_console.health()
        await exchange.answer(self.metrics.page(health, vitals, listeners=self.hub.listeners), kind=METRICS_TYPE)

    async def _openapi(self, exchange: Exchange) -> None:
        await exchange.answer(self._document, kind=JSON)

    async def _docs(self, exchange: Exchange) -> None:
        headers = {b"content-security-policy": docs.POLICY}
        await exchange.answer(self._page, kind=b"text/html; charset=utf-8", headers=headers)


class _MethodRefused(Refused):
    def __init__(self, allow: str) -> None:
        super().__init__("method_not_allowed", f"this address takes {allow}")
        self.allow = allow.encode("ascii")


class _Served(NamedTuple):
    """What serves a method, and the action that it needs; without one, nobody is asked who they are."""

    handler: Handler
    action: str | None = None


class _Endpoint:
    """One path of the table: its methods, each with what serves it."""

    def __init__(self, api: Api, path: str, methods: Mapping[str, _Served]) -> None:
        self._api = api
        self._path = path
        self._methods = dict(methods)
        if "GET" in self._methods:
            self._methods["HEAD"] = self._methods["GET"]
        self._allow = ", ".join(sorted(self._methods))

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        exchange: Exchange = scope["exchange"]
        scope["route_path"] = self._path
        served = self._methods.get(scope["method"])
        if served is None:
            raise _MethodRefused(self._allow)
        if served.action is not None:
            await self._api.admit(exchange, self._path, served.action)
        await served.handler(exchange)


def _known(method: str) -> str:
    return method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE") else "other"


@asynccontextmanager
async def api(service: Service, *, routes: Iterable[Route] = ROUTES, behind_proxy: bool = False) -> AsyncIterator[Api]:
    """The application on a service, hearing of its events."""
    async with asyncio.TaskGroup() as tasks:
        app = Api(service, tasks=tasks, routes=routes, behind_proxy=behind_proxy)
        with service.tapped(app.metrics.happened), service.tapped(app.hub.heard):
            try:
                yield app
            finally:
                app.drain()
