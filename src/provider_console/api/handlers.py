"""What serves the rows of the table: one class for most of them, a function for each that is special."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from provider_console.api.desk import Desk
from provider_console.api.events import Hub
from provider_console.api.exchange import Exchange, decode
from provider_console.api.execute import EVENTS, Execute
from provider_console.api.presence import Presence
from provider_console.console.errors import BadRequest, Conflict
from provider_console.console.problems import Refused
from provider_console.console.routes import Route
from provider_console.console.service import Service
from provider_console.console.views import AuditEntry, ProviderView
from provider_console.console.wire import (
    CatalogueEntry,
    CatalogueView,
    ConfigText,
    ExecuteRequest,
    Id,
    ReplaceConfig,
    arguments,
    camel,
    options_of,
    request_of,
    request_type,
    struct_of,
)
from provider_console.sdk.secret import Secret

Handler = Callable[[Exchange], Awaitable[None]]

LOOK_S: Final = 15.0
"""How often an open stream looks whether its token still counts."""

_encode = msgspec.json.Encoder().encode
_operations: Final = msgspec.json.Decoder(ExecuteRequest)
_configurations: Final = msgspec.json.Decoder(ReplaceConfig)


class Plain:
    """Serves a row by calling the method of its action with what the path, the query and the body say."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._path = struct_of(route, "path")
        self._query = struct_of(route, "query")
        body = request_type(route)
        self._decoder = None if body is None else msgspec.json.Decoder(body)
        self._body_needed = any(one.place == "body" and one.required for one in arguments(route))
        self._takes_body = route.method not in ("GET", "DELETE")
        self._secrets = [one.name for one in arguments(route) if one.secret]
        self._seconds = [(one.key, one.name) for one in arguments(route) if one.seconds]
        self._lists = [camel(one.key) for one in arguments(route) if one.many]
        self._pages = any(one.name == "before" for one in arguments(route))

    async def __call__(self, exchange: Exchange) -> None:
        """Answer with what the method answers."""
        given: dict[str, Any] = {}
        if self._path is not None:
            given |= _fields(exchange.path(self._path))
        if (query := exchange.query(self._query, lists=self._lists)) is not None:
            given |= _fields(query)
        if self._takes_body:
            given |= await self._body(exchange)
        for name in self._secrets:
            given[name] = Secret(given[name])
        for key, name in self._seconds:
            value = given.pop(key)
            given[name] = None if value is None else value / 1000
        answer = await getattr(exchange.console, self._route.action)(**given)
        headers = _next_page(exchange, answer, given) if self._pages else None
        if self._route.named is not None:
            answer = {camel(self._route.named): answer}
        await exchange.answer(_encode(answer), status=self._route.status, headers=headers)

    async def _body(self, exchange: Exchange) -> dict[str, Any]:
        if self._body_needed and self._decoder is not None:
            return _fields(await exchange.decoded(self._decoder))
        body = await exchange.body()
        if not body:
            return {}
        if self._decoder is None:
            raise BadRequest("nothing is taken in the body here", field="body")
        return _fields(decode(body, self._decoder))


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


def _next_page(exchange: Exchange, answer: Any, given: Mapping[str, Any]) -> Mapping[bytes, bytes] | None:
    """Where the page after this one is (RFC 8288); None where this one is not full."""
    if len(answer) < given["limit"]:
        return None
    last = answer[-1]
    asked = {name: value for name, value in given.items() if value is not None}
    query = urlencode({**asked, "before": last.seq if isinstance(last, AuditEntry) else last.execution_id})
    return {b"link": f'<{exchange.scope["path"]}?{query}>; rel="next"'.encode("latin-1")}


class _ExecutionPath(msgspec.Struct, frozen=True):
    execution_id: Id


# --- the special ones -----------------------------------------------------------------------------------------


