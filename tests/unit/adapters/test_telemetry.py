"""What is sent to a collector of traces: the queue, its bound, another try, and the names of the conventions."""

from __future__ import annotations

import asyncio
import logging
import random
import sys
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import error_attributes, http_attributes, service_attributes

from provider_console.adapters import traces
from provider_console.adapters.memory import MemorySecrets
from provider_console.adapters.telemetry import BATCH, QUEUE, TraceExport
from provider_console.core.ports.telemetry import TracedExecution
from provider_console.core.ports.usage import AttemptRow
from provider_console.core.settings import Settings, TelemetrySettings
from provider_console.sdk.errors import TransportError
from provider_console.sdk.http import HttpResponse
from provider_console.testing import simulation
from provider_console.testing.simulation import SimClock

REFUSED = TransportError("h refuses connections", kind="refused", never_left=True)


class _Http:
    """A collector that answers in turn, then takes everything."""

    def __init__(self, *answers: int | HttpResponse | TransportError) -> None:
        self.answers = list(answers)
        self.bodies: list[bytes] = []
        self.at: list[float] = []

    def client(self, *, network: str, bearer: str | None = None) -> Any:
        return self

    async def aclose(self) -> None:
        """There is nothing to close."""

    async def request(self, method: str, url: str, *, headers: Mapping[str, str], content: bytes) -> HttpResponse:
        self.at.append(asyncio.get_running_loop().time())
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, TransportError):
            raise answer
        self.bodies.append(content)
        return answer if isinstance(answer, HttpResponse) else HttpResponse(status=answer, headers={})

    def ids(self, body: bytes) -> list[str]:
        """Of the executions in a body."""
        request = ExportTraceServiceRequest.FromString(body)
        return [
            attribute.value.string_value
            for resource in request.resource_spans
            for span in resource.scope_spans[0].spans
            for attribute in span.attributes
            if attribute.key == traces.EXECUTION_ID
        ]


def execution(name: str, *attempts: AttemptRow, **more: Any) -> TracedExecution:
    known = {"kind": "chat", "category": "text", "at": 1_000.0, "elapsed_ms": 5.0, "status": "ok"}
    return TracedExecution(id=name, attempts=attempts, **{**known, **more})


def attempt(**more: Any) -> AttemptRow:
    known = {
        "execution_id": "e",
        "provider": "openai",
        "kind": "chat",
        "category": "text",
        "attempt": 1,
        "at": 1_000.0,
        "duration_ms": 1.0,
        "timeout_ms": 15_000.0,
        "delay_before_ms": 0.0,
        "ok": True,
        "absorbed": False,
        "counted": 0.0,
    }
    return AttemptRow(**{**known, **more})


def export(
    http: _Http, *, endpoint: str = "http://127.0.0.1:4318/v1/traces", credential: str = "", loaded: bool = True
) -> TraceExport:
    clock = SimClock()
    settings = Settings(telemetry=TelemetrySettings(endpoint=endpoint, network="loopback", credential=credential))
    return TraceExport(
        lambda: settings,
        http=http,
        secrets=MemorySecrets(clock=clock),
        clock=clock,
        rng=random.Random(1),
        traces=traces if loaded else None,
    )


def sent(http: _Http, names: list[str], *, for_s: float = 600.0) -> TraceExport:
    """What becomes of executions that are noted at once, in virtual time."""
    made: list[TraceExport] = []

    async def main() -> None:
        own = export(http)
        made.append(own)
        for name in names:
            own.note(execution(name))
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(own.run())
            await SimClock().sleep(for_s)
            task.cancel()

    simulation.run(main, seed=1)
    return made[0]


def test_what_waits_is_sent_in_batches_and_in_order() -> None:
    http, names = _Http(), [f"e{number}" for number in range(BATCH + 3)]

    sent(http, names)

    assert [http.ids(body) for body in http.bodies] == [names[:BATCH], names[BATCH:]]


def test_the_pieces_of_a_long_text_stay_within_the_whole_in_the_trace_of_who_asked() -> None:
    caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    executions = [execution("whole", trace_parent=caller), execution("piece", parent="whole", trace_parent=caller)]
    message = ExportTraceServiceRequest.FromString(traces.request(executions, service="s", environment=""))
    whole, piece = message.resource_spans[0].scope_spans[0].spans

    assert {whole.trace_id.hex(), piece.trace_id.hex()} == {caller[3:35]}
    assert whole.parent_span_id.hex() == caller[36:52]
    assert piece.parent_span_id == whole.span_id


