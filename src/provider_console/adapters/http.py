"""HTTP to providers: one call is one request, held to a network and to bounds; loaded when it is first needed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import msgspec

from provider_console import __version__
from provider_console.adapters.addresses import CheckedUrl, ProxyAddress, check_url, proxy_address
from provider_console.adapters.http_body import ACCEPTED_ENCODINGS, Lines
from provider_console.adapters.resolver import Lookup, PinnedResolver, SystemLookup
from provider_console.core.ports.time import Clock
from provider_console.sdk.errors import TransportError
from provider_console.sdk.http import HttpClient, HttpResponse
from provider_console.sdk.provider import Network
from provider_console.sdk.secret import Secret

if TYPE_CHECKING:
    import ssl

    from provider_console.adapters.http_wire import Answer, Proxy, Wire

Bearer = Callable[[], Awaitable[Secret | None]]
"""Yields the token of the moment, None for none."""

USER_AGENT: Final = f"provider-console/{__version__}"
URLS_KEPT: Final = 256

_METHOD: Final = re.compile(r"[A-Z]{1,16}")
_HEADER_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,128}")
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e\t]*")
# They belong to the connection, not to the caller: with them one request could be made to look like two.
_CONNECTION_HEADERS: Final = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)


class HttpClients:
    """Makes clients; owns their connections. Use it in one event loop, and `aclose` it there.

    A proxy is used for `global` addresses only: the company's own network and this machine are reached directly.
    Behind a proxy the name is resolved by the proxy, so there only the URL itself can be checked here.

    `resolver` replaces the system's lookup of names. `credentials` finds the token a client names as `bearer`.

    Raises:
        ValueError: the proxy is not an http or https URL, or holds a password.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        proxy: str | None = None,
        ca_file: Path | None = None,
        resolver: Lookup | None = None,
        credentials: Callable[[str], Awaitable[Secret | None]] | None = None,
    ) -> None:
        try:
            self._proxy = proxy_address(proxy) if proxy else None
        except ValueError as error:
            raise ValueError(f"network.proxy {error}") from None
        self._ca_file = ca_file
        self._lookup: Lookup = SystemLookup(clock) if resolver is None else resolver
        self._credentials = credentials
        # A driver asks for the same few URLs again and again; reading one takes 10 to 30 us. Refusals are not kept.
        self.check_url = lru_cache(maxsize=URLS_KEPT)(check_url)
        self._loading = asyncio.Lock()
        self._loaded: tuple[ModuleType, ssl.SSLContext] | None = None
        self._wires: dict[tuple[Network, bool], Wire] = {}
        self._closed = False

    def client(self, *, network: Network, bearer: str | Bearer | None = None) -> HttpClient:
        """A client held to a network; with `bearer`, a credential's name or a callable, it sends that token.

        Nothing is loaded or connected yet.

        Raises:
            ValueError: a credential is named, and there is nothing to look it up in.
        """
        if isinstance(bearer, str):
            find, name = self._credentials, bearer
            if find is None:
                raise ValueError("a bearer is named, and no credentials were given to look it up in")

            async def named() -> Secret | None:
                return await find(name)

            return _Client(self, network, named)
        return _Client(self, network, bearer)

    async def aclose(self) -> None:
        """End every connection. Requests made afterwards fail with a `TransportError`."""
        self._closed = True
        wires, self._wires = list(self._wires.values()), {}
        for wire in wires:
            await wire.aclose()

    async def wire(self, network: Network, *, plain: bool) -> Wire:
        """The pool for addresses of one kind, made when it is first asked for.

        Raises:
            TransportError: closed, or the CA file or the proxy's credential cannot be used.
        """
        wire = self._wires.get((network, plain))
        if wire is not None:
            return wire
        # Importing and reading certificates take about 200 ms together: not on the loop that draws the screen.
        async with self._loading:
            if self._loaded is None:
                self._loaded = await asyncio.to_thread(self._load)
            if self._closed:
                raise TransportError("the console is closing its connections", kind="connect", never_left=True)
            module, context = self._loaded
            if (network, plain) not in self._wires:
                through = (
                    None if network != "global" or self._proxy is None else await self._through(self._proxy, module)
                )
                resolver = None if through else PinnedResolver(network, plain=plain, lookup=self._lookup)
                self._wires[network, plain] = module.Wire(resolver=resolver, context=context, proxy=through)
            return self._wires[network, plain]

    def _load(self) -> tuple[ModuleType, ssl.SSLContext]:
        from provider_console.adapters import http_wire

        return http_wire, http_wire.tls_context(self._ca_file)

    async def _through(self, proxy: ProxyAddress, module: ModuleType) -> Proxy:
        login = None
        if proxy.credential is not None:
            login = None if self._credentials is None else await self._credentials(proxy.credential)
            if login is None:
                raise TransportError(
                    f"the credential {proxy.credential} of network.proxy is missing; store it as USER:PASSWORD with "
                    f"provider-console secrets set {proxy.credential}",
                    kind="connect",
                    never_left=True,
                )
        made: Proxy = module.Proxy(proxy.url, login)
        return made


