"""The one shape of reports: the keys of the documentation, in camelCase, and nothing else."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any, Final

import msgspec
import pytest
from tests.unit.engine.workbench import ScriptedDriver, bench, chat, failing, play, provider

from provider_console.adapters.memory import MemoryAudit
from provider_console.console import events, views
from provider_console.console.errors import NoProvider
from provider_console.engine.recollection import EXECUTIONS
from provider_console.sdk import ErrorClass, ProviderError
from provider_console.testing.simulation import SimClock

REPORT: Final = (
    "executionId operation category status result provider startedAt elapsedMs plan attempts left excluded budget hint "
    "retryAfterMs"
)
PARTS: Final = {
    "plan": "provider rank score breaker why",
    "attempts": "provider attempt status errorClass httpStatus providerCode message retryAfterMs startedMs durationMs "
    "timeoutMs delayBeforeMs absorbed",
    "left": "provider reason",
    "excluded": "provider reason",
}
SCORE: Final = "total base response reliability"
PROVIDER: Final = (
    "id name categories capabilities models driver tier region enabled sources credential provenance health"
)
HEALTH: Final = "state score breaker lastCheck lastError"
SYSTEM: Final = "overallHealth healthy degraded unhealthy unknown lastHealthCheck nextHealthCheck providers"
ANALYTICS: Final = (
    "totalRequests successRate averageResponseTime p50 p95 p99 errorClasses units cost absorbedFailures healthScore"
)


def as_json(value: object) -> Any:
    return json.loads(msgspec.json.encode(value))


def _structs(module: Any) -> list[type[msgspec.Struct]]:
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, msgspec.Struct) and value.__module__ == module.__name__
    ]


@pytest.mark.parametrize("view", [*_structs(views), *_structs(events)], ids=lambda view: view.__name__)
def test_every_view_and_event_is_frozen_and_in_camel_case(view: type[msgspec.Struct]) -> None:
    assert view.__struct_config__.frozen
    assert all(re.fullmatch(r"[a-z][a-z0-9]*([A-Z][a-z0-9]*)*", name) for name in view.__struct_encode_fields__)


@pytest.mark.parametrize("view", _structs(views), ids=lambda view: view.__name__)
def test_a_duration_says_its_unit(view: type[msgspec.Struct]) -> None:
    named = {"p50", "p95", "p99", "average_response_time"}
    for field in msgspec.structs.fields(view):
        words = set(field.name.split("_"))
        if words & {"elapsed", "duration", "delay", "timeout", "latency", "age", "out", "window"} - named:
            assert field.name.endswith("_ms") or field.type is str, field.name


def _report() -> dict[str, Any]:
    async def history() -> Any:
        driver = ScriptedDriver(credential="optional")
        async with bench(
            provider("a"), provider("b", tier="fallback"), provider("c", enabled=False), driver=driver
        ) as it:
            it.driver.always["a"] = ProviderError(
                "overloaded", error_class=ErrorClass.SERVER_ERROR, status=503, code="busy", retry_after_s=1.5
            )
            it.driver.say("b", "La casa es roja.")
            return await it.console.execute(chat())

    return as_json(play(history))  # type: ignore[no-any-return]


def test_a_report_has_the_keys_of_the_documentation() -> None:
    report = _report()

    assert set(REPORT.split()) <= set(report)
    assert set(report) - set(REPORT.split()) == {"parent", "children", "requestId"}
    for part, keys in PARTS.items():
        assert report[part], part
        assert all(set(entry) == set(keys.split()) for entry in report[part]), part
    assert set(report["plan"][0]["score"]) == set(SCORE.split())


def test_a_report_has_the_values_of_the_documentation() -> None:
    report = _report()
    first, last = report["attempts"][0], report["attempts"][-1]

    assert (report["status"], report["provider"], report["operation"]) == ("ok", "b", "chat")
    assert report["result"] == {"text": "La casa es roja.", "units": {}}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", report["startedAt"])
    assert (first["status"], first["errorClass"], first["httpStatus"], first["providerCode"]) == (
        "error",
        "server_error",
        503,
        "busy",
    )
    assert (first["retryAfterMs"], first["timeoutMs"], first["absorbed"]) == (1500.0, 15_000.0, True)
    assert (last["status"], last["errorClass"], last["absorbed"]) == ("ok", None, False)
    assert report["left"] == [{"provider": "a", "reason": "attempts exhausted"}]
    assert report["excluded"] == [{"provider": "c", "reason": "disabled"}]
    assert 0 <= report["budget"]["engine"] <= 40


def test_relatives_and_the_request_are_the_only_keys_beyond_the_documentation() -> None:
    fields = set(views.ExecutionReport.__struct_encode_fields__)

    assert fields - set(REPORT.split()) == {"parent", "children", "requestId"}


def test_providers_health_and_figures_have_the_keys_of_the_documentation() -> None:
    async def history() -> list[Any]:
        async with bench(provider("a", credential="A_KEY"), driver=ScriptedDriver(credential="required")) as it:
            return [await it.console.provider("a"), await it.console.health(), await it.console.analytics("a")]

    one, health, figures = map(as_json, play(history))

    assert set(PROVIDER.split()) <= set(one)
    assert set(one["credential"]) >= {"name", "present", "backend"}
    assert set(HEALTH.split()) <= set(one["health"])
    assert set(SYSTEM.split()) <= set(health)
    assert set(ANALYTICS.split()) <= set(figures)


def test_a_stored_report_is_the_same_without_its_result() -> None:
    async def history() -> tuple[Any, Any]:
        async with bench(provider("a")) as it:
            it.driver.say("a", failing(503), "done")
            report = await it.console.execute(chat())
            assert await it.console.execution(report.execution_id) == report, "this console still holds the result"
            for _ in range(EXECUTIONS):
                await it.console.execute(chat())
            return report, await it.console.execution(report.execution_id)

    report, stored = play(history)
    assert stored.result is None
    assert stored == msgspec.structs.replace(report, result=None)


def test_a_report_read_from_json_is_the_report() -> None:
    async def history() -> Any:
        async with bench(provider("a", enabled=False)) as it:
            with pytest.raises(NoProvider) as caught:
                await it.console.execute(chat())
            return caught.value.report

    report = play(history)
    assert msgspec.json.decode(msgspec.json.encode(report), type=views.ExecutionReport) == report


async def test_a_verdict_on_the_trail_is_in_camel_case_too() -> None:
    assert set(as_json(await MemoryAudit(SimClock()).verify())) == {"ok", "rows", "signedUpTo", "brokenAt", "reason"}


@pytest.mark.parametrize(
    ("wall_s", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_763_820_191.204, "2025-11-22T14:03:11.204Z"),
        (1_763_820_191.9999, "2025-11-22T14:03:11.999Z"),
    ],
)
def test_times_are_utc_to_the_millisecond(wall_s: float, text: str) -> None:
    assert views.iso(wall_s) == text
