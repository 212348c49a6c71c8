"""The `Console` of an engine elsewhere, made from the one table of routes: an action is its row, called over HTTP."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import quote, urlencode

import msgspec

from provider_console.console.access import ACTIONS
from provider_console.console.console import Console
from provider_console.console.errors import BadRequest
from provider_console.console.events import Event
from provider_console.console.problems import Problem, error_of
from provider_console.console.routes import ROUTES, Route
from provider_console.console.views import ConfigView, ExecutionReport, Explanation, IssuedToken, PluginView
from provider_console.console.wire import (
    ConfigText,
    ExecuteRequest,
    ReplaceConfig,
    StreamedText,
    arguments,
    camel,
    operation_of,
    request_for,
    request_of,
    response_type,
)
from provider_console.core.ports.time import Clock
from provider_console.remote.connection import ANSWER_S, Connection, Unreachable
from provider_console.remote.listening import Listening, frames
from provider_console.sdk.operation import Chunk, Operation
from provider_console.sdk.secret import Secret

LONGEST_S: Final = 3_600.0
"""What an execution may take at most, where it does not say so itself."""
CHECK_S: Final = 300.0
"""What may take longer than an ordinary answer: probes of every provider, and a walk through the whole trail."""

_SLOW: Final = frozenset({"check", "test_secret", "clear_cache", "doctor", "verify_audit"})


def _plain(value: object) -> object:
    """What msgspec does not know by itself: what holds a state still, such as a read-only view of a dict."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


_encode: Final = msgspec.json.Encoder(enc_hook=_plain).encode


def remote(connection: Connection, clock: Clock, *, spread: Callable[[], float]) -> Console:
    """The console at the other end of a connection. `spread` draws from 0 to 1: not everybody comes back at once."""
    return cast(Console, _Remote(connection, clock, spread))


class _Remote:
    """An action that is not written out here is what its row says; one that is no action does not exist."""

    def __init__(self, connection: Connection, clock: Clock, spread: Callable[[], float]) -> None:
        self._connection = connection
        self._clock = clock
        self._spread = spread

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        if name not in ACTIONS:
            raise AttributeError(f"Console has no action {name!r}")
        return functools.partial(self._call, name)

    async def _call(self, action: str, /, *args: Any, **kwargs: Any) -> Any:
        try:
            # `self` is bound as well: the method is looked up on the interface.
            given = _signature(action).bind(*args, **kwargs).arguments
        except TypeError as error:
            raise BadRequest(str(error)) from error
        route = _route(action, given)
        content = await self._connection.ask(
            route.method,
            _address(route, given),
            body=_body(route, given),
            within_s=CHECK_S if action in _SLOW else ANSWER_S,
        )
        answer = self._decoded(content, response_type(route))
        return answer if route.named is None else getattr(answer, route.named)

    def _decoded(self, content: bytes, kind: Any) -> Any:
        try:
            return _decoder(kind).decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        raise Unreachable(
            f"{self._connection.address.url} answered in a way that this version does not understand; "
            "use the same version of Provider Console at both ends"
        )

    # --- operations --------------------------------------------------------------------------------------------

    async def operation(
        self, kind: str, payload: Mapping[str, Any], *, options: Mapping[str, Any] | None = None
    ) -> Operation:
        request = request_for(kind, payload, options or {}, stream=bool((options or {}).get("stream")))
        answer = await self._post("operation", _encoded(request))
        return operation_of(self._decoded(answer, ExecuteRequest))

    async def repeat(self, execution_id: str) -> Operation:
        request = await self._call("repeat", execution_id)
        return operation_of(request)

    async def execute(self, operation: Operation) -> ExecutionReport:
        # Whoever is cancelled here closes the connection, and that cancels the execution over there.
        content = await self._post(
            "execute", _encoded(request_of(operation)), headers=_named(operation), within_s=_patience(operation)
        )
        return cast(ExecutionReport, self._decoded(content, ExecutionReport))

    async def explain(self, operation: Operation) -> Explanation:
        content = await self._post("execute", _encoded(request_of(operation, dry_run=True)))
        return cast(Explanation, self._decoded(content, Explanation))

    async def execute_stream(self, operation: Operation) -> AsyncIterator[Chunk | ExecutionReport]:
        route = _route("execute", {})
        patience_s = _patience(operation)
        async with self._connection.stream(
            route.method,
            route.path,
            body=_encoded(request_of(operation, stream=True)),
            headers=_named(operation),
            within_s=patience_s,
            idle_s=patience_s,
        ) as lines:
            async for frame in frames(lines):
                match frame.event:
                    case "chunk":
                        yield Chunk(text=self._decoded(frame.data, StreamedText).text)
                    case "report":
                        yield self._decoded(frame.data, ExecutionReport)
                        return
                    case "problem":
                        raise error_of(self._decoded(frame.data, Problem))
        raise Unreachable(
            f"{self._connection.address.url} ended the stream before the report; its history says what became of it"
        )

    async def _post(
        self, action: str, body: bytes, *, headers: Mapping[str, str] | None = None, within_s: float = ANSWER_S
    ) -> bytes:
        route = _route(action, {})
        return await self._connection.ask(route.method, route.path, body=body, headers=headers, within_s=within_s)

    # --- what means something else here ------------------------------------------------------------------------

    async def plugins(self) -> Sequence[PluginView]:
        """Without the files of their themes: those are on the other machine."""
        plugins: list[PluginView] = await self._call("plugins")
        return [msgspec.structs.replace(plugin, themes=()) for plugin in plugins]

    # --- what has a header of its own ---------------------------------------------------------------------------

    async def config_text(self) -> tuple[str, str]:
        answer: ConfigText = await self._call("config_text")
        return answer.text, answer.revision

    async def replace_config(
        self, text: str, *, revision: str, reason: str, confirm_within_s: float | None = None
    ) -> ConfigView:
        within_ms = None if confirm_within_s is None else confirm_within_s * 1000
        route = _route("replace_config", {})
        content = await self._connection.ask(
            route.method,
            route.path,
            body=_encoded(ReplaceConfig(text=text, reason=reason, confirm_within_ms=within_ms)),
            headers={"if-match": f'"{_printable(revision)}"'},
        )
        return cast(ConfigView, self._decoded(content, ConfigView))

    async def renew_token(self, token: Secret) -> IssuedToken:
        route = _route("renew_token", {})
        headers = {"authorization": f"Bearer {_printable(token.reveal())}"}
        content = await self._connection.ask(route.method, route.path, headers=headers)
        return cast(IssuedToken, self._decoded(content, IssuedToken))

    # --- events ------------------------------------------------------------------------------------------------

    def events(self) -> AsyncIterator[Event]:
        return Listening(self._connection, _route("events", {}), self._clock, self._spread).events()


