"""Doubles for plugin tests: a scripted wire, a context, and builders for what a driver is handed.

wire = WireDouble(reply({"translatedText": "hola"}))
result = await MyDriver().call(call(MyDriver(), wire, operation=translate("hello", to="es")))
assert wire.sent[0].path == "/translate"
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from provider_console.sdk import (
    Call,
    CredentialInfo,
    Credentials,
    Driver,
    HttpClient,
    HttpResponse,
    HttpStream,
    Network,
    Operation,
    Provider,
    SdkError,
    Secret,
)


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it reached the wire."""

    method: str
    url: str
    headers: Mapping[str, str]
    params: Mapping[str, str]
    json: Any = None
    content: bytes | None = None
    streamed: bool = False

    @property
    def path(self) -> str:
        """The path of the address."""
        return urlsplit(self.url).path

    @property
    def form(self) -> dict[str, str]:
        """The fields of an urlencoded body."""
        return dict(parse_qsl((self.content or b"").decode(), keep_blank_values=True))


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One scripted answer. `error` is raised in its place; `hangs` never answers."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""
    error: SdkError | None = None
    hangs: bool = False


Answer = Reply | Callable[[Sent], Reply]

HANG = Reply(hangs=True)


def reply(value: object = None, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A JSON answer."""
    fields = {"content-type": "application/json", **(headers or {})}
    return Reply(status=status, headers=fields, body=msgspec.json.encode(value))


def lines(*texts: str, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer that arrives line by line."""
    fields = {"content-type": "text/event-stream", **(headers or {})}
    return Reply(headers=fields, body="".join(f"{text}\n" for text in texts).encode())


class WireDouble(HttpClient):
    """An HttpClient that answers from a script, one entry a request, and remembers what was sent.

    `always` answers when the script is used up; without it a further request is an AssertionError, since one call
    is one request. `open_streams` and `in_flight` are 0 when a driver has left nothing behind.
    """

    def __init__(self, *script: Answer, always: Answer | None = None) -> None:
        self._script = deque(script)
        self._always = always
        self.sent: list[Sent] = []
        self.in_flight = 0
        self.open_streams = 0

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: object = None,
        content: bytes | None = None,
    ) -> HttpResponse:
        """Give the next scripted answer."""
        found = await self._next(_sent(method, url, headers, params, json, content))
        return HttpResponse(status=found.status, headers=found.headers, body=found.body)

    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: object = None,
    ) -> AbstractAsyncContextManager[HttpStream]:
        """Give the next scripted answer line by line."""
        return self._stream(_sent(method, url, headers, params, json, None, streamed=True))

    @asynccontextmanager
    async def _stream(self, sent: Sent) -> AsyncIterator[HttpStream]:
        found = await self._next(sent)
        self.open_streams += 1
        try:
            yield _StreamDouble(found)
        finally:
            self.open_streams -= 1

    async def _next(self, sent: Sent) -> Reply:
        self.sent.append(sent)
        if self._script:
            entry = self._script.popleft()
        elif self._always is not None:
            entry = self._always
        else:
            raise AssertionError(f"{sent.method} {sent.path} is a request too many: the script has no answer left")
        found = entry if isinstance(entry, Reply) else entry(sent)
        self.in_flight += 1
        try:
            if found.hangs:
                await asyncio.Event().wait()
            # A real client gives way at least once.
            await asyncio.sleep(0)  # noqa: TID251 - one turn of the loop, no time
        finally:
            self.in_flight -= 1
        if found.error is not None:
            raise found.error
        return found


class _StreamDouble(HttpStream):
    def __init__(self, found: Reply) -> None:
        self._reply = found

    @property
    def status(self) -> int:
        return self._reply.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._reply.headers

    async def lines(self) -> AsyncIterator[str]:
        for line in self._reply.body.decode().split("\n"):
            await asyncio.sleep(0)  # noqa: TID251 - one turn of the loop, no time
            yield line

    async def read(self) -> HttpResponse:
        return HttpResponse(status=self.status, headers=self.headers, body=self._reply.body)