class Specials:
    """Serves the rows that are not like the others."""

    def __init__(self, service: Service, desk: Desk, hub: Hub, tasks: asyncio.TaskGroup) -> None:
        self._service = service
        self._desk = desk
        self._hub = hub
        self._presence = Presence(tasks)
        self.execute = Execute(service, desk, self._presence)

    async def operation(self, exchange: Exchange) -> None:
        """A form, checked: what `POST /execute` then takes."""
        request = await exchange.decoded(_operations)
        operation = await exchange.console.operation(request.operation, request.payload, options=options_of(request))
        await exchange.answer(_encode(request_of(operation, dry_run=request.dry_run, stream=request.stream)))

    async def repeat(self, exchange: Exchange) -> None:
        """The operation of an execution, to run it again."""
        exchange.query(None)
        execution_id = exchange.path(_ExecutionPath).execution_id
        await exchange.answer(_encode(request_of(await exchange.console.repeat(execution_id))))

    async def config(self, exchange: Exchange) -> None:
        """The configuration with its revision as the ETag."""
        exchange.query(None)
        view = await exchange.console.config()
        await self._tagged(exchange, view, view.revision)

    async def config_text(self, exchange: Exchange) -> None:
        """The file's text with its revision as the ETag."""
        exchange.query(None)
        text, revision = await exchange.console.config_text()
        await self._tagged(exchange, ConfigText(text=text, revision=revision), revision)

    async def replace_config(self, exchange: Exchange) -> None:
        """A new text in the place of the one that `If-Match` names."""
        tag = exchange.header(b"if-match")
        if tag is None or not (len(tag) > 2 and tag.startswith('"') and tag.endswith('"')):
            raise Refused(
                "precondition_required",
                'say which configuration this replaces: If-Match: "REVISION", as the ETag of GET /config has it',
                field="If-Match",
            )
        asked = await exchange.decoded(_configurations)
        try:
            view = await exchange.console.replace_config(
                asked.text,
                revision=tag[1:-1],
                reason=asked.reason,
                confirm_within_s=None if asked.confirm_within_ms is None else asked.confirm_within_ms / 1000,
            )
        except Conflict as error:
            raise Refused("precondition_failed", error.message, field="If-Match") from error
        await self._tagged(exchange, view, view.revision)

    async def _tagged(self, exchange: Exchange, value: object, revision: str) -> None:
        tag = f'"{revision}"'
        headers = {b"etag": tag.encode("latin-1")}
        if exchange.scope["method"] in ("GET", "HEAD") and exchange.header(b"if-none-match") == tag:
            await exchange.answer(b"", status=304, headers=headers)
            return
        await exchange.answer(_encode(value), headers=headers)

    async def renew(self, exchange: Exchange) -> None:
        """A token like the one that this request came with."""
        if await exchange.body():
            raise BadRequest("nothing is taken in the body here", field="body")
        token = (exchange.header(b"authorization") or "").partition(" ")[2]
        issued = await exchange.console.renew_token(Secret(token))
        await exchange.answer(_encode(issued), status=201)

    async def catalogue(self, exchange: Exchange) -> None:
        """This console's AI providers, for another console to find."""
        exchange.query(None)
        providers = await exchange.console.providers()
        entries = tuple(_entry(view) for view in providers if view.configured and "ai" in view.categories)
        await exchange.answer(_encode(CatalogueView(providers=entries)))

    async def events(self, exchange: Exchange) -> None:
        """What happens, from now on or from the event after `Last-Event-ID`."""
        exchange.query(None)
        place = self._hub.place(exchange.header(b"last-event-id"))
        await self._presence.while_there(exchange, self._pass_on(exchange, place))

    async def _pass_on(self, exchange: Exchange, place: int) -> None:
        clock, ends_at = self._service.clock, exchange.bearer.expires_at
        looked_at = clock.monotonic()
        await exchange.begin(200, EVENTS, {})
        await exchange.piece(b"retry: 1000\n\n")
        async for frames in self._hub.listen(place):
            await exchange.piece(frames)
            if clock.wall() > ends_at:
                break
            if clock.monotonic() - looked_at > LOOK_S:
                looked_at = clock.monotonic()
                if not await self._desk.still_counts(exchange):
                    break
        await exchange.end()


def _entry(view: ProviderView) -> CatalogueEntry:
    return CatalogueEntry(
        id=view.id,
        driver=view.driver,
        name=view.name,
        base_url=view.base_url,
        models=view.models,
        capabilities=view.capabilities,
        credential=None if view.credential is None else view.credential.name,
        region=view.region,
        network=view.network,
    )