# --- a call as a request ------------------------------------------------------------------------------------------


@functools.cache
def _signature(action: str) -> inspect.Signature:
    whole = inspect.signature(getattr(Console, action))
    return whole.replace(parameters=list(whole.parameters.values())[1:])


@functools.cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _route(action: str, given: Mapping[str, Any]) -> Route:
    """The row of an action that takes what is given."""
    for row in ROUTES:
        needed = {argument.name for argument in arguments(row) if argument.place == "path"}
        left_out = {name for name in row.without if given.get(name) is not None}
        fits = not left_out and all(given.get(name) is not None for name in needed)
        if row.action == action and row.special != "catalogue" and fits:
            return row
    raise BadRequest(f"{action.replace('_', ' ')} needs a name", field=None)


def _address(route: Route, given: Mapping[str, Any]) -> str:
    path, query = route.path, []
    for argument in arguments(route):
        value = given.get(argument.name)
        if argument.place == "path":
            path = path.replace(f"{{{argument.name}}}", quote(str(value), safe=""))
        elif argument.place == "query" and value is not None:
            values = value if argument.many else (value,)
            query += [(camel(argument.key), _spelt(one, seconds=argument.seconds)) for one in values]
    return f"{path}?{urlencode(query)}" if query else path


def _spelt(value: Any, *, seconds: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value * 1000 if seconds else value)


def _body(route: Route, given: Mapping[str, Any]) -> bytes | None:
    fields: dict[str, Any] = {}
    for argument in arguments(route):
        if argument.place != "body" or argument.name not in given:
            continue
        value = given[argument.name]
        if isinstance(value, Secret):
            value = value.reveal()
        fields[camel(argument.key)] = value * 1000 if argument.seconds and value is not None else value
    return _encoded(fields) if fields else None


def _encoded(value: object) -> bytes:
    try:
        return _encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise BadRequest(f"this cannot travel as JSON: {error}") from error


def _named(operation: Operation) -> Mapping[str, str]:
    """The request and the trace that it belongs to, where somebody has named them."""
    named = {"x-request-id": operation.request_id, "traceparent": operation.trace_parent}
    return {name: _printable(value) for name, value in named.items() if value is not None}


def _printable(text: str) -> str:
    """A text as a header may hold it; what it holds is not repeated."""
    if not (text.isascii() and text.isprintable()):
        raise BadRequest("a header of the request would hold a character that HTTP cannot carry")
    return text


def _patience(operation: Operation) -> float:
    return (operation.deadline_s or LONGEST_S) + ANSWER_S
