"""Executions as OpenTelemetry traces: every name that is written into one, and the messages of OTLP made from them.

Names follow the semantic conventions for generative AI (v1.37); what they have no name for begins with
`provider_console.`. What was asked and answered, and what a provider said of an error, is in none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it comes without types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from provider_console import __version__
from provider_console.core.ports.telemetry import TracedExecution
from provider_console.core.ports.usage import AttemptRow

SCOPE: Final = "provider_console"

# The resource: which console this is.
SERVICE_NAME: Final = "service.name"
SERVICE_VERSION: Final = "service.version"
ENVIRONMENT: Final = "deployment.environment.name"

# Of both kinds of span.
ERROR_TYPE: Final = "error.type"

# The whole execution.
EXECUTION_ID: Final = "provider_console.execution.id"
EXECUTION_STATUS: Final = "provider_console.execution.status"
EXECUTION_ATTEMPTS: Final = "provider_console.execution.attempts"
OPERATION: Final = "provider_console.operation"
CATEGORY: Final = "provider_console.category"
REQUEST_ID: Final = "provider_console.request.id"

# One attempt; the provider is also who answered the whole.
PROVIDER: Final = "provider_console.provider"
ATTEMPT: Final = "provider_console.attempt"
DELAY_BEFORE_MS: Final = "provider_console.attempt.delay_before_ms"
TIMEOUT_MS: Final = "provider_console.attempt.timeout_ms"
FIRST_CONTENT_MS: Final = "provider_console.attempt.first_content_ms"
ABSORBED: Final = "provider_console.attempt.absorbed"
COST: Final = "provider_console.attempt.cost"
CHARACTERS: Final = "provider_console.usage.characters"
HTTP_STATUS: Final = "http.response.status_code"
GEN_AI_OPERATION: Final = "gen_ai.operation.name"
GEN_AI_PROVIDER: Final = "gen_ai.provider.name"
GEN_AI_MODEL: Final = "gen_ai.request.model"
GEN_AI_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GEN_AI_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"

OPERATIONS: Final[Mapping[str, str]] = {"embed": "embeddings"}
"""Kinds that the conventions have another name for; `chat` is theirs, and so is a name of one's own."""
PROVIDERS: Final[Mapping[str, str]] = {
    "azure_openai": "azure.ai.openai",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
"""Likewise providers, by the ids that they have here."""
UNITS: Final[Mapping[str, str]] = {
    "inputTokens": GEN_AI_INPUT_TOKENS,
    "outputTokens": GEN_AI_OUTPUT_TOKENS,
    "characters": CHARACTERS,
}

Value = str | bool | int | float | None


def request(executions: Sequence[TracedExecution], *, service: str, environment: str) -> bytes:
    """What is sent to a collector: each execution as a trace, with a span for the whole and one for each attempt."""
    resource = Resource(
        attributes=_attributes({SERVICE_NAME: service, SERVICE_VERSION: __version__, ENVIRONMENT: environment or None})
    )
    spans = [span for execution in executions for span in _spans(execution)]
    scope = ScopeSpans(scope=InstrumentationScope(name=SCOPE, version=__version__), spans=spans)
    message = ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=resource, scope_spans=[scope])])
    content: bytes = message.SerializeToString()
    return content


def refused(answer: bytes) -> int:
    """How many spans a collector did not take, by its answer; 0 where that cannot be read."""
    try:
        return int(ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans)
    except DecodeError:
        return 0


def _spans(execution: TracedExecution) -> list[Span]:
    (trace, above), own = _place(execution), _span_id(execution.id)
    whole = Span(
        trace_id=trace,
        span_id=own,
        parent_span_id=above,
        name=f"execute {execution.kind}",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=_nanos(execution.at),
        end_time_unix_nano=_nanos(execution.at, execution.elapsed_ms),
        attributes=_attributes(_of_execution(execution)),
        status=_status(failed=execution.status not in ("ok", "cancelled")),
    )
    return [whole, *(_attempt(row, execution.id, trace, own, at) for at, row in enumerate(execution.attempts))]


def _place(execution: TracedExecution) -> tuple[bytes, bytes]:
    """The trace that an execution belongs to, and the span above it."""
    trace, above = _trace_id(execution.parent or execution.id), b""
    if execution.trace_parent is not None:
        _, trace, above, _ = map(bytes.fromhex, execution.trace_parent.split("-"))
    # The pieces of a long text are executions of their own, within the whole.
    return trace, above if execution.parent is None else _span_id(execution.parent)


def _attempt(row: AttemptRow, execution_id: str, trace: bytes, parent: bytes, at: int) -> Span:
    return Span(
        trace_id=trace,
        span_id=_span_id(f"{execution_id}/{at}"),
        parent_span_id=parent,
        name=_text(f"{OPERATIONS.get(row.kind, row.kind)} {row.model or row.provider}"),
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=_nanos(row.at),
        end_time_unix_nano=_nanos(row.at, row.duration_ms),
        attributes=_attributes(_of_attempt(row)),
        status=_status(failed=not row.ok and row.error_class != "cancelled"),
    )


def _of_execution(execution: TracedExecution) -> Mapping[str, Value]:
    last = execution.attempts[-1].error_class if execution.attempts else None
    return {
        EXECUTION_ID: execution.id,
        EXECUTION_STATUS: execution.status,
        EXECUTION_ATTEMPTS: len(execution.attempts),
        OPERATION: execution.kind,
        CATEGORY: execution.category,
        PROVIDER: execution.provider,
        REQUEST_ID: execution.request_id,
        ERROR_TYPE: None if execution.status == "ok" else last or execution.status,
    }


def _of_attempt(row: AttemptRow) -> Mapping[str, Value]:
    # Counts are the provider's word: what is no number of 63 bits would spoil the whole message.
    units = {UNITS[name]: int(count) for name, count in row.units.items() if name in UNITS and 0 <= count < 2**63}
    return {
        PROVIDER: row.provider,
        ATTEMPT: row.attempt,
        DELAY_BEFORE_MS: row.delay_before_ms,
        TIMEOUT_MS: row.timeout_ms,
        FIRST_CONTENT_MS: row.first_content_ms,
        ABSORBED: row.absorbed,
        COST: row.cost,
        HTTP_STATUS: row.http_status,
        ERROR_TYPE: row.error_class,
        GEN_AI_OPERATION: OPERATIONS.get(row.kind, row.kind),
        GEN_AI_PROVIDER: PROVIDERS.get(row.provider, row.provider),
        GEN_AI_MODEL: row.model,
        **units,
    }


def _attributes(values: Mapping[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=name, value=_value(value)) for name, value in values.items() if value is not None]


def _value(value: str | bool | float) -> AnyValue:  # noqa: FBT001 - a value of an attribute is one of four types
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case _:
            return AnyValue(string_value=_text(value))


def _text(text: str) -> str:
    """As UTF-8 can carry it: half of a surrogate in a model's name would spoil the whole message."""
    return text.encode("utf-8", "replace").decode()


def _status(*, failed: bool) -> Status:
    # "Ok" is for somebody who looked at it and says that it is; what simply succeeded is left unset.
    return Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET)


def _nanos(at: float, after_ms: float = 0.0) -> int:
    return round(at * 1e6) * 1_000 + round(after_ms * 1e6)


# An execution's id says which ids its trace and its spans have: a piece finds its whole without anybody remembering.


def _trace_id(execution_id: str) -> bytes:
    return blake2b(execution_id.encode(), digest_size=16, person=b"trace").digest()


def _span_id(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=8, person=b"span").digest()
