"""Ollama's own protocol (docs.ollama.com/api)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final

import msgspec

from provider_console.sdk import (
    BadResult,
    Call,
    Capability,
    Chunk,
    CredentialNeed,
    Description,
    Driver,
    ErrorClass,
    HttpResponse,
    Network,
    ProbeResult,
    ProviderError,
    Result,
    Rung,
)
from provider_console_dynamic_ai.speech import (
    Piece,
    Wanted,
    address,
    bearer,
    chat_models_first,
    chunks,
    decoded,
    embedding_model,
    quoted,
    spoken,
    wanted,
)

COLD_S: Final = 0.5
"""A model that takes so long to be there was not in memory."""


class _Message(msgspec.Struct):
    content: str = ""


class _Line(msgspec.Struct):
    model: str | None = None
    message: _Message = msgspec.field(default_factory=_Message)
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int = 0
    eval_count: int = 0
    load_duration: int = 0


class _Model(msgspec.Struct):
    name: str


class _Models(msgspec.Struct):
    models: list[_Model]


class _Vectors(msgspec.Struct):
    embeddings: list[list[float]]
    model: str | None = None
    prompt_eval_count: int = 0
    load_duration: int = 0


class Ollama(Driver):
    """Chat, embeddings and translations by an Ollama server; a key only where it stands behind a gateway."""

    name = "ollama"
    title = "Ollama"
    categories: tuple[str, ...] = ("ai", "translation")
    credential: CredentialNeed = "optional"
    capabilities: tuple[Capability, ...] = ("text_generation", "embeddings", "translate:*>*")
    rungs: tuple[Rung, ...] = (Rung(name="reach", proves="the server runs, and which models it has"),)
    default_base_url: str | None = "http://127.0.0.1:11434"
    default_network: Network = "loopback"
    describes = True
    # Its usual context of 4,096 tokens has to hold a text and its translation; what is too long it cuts in silence.
    max_characters: int | None = 4_000

    async def call(self, call: Call) -> Result | AsyncIterator[Chunk]:
        """Continue a conversation, translate, or embed."""
        if call.operation is not None and call.operation.kind == "embed":
            return await self._embed(call)
        asked = wanted(call)
        if call.operation is not None and call.operation.stream:
            return chunks(call, asked, self._pieces(call, asked))
        response = await call.http.request(
            "POST", self._address(call, "/api/chat"), headers=bearer(call), json=_body(call, asked, stream=False)
        )
        return spoken(call, asked, _whole(call, response))

    async def probe(self, call: Call) -> ProbeResult:
        """Ask for the models that are installed."""
        models = await self._models(call)
        return ProbeResult(
            rung="reach",
            detail=f"{len(models)} {'model' if len(models) == 1 else 'models'}",
            description=Description(models=models),
        )

    async def describe(self, call: Call) -> Description:
        """Ask for the models that are installed."""
        return Description(models=await self._models(call))

    async def _models(self, call: Call) -> tuple[str, ...]:
        response = await call.http.request("GET", self._address(call, "/api/tags"), headers=bearer(call))
        _raise_for(call, response)
        return chat_models_first([model.name for model in decoded(response, _Models).models])

    async def _embed(self, call: Call) -> Result:
        texts = call.operation.payload["texts"] if call.operation else []
        model = embedding_model(call)
        response = await call.http.request(
            "POST",
            self._address(call, "/api/embed"),
            headers=bearer(call),
            json={"model": _named(call, model), "input": list(texts)},
        )
        _raise_for(call, response)
        answer = decoded(response, _Vectors)
        if len(answer.embeddings) != len(texts):
            raise BadResult(f"{len(texts)} texts were sent and {len(answer.embeddings)} vectors came back")
        return Result(
            value={"vectors": answer.embeddings, "model": answer.model or model},
            units={"inputTokens": float(answer.prompt_eval_count)},
            warm_up_s=_warm_up_s(answer.load_duration),
        )

    async def _pieces(self, call: Call, asked: Wanted) -> AsyncGenerator[Piece, None]:
        async with call.http.stream(
            "POST", self._address(call, "/api/chat"), headers=bearer(call), json=_body(call, asked, stream=True)
        ) as answer:
            if not 200 <= answer.status < 300:
                _raise_for(call, await answer.read())
            async for line in answer.lines():
                if not line.strip():
                    continue
                response = HttpResponse(status=answer.status, headers=answer.headers, body=line.encode())
                _raise_for(call, response)
                part = decoded(response, _Line)
                yield _piece(part)
                if part.done:
                    return

    def _address(self, call: Call, path: str) -> str:
        return address(call, path, default=self.default_base_url)


def _body(call: Call, asked: Wanted, *, stream: bool) -> dict[str, Any]:
    options = {"num_predict": asked.max_tokens, "temperature": asked.temperature}
    return {
        "model": _named(call, asked.model),
        "messages": asked.messages,
        "stream": stream,
        "options": {name: value for name, value in options.items() if value is not None},
    }


def _named(call: Call, model: str | None) -> str:
    if model:
        return model
    raise ProviderError(
        f"{call.provider.id} has no model; install one with `ollama pull`, or name one in its table",
        error_class=ErrorClass.PERMISSION,
        provider_specific=True,
    )


def _whole(call: Call, response: HttpResponse) -> Piece:
    _raise_for(call, response)
    line = decoded(response, _Line)
    if not line.done:
        raise BadResult("the answer ended before it was done")
    return _piece(line)


def _piece(line: _Line) -> Piece:
    if not line.done:
        return Piece(text=line.message.content, model=line.model)
    units = {"inputTokens": float(line.prompt_eval_count), "outputTokens": float(line.eval_count)}
    return Piece(
        text=line.message.content,
        model=line.model,
        finish=line.done_reason or "stop",
        units=units,
        warm_up_s=_warm_up_s(line.load_duration),
    )


def _warm_up_s(load_ns: int) -> float:
    """How long a model was loaded into memory before it answered; a loaded one is looked up within milliseconds."""
    load_s = load_ns / 1e9
    return load_s if load_s >= COLD_S else 0.0


def _raise_for(call: Call, response: HttpResponse) -> None:
    """Raise what the answer says; in a stream, and so in any 200, a line with `error` is a failure."""
    try:
        body = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = None
    words = body.get("error") if isinstance(body, dict) else None
    if response.ok and words is None:
        return
    status = 500 if response.ok else response.status
    error_class = {
        401: ErrorClass.AUTHENTICATION,
        402: ErrorClass.QUOTA,
        403: ErrorClass.PERMISSION,
        404: ErrorClass.PERMISSION,
        429: ErrorClass.RATE_LIMITED,
    }.get(status)
    said = words if isinstance(words, str) else ""
    if "context length" in said or "context size" in said:
        error_class = ErrorClass.CONTEXT_TOO_LONG
    secretive = error_class is ErrorClass.AUTHENTICATION
    raise ProviderError(
        f"{call.provider.id}: Ollama answered {status}{'' if secretive else quoted(said, call)}",
        error_class=error_class,
        status=status,
        retry_after_s=response.retry_after_s,
        # "does not support chat", "does not support thinking": of this model, not of the request.
        provider_specific=status == 400 and "does not support" in said,
    )
