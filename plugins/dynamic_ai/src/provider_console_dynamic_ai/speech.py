"""What a driver is asked to say, and what it said: the part that the protocols share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, Final, TypeVar

import msgspec

from provider_console.sdk import (
    BadResult,
    Call,
    Chunk,
    ErrorClass,
    HttpResponse,
    ProviderError,
    Result,
    TransportError,
)
from provider_console_dynamic_ai.prompt import translation_messages

T = TypeVar("T")

MAX_ANSWER: Final = 4 * 1024 * 1024
"""Characters of one streamed answer; a model that says more is stuck."""

MESSAGE_LIMIT: Final = 200
"""Characters of a vendor's own words that go into an error."""

# A shorter piece of the prompt in a vendor's words tells nothing.
_TELLING: Final = 6


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation to continue. `translating`: its answer is a translation and nothing else."""

    messages: list[dict[str, str]]
    model: str | None
    max_tokens: int | None = None
    temperature: float | None = None
    translating: bool = False


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer; what a part does not say is None."""

    text: str = ""
    model: str | None = None
    finish: str | None = None
    units: Mapping[str, float] | None = None
    warm_up_s: float = 0.0


def wanted(call: Call) -> Wanted:
    """What a call of kind `chat` or `translate` asks for.

    Raises:
        ProviderError: the call is of another kind.
    """
    operation = call.operation
    payload = operation.payload if operation else {}
    if operation is not None and operation.kind == "chat":
        return Wanted(
            messages=payload.get("messages") or [{"role": "user", "content": payload["text"]}],
            model=payload.get("model") or call.model,
            max_tokens=payload.get("maxTokens"),
            temperature=payload.get("temperature"),
        )
    if operation is not None and operation.kind == "translate":
        messages = translation_messages(
            payload["text"],
            source=payload.get("from") or None,
            target=payload["to"],
            form=payload.get("format") or "text",
        )
        return Wanted(messages=messages, model=call.model, translating=True)
    raise unserved(call)


def unserved(call: Call) -> ProviderError:
    """The error for a kind of operation that a driver does not know."""
    kind = call.operation.kind if call.operation else "nothing"
    return ProviderError(
        f"{call.provider.id} does not know the operation {kind}",
        error_class=ErrorClass.INVALID_REQUEST,
        provider_specific=True,
    )


def embedding_model(call: Call) -> str | None:
    """The model for embeddings: the one asked for, else one whose name says so, else the provider's first."""
    asked = call.operation.payload.get("model") if call.operation else None
    fitting = next((model for model in call.provider.models if "embed" in model.lower()), None)
    return asked or fitting or call.model


def chat_models_first(names: list[str]) -> tuple[str, ...]:
    """Model names sorted, those that hold no conversation at the end: the first one is used where none is named.

    >>> chat_models_first(["whisper-1", "gpt-5", "text-embedding-3-small"])
    ('gpt-5', 'text-embedding-3-small', 'whisper-1')
    """
    silent = ("embed", "whisper", "tts", "dall-e", "image", "moderation", "transcribe", "realtime", "rerank", "sora")
    return tuple(sorted(set(names), key=lambda name: (any(word in name.lower() for word in silent), name)))


def spoken(call: Call, asked: Wanted, piece: Piece) -> Result:
    """The result of a whole answer.

    Raises:
        ProviderError: a safety filter cut it off.
        BadResult: nothing was said, or a translation ended before its text did.
    """
    if piece.finish == "content_filter":
        raise refused(call)
    units = dict(piece.units or {})
    if asked.translating:
        if piece.finish == "length":
            raise BadResult("the translation was cut off at the model's longest answer")
        return Result(value={"text": piece.text.strip()}, units=units, warm_up_s=piece.warm_up_s)
    if not piece.text:
        raise BadResult(f"the model said nothing (it ended with {piece.finish or 'no reason'})")
    value = {"text": piece.text, "model": piece.model or asked.model, "finishReason": piece.finish or "stop"}
    return Result(value=value, units=units, warm_up_s=piece.warm_up_s)


def refused(call: Call) -> ProviderError:
    """The error for an answer that a safety filter withheld."""
    return ProviderError(
        f"{call.provider.id}: the safety filter withheld the answer", error_class=ErrorClass.CONTENT_REFUSED
    )


async def chunks(call: Call, asked: Wanted, pieces: AsyncGenerator[Piece, None]) -> AsyncIterator[Chunk]:
    """An answer as it arrives, the whole result with the last chunk.

    Raises:
        TransportError: the stream ended before the answer did.
    """
    texts: list[str] = []
    length = 0
    end = Piece()
    async with aclosing(pieces):
        async for piece in pieces:
            end = Piece(
                model=piece.model or end.model,
                finish=piece.finish or end.finish,
                units=piece.units or end.units,
                warm_up_s=piece.warm_up_s or end.warm_up_s,
            )
            # A translation begins with its first word, not with the line break that models like to begin with.
            text = piece.text.lstrip() if asked.translating and not texts else piece.text
            if text:
                texts.append(text)
                length += len(text)
                if length > MAX_ANSWER:
                    raise BadResult(f"the answer is longer than {MAX_ANSWER:,} characters")
                yield Chunk(text=text)
    if end.finish is None:
        raise TransportError(f"{call.provider.id}: the stream ended before the answer did", kind="reset")
    yield Chunk(result=spoken(call, asked, msgspec.structs.replace(end, text="".join(texts))))


def decoded(response: HttpResponse, shape: type[T]) -> T:
    """The body of an answer as `shape`; fields that it does not name are ignored.

    Raises:
        BadResult: the body has another shape.
    """
    try:
        return msgspec.json.decode(response.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadResult(f"the answer (HTTP {response.status}) has an unexpected shape") from error


def address(call: Call, path: str, *, default: str | None) -> str:
    """An absolute address at the provider.

    Raises:
        ProviderError: neither the provider nor the driver has an address.
    """
    base_url = call.provider.base_url or default
    if not base_url:
        raise ProviderError(
            f"{call.provider.id} has no address; set base_url in its table",
            error_class=ErrorClass.INVALID_REQUEST,
            provider_specific=True,
        )
    return base_url.rstrip("/") + path


def bearer(call: Call) -> dict[str, str]:
    """The headers of every request: the key where there is one, and what marks a retry as one."""
    headers = {"Authorization": f"Bearer {call.credential.reveal()}"} if call.credential else {}
    return {**headers, "Idempotency-Key": call.idempotency_key} if call.idempotency_key else headers


def quoted(words: Any, call: Call) -> str:
    """A vendor's own words after `: `, cut; empty where they repeat the credential or a part of the prompt."""
    if not isinstance(words, str) or not words.strip():
        return ""
    payload = call.operation.payload if call.operation else {}
    told = [payload.get("text"), *(payload.get("texts") or ())]
    told += [message.get("content") for message in payload.get("messages") or ()]
    hidden = [text.strip() for text in told if isinstance(text, str) and len(text.strip()) >= _TELLING]
    if call.credential:
        hidden.append(call.credential.reveal())
    if any(value in words for value in hidden):
        return ""
    return ": " + " ".join(words.split())[:MESSAGE_LIMIT]
