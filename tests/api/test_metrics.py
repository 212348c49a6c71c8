"""Figures for Prometheus: as the library's own counters and histograms would count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from provider_console.api.metrics import OTHER, PROVIDERS, SECONDS, Metrics
from provider_console.console.events import AttemptEnded, ExecutionEnded
from provider_console.console.views import AttemptView, ExecutionReport, ExecutionStatus

requests = st.tuples(
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["/a", "/b"]),
    st.sampled_from([200, 404]),
    st.sampled_from([*SECONDS, 0.0, 0.003, 7.5, 1000.0]),
)


def figures(registry: CollectorRegistry, name: str) -> dict[str, float]:
    """What a scraper reads of a figure."""
    lines = (line.rpartition(" ") for line in generate_latest(registry).decode().splitlines())
    return {
        key: float(value)
        for key, _, value in lines
        if key.startswith(f"provider_console_{name}") and "_created" not in key
    }


@given(st.lists(requests, max_size=40))
def test_requests_are_counted_as_the_library_counts(answered: list[tuple[str, str, int, float]]) -> None:
    registry = CollectorRegistry()
    count = Counter("provider_console_requests", "x", ("method", "route", "status"), registry=registry)
    times = Histogram("provider_console_request_seconds", "x", ("route",), registry=registry, buckets=SECONDS)
    metrics = Metrics()

    for method, route, status, took_s in answered:
        metrics.answered(method, route, status, took_s)
        count.labels(method, route, str(status)).inc()
        times.labels(route).observe(took_s)

    assert figures(metrics.registry, "request") == pytest.approx(figures(registry, "request"))


@pytest.mark.parametrize(("error_class", "told"), [(None, "ok"), ("timeout", "timeout")])
def test_an_attempt_counts_for_its_provider_by_how_it_ended(error_class: str | None, told: str) -> None:
    metrics = Metrics()
    metrics.happened(_attempt("deepl", error_class))

    found = figures(metrics.registry, "attempts")
    assert found == {f'provider_console_attempts_total{{class="{told}",provider="deepl"}}': 1.0}


def test_what_is_called_by_too_many_names_goes_by_other() -> None:
    metrics = Metrics()
    for number in range(PROVIDERS + 7):
        metrics.happened(_attempt(f"p{number}", None))

    found = figures(metrics.registry, "attempts")
    assert len(found) == PROVIDERS + 1
    assert found[f'provider_console_attempts_total{{class="ok",provider="{OTHER}"}}'] == 7.0


def test_an_execution_counts_by_its_end() -> None:
    metrics = Metrics()
    metrics.happened(_execution("translate", "ok"))
    metrics.happened(_execution("translate", "failed"))

    found = figures(metrics.registry, "execution")
    assert found['provider_console_execution_seconds_count{operation="translate"}'] == 2.0
    assert found['provider_console_executions_total{operation="translate",status="failed"}'] == 1.0


def _attempt(provider: str, error_class: str | None) -> AttemptEnded:
    view = AttemptView(
        provider=provider,
        attempt=1,
        status="ok" if error_class is None else "error",
        started_ms=0.0,
        duration_ms=12.0,
        timeout_ms=15_000.0,
        delay_before_ms=0.0,
        error_class=error_class,
    )
    return AttemptEnded(at=0.0, execution_id="x", attempt=view)


def _execution(operation: str, status: ExecutionStatus) -> ExecutionEnded:
    report = ExecutionReport(
        execution_id="x",
        operation=operation,
        category="text",
        status=status,
        started_at="2026-01-01T00:00:00Z",
        elapsed_ms=30.0,
    )
    return ExecutionEnded(at=0.0, report=report)
