"""HTTP as a driver sees it: one call is one request, nothing is retried or redirected beneath it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import msgspec

from provider_console.sdk.errors import BadResult


class HttpResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer. Header names are lower case; `body` is decoded (gzip and so on), at most 8 MiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """The status is 2xx."""
        return 200 <= self.status < 300

    @property
    def retry_after_s(self) -> float | None:
        """Seconds the answer asks to wait; None where it does not say or says garbage."""
        return retry_after_s(self.headers)

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            BadResult: it is not JSON.
        """
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadResult(f"the answer (HTTP {self.status}) is not JSON") from error

    def text(self) -> str:
        """The body as UTF-8, with what cannot be decoded replaced."""
        return self.body.decode("utf-8", "replace")


class HttpStream(Protocol):
    """An answer whose body arrives piece by piece."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, names in lower case."""

    def lines(self) -> AsyncIterator[str]:
        """The body line by line, without line ends; a line is at most 1 MiB."""

    async def read(self) -> HttpResponse:
        """The rest of the body, as a whole answer: for the error that came instead of a stream."""


class HttpClient(Protocol):
    """Sends requests to one provider, inside the network that the provider is allowed.

    Every method raises `TransportError` where no usable answer arrives; a status is never an error here.
    """

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
        """Send one request and read the whole answer."""

    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: object = None,
    ) -> AbstractAsyncContextManager[HttpStream]:
        """Send one request and read the answer as it arrives."""


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by `retry-after-ms` or `Retry-After` (RFC 9110, 10.2.3).

    Seconds may be fractions; a date counts from the answer's own Date header, so that a wrong clock here
    does not matter; negative is 0, garbage is None.

    >>> retry_after_s({"retry-after": "1.5"}), retry_after_s({"retry-after-ms": "250"}), retry_after_s({})
    (1.5, 0.25, None)
    >>> retry_after_s({"retry-after": "Sat, 22 Nov 2025 10:00:30 GMT", "date": "Sat, 22 Nov 2025 10:00:00 GMT"})
    30.0
    >>> retry_after_s({"retry-after": "-3"}), retry_after_s({"retry-after": "soon"})
    (0.0, None)
    """
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _number(headers.get(name))
        if seconds is not None:
            return max(0.0, seconds * unit_s)
    return _date_distance_s(headers.get("retry-after"), headers.get("date"))


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    # "nan" and "inf" are numbers to float() and garbage to us.
    return value if value is not None and abs(value) < 1e9 else None


def _date_distance_s(until: str | None, since: str | None) -> float | None:
    if not until or not since:
        return None
    try:
        return max(0.0, (parsedate_to_datetime(until) - parsedate_to_datetime(since)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
