"""Executions as traces at a real collector over HTTP: what arrives, what never does, and a collector that fails."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.api.collector import Span, collector
from tests.api.served import HOUSE, Served, served
from tests.e2e.home import KEY, Home, deepl, translation

from provider_console.sandbox import DeepLSandbox, Fault, serve_in_thread

PATIENCE_S = 15.0


async def until(claim: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not claim():  # noqa: ASYNC110 - the collector is in a thread of its own
            await asyncio.sleep(0.02)


def to(endpoint: str, **more: object) -> dict[str, Any]:
    """The settings that send traces there."""
    return {"telemetry": {"endpoint": endpoint, "network": "loopback", **more}}


def whole(spans: list[Span]) -> Span:
    """The one span without a parent."""
    (found,) = [span for span in spans if not span.parent]
    return found


async def test_a_fallback_is_one_trace_with_a_span_for_each_attempt(tmp_path: Path) -> None:
    engine = {"engine": {"base_delay": 40, "max_delay": 60, "max_retries": 2}}
    with collector() as it:
        async with served(tmp_path, **to(it.endpoint), **engine) as at:
            at.sandbox["deepl"].faults.set(Fault("status", status=503), on="work")
            report = (
                await at.execute(providers=["deepl", "libretranslate"], headers={"X-Request-Id": "order-4711"})
            ).json()
            await until(it.spans)
        spans = it.spans()

    root, *attempts = spans
    assert report["status"] == "ok"
    assert root == whole(spans)
    assert {span.trace for span in spans} == {root.trace}
    assert len({span.id for span in spans}) == len(spans)
    assert [span.parent for span in attempts] == [root.id] * 3
    assert root.name == "execute translate"
    assert root.attributes == {
        "provider_console.execution.id": report["executionId"],
        "provider_console.execution.status": "ok",
        "provider_console.execution.attempts": 3,
        "provider_console.operation": "translate",
        "provider_console.category": "translation",
        "provider_console.provider": "libretranslate",
        "provider_console.request.id": "order-4711",
    }
    said = [
        (
            span.name,
            span.failed,
            span.attributes["provider_console.provider"],
            span.attributes["provider_console.attempt"],
            span.attributes.get("error.type"),
            span.attributes.get("http.response.status_code"),
            span.attributes["provider_console.attempt.absorbed"],
            span.attributes["provider_console.attempt.delay_before_ms"],
        )
        for span in attempts
    ]
    delays = [attempt["delayBeforeMs"] for attempt in report["attempts"]]
    assert said == [
        ("translate deepl", True, "deepl", 1, "server_error", 503, True, 0.0),
        ("translate deepl", True, "deepl", 2, "server_error", 503, True, delays[1]),
        ("translate libretranslate", False, "libretranslate", 1, None, None, False, delays[2]),
    ]
    assert delays[1] > 0

    millisecond = 0.001
    ends = [root.began, *(moment for span in attempts for moment in (span.began, span.ended)), root.ended]
    assert all(later >= earlier - millisecond for earlier, later in pairwise(ends)), ends
    assert root.ended - root.began == pytest.approx(report["elapsedMs"] / 1000, abs=millisecond)
    for span, attempt in zip(attempts, report["attempts"], strict=True):
        assert span.began - root.began == pytest.approx(attempt["startedMs"] / 1000, abs=millisecond)
        assert span.ended - span.began == pytest.approx(attempt["durationMs"] / 1000, abs=millisecond)


async def test_a_chat_says_model_and_tokens_by_the_conventions_and_nothing_that_was_said(tmp_path: Path) -> None:
    with collector() as it:
        environment = {"appearance": {"environment": "production"}}
        async with served(tmp_path, **to(it.endpoint, service_name="console-7"), **environment) as at:
            prompt = {"text": "the-secret-recipe of my grandmother"}
            answer = await at.post("/execute", {"operation": "chat", "payload": prompt, "providers": ["openai"]})
            await until(it.spans)
            secrets = [*at.sandbox.credentials.values(), "the-secret-recipe", answer.json()["result"]["text"]]
        attempt = it.spans()[-1]

    units = answer.json()["result"]["units"]
    assert attempt.name == f"chat {attempt.attributes['gen_ai.request.model']}"
    assert attempt.kind == 3, "a call of somebody else"
    assert {name: value for name, value in attempt.attributes.items() if name.startswith("gen_ai.")} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": answer.json()["result"]["model"],
        "gen_ai.usage.input_tokens": units["inputTokens"],
        "gen_ai.usage.output_tokens": units["outputTokens"],
    }
    resource = it.resource()
    assert (resource["service.name"], resource["deployment.environment.name"]) == ("console-7", "production")
    assert it.paths == ["/v1/traces"] * len(it.paths)
    assert {headers["content-type"] for headers in it.headers} == {"application/x-protobuf"}
    assert [secret for secret in secrets if any(secret.encode() in body for body in it.raw)] == []


TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


async def test_an_execution_is_traced_under_the_span_of_who_asked(tmp_path: Path) -> None:
    with collector() as it:
        async with served(tmp_path, **to(it.endpoint)) as at:
            first = (await at.execute(headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})).json()
            await until(it.spans)
            again = await at.get(f"/executions/{first['executionId']}/operation")
        root, *attempts = it.spans()

    assert (root.trace, root.parent) == (TRACE, SPAN)
    assert {(span.trace, span.parent) for span in attempts} == {(TRACE, root.id)}
    assert TRACE not in again.text


async def test_a_trace_that_is_not_kept_is_not_sent(tmp_path: Path) -> None:
    with collector() as it:
        async with served(tmp_path, **to(it.endpoint)) as at:
            await at.execute(headers={"traceparent": f"00-{TRACE}-{SPAN}-00"})
            kept = (await at.execute()).json()["executionId"]
            await until(it.spans)

    assert whole(it.spans()).attributes["provider_console.execution.id"] == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "none",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
    ],
)
async def test_what_names_no_span_begins_a_trace_of_its_own(tmp_path: Path, given: str) -> None:
    with collector() as it:
        async with served(tmp_path, **to(it.endpoint)) as at:
            answer = await at.execute(headers={"traceparent": given})
            await until(it.spans)

    assert answer.json()["status"] == "ok"
    assert whole(it.spans()).trace != TRACE


async def test_what_a_provider_says_of_an_error_stays_here(tmp_path: Path) -> None:
    with collector() as it:
        async with served(tmp_path, **to(it.endpoint)) as at:
            at.sandbox["deepl"].faults.set(Fault("status", status=400), on="work")
            answer = await at.execute(providers=["deepl"])
            await until(it.spans)
        spans = it.spans()

    message = answer.json()["report"]["attempts"][0]["message"]
    assert message
    assert [span.failed for span in spans] == [True, True]
    assert spans[0].attributes["error.type"] == spans[1].attributes["error.type"] == "invalid_request"
    assert not any(message.encode() in body or HOUSE["text"].encode() in body for body in it.raw)


async def test_the_credential_of_a_collector_is_shown_in_the_header_that_it_wants(tmp_path: Path) -> None:
    with collector() as it:
        async with served(tmp_path, **to(it.endpoint, credential="SANDBOX_DEEPL_KEY", header="x-api-key")) as at:
            await at.execute()
            await until(it.spans)
            key = at.sandbox.credentials["SANDBOX_DEEPL_KEY"]

    assert it.headers[0]["x-api-key"] == key


async def test_a_collector_that_does_not_answer_holds_up_nobody(tmp_path: Path) -> None:
    with collector() as it:
        it.open.clear()
        async with served(tmp_path, **to(it.endpoint)) as at:
            first = await at.execute()
            await until(it.came.is_set)
            during = [(await at.execute()).json()["status"] for _ in range(20)]
            health = await at.get("/health")

    assert (first.json()["status"], set(during), health.status_code) == ("ok", {"ok"}, 200)


async def test_a_collector_that_is_not_there_costs_one_line_and_a_finding_until_it_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    caplog.set_level(logging.INFO, "provider_console.adapters.telemetry")
    async with served(tmp_path, **to(f"http://127.0.0.1:{port}/v1/traces")) as at:
        logging.getLogger("provider_console").propagate = True
        statuses = [(await at.execute()).json()["status"] for _ in range(3)]
        await until(lambda: "not sent as traces" in caplog.text)
        statuses += [(await at.execute()).json()["status"] for _ in range(3)]
        found = await _finding(at)
        with collector(port) as it:
            await until(lambda: len([span for span in it.spans() if not span.parent]) == 6)
            well = await _finding(at)

    assert statuses == ["ok"] * 6
    assert caplog.text.count("are not sent as traces") == 1
    assert caplog.text.count("are sent as traces again; 0 were lost") == 1
    assert (found["ok"], well["ok"]) == (False, True)
    assert "refuses connections" in found["evidence"]
    assert found["mend"] == "provider-console config set telemetry.endpoint ADDRESS"


async def _finding(at: Served) -> dict[str, Any]:
    return next(one for one in (await at.get("/doctor")).json() if one["check"] == "traces")


async def test_a_command_sends_its_trace_before_it_ends(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with collector() as it, serve_in_thread(DeepLSandbox(key=KEY)) as server:
        home.configure(translation({"deepl": deepl(server.base_url)}, **to(it.endpoint)))
        words = ("execute", "translate", "--to", "es", "--text", "The house is red.", "--json")
        finished = await asyncio.to_thread(home.run, *words)

    assert finished.code == 0, finished
    assert whole(it.spans()).attributes["provider_console.execution.id"] == finished.json()["executionId"]
