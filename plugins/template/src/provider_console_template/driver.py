"""The protocol: `POST /v1/summaries` and `GET /v1/status`, JSON in and out, a bearer key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

import msgspec

from provider_console.sdk import (
    BadResult,
    Call,
    Capability,
    Chunk,
    CredentialNeed,
    Driver,
    ErrorClass,
    HttpResponse,
    ProbeResult,
    ProviderError,
    Result,
    Rung,
)
from provider_console_template.kind import CAPABILITY, CATEGORY, KIND

T = TypeVar("T")


class _Summary(msgspec.Struct):
    summary: str


class _Status(msgspec.Struct):
    ready: bool


class SummaryService(Driver):
    """Asks a service for summaries."""

    name = "template"
    title = "Summary service"
    categories: tuple[str, ...] = (CATEGORY,)
    credential: CredentialNeed = "optional"
    capabilities: tuple[Capability, ...] = (CAPABILITY,)
    rungs: tuple[Rung, ...] = (Rung(name="reach", proves="the service runs and is ready"),)

    async def call(self, call: Call) -> Result | AsyncIterator[Chunk]:
        """Summarise one text, with one request."""
        operation = call.operation
        if operation is None or operation.kind != KIND:
            # `provider_specific`: this one cannot, but another provider may.
            raise ProviderError(
                f"{call.provider.id} only summarises",
                error_class=ErrorClass.INVALID_REQUEST,
                provider_specific=True,
            )
        text = operation.payload["text"]
        body = {"text": text, "sentences": int(operation.payload["sentences"])}
        response = await call.http.request("POST", _address(call, "/v1/summaries"), headers=_headers(call), json=body)
        summary = _decoded(call, response, _Summary).summary
        result = Result(value={"text": summary}, units={"characters": len(text)})
        return _one_chunk(result) if operation.stream else result

    async def probe(self, call: Call) -> ProbeResult:
        """Ask whether it is ready: free, and proves that it can be reached."""
        response = await call.http.request("GET", _address(call, "/v1/status"), headers=_headers(call))
        if not _decoded(call, response, _Status).ready:
            raise ProviderError(f"{call.provider.id} is not ready", error_class=ErrorClass.SERVER_ERROR)
        return ProbeResult(rung="reach", detail="ready")


def _address(call: Call, path: str) -> str:
    if not call.provider.base_url:
        raise ProviderError(
            f"{call.provider.id} has no address; set base_url in its table",
            error_class=ErrorClass.INVALID_REQUEST,
            provider_specific=True,
        )
    return call.provider.base_url.rstrip("/") + path


def _headers(call: Call) -> dict[str, str]:
    # The one line that reveals the key is the one that writes it to the wire.
    headers = {"Authorization": f"Bearer {call.credential.reveal()}"} if call.credential else {}
    # The same on each retry, so that a service that knows it does the work once.
    return {**headers, "Idempotency-Key": call.idempotency_key} if call.idempotency_key else headers


def _decoded(call: Call, response: HttpResponse, shape: type[T]) -> T:
    if not response.ok:
        # The console finds the class by the status. The service's own words are left out: they may quote the text.
        raise ProviderError.from_response(response, f"{call.provider.id} answered HTTP {response.status}")
    try:
        return msgspec.json.decode(response.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadResult(f"{call.provider.id}: the answer has an unexpected shape") from error


async def _one_chunk(result: Result) -> AsyncIterator[Chunk]:
    yield Chunk(text=result.value["text"], result=result)
