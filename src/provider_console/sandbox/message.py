"""A request as a sandbox vendor reads it, and the answer that it gives: values without any network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import msgspec

from provider_console.sandbox.fault import Lane

Say = Callable[[str], str]
"""What becomes of a text on its way out: itself, or something hostile when the fault is `escape`."""


def plainly(text: str) -> str:
    """Return the text as it is."""
    return text


class Request(msgspec.Struct, frozen=True):
    """One request; header names in lower case, `number` counts the server's requests from 1."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""
    number: int = 1

    @property
    def bearer(self) -> str | None:
        """The key in `Authorization: Bearer`, or None."""
        return self.authorization("Bearer")

    def authorization(self, scheme: str) -> str | None:
        """Return what follows `scheme` in the Authorization header, or None."""
        found, _, value = self.headers.get("authorization", "").partition(" ")
        return value.strip() if found.lower() == scheme.lower() and value.strip() else None

    def json(self) -> dict[str, Any] | None:
        """Return the body as a JSON object, or None where it is not one."""
        try:
            decoded = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return decoded if isinstance(decoded, dict) else None

    def form(self) -> dict[str, list[str]]:
        """Return query and urlencoded body as lists of values."""
        values = parse_qs(self.query, keep_blank_values=True)
        if "application/x-www-form-urlencoded" in self.headers.get("content-type", ""):
            for name, several in parse_qs(self.body.decode(errors="replace"), keep_blank_values=True).items():
                values.setdefault(name, []).extend(several)
        return values

    def fields(self) -> dict[str, Any]:
        """Return the fields of a JSON or form body; a form's single values are unpacked."""
        if "json" in self.headers.get("content-type", ""):
            return self.json() or {}
        return {name: values[0] if len(values) == 1 else values for name, values in self.form().items()}


class Answer(msgspec.Struct, frozen=True):
    """One answer; `parts` are sent one by one when `streamed`, else joined under one Content-Length.

    `delay_s` passes before the first byte. `facts` is what the request log keeps: names and numbers, never content.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    parts: tuple[bytes, ...]
    streamed: bool = False
    delay_s: float = 0.0
    facts: Mapping[str, str | int | bool] = {}

    @property
    def body(self) -> bytes:
        """All parts together."""
        return b"".join(self.parts)

    def with_headers(self, *headers: tuple[str, str]) -> Answer:
        """Return the answer with `headers` in the place of those with the same names."""
        names = {name.lower() for name, _ in headers}
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in names)
        return msgspec.structs.replace(self, headers=(*kept, *headers))


class Route(msgspec.Struct, frozen=True):
    """What answers a path, and whether that is work or a probe."""

    lane: Lane
    answer: Callable[[Request, Say], Answer]


def json_answer(
    value: object,
    *,
    status: int = 200,
    facts: Mapping[str, str | int | bool] | None = None,
    content_type: str = "application/json",
) -> Answer:
    """Return `value` as a JSON answer."""
    return Answer(
        status=status,
        headers=(("content-type", content_type),),
        parts=(msgspec.json.encode(value),),
        facts=facts or {},
    )


def page_answer(status: int) -> Answer:
    """Return the HTML page that a gateway in front of the vendor shows."""
    title = f"{status} {phrase(status)}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer(status=status, headers=(("content-type", "text/html"),), parts=(page.encode(),))


def phrase(status: int) -> str:
    """Return the reason phrase of a status, also where HTTP has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return {456: "Quota Exceeded", 529: "Overloaded"}.get(status, "Error")