def test_of_too_many_the_oldest_go_and_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    http, names = _Http(), [f"e{number}" for number in range(QUEUE + 5)]

    sent(http, names)

    assert [name for body in http.bodies for name in http.ids(body)] == names[5:]
    assert "5 were lost" in caplog.text


def test_a_collector_that_fails_is_asked_again_after_longer_and_longer_and_nothing_is_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    http = _Http(REFUSED, 503, 429, REFUSED)

    sent(http, ["a", "b"])

    waits = [later - earlier for earlier, later in pairwise(http.at)]
    assert http.ids(http.bodies[-1]) == ["a", "b"]
    assert [base / 2 <= wait <= base for base, wait in zip((1.0, 2.0, 4.0, 8.0), waits, strict=True)] == [True] * 4
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"], caplog.text


def test_a_collector_that_says_when_to_come_back_is_left_alone_until_then() -> None:
    http = _Http(HttpResponse(status=503, headers={"retry-after": "30"}))

    sent(http, ["a"])

    assert http.at[1] - http.at[0] >= 30.0


def test_what_a_collector_refuses_is_not_sent_again() -> None:
    http = _Http(400)

    own = sent(http, ["a"])

    assert (len(http.bodies), own.lost) == (1, 1)


def test_spans_that_a_collector_left_out_are_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    partial = ExportTraceServiceResponse(partial_success=ExportTracePartialSuccess(rejected_spans=1))

    sent(_Http(HttpResponse(status=200, headers={}, body=partial.SerializeToString())), ["a"])

    assert "refused 1 spans" in caplog.text


@pytest.mark.parametrize("body", [b"\xff\xff", b"<html>", b"{}"])
def test_an_answer_that_cannot_be_read_is_an_answer(body: bytes) -> None:
    http = _Http(HttpResponse(status=200, headers={}, body=body))

    own = sent(http, ["a"])

    assert (len(http.bodies), own.lost) == (1, 0)


async def test_the_end_waits_for_no_collector() -> None:
    http = _Http(REFUSED)
    own = export(http)
    own.note(execution("a"))

    await own.finish()

    assert len(http.at) == 1


async def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "provider_console.adapters.traces", None)

    trouble = await export(_Http(), loaded=False).check()

    assert trouble is not None
    assert trouble.command == "pip install 'provider-console[otel]'"


async def test_a_credential_that_is_missing_is_named() -> None:
    http = _Http()

    trouble = await export(http, credential="COLLECTOR_KEY").check()

    assert trouble is not None
    assert "COLLECTOR_KEY" in trouble.problem
    assert http.bodies == []


async def test_without_an_endpoint_nothing_is_wanted() -> None:
    assert not export(_Http(), endpoint="").wanted


# --- the messages -----------------------------------------------------------------------------------------------------


def spans(*executions: TracedExecution) -> list[Any]:
    body = traces.request(executions, service="s", environment="")
    return list(ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans)


def test_a_piece_is_a_part_of_its_whole() -> None:
    piece, whole = execution("piece", attempt(), parent="whole"), execution("whole")

    first, call, last = spans(piece, whole)

    assert first.trace_id == call.trace_id == last.trace_id
    assert first.parent_span_id == last.span_id
    assert call.parent_span_id == first.span_id
    assert last.parent_span_id == b""


def test_a_cancel_is_nobodys_failure() -> None:
    whole, call = spans(execution("e", attempt(ok=False, error_class="cancelled"), status="cancelled"))

    assert (whole.status.code, call.status.code) == (0, 0)


@pytest.mark.parametrize("count", [float("nan"), float("inf"), -1.0, 1e300])
def test_a_count_that_is_none_spoils_nothing(count: float) -> None:
    (_, call) = spans(execution("e", attempt(units={"inputTokens": count, "outputTokens": 3.0}, model="m\udc80")))

    assert {one.key for one in call.attributes if one.key.startswith("gen_ai.usage")} == {traces.GEN_AI_OUTPUT_TOKENS}


def test_the_names_are_those_of_the_conventions() -> None:
    theirs = {
        value
        for module in (gen_ai_attributes, http_attributes, error_attributes, service_attributes)
        for value in vars(module).values()
        if isinstance(value, str)
    } | {"deployment.environment.name"}
    ours = {value for name, value in vars(traces).items() if name.isupper() and isinstance(value, str)}

    assert {name for name in ours if "." in name and not name.startswith("provider_console.")} <= theirs
    providers = {one.value for one in gen_ai_attributes.GenAiProviderNameValues}
    operations = {one.value for one in gen_ai_attributes.GenAiOperationNameValues}
    assert set(traces.PROVIDERS.values()) <= providers
    assert {*traces.OPERATIONS.values(), "chat"} <= operations
