"""OpenAI's protocol (platform.openai.com/docs/api-reference), as OpenAI and many others speak it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final
from urllib.parse import urlsplit

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
from provider_console_dynamic_ai.openai_errors import error_from, error_in, failure
from provider_console_dynamic_ai.speech import (
    Piece,
    Wanted,
    address,
    bearer,
    chat_models_first,
    chunks,
    decoded,
    embedding_model,
    refused,
    spoken,
    wanted,
)

VENDOR: Final = "https://api.openai.com/v1"

# Mistral answers 422 to a field that it does not know, and tells the usage without being asked.
_WITHOUT_STREAM_OPTIONS: Final = frozenset({"api.mistral.ai"})


class _Message(msgspec.Struct):
    content: str | list[dict[str, Any]] | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message = msgspec.field(default_factory=_Message)
    delta: _Message = msgspec.field(default_factory=_Message)
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    model: str | None = None
    usage: _Usage | None = None


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


class _Vector(msgspec.Struct):
    embedding: list[float]
    index: int = 0


class _Vectors(msgspec.Struct):
    data: list[_Vector]
    model: str | None = None
    usage: _Usage | None = None


class OpenAI(Driver):
    """Chat, embeddings and translations by OpenAI, and by every vendor with its protocol that needs a key."""

    name = "openai"
    title = "OpenAI"
    categories: tuple[str, ...] = ("ai", "translation")
    credential: CredentialNeed = "required"
    capabilities: tuple[Capability, ...] = ("text_generation", "embeddings", "translate:*>*")
    rungs: tuple[Rung, ...] = (Rung(name="authentication", proves="address, key and models"),)
    default_base_url: str | None = VENDOR
    describes = True
    # A translation is as long as its text, and a model writes some 300 characters a second: this fits the usual
    # attempt timeout of 15 s. Only kinds that can split look at it.
    max_characters: int | None = 4_000

    async def call(self, call: Call) -> Result | AsyncIterator[Chunk]:
        """Continue a conversation, translate, or embed."""
        if call.operation is not None and call.operation.kind == "embed":
            return await self._embed(call)
        asked = wanted(call)
        if call.operation is not None and call.operation.stream:
            return chunks(call, asked, self._pieces(call, asked))
        response = await call.http.request(
            "POST", self._address(call, "/chat/completions"), headers=self._headers(call), json=_body(call, asked)
        )
        return spoken(call, asked, _whole(call, response))

    async def probe(self, call: Call) -> ProbeResult:
        """Ask for the models: free, and it needs the key."""
        models = await self._models(call)
        return ProbeResult(
            rung="authentication" if call.credential else "reach",
            detail=f"{len(models)} {'model' if len(models) == 1 else 'models'}",
            description=Description(models=models),
        )

    async def describe(self, call: Call) -> Description:
        """Ask for the models."""
        return Description(models=await self._models(call))

    async def _models(self, call: Call) -> tuple[str, ...]:
        response = await call.http.request("GET", self._address(call, "/models"), headers=self._headers(call))
        _raise_for(call, response)
        return chat_models_first([model.id for model in decoded(response, _Models).data])

    async def _embed(self, call: Call) -> Result:
        texts = call.operation.payload["texts"] if call.operation else []
        model = embedding_model(call)
        body = {"input": list(texts)} | ({"model": model} if model else {})
        response = await call.http.request(
            "POST", self._address(call, "/embeddings"), headers=self._headers(call), json=body
        )
        _raise_for(call, response)
        answer = decoded(response, _Vectors)
        vectors = [vector.embedding for vector in sorted(answer.data, key=lambda vector: vector.index)]
        if len(vectors) != len(texts):
            raise BadResult(f"{len(texts)} texts were sent and {len(vectors)} vectors came back")
        units = {"inputTokens": float(answer.usage.prompt_tokens)} if answer.usage else {}
        return Result(value={"vectors": vectors, "model": answer.model or model}, units=units)

    async def _pieces(self, call: Call, asked: Wanted) -> AsyncGenerator[Piece, None]:
        async with call.http.stream(
            "POST",
            self._address(call, "/chat/completions"),
            headers=self._headers(call),
            json=_body(call, asked, stream=True),
        ) as answer:
            if not 200 <= answer.status < 300 or "json" in answer.headers.get("content-type", ""):
                # The error that came instead of a stream, or a server that does not stream.
                yield _whole(call, await answer.read())
                return
            finished = False
            async for line in answer.lines():
                # What begins with a colon is a comment that keeps the connection open.
                if not line.startswith("data:"):
                    continue
                data = line.removeprefix("data:").strip()
                if data == "[DONE]":
                    if not finished:
                        yield Piece(finish="stop")
                    return
                piece = _piece(call, data)
                finished = finished or piece.finish is not None
                yield piece

    def _address(self, call: Call, path: str) -> str:
        return address(call, path, default=self.default_base_url)

    def _headers(self, call: Call) -> dict[str, str]:
        if self.credential == "required" and call.credential is None:
            raise ProviderError(
                f"{call.provider.id} needs a key; name it as credential in its table",
                error_class=ErrorClass.AUTHENTICATION,
            )
        return bearer(call)


class OpenAICompatible(OpenAI):
    """The same protocol where a key is not always needed: vLLM, LM Studio, llama.cpp, a gateway of one's own."""

    name = "openai_compatible"
    title = "OpenAI-compatible server"
    credential: CredentialNeed = "optional"
    # Whether such a server embeds is told by its table's capabilities.
    capabilities: tuple[Capability, ...] = ("text_generation", "translate:*>*")
    rungs: tuple[Rung, ...] = (Rung(name="reach", proves="address and models, and the key where there is one"),)
    default_base_url: str | None = None
    default_network: Network = "global"


