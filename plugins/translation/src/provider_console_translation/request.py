"""What the three drivers share: reading the operation, reading the answer, saying what went wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, TypeVar

import msgspec

from provider_console.sdk import BadResult, Call, Chunk, ErrorClass, HttpResponse, ProviderError, Result

T = TypeVar("T")

MESSAGE_LIMIT: Final = 200
"""Characters of a vendor's own words that go into an error."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A translation as a driver needs it. `source` None: the provider detects it. Tags are BCP 47."""

    text: str
    source: str | None
    target: str
    format: str


def request(call: Call) -> Request:
    """The translation that a call is about.

    Raises:
        ProviderError: the call is about something else.
    """
    operation = call.operation
    if operation is None or operation.kind != "translate":
        kind = operation.kind if operation else "nothing"
        raise ProviderError(
            f"{call.provider.id} translates and cannot do {kind}",
            error_class=ErrorClass.INVALID_REQUEST,
            provider_specific=True,
        )
    payload = operation.payload
    return Request(
        text=payload["text"],
        source=payload.get("from") or None,
        target=payload["to"],
        format=payload.get("format", "text"),
    )


def decoded(response: HttpResponse, shape: type[T]) -> T:
    """The body of an answer as `shape`; fields that it does not name are ignored.

    Raises:
        BadResult: the body has another shape.
    """
    try:
        return msgspec.json.decode(response.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadResult(f"the answer (HTTP {response.status}) has an unexpected shape") from error


def address(call: Call, path: str) -> str:
    """An absolute address at the provider.

    Raises:
        ProviderError: the provider has no address.
    """
    if not call.provider.base_url:
        raise ProviderError(
            f"{call.provider.id} has no address; set base_url in its table",
            error_class=ErrorClass.INVALID_REQUEST,
            provider_specific=True,
        )
    return call.provider.base_url.rstrip("/") + path


def quoted(words: object, call: Call) -> str:
    """A vendor's own words after `: `, cut; empty where they repeat the credential or the text."""
    if not isinstance(words, str) or not words.strip():
        return ""
    hidden = [call.credential.reveal()] if call.credential else []
    text = call.operation.payload.get("text") if call.operation else None
    if isinstance(text, str):
        hidden.append(text.strip())
    if any(value and value in words for value in hidden):
        return ""
    return ": " + " ".join(words.split())[:MESSAGE_LIMIT]


def answer(call: Call, result: Result) -> Result | AsyncIterator[Chunk]:
    """The result as the operation wants it: as it is, or as a stream of one chunk."""
    return _one_chunk(result) if call.operation and call.operation.stream else result


async def _one_chunk(result: Result) -> AsyncIterator[Chunk]:
    yield Chunk(text=result.value["text"], result=result)
