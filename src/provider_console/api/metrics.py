"""Figures for Prometheus. Every label is bounded: routes of the table, known providers, classes of errors."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from provider_console.console.events import AttemptEnded, Event, ExecutionEnded
from provider_console.console.views import HealthState, SystemHealth, VitalsView

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST.encode("ascii")
PROVIDERS: Final = 200
"""Providers with figures of their own, and kinds of operations; what is beyond goes by `other`."""
OTHER: Final = "other"

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_BOUNDS: Final = (*(str(bound) for bound in SECONDS), "+Inf")
BREAKERS: Final = ("closed", "open", "half_open")


class Counted(Collector):
    """Counts what took time, by labels; the times are told apart by one of them.

    The library's own counter and histogram take a lock each and ten times as long for what happens in every call. They
    also show when each was made (`_created`), which nobody asks of what begins with the program.
    """

    def __init__(
        self, count: str, count_words: str, labels: tuple[str, ...], time: str, time_words: str, *, by: str
    ) -> None:
        self._counter = (f"provider_console_{count}", count_words, labels)
        self._histogram = (f"provider_console_{time}", time_words, (by,))
        self._by = labels.index(by)
        self._tallies: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}

    def add(self, labels: tuple[str, ...], took_s: float) -> None:
        """One more with these labels."""
        tally = self._tallies.get(labels)
        if tally is None:
            tally = self._tallies[labels] = ([0] * (len(SECONDS) + 1), [0.0])
        within, sum_s = tally
        within[bisect_left(SECONDS, took_s)] += 1
        sum_s[0] += took_s

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        name, words, names = self._counter
        counted = CounterMetricFamily(name, words, labels=names)
        together: dict[str, tuple[list[int], float]] = {}
        for labels, (within, (sum_s,)) in self._tallies.items():
            counted.add_metric(labels, sum(within))
            before, before_s = together.get(labels[self._by], ([0] * len(within), 0.0))
            sums = [one + other for one, other in zip(before, within, strict=True)]
            together[labels[self._by]] = (sums, before_s + sum_s)
        yield counted
        name, words, names = self._histogram
        times = HistogramMetricFamily(name, words, labels=names)
        for label, (within, sum_s) in together.items():
            times.add_metric((label,), list(zip(_BOUNDS, accumulate(within), strict=True)), sum_s)
        yield times


class _Names(dict[str, str]):
    """Names as labels: the first `PROVIDERS` of them, and `OTHER` for what comes later."""

    def __missing__(self, name: str) -> str:
        found = name if len(self) < PROVIDERS else OTHER
        if len(self) < 2 * PROVIDERS:
            self[name] = found
        return found


class Metrics:
    """Counts as things happen; what is a state is read when somebody scrapes."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def gauge(name: str, words: str, *labels: str) -> Gauge:
            return Gauge(f"provider_console_{name}", words, labels, registry=registry)

        self._requests = Counted(
            "requests",
            "Requests answered",
            ("method", "route", "status"),
            "request_seconds",
            "Time to the end of an answer",
            by="route",
        )
        self._executions = Counted(
            "executions",
            "Executions ended",
            ("operation", "status"),
            "execution_seconds",
            "Time of an execution",
            by="operation",
        )
        self._attempts = Counted(
            "attempts",
            "Calls of providers: ok, or what went wrong",
            ("provider", "class"),
            "attempt_seconds",
            "Time of a call",
            by="provider",
        )
        for counted in (self._requests, self._executions, self._attempts):
            registry.register(counted)
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
        self._providers, self._operations = _Names(), _Names()

    def answered(self, method: str, route: str, status: int, took_s: float) -> None:
        """A request was answered."""
        self._requests.add((method, route, str(status)), took_s)

    def happened(self, event: Event) -> None:
        """Something happened in the engine."""
        if isinstance(event, AttemptEnded):
            attempt = event.attempt
            outcome = attempt.error_class or attempt.status
            self._attempts.add((self._providers[attempt.provider], outcome), attempt.duration_ms / 1000)
        elif isinstance(event, ExecutionEnded):
            report = event.report
            self._executions.add((self._operations[report.operation], report.status), report.elapsed_ms / 1000)

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
        return generate_latest(self.registry)
