"""Figures for Prometheus. Every label is bounded: routes of the table, known providers, classes of errors."""

from __future__ import annotations

from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from provider_console.console.events import AttemptEnded, Event, ExecutionEnded, Gap
from provider_console.console.views import HealthState, SystemHealth, VitalsView

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST.encode("ascii")
PROVIDERS: Final = 200
"""Providers with figures of their own; what is beyond goes by `other`."""
OTHER: Final = "other"

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
BREAKERS: Final = ("closed", "open", "half_open")


class Metrics:
    """Counts as things happen; what is a state is read when somebody scrapes."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()

        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(f"provider_console_{name}", words, labels, registry=registry)

        def histogram(name: str, words: str, *labels: str) -> Histogram:
            return Histogram(f"provider_console_{name}", words, labels, registry=registry, buckets=SECONDS)

        def gauge(name: str, words: str, *labels: str) -> Gauge:
            return Gauge(f"provider_console_{name}", words, labels, registry=registry)

        self._requests = counter("requests", "Requests answered", "method", "route", "status")
        self._request_s = histogram("request_seconds", "Time to the end of an answer", "route")
        self._executions = counter("executions", "Executions ended", "operation", "status")
        self._execution_s = histogram("execution_seconds", "Time of an execution", "operation")
        self._attempts = counter("attempts", "Calls of providers: ok, or what went wrong", "provider", "class")
        self._attempt_s = histogram("attempt_seconds", "Time of a call", "provider")
        self._missed = counter("events_missed", "Events that these figures missed")
        self._score = gauge("provider_score", "Score of a provider, 0 to 100", "provider")
        self._state = gauge("provider_state", "1 for the state that a provider is in", "provider", "state")
        self._breaker = gauge("provider_breaker", "1 for the state that a breaker is in", "provider", "state")
        self._overall = gauge("overall_health", "Overall health in percent")
        self._budget = gauge("retry_budget", "What is left of the retry budget, of 40")
        self._running = gauge("executions_running", "Executions under way")
        self._waiting = gauge("rows_waiting", "Records that are not written yet")
        self._dropped = gauge("rows_dropped", "Records lost since the start")
        self._audit = gauge("audit_writable", "1 while the audit trail can be written")
        self._listeners = gauge("event_listeners", "Open event streams")
        self._seen: dict[str, str] = {}
        # Finding a metric by its labels takes three times as long as counting in it; labels are bounded, so is this.
        self._request = cache(
            lambda method, route, status: (
                self._requests.labels(method, route, str(status)).inc,
                self._request_s.labels(route).observe,
            )
        )
        self._attempt = cache(
            lambda provider, outcome: (
                self._attempts.labels(provider, outcome).inc,
                self._attempt_s.labels(provider).observe,
            )
        )
        self._execution = cache(
            lambda operation, status: (
                self._executions.labels(operation, status).inc,
                self._execution_s.labels(operation).observe,
            )
        )

    def answered(self, method: str, route: str, status: int, took_s: float) -> None:
        """A request was answered."""
        count, time = self._request(method, route, status)
        count()
        time(took_s)

    def happened(self, event: Event) -> None:
        """Something happened in the engine."""
        match event:
            case AttemptEnded(attempt=attempt):
                provider = self._bounded(attempt.provider)
                count, time = self._attempt(provider, attempt.error_class or attempt.status)
                count()
                time(attempt.duration_ms / 1000)
            case ExecutionEnded(report=report):
                operation = self._bounded(f"operation {report.operation}").removeprefix("operation ")
                count, time = self._execution(operation, report.status)
                count()
                time(report.elapsed_ms / 1000)
            case Gap(missed=missed):
                self._missed.inc(missed)

    def _bounded(self, name: str) -> str:
        found = self._seen.get(name)
        if found is None:
            found = name if len(self._seen) < PROVIDERS else OTHER
            if len(self._seen) < 2 * PROVIDERS:
                self._seen[name] = found
        return found

    def page(self, health: SystemHealth, vitals: VitalsView, *, listeners: int) -> bytes:
        """Everything, as Prometheus reads it."""
        for states in (self._score, self._state, self._breaker):
            states.clear()
        for view in health.providers[:PROVIDERS]:
            self._score.labels(view.id).set(view.health.score)
            for state in HealthState:
                self._state.labels(view.id, state.value).set(view.health.state is state)
            for breaker in BREAKERS:
                self._breaker.labels(view.id, breaker).set(view.health.breaker == breaker)
        self._overall.set(health.overall_health)
        self._budget.set(vitals.budget)
        self._running.set(vitals.running)
        self._waiting.set(vitals.rows_waiting)
        self._dropped.set(vitals.rows_dropped)
        self._audit.set(vitals.audit_writable)
        self._listeners.set(listeners)
        return generate_latest(self._registry)
