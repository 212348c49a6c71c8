"""What happened in one execution: kept small while it runs, made into a report when somebody asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from provider_console.console.views import (
    AttemptView,
    ExecutionReport,
    ExecutionStatus,
    Left,
    iso,
)
from provider_console.core.classify import Failure
from provider_console.core.decide import Choice, Decision
from provider_console.core.ports.telemetry import TracedExecution
from provider_console.core.ports.usage import AttemptRow
from provider_console.engine.course import Course
from provider_console.engine.timers import Timed
from provider_console.sdk.operation import Chunk, Operation, Result
from provider_console.sdk.provider import Cost

Work = Callable[..., Awaitable[Any]]
Sink = Callable[[Chunk], Awaitable[None]]


class Attempt(msgspec.Struct, eq=False):
    """One call of one provider. Times are monotonic seconds; `failure` None: it succeeded, unless `cancelled`."""

    provider: str
    number: int
    started: float
    timeout_s: float
    delay_s: float
    ended: float | None = None
    """When it was over."""
    seeking: bool = False
    """It still waits for its credential: nobody has been called."""
    first_content_s: float | None = None
    """When the first content of a stream came, from the start."""
    warm_up_s: float = 0.0
    """For how long the provider made itself ready."""
    failure: Failure | None = None
    cancelled: bool = False
    weight: float = 0.0
    """How much it counts against the provider."""
    model: str | None = None
    units: Mapping[str, float] = MappingProxyType({})
    price: Cost | None = None
    view: AttemptView | None = None
    """How front ends see it, once it has ended: an event, the report and the record are made of it."""

    @property
    def duration_s(self) -> float:
        """How long it took; 0 while it runs."""
        return 0.0 if self.ended is None else self.ended - self.started

    @property
    def latency_s(self) -> float:
        """What counts as latency: of a stream, which takes as long as its text is, until its first content.

        A provider that made itself ready first is not slow by that.
        """
        whole_s = self.first_content_s
        if whole_s is None:
            whole_s = 0.0 if self.ended is None else self.ended - self.started
        # Seldom is there any: on the path of every success an arithmetic and a call less.
        return max(whole_s - self.warm_up_s, 0.0) if self.warm_up_s else whole_s


class Execution(Timed, eq=False):
    """One run of an operation, from begin to end; its time is that of the attempt under way."""

    id: str
    operation: Operation
    started: float
    started_wall: float
    parent: str | None
    work: Work | None
    """The caller's own callable, while the execution runs."""
    sink: Sink | None
    """Where the content of a stream goes, while the execution runs."""
    deadline: float
    course: Course
    """What was decided when it began, or, where it waited for a provider, when one came back."""
    status: ExecutionStatus = "failed"
    result: Any = None
    provider: str | None = None
    elapsed_s: float = 0.0
    budget_level: float = 0.0
    hint: str | None = None
    retry_after_s: float | None = None
    children: tuple[str, ...] = ()
    attempts: list[Attempt] = msgspec.field(default_factory=list)
    left: list[tuple[str, str]] = msgspec.field(default_factory=list)
    """The providers that were left, and why, in order."""
    committed: bool = False
    """Content of a stream has been handed to the caller: there is no way back."""
    received: list[str] = msgspec.field(default_factory=list)
    """What of a stream has been handed on."""
    cancel_requested: bool = False
    begin_kept: bool = False
    """The recorder has made the row of its begin."""
    attempts_kept: int = 0
    """For how many attempts, from the first, the recorder has made rows."""
    _ended: ExecutionReport | None = None
    """The report without its result, once everything has happened: who answers, records and listens share it."""

    def __repr__(self) -> str:
        # Its operation and its result hold what people wrote.
        return f"<Execution {self.id}, {self.status}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("id", self.id), ("status", self.status)]

    @property
    def decision(self) -> Decision:
        """What was decided for it."""
        return self.course.decision

    @property
    def plan(self) -> tuple[Choice, ...]:
        """The providers to ask, in order."""
        return self.course.plan

    def wall(self, moment: float) -> float:
        """The wall time of a monotonic moment of this execution, by the clock of its start."""
        return self.started_wall + (moment - self.started)

    def report(self, *, with_result: bool = True) -> ExecutionReport:
        """Everything that happened, with times in ms from the start."""
        known = self._ended
        if known is None:
            known = self._made()
            if self.task is None:
                self._ended = known
        if not with_result or self.result is None:
            return known
        return msgspec.structs.replace(known, result=_result(self.result))

    def _made(self) -> ExecutionReport:
        course = self.course
        return ExecutionReport(
            execution_id=self.id,
            operation=self.operation.kind,
            category=self.operation.category,
            status=self.status,
            started_at=iso(self.started_wall),
            elapsed_ms=_ms(self.elapsed_s),
            provider=self.provider,
            plan=course.entries,
            attempts=tuple(self.attempt_view(attempt) for attempt in self.attempts),
            left=tuple(Left(provider=provider, reason=reason) for provider, reason in self.left),
            excluded=course.left_out,
            budget={"engine": round(self.budget_level, 1)},
            hint=self.hint,
            retry_after_ms=None if self.retry_after_s is None else _ms(self.retry_after_s),
            parent=self.parent,
            children=self.children,
            request_id=self.operation.request_id,
        )

    def attempt_view(self, attempt: Attempt) -> AttemptView:
        """One attempt as a front end sees it."""
        view = self.seen(attempt)
        absorbed = attempt.failure is not None and self.status == "ok"
        return msgspec.structs.replace(view, absorbed=True) if absorbed else view

    def seen(self, attempt: Attempt) -> AttemptView:
        """The same while nobody knows yet whether another provider absorbs its failure."""
        view = attempt.view
        if view is None:
            view = self._view(attempt)
            if attempt.ended is not None:
                attempt.view = view
        return view

    def _view(self, attempt: Attempt) -> AttemptView:
        failure = attempt.failure
        return AttemptView(
            provider=attempt.provider,
            attempt=attempt.number,
            status="cancelled" if attempt.cancelled else "ok" if failure is None else "error",
            started_ms=_ms(attempt.started - self.started),
            duration_ms=_ms(attempt.duration_s),
            timeout_ms=_ms(attempt.timeout_s),
            delay_before_ms=_ms(attempt.delay_s),
            error_class="cancelled" if attempt.cancelled else None if failure is None else failure.error_class.value,
            http_status=None if failure is None else failure.status,
            provider_code=None if failure is None else failure.code,
            message=None if failure is None else failure.message,
            retry_after_ms=None if failure is None or failure.retry_after_s is None else _ms(failure.retry_after_s),
            absorbed=False,
        )

    @property
    def to_be_traced(self) -> bool:
        """Whether others follow it: not where the trace that it is a part of is not kept."""
        caller = self.operation.trace_parent
        return caller is None or bool(int(caller[-2:], 16) & 1)

    def traced(self) -> TracedExecution:
        """The whole of it as others may follow it, once it has ended."""
        return TracedExecution(
            id=self.id,
            kind=self.operation.kind,
            category=self.operation.category,
            at=self.started_wall,
            elapsed_ms=_ms(self.elapsed_s),
            status=self.status,
            provider=self.provider,
            parent=self.parent,
            request_id=self.operation.request_id,
            trace_parent=self.operation.trace_parent,
            attempts=tuple(self.attempt_row(attempt) for attempt in self.attempts if attempt.ended is not None),
        )

    def attempt_row(self, attempt: Attempt) -> AttemptRow:
        """One attempt as the database keeps it."""
        view = self.attempt_view(attempt)
        return AttemptRow(
            execution_id=self.id,
            provider=attempt.provider,
            kind=self.operation.kind,
            category=self.operation.category,
            attempt=attempt.number,
            at=self.wall(attempt.started),
            duration_ms=view.duration_ms,
            timeout_ms=view.timeout_ms,
            delay_before_ms=view.delay_before_ms,
            ok=view.status == "ok",
            absorbed=view.absorbed,
            counted=attempt.weight,
            error_class=view.error_class,
            http_status=view.http_status,
            provider_code=view.provider_code,
            message=view.message,
            retry_after_ms=view.retry_after_ms,
            model=attempt.model,
            units=attempt.units,
            cost=price(attempt.units, attempt.price),
            first_content_ms=None if attempt.first_content_s is None else _ms(attempt.first_content_s),
            first=attempt is self.attempts[0],
            warm_up_ms=_ms(attempt.warm_up_s),
        )


def price(units: Mapping[str, float], cost: Cost | None) -> float | None:
    """What units cost; None where no price is known.

    >>> price({"inputTokens": 1_000_000, "outputTokens": 500_000}, Cost(input=0.25, output=2.0))
    1.25
    """
    if cost is None or not units:
        return None
    outgoing = units.get("outputTokens", 0.0)
    incoming = sum(units.values()) - outgoing
    return (incoming * cost.input + outgoing * cost.output) / 1_000_000


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _result(result: Any) -> Mapping[str, Any] | None:
    if result is None:
        return None
    if isinstance(result, Result):
        return {**result.value, "units": dict(result.units)}
    # A caller's own callable may return anything; a report is JSON.
    return {"value": msgspec.to_builtins(result, enc_hook=repr)}