def _body(call: Call, asked: Wanted, *, stream: bool = False) -> dict[str, Any]:
    body: dict[str, Any] = {"messages": asked.messages}
    if asked.model:
        body["model"] = asked.model
    if asked.max_tokens is not None:
        # OpenAI's newer models refuse the old name, everybody else knows no other.
        body["max_completion_tokens" if _host(call) == urlsplit(VENDOR).hostname else "max_tokens"] = asked.max_tokens
    if asked.temperature is not None:
        body["temperature"] = asked.temperature
    if stream:
        body["stream"] = True
        if _host(call) not in _WITHOUT_STREAM_OPTIONS:
            body["stream_options"] = {"include_usage": True}
    return body


def _host(call: Call) -> str | None:
    return urlsplit(call.provider.base_url or VENDOR).hostname


def _whole(call: Call, response: HttpResponse) -> Piece:
    _raise_for(call, response)
    completion = decoded(response, _Completion)
    if not completion.choices:
        raise BadResult("the answer holds no choice")
    choice = completion.choices[0]
    if choice.message.refusal:
        raise refused(call)
    return Piece(
        text=_text(choice.message),
        model=completion.model,
        finish=choice.finish_reason or "stop",
        units=_units(completion.usage),
    )


def _piece(call: Call, data: str) -> Piece:
    try:
        body = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise BadResult("a line of the stream is not JSON") from error
    if (found := error_in(body)) is not None:
        raise failure(call, found, status=200)
    try:
        part = msgspec.convert(body, _Completion)
    except msgspec.ValidationError as error:
        raise BadResult("a line of the stream has an unexpected shape") from error
    if not part.choices:
        return Piece(model=part.model, units=_units(part.usage))
    choice = part.choices[0]
    if choice.delta.refusal:
        raise refused(call)
    return Piece(text=_text(choice.delta), model=part.model, finish=choice.finish_reason, units=_units(part.usage))


def _raise_for(call: Call, response: HttpResponse) -> None:
    if not response.ok:
        raise error_from(call, response)
    found = error_in(response.json())
    if found is not None:
        raise failure(call, found, status=response.status)


def _text(message: _Message) -> str:
    if isinstance(message.content, list):
        # Models that think aloud answer in parts; only those of type text are the answer.
        parts = [part.get("text") for part in message.content if part.get("type") == "text"]
        return "".join(part for part in parts if isinstance(part, str))
    return message.content or ""


def _units(usage: _Usage | None) -> dict[str, float] | None:
    if usage is None:
        return None
    return {"inputTokens": float(usage.prompt_tokens), "outputTokens": float(usage.completion_tokens)}
