"""What the last minutes held, for people who look: checks, trends, figures, and executions that can be run again.

It hears of everything when the recorder makes rows, so calls never wait for it. Everything here is bounded.
"""

from __future__ import annotations

import statistics
from array import array
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from provider_console.console.errors import BadRequest
from provider_console.console.views import CheckView, ExecutionReport, FiguresView, TrendView
from provider_console.core.ports.time import Clock
from provider_console.core.ports.usage import AttemptRow, CheckRow
from provider_console.core.window import Window
from provider_console.engine.checker import check_view
from provider_console.engine.trace import Execution, price
from provider_console.sdk.operation import Operation

CHECKS: Final = 60
"""Checks kept of each provider: half an hour at the usual interval."""
EXECUTIONS: Final = 100
"""Executions whose payload and result are kept, so that they can be run again and read."""
RESULT_LIMIT: Final = 1 << 20
"""Characters of text in a payload or result that is kept; a longer one is not."""
SLICE_S: Final = 300.0
SLICES: Final = 12
"""A trend is an hour in twelfths."""
SAMPLES: Final = 64
"""Latencies of a twelfth that are kept; the newest take the place of the oldest."""


class _Slices:
    """Latencies (ms) of one provider in the twelfths of the last hour."""

    __slots__ = ("samples",)

    def __init__(self) -> None:
        self.samples: dict[int, array[float]] = {}

    def add(self, wall: float, latency_ms: float) -> None:
        number = int(wall // SLICE_S)
        samples = self.samples.get(number)
        if samples is None:
            self.samples[number] = samples = array("f")
            for old in [each for each in self.samples if each <= number - SLICES]:
                del self.samples[old]
        samples.append(latency_ms)
        if len(samples) > SAMPLES:
            del samples[0]

    def medians(self, wall: float) -> tuple[float | None, ...]:
        newest = int(wall // SLICE_S)
        found = (self.samples.get(number) for number in range(newest - SLICES + 1, newest + 1))
        return tuple(round(statistics.median(samples), 1) if samples else None for samples in found)


class Recollection:
    """Keeps the last checks, executions and latencies."""

    def __init__(self, clock: Clock, *, window_s: float) -> None:
        self._clock = clock
        self._window_s = window_s
        self._checks: dict[str, deque[CheckView]] = {}
        self._slices: dict[str, _Slices] = {}
        self._executions: OrderedDict[str, Execution] = OrderedDict()
        self._window = Window(span_s=window_s)
        self._ends: deque[tuple[float, bool, bool, float | None]] = deque(maxlen=100_000)

    # --- hearing ------------------------------------------------------------------------------------------------

    def note(self, moment: Execution | CheckRow) -> None:
        """An execution ended, or a provider was checked."""
        if isinstance(moment, CheckRow):
            self.note_check(moment)
            return
        cost: float | None = None
        for attempt in moment.attempts:
            if attempt.failure is None and not attempt.cancelled:
                self._latency(attempt.provider, moment.wall(attempt.started), attempt.latency_s * 1000)
            paid = price(attempt.units, attempt.price)
            cost = cost if paid is None else (cost or 0.0) + paid
        ok = moment.status == "ok"
        now = self._clock.monotonic()
        self._window.record(now, moment.elapsed_s, ok=ok)
        self._ends.append((now, ok, ok and any(each.failure is not None for each in moment.attempts), cost))
        self._executions[moment.id] = moment
        if len(self._executions) > EXECUTIONS:
            self._executions.popitem(last=False)

    def note_check(self, row: CheckRow) -> None:
        """A check was made, here or by another process."""
        kept = self._checks.setdefault(row.provider, deque(maxlen=CHECKS))
        view = check_view(row)
        if not kept or view.at > kept[-1].at:
            kept.append(view)

    def recall(self, attempts: Sequence[AttemptRow], checks: Sequence[CheckRow]) -> None:
        """What is on record from before, oldest first."""
        for row in attempts:
            if row.ok:
                self._latency(row.provider, row.at, row.latency_ms)
        for check in checks:
            self.note_check(check)

    def _latency(self, provider: str, wall: float, latency_ms: float) -> None:
        slices = self._slices.get(provider)
        if slices is None:
            self._slices[provider] = slices = _Slices()
        slices.add(wall, latency_ms)

    # --- telling ------------------------------------------------------------------------------------------------

    def checks(self, providers: Sequence[str], *, limit: int) -> Mapping[str, Sequence[CheckView]]:
        """The last checks of each provider, oldest first."""
        return {name: tuple(self._checks[name])[-limit:] for name in providers if name in self._checks}

    def failures_in_a_row(self, provider: str) -> Sequence[CheckView]:
        """The failed checks since one passed, oldest first."""
        failed: list[CheckView] = []
        for check in reversed(self._checks.get(provider, ())):
            if check.passed:
                break
            if check.passed is False:
                failed.append(check)
        return failed[::-1]

    def last_trouble(self, provider: str) -> CheckView | None:
        """The newest check, where it says what is wrong."""
        checks = self._checks.get(provider)
        return checks[-1] if checks and checks[-1].error_class is not None else None

    def trends(self, medians_s: Mapping[str, float | None]) -> Mapping[str, TrendView]:
        """The trend of each provider, beside its own median of the day (s)."""
        wall = self._clock.wall()
        return {
            name: TrendView(
                medians=self._slices[name].medians(wall) if name in self._slices else (None,) * SLICES,
                median_day_ms=None if median_s is None else round(median_s * 1000, 1),
            )
            for name, median_s in medians_s.items()
        }

    def figures(self) -> FiguresView:
        """Executions of the last window, whoever asked for them in this process."""
        now = self._clock.monotonic()
        while self._ends and self._ends[0][0] < now - self._window_s:
            self._ends.popleft()
        total = len(self._ends)
        succeeded = sum(ok for _, ok, _, _ in self._ends)
        costs = [cost for *_, cost in self._ends if cost is not None]
        return FiguresView(
            window_ms=self._window_s * 1000,
            executions=total,
            succeeded=succeeded,
            success_rate=round(100 * succeeded / total, 2) if total else None,
            saved_by_fallback=sum(saved for _, _, saved, _ in self._ends),
            median_ms=self._window.figures(now).p50_ms,
            cost=round(sum(costs), 6) if costs else None,
        )

    def operation(self, execution_id: str) -> Operation:
        """The operation of an execution, payload and all.

        Raises:
            BadRequest: it is no longer held.
        """
        execution = self._executions.get(execution_id)
        if execution is None:
            raise BadRequest(
                f"the payload of {execution_id} is no longer held: payloads are never stored, and this console keeps "
                f"its own last {EXECUTIONS}; fill in the form anew",
                field="execution_id",
            )
        return execution.operation

    def report(self, execution_id: str) -> ExecutionReport | None:
        """An execution with its result, while it is held."""
        execution = self._executions.get(execution_id)
        if execution is None:
            return None
        report = execution.report()
        text = (report.result or {}).get("text")
        if isinstance(text, str) and len(text) > RESULT_LIMIT:
            return msgspec.structs.replace(report, result={**(report.result or {}), "text": text[:RESULT_LIMIT]})
        return report
