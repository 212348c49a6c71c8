"""One request and its answer, as the handlers see them: bounded, decoded, and answered in JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope, Send

from provider_console.console.access import Bearer
from provider_console.console.console import Console
from provider_console.console.errors import BadRequest
from provider_console.console.problems import Refused

BODY_BYTES: Final = 1024 * 1024
DISCARDED_BYTES: Final = 8 * BODY_BYTES
"""Up to here what is too large is read and thrown away: who is cut off while sending never reads why."""
BODY_S: Final = 20.0
"""How long a body may take to arrive."""
QUERY_FIELDS: Final = 50
WHOLE: Final = "provider_console.whole"
"""In the state of a request that has come to its end, where the server says so."""

JSON: Final = b"application/json"

T = TypeVar("T")


class ClientGone(Exception):
    """Whoever asked is not there any more."""


class Exchange:
    """A request under way. `bearer` and `console` are there once it is known who asks."""

    request_id: str
    bearer: Bearer
    console: Console

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.status = 0
        self.headers: dict[bytes, bytes] = dict(scope["headers"])

    def header(self, name: bytes) -> str | None:
        """A header's value; the last one where it is there twice."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def repeated(self, name: bytes) -> bool:
        """Whether a header is there more than once."""
        fields = self.scope["headers"]
        return len(fields) > len(self.headers) and sum(one == name for one, _ in fields) > 1

    # --- what was asked ----------------------------------------------------------------------------------------

    async def body(self) -> bytes:
        """The whole body.

        Raises:
            Refused: it is too large, or takes too long. ClientGone
        """
        declared = self.headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > DISCARDED_BYTES:
            raise self._too_large()
        if WHOLE in self.scope.get("state", ()):
            return await self._body()
        try:
            async with asyncio.timeout(BODY_S):
                return await self._body()
        except TimeoutError as error:
            raise Refused("timeout", f"the body did not arrive within {BODY_S:.0f} s") from error

    async def _body(self) -> bytes:
        pieces, size, more = bytearray(), 0, True
        while more:
            message = await self.receive()
            if message["type"] != "http.request":
                raise ClientGone
            piece, more = message.get("body", b""), message.get("more_body", False)
            size += len(piece)
            if not more and size == len(piece) <= BODY_BYTES:
                # It came at once, as most do.
                return bytes(piece)
            if size <= BODY_BYTES:
                pieces += piece
            elif size > DISCARDED_BYTES:
                break
        if size > BODY_BYTES:
            raise self._too_large()
        return bytes(pieces)

    def _too_large(self) -> Refused:
        return Refused("too_large", f"a body has at most {BODY_BYTES:,} bytes")

    async def decoded(self, decoder: msgspec.json.Decoder[T]) -> T:
        """The body as a value.

        Raises:
            Refused: it is no JSON. BadRequest: it is not what is taken here, and which field is at fault.
        """
        return decode(await self.json_body(), decoder)

    async def json_body(self) -> bytes:
        """The body, said to be JSON."""
        body = await self.body()
        kind = self.headers.get(b"content-type", b"")
        if kind != JSON and kind.partition(b";")[0].strip().lower() != JSON:
            raise Refused("unsupported_media_type", "the body is JSON: say Content-Type: application/json")
        return body

    def query(self, kind: type[T] | None, *, lists: Collection[str] = ()) -> T | None:
        """The query as a value; what is in `lists` may be there several times. Raises: BadRequest."""
        text = self.scope["query_string"].decode("latin-1")
        try:
            pairs = parse_qsl(
                text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=QUERY_FIELDS, errors="strict"
            )
        except ValueError as error:
            raise BadRequest("the query of the address cannot be read", field="query") from error
        values: dict[str, Any] = {}
        for name, value in pairs:
            if name in lists:
                values.setdefault(name, []).append(value)
                continue
            if name in values:
                raise BadRequest(f"{name[:64]!r} is there twice in the query", field=name[:64])
            values[name] = value
        if kind is None:
            if values:
                name = next(iter(values))[:64]
                raise BadRequest(f"nothing is taken in the query here, not even {name!r}", field=name)
            return None
        return converted(values, kind)

    def path(self, kind: type[T]) -> T:
        """The parts of the path as a value. Raises: BadRequest."""
        return converted(self.scope["path_params"], kind)

    # --- what is answered --------------------------------------------------------------------------------------

    async def answer(
        self, content: bytes, *, status: int = 200, kind: bytes = JSON, headers: Mapping[bytes, bytes] | None = None
    ) -> None:
        """Send a whole answer."""
        length = {b"content-length": b"%d" % len(content)}
        await self.begin(status, kind, length if headers is None else {**length, **headers})
        await self.send({"type": "http.response.body", "body": b"" if self.scope["method"] == "HEAD" else content})

    async def begin(self, status: int, kind: bytes, headers: Mapping[bytes, bytes]) -> None:
        """Send the head of an answer."""
        self.status = status
        fields = [
            (b"content-type", kind),
            (b"x-request-id", self.request_id.encode("latin-1")),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            *headers.items(),
        ]
        await self.send({"type": "http.response.start", "status": status, "headers": fields})

    async def piece(self, content: bytes) -> None:
        """Send a piece of an answer that goes on."""
        await self.send({"type": "http.response.body", "body": content, "more_body": True})

    async def end(self) -> None:
        """Send the end of an answer that went on."""
        await self.send({"type": "http.response.body", "body": b""})


def decode(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """JSON as a value. Raises: BadRequest, which names the field."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"the body is no JSON: {error}", field="body") from error
    except RecursionError as error:
        raise BadRequest("the body is nested too deeply", field="body") from error


def converted(values: Any, kind: type[T]) -> T:
    """Texts of an address as a value. Raises: BadRequest, which names the field."""
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error) from error


def _invalid(error: msgspec.ValidationError) -> BadRequest:
    """What does not fit, and where; msgspec says it as `Expected … - at `$.maxProviders``."""
    message = str(error)
    words, _, place = message.partition(" - at `")
    field = place.rstrip("`").removeprefix("$").removeprefix(".")
    if "field `" in words:
        # `Object missing required field `text`` and `Object contains unknown field `txet`` name it in the sentence.
        inner = words.split("`")[-2]
        field = f"{field}.{inner}" if field else inner
    text = f"{field}: {words[:1].lower()}{words[1:]}" if field else words
    return BadRequest(text[:300], field=field[:64] or "body")
