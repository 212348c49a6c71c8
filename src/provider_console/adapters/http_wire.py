"""The HTTP libraries, and nothing else knows them: one pool of connections and what their failures mean.

Importing this module loads httpx and aiohttp, which takes about 150 ms: `http.py` does it before the first
request, in a thread. aiohttp's own interface would be the other way to write it; only this file would change.
"""

from __future__ import annotations

import base64
import errno
import ssl
from collections.abc import AsyncGenerator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, cast

import aiohttp
import httpx
from aiohttp import http_exceptions
from aiohttp.abc import AbstractResolver
from httpx_aiohttp import AiohttpTransport

from provider_console.adapters.http_body import BODY_BYTES, Body, too_large
from provider_console.adapters.resolver import PinnedResolver
from provider_console.sdk.errors import TransportError, TransportKind
from provider_console.sdk.secret import Secret

CONNECT_TIMEOUT_S: Final = 30.0
"""For name, TCP and TLS together; the engine's own deadline is shorter, this only ends what nobody waits for."""
KEEPALIVE_S: Final = 4.0
"""Shorter than the 5 s after which uvicorn and Node hang up: who hangs up first decides whether a request is lost."""
CONNECTIONS: Final = 512
"""Half of the 1,024 descriptors a process usually has."""
UPLOAD_BYTES: Final = 256 << 10
HEADER_BYTES: Final = 64 << 10
_LINE_BYTES: Final = 16 << 10
_HEADER_LINES: Final = 128

_EXTENSIONS: Final = {"timeout": {"connect": CONNECT_TIMEOUT_S, "pool": CONNECT_TIMEOUT_S, "read": None}}

FAILURES: Final = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, aiohttp.ClientError, OSError)
"""What the libraries raise where no usable answer arrives."""


class Dropped(aiohttp.ClientConnectionError):
    """A connection ended after the request was handed to it."""


class HungUp(aiohttp.ClientResponse):
    """An answer that, left before its end, ends its connection at once.

    Over TLS a polite close waits up to 30 s for the peer's farewell, which a hanging peer never sends: every
    cancelled attempt would leave a socket behind for that long.
    """

    def close(self) -> None:
        """End the connection."""
        self._abort()
        super().close()

    def release(self) -> object:
        """Keep the connection where the answer was read to its end, else end it."""
        self._abort()
        return super().release()

    def _abort(self) -> None:
        connection = self.connection
        unread = self.content is None or not self.content.is_eof()
        if connection is not None and unread and connection.transport is not None:
            connection.transport.abort()


async def send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Hide a dropped connection from aiohttp, which would repeat an idempotent request on a fresh one.

    aiohttp 3.14 repeats after `ClientOSError` and `ServerDisconnectedError` only; its switch for that is private.
    """
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ServerDisconnectedError, OSError) as error:
        # OSError takes in ClientOSError and the bare reset of a socket.
        raise Dropped(type(error).__name__) from error


class Upload(httpx.AsyncByteStream):
    """A large body in pieces: written at once it would hold up the loop, and aiohttp warns of that."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)

    def __aiter__(self) -> Upload:
        return self

    async def __anext__(self) -> bytes:
        """The next piece."""
        piece, self._content = self._content[:UPLOAD_BYTES], self._content[UPLOAD_BYTES:]
        if not piece:
            raise StopAsyncIteration
        return bytes(piece)