class FakeCredentials:
    """Credentials by name: `stored` are in the keyring's index, `environment` are found when asked for."""

    def __init__(self, stored: Iterable[str] = (), environment: Iterable[str] = ()) -> None:
        self._places = {**dict.fromkeys(environment, "environment"), **dict.fromkeys(stored, "keyring")}

    async def names(self) -> tuple[str, ...]:
        """The names in the keyring."""
        return tuple(sorted(name for name, place in self._places.items() if place == "keyring"))

    async def info(self, name: str) -> CredentialInfo:
        """Where a name is."""
        return CredentialInfo(name=name, present=name in self._places, backend=self._places.get(name))


class FakeContext:
    """The console as a plugin sees it: settings, credentials, one HTTP client for all, and a log to look at.

    `asked` holds network and bearer of each client that was made.
    """

    def __init__(
        self,
        *,
        plugin: str = "plugin",
        settings: Mapping[str, Any] | None = None,
        http: HttpClient | None = None,
        credentials: FakeCredentials | None = None,
    ) -> None:
        self.plugin = plugin
        self.credentials: Credentials = credentials or FakeCredentials()
        self.logger = logging.Logger(f"provider_console.plugins.{plugin}")
        self.logged = _Kept()
        self.logger.addHandler(self.logged)
        self.asked: list[tuple[Network, str | None]] = []
        self._settings = dict(settings or {})
        self._http = http if http is not None else WireDouble()

    def settings(self) -> Mapping[str, Any]:
        """The sections given, as they are at this moment."""
        return self._settings

    def change(self, section: str, value: object) -> None:
        """Put another value in the place of a section."""
        self._settings[section] = value

    def http(self, *, network: Network = "global", bearer: str | None = None) -> HttpClient:
        """The one client."""
        self.asked.append((network, bearer))
        return self._http


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def provider(driver: Driver, **changes: Any) -> Provider:
    """A configured provider with this driver; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "id": driver.name,
        "driver": driver.name,
        "configured": True,
        "enabled": True,
        "names": {},
        "base_url": driver.default_base_url,
        "credential": None,
        "network": driver.default_network,
        "tier": "primary",
        "categories": driver.categories,
        "capabilities": driver.capabilities,
        "models": (),
        "cost": None,
        "region": None,
        "max_characters": driver.max_characters,
        "sources": ("configuration",),
        "provenance": {},
    }
    return Provider(**{**fields, **changes})


def call(
    driver: Driver,
    http: HttpClient,
    *,
    operation: Operation | None = None,
    secret: str | None = None,
    model: str | None = None,
    **changes: Any,
) -> Call:
    """What the engine would hand to this driver; `changes` replace fields of the provider."""
    of = provider(driver, **changes)
    asked = operation.payload.get("model") if operation else None
    return Call(
        provider=of,
        http=http,
        credential=Secret(secret) if secret is not None else None,
        operation=operation,
        model=asked or model or (of.models[0] if of.models else None),
    )


def translate(text: str = "Hello", *, to: str = "es", stream: bool = False, **payload: Any) -> Operation:
    """An operation of kind `translate`; a source language goes in as `**{"from": "en"}`."""
    return Operation(
        kind="translate",
        category="translation",
        payload={"text": text, "to": to, "format": "text", **payload},
        stream=stream,
    )


def chat(text: str = "Hello", *, stream: bool = False, **payload: Any) -> Operation:
    """An operation of kind `chat` with one message of a user."""
    return Operation(
        kind="chat",
        category="ai",
        payload={"messages": [{"role": "user", "content": text}], **payload},
        capabilities=("text_generation",),
        stream=stream,
    )


def embed(texts: Sequence[str] = ("Hello",), **payload: Any) -> Operation:
    """An operation of kind `embed`."""
    return Operation(
        kind="embed", category="ai", payload={"texts": list(texts), **payload}, capabilities=("embeddings",)
    )


def _sent(
    method: str,
    url: str,
    headers: Mapping[str, str] | None,
    params: Mapping[str, str] | None,
    json: object,
    content: bytes | None,
    *,
    streamed: bool = False,
) -> Sent:
    return Sent(
        method=method,
        url=url,
        headers={name.lower(): value for name, value in (headers or {}).items()},
        params=dict(params or {}),
        json=json,
        content=content,
        streamed=streamed,
    )
