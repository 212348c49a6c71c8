"""What an operation may take on its way: which providers, how often each is called, and how much time each may use.

All of it follows from a decision and the limits in force, so it is charted once for both and not in every call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from provider_console.console.views import Excluded, PlanEntry, ScoreView
from provider_console.core.decide import Choice, Decision
from provider_console.core.scoring import Score
from provider_console.core.settings import Limits, Settings, limits
from provider_console.sdk.operation import Operation, OperationKind, RetryPolicy

CATEGORIES: Final = 64
"""Categories whose limits are kept ready; a caller may invent any number of them."""


class Stop(msgspec.Struct, frozen=True):
    """One provider on the way, called at most `attempts` times; `reserve_s` of the deadline belong to those after it.

    `place` counts from 0.
    """

    provider: str
    place: int
    attempts: int
    reserve_s: float


class Course(msgspec.Struct, frozen=True):
    """A whole way: the plan of a decision as far as an operation goes, a stop for each of it, within `bounds`.

    `entries` and `left_out` are the same for front ends: they stand in the report of every execution on this course.
    """

    decision: Decision
    bounds: Limits
    plan: tuple[Choice, ...]
    stops: tuple[Stop, ...]
    entries: tuple[PlanEntry, ...]
    left_out: tuple[Excluded, ...]


def chart(decision: Decision, bounds: Limits) -> Course:
    """The course of operations that share a decision and their limits."""
    plan = decision.plan[: bounds.max_providers]
    # With 2 s kept for each later provider, a hung first one starved every fallback in simulation; with this, none.
    share_s = min(bounds.deadline_s / (bounds.max_providers + 1), bounds.timeout_s)
    return Course(
        decision,
        bounds,
        plan,
        tuple(
            Stop(choice.candidate.provider.id, place, 1 if bounds.swift and later else bounds.attempts, later * share_s)
            for place, choice in enumerate(plan)
            for later in (len(plan) - place - 1,)
        ),
        tuple(plan_entry(choice) for choice in plan),
        excluded(decision),
    )


def plan_entry(choice: Choice) -> PlanEntry:
    """A place in the plan as a front end sees it."""
    candidate = choice.candidate
    return PlanEntry(
        provider=candidate.provider.id,
        rank=choice.rank,
        score=score_view(candidate.score),
        breaker=candidate.breaker,
        why=choice.why,
    )


def excluded(decision: Decision) -> tuple[Excluded, ...]:
    """Everyone a decision left out, as a front end sees it."""
    return tuple(Excluded(provider=out.candidate.provider.id, reason=out.reason) for out in decision.excluded)


def score_view(score: Score) -> ScoreView:
    """A score rounded to a tenth."""
    return ScoreView(
        total=round(score.total, 1),
        base=round(score.base, 1),
        response=round(score.response, 1),
        reliability=round(score.reliability, 1),
    )


class Bounds:
    """The limits of an operation: its own wishes, those of its kind, and the settings of its category."""

    def __init__(self, kinds: Mapping[str, OperationKind]) -> None:
        self._kinds = kinds
        self._limits: dict[str, tuple[Settings, Limits]] = {}

    def of(self, operation: Operation, settings: Settings) -> Limits:
        """The limits in force for an operation."""
        bounds = self._of_category(operation.category, settings)
        kind = self._kinds.get(operation.kind)
        policy = operation.policy or (kind.policy if kind is not None else None)
        if policy is None and operation.deadline_s is None and operation.max_providers is None:
            return bounds
        return _narrowed(bounds, policy or RetryPolicy(), operation)

    def _of_category(self, category: str, settings: Settings) -> Limits:
        ready = self._limits.get(category)
        if ready is None or ready[0] is not settings:
            if len(self._limits) >= CATEGORIES:
                self._limits.clear()
            ready = self._limits[category] = (settings, limits(settings, category))
        return ready[1]


def _narrowed(bounds: Limits, policy: RetryPolicy, operation: Operation) -> Limits:
    return Limits(
        attempts=bounds.attempts if policy.attempts is None else policy.attempts,
        base_delay_s=bounds.base_delay_s if policy.base_delay_s is None else policy.base_delay_s,
        max_delay_s=bounds.max_delay_s if policy.max_delay_s is None else policy.max_delay_s,
        timeout_s=bounds.timeout_s,
        deadline_s=bounds.deadline_s if operation.deadline_s is None else operation.deadline_s,
        max_providers=bounds.max_providers if operation.max_providers is None else operation.max_providers,
        swift=bounds.swift if policy.swift is None else policy.swift,
        on_refusal_next=bounds.on_refusal_next,
    )