class Proxy:
    """An HTTP proxy; `login`, its user and password with a colon between, goes out as a header."""

    def __init__(self, url: str, login: Secret | None) -> None:
        parsed = httpx.URL(url)
        self.target = f"{parsed.host}:{parsed.port or 8080}"
        headers = {}
        if login is not None:
            headers["Proxy-Authorization"] = "Basic " + base64.b64encode(login.reveal().encode()).decode()
        self.settings = httpx.Proxy(parsed, headers=headers)


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Certificates are always verified, against certifi's authorities and those of a file.

    Raises:
        TransportError: the file cannot be used.
    """
    context = httpx.create_ssl_context(verify=True, trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise TransportError(
                f"the CA file {ca_file} cannot be used ({error.strerror or 'not a PEM file'}); correct network.ca_file",
                kind="tls",
                never_left=True,
            ) from error
    return context


class Wire:
    """One pool of connections, for one kind of address."""

    def __init__(self, *, resolver: PinnedResolver | None, context: ssl.SSLContext, proxy: Proxy | None) -> None:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=context,
                # Its own cache would hand out addresses without asking the resolver; and so unchecked.
                resolver=cast(AbstractResolver | None, resolver),
                use_dns_cache=False,
                limit=CONNECTIONS,
                keepalive_timeout=KEEPALIVE_S,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            middlewares=(send_once,),
            response_class=HungUp,
            max_line_size=_LINE_BYTES,
            max_field_size=_LINE_BYTES,
            max_headers=_HEADER_LINES,
        )
        self._transport = AiohttpTransport(
            verify=context, trust_env=False, client=session, proxy=None if proxy is None else proxy.settings
        )
        self._proxy = proxy
        # httpx takes 60 us to read a URL, a quarter of what a request costs in all.
        self._url = lru_cache(maxsize=256)(httpx.URL)

    async def send(
        self, method: str, url: str, *, headers: Mapping[str, str], content: bytes | None, target: str
    ) -> Answer:
        """Send one request and wait for the head of its answer.

        The transport is used without httpx's client on top: that one logs whole URLs and follows its own ideas
        of cookies and redirects.

        Raises:
            TransportError: none came.
        """
        try:
            response = await self._transport.handle_async_request(self._request(method, url, headers, content))
        except FAILURES as error:
            failure = transport_error(error, target=target, proxy=self._proxy)
        else:
            return await self._answer(response, target=target)
        # Raised out here so that it does not carry the libraries' errors along: they hold headers and the query.
        raise failure

    def _request(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> httpx.Request:
        # Made so that httpx has nothing to find out: encoding, length and host take it 30 us, and the last two
        # aiohttp finds out by itself.
        large = content is not None and len(content) > UPLOAD_BYTES
        if large:
            headers = {**headers, "content-length": str(len(content or b""))}
        request = httpx.Request(
            method,
            self._url(url),
            headers=httpx.Headers(headers, encoding="ascii"),
            stream=Upload(content or b"") if large else httpx.ByteStream(content or b""),
            extensions=_EXTENSIONS,
        )
        request.headers.encoding = "ascii"
        if not large:
            request.read()
        return request

    async def _answer(self, response: httpx.Response, *, target: str) -> Answer:
        try:
            return Answer(response, target=target)
        except TransportError:
            await response.aclose()
            raise

    async def aclose(self) -> None:
        """End every connection."""
        await self._transport.aclose()


class Answer:
    """The head of an answer, and its body to come. `aclose` has to follow."""

    def __init__(self, response: httpx.Response, *, target: str) -> None:
        raw = response.headers.raw
        if sum(len(name) + len(value) + 4 for name, value in raw) > HEADER_BYTES:
            raise _headers_too_large(target)
        headers: dict[str, str] = {}
        for name, value in raw:
            key = name.decode("latin-1").lower()
            text = value.decode("latin-1")
            # RFC 9110, 5.3: a repeated field is one list.
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        self.status = response.status_code
        self.headers: Mapping[str, str] = headers
        self._response = response
        self.target = target
        encoding = headers.get("content-encoding", "")
        length = headers.get("content-length", "")
        if not encoding and length.isdecimal() and len(length) > len(str(BODY_BYTES)):
            raise too_large(target)
        self._raw = _Raw(response, target)
        self.body = Body(self._raw, encoding=encoding, target=target)

    async def aclose(self) -> None:
        """Give the connection back if the answer was read to its end, end it otherwise."""
        if self.body.ended:
            # aiohttp gave it back as the last byte came in.
            return
        try:
            await self._raw.aclose()
        finally:
            try:
                await self._response.aclose()
            except FAILURES:
                # The peer was faster to hang up; there is nothing left to tell anybody.
                self.status = 0


class _Raw:
    """The bytes of an answer as they came over the wire.

    Not the answer itself: it has the body, which has this, and in a ring everything that httpx and aiohttp made for a
    request would wait for the collector of garbage.
    """

    def __init__(self, response: httpx.Response, target: str) -> None:
        self._pieces = cast("AsyncGenerator[bytes, None]", aiter(cast(httpx.AsyncByteStream, response.stream)))
        self._target = target

    def __aiter__(self) -> _Raw:
        return self

    async def __anext__(self) -> bytes:
        """The next of them."""
        try:
            return await anext(self._pieces)
        except FAILURES as error:
            failure = transport_error(error, target=self._target, answered=True)
        raise failure

    async def aclose(self) -> None:
        """Read no further."""
        await self._pieces.aclose()


def transport_error(
    error: BaseException, *, target: str, answered: bool = False, proxy: Proxy | None = None
) -> TransportError:
    """What a library's error means, judged by its cause: httpx-aiohttp names a delivered POST a connect timeout."""
    cause = _cause(error)
    if answered:
        if isinstance(cause, (aiohttp.ServerTimeoutError, TimeoutError)):
            return TransportError(f"{target} stopped sending in the middle of its answer", kind="timeout")
        return TransportError(f"{target} broke off in the middle of its answer", kind="reset")
    if isinstance(cause, aiohttp.ClientConnectorError):
        return _not_connected(cause, target=target, proxy=proxy)
    if isinstance(cause, aiohttp.ConnectionTimeoutError):
        # Raised around connecting alone, before anything is written.
        return TransportError(
            f"no connection to {target} within {CONNECT_TIMEOUT_S:.0f} s; check that it is reachable from here",
            kind="timeout",
            never_left=True,
        )
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        return TransportError(
            f"the proxy refused the way to {target} with HTTP {cause.status}; check network.proxy and its rules",
            kind="connect",
            never_left=True,
        )
    if isinstance(cause, (aiohttp.InvalidURL, httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return TransportError(
            f"the URL for {target} cannot be requested; correct base_url", kind="address", never_left=True
        )
    if isinstance(cause, aiohttp.ClientResponseError):
        return _unreadable(cause, target=target)
    if isinstance(cause, (aiohttp.ServerTimeoutError, TimeoutError)):
        return TransportError(f"{target} did not answer in time", kind="timeout")
    if isinstance(cause, (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError)):
        return TransportError(
            f"{target} ended the connection before it answered; whether it did what was asked is not known",
            kind="reset",
        )
    return TransportError(f"{target} and this console did not understand each other", kind="protocol")


def _cause(error: BaseException) -> BaseException:
    while isinstance(error, httpx.HTTPError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _not_connected(cause: aiohttp.ClientConnectorError, *, target: str, proxy: Proxy | None) -> TransportError:
    def left_nothing(message: str, kind: TransportKind) -> TransportError:
        return TransportError(message, kind=kind, never_left=True)

    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        return left_nothing(_certificate_message(cause.certificate_error, target=target), "tls")
    if isinstance(cause, aiohttp.ClientConnectorSSLError):
        reason = (getattr(cause.os_error, "reason", None) or "the handshake failed").replace("_", " ").lower()
        return left_nothing(
            f"no TLS with {target}: {reason}; check that the port speaks https, and which TLS versions", "tls"
        )
    if proxy is not None:
        return left_nothing(
            f"the proxy {proxy.target} on the way to {target} cannot be reached; check network.proxy", "connect"
        )
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return left_nothing(f"the name of {target} cannot be resolved; check base_url and this machine's DNS", "dns")
    number = cause.os_error.errno
    if number == errno.ECONNREFUSED:
        return left_nothing(f"{target} refuses connections; check that the service runs and the port", "refused")
    if number == errno.ETIMEDOUT:
        return left_nothing(f"no connection to {target} in time; check that it is reachable from here", "timeout")
    if number in (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED) or isinstance(cause.os_error, ConnectionError):
        return left_nothing(f"{target} ended the connection while it was being set up", "reset")
    reason = errno.errorcode.get(number or 0, "no reason given")
    return left_nothing(f"{target} cannot be connected to ({reason}); check the way there", "connect")


def _certificate_message(error: BaseException, *, target: str) -> str:
    reason = getattr(error, "verify_message", "") or "it cannot be verified"
    code = getattr(error, "verify_code", 0)
    # OpenSSL's X509_V_ERR_*: 9 and 10 are about dates, 18 to 21 about a missing authority, 62 to 64 about names.
    if code in (9, 10):
        remedy = "its operator has to renew it, or this machine's clock is wrong"
    elif code in (2, 18, 19, 20, 21):
        remedy = "if you trust who signed it, name their certificate in network.ca_file"
    elif code in (62, 63, 64):
        remedy = "base_url has to name the host the certificate is for"
    else:
        remedy = "ask its operator"
    return f"the certificate of {target} is refused: {reason.rstrip('.')}; {remedy}"


def _unreadable(cause: aiohttp.ClientResponseError, *, target: str) -> TransportError:
    step: BaseException | None = cause
    while step is not None:
        if isinstance(step, http_exceptions.LineTooLong) or "Too many" in str(getattr(step, "message", "")):
            return _headers_too_large(target)
        step = step.__cause__
    return TransportError(
        f"what {target} answered is not HTTP; check the port and the path in base_url", kind="protocol"
    )


def _headers_too_large(target: str) -> TransportError:
    return TransportError(
        f"the headers of {target} are larger than {HEADER_BYTES >> 10} KiB; its answer was not read", kind="too_large"
    )
