"""The transport errors of others: what a caller's own callable may raise, known by name and never imported."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from provider_console.sdk.http import retry_after_s


class Recognised(msgspec.Struct, frozen=True, kw_only=True):
    """What a foreign exception says: how the transport failed, or the status (and code) that was answered."""

    kind: str = "connect"
    never_left: bool = False
    status: int | None = None
    code: str | None = None
    retry_after_s: float | None = None


# (package, class) anywhere in the exception's ancestry; the nearest ancestor decides.
_KINDS: Final[Mapping[tuple[str, str], str]] = {
    **{(package, "TimeoutException"): "timeout" for package in ("httpx", "httpcore")},
    **{(package, "ConnectError"): "connect" for package in ("httpx", "httpcore")},
    **{(package, "NetworkError"): "reset" for package in ("httpx", "httpcore")},
    **{(package, "ProtocolError"): "protocol" for package in ("httpx", "httpcore")},
    ("httpx", "RemoteProtocolError"): "reset",
    ("httpcore", "RemoteProtocolError"): "reset",
    ("httpx", "ProxyError"): "connect",
    ("httpx", "DecodingError"): "protocol",
    ("httpx", "UnsupportedProtocol"): "address",
    ("httpx", "TransportError"): "reset",
    ("aiohttp", "ServerTimeoutError"): "timeout",
    ("aiohttp", "ServerDisconnectedError"): "reset",
    ("aiohttp", "ClientConnectorDNSError"): "dns",
    ("aiohttp", "ClientConnectorCertificateError"): "tls",
    ("aiohttp", "ServerFingerprintMismatch"): "tls",
    ("aiohttp", "ClientConnectorError"): "connect",
    ("aiohttp", "ClientConnectionError"): "reset",
    ("aiohttp", "ClientPayloadError"): "reset",
    ("openai", "APITimeoutError"): "timeout",
    ("openai", "APIConnectionError"): "connect",
    ("anthropic", "APITimeoutError"): "timeout",
    ("anthropic", "APIConnectionError"): "connect",
}

# Where the status stands on an exception that carries an answer.
_STATUS: Final[Mapping[tuple[str, str], str]] = {
    ("httpx", "HTTPStatusError"): "response.status_code",
    ("aiohttp", "ClientResponseError"): "status",
    ("openai", "APIStatusError"): "status_code",
    ("anthropic", "APIStatusError"): "status_code",
}

# These speak of this machine's files and processes, whatever else an OSError may mean.
_LOCAL: Final = (
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    ChildProcessError,
    ProcessLookupError,
)

_REFUSED: Final = frozenset({errno.ECONNREFUSED})
_RESET: Final = frozenset({errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE})
_CAUSES: Final = 8


def recognise(error: Exception) -> Recognised | None:
    """What a timeout, an OS error, or an error of httpx, aiohttp, openai or anthropic says; None for any other.

    `never_left` is decided from the causes and not from the wrapper: `httpx-aiohttp` 0.2.0 raises
    `ConnectTimeout` for a POST that a dying kept-alive connection had already delivered. Only a name that
    did not resolve and aiohttp's own connector error prove it.
    """
    answered = _answered(error)
    if answered is not None:
        return answered
    kind = _kind(error)
    if kind is None:
        return None
    chain = list(_chain(error))
    deeper = [found for found in map(_kind, chain) if found is not None]
    # The wrapper says "connect", its cause says why; a timeout stays one.
    if kind != "timeout":
        kind = next((found for found in deeper if found in ("dns", "tls", "refused")), kind)
    return Recognised(kind=kind, never_left=any(map(_proves_never_left, chain)))


def _chain(error: BaseException) -> Iterator[BaseException]:
    # Only what was raised `from`: a context may be an unrelated failure that was being handled.
    current: BaseException | None = error
    for _ in range(_CAUSES):
        if current is None:
            return
        yield current
        current = current.__cause__


def _ancestry(error: BaseException) -> Iterator[tuple[str, str]]:
    for ancestor in type(error).__mro__:
        yield ancestor.__module__.partition(".")[0], ancestor.__name__


def _kind(error: BaseException) -> str | None:
    for name in _ancestry(error):
        kind = _KINDS.get(name)
        if kind is not None:
            return kind
    if isinstance(error, TimeoutError):
        return "timeout"
    return _os_kind(error) if isinstance(error, OSError) else None


def _os_kind(error: OSError) -> str | None:
    match error:
        case socket.gaierror() | socket.herror():
            return "dns"
        case ssl.SSLCertVerificationError():
            return "tls"
        case ssl.SSLError():
            return "reset"
    if isinstance(error, _LOCAL) or error.filename is not None:
        return None
    if error.errno in _REFUSED or isinstance(error, ConnectionRefusedError):
        return "refused"
    if error.errno in _RESET or isinstance(error, ConnectionError):
        return "reset"
    return "connect"


def _proves_never_left(error: BaseException) -> bool:
    return isinstance(error, socket.gaierror) or ("aiohttp", "ClientConnectorError") in _ancestry(error)


def _answered(error: Exception) -> Recognised | None:
    for name in _ancestry(error):
        path = _STATUS.get(name)
        if path is None:
            continue
        status = _read(error, path)
        if not isinstance(status, int):
            return None
        code = _read(error, "code")
        headers = _read(error, "response.headers") or _read(error, "headers")
        return Recognised(
            status=status,
            code=code if isinstance(code, str) else None,
            retry_after_s=retry_after_s(_lower(headers)) if headers else None,
        )
    return None


def _read(error: Exception, path: str) -> Any:
    value: Any = error
    for name in path.split("."):
        value = getattr(value, name, None)
    return value


def _lower(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()} if isinstance(headers, Mapping) else {}