class _Client:
    def __init__(self, clients: HttpClients, network: Network, bearer: Bearer | None) -> None:
        self._clients = clients
        self._network: Network = network
        self._bearer = bearer

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
        answer = await self._send(method, url, headers, params, json, content, ACCEPTED_ENCODINGS)
        try:
            return await _whole(answer)
        finally:
            await answer.aclose()

    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: object = None,
    ) -> _Stream:
        # Whoever compresses a stream also holds it back until there is enough to compress.
        return _Stream(lambda: self._send(method, url, headers, params, json, None, "identity"))

    async def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        params: Mapping[str, str] | None,
        json: object,
        content: bytes | None,
        encodings: str,
    ) -> Answer:
        if not _METHOD.fullmatch(method) or method in ("CONNECT", "TRACE"):
            raise _unsendable("the method is none that is sent; use GET, POST and their like in capitals")
        checked = self._clients.check_url(_with_params(url, params), self._network)
        fields = {"accept": "*/*", "user-agent": USER_AGENT}
        if json is not None:
            content = msgspec.json.encode(json)
            fields["content-type"] = "application/json"
        if self._bearer is not None:
            token = await self._bearer()
            if token is not None:
                fields["authorization"] = f"Bearer {token.reveal()}"
        for name, value in (headers or {}).items():
            fields[name.lower()] = value
        fields["accept-encoding"] = encodings
        _check_headers(fields, checked)
        wire = await self._clients.wire(self._network, plain=checked.scheme == "http")
        return await wire.send(method, checked.url, headers=fields, content=content, target=checked.target)


class _Stream:
    """The context manager of `stream`, and inside it the answer."""

    def __init__(self, send: Callable[[], Awaitable[Answer]]) -> None:
        self._send = send
        self._answer: Answer | None = None

    async def __aenter__(self) -> _OpenStream:
        self._answer = await self._send()
        return _OpenStream(self._answer)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._answer is not None:
            await self._answer.aclose()


class _OpenStream:
    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._lines: Lines | None = None

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    def lines(self) -> Lines:
        if self._lines is None:
            self._lines = Lines(self._answer.body, target=self._answer.target)
        return self._lines

    async def read(self) -> HttpResponse:
        return await _whole(self._answer)


async def _whole(answer: Answer) -> HttpResponse:
    return HttpResponse(status=answer.status, headers=answer.headers, body=await answer.body.whole())


def _with_params(url: str, params: Mapping[str, str] | None) -> str:
    if not params:
        return url
    url = url.partition("#")[0]
    return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"


def _check_headers(fields: Mapping[str, str], checked: CheckedUrl) -> None:
    # All at once, and one by one only to find the one at fault.
    if all(map(_sendable, fields)) and _HEADER_VALUE.fullmatch("".join(fields.values())):
        return
    for name, value in fields.items():
        if not _sendable(name):
            raise _unsendable(f"a header of the request to {checked.target} cannot be given by a driver")
        # The libraries would complain with the whole value in hand.
        if not _HEADER_VALUE.fullmatch(value):
            raise _unsendable(
                f"the header {name} of the request to {checked.target} holds a character that HTTP cannot carry; "
                "if it is a credential, store it again without line ends and special characters"
            )


@lru_cache(maxsize=256)
def _sendable(name: str) -> bool:
    """Whether a driver may give this header."""
    return bool(_HEADER_NAME.fullmatch(name)) and name not in _CONNECTION_HEADERS and not name.startswith("proxy-")


def _unsendable(message: str) -> TransportError:
    return TransportError(message, kind="protocol", never_left=True)
