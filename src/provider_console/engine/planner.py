"""Keeps the order of providers ready, so that a call reads a list instead of sorting one.

A decision stands for at most a quarter of a second, and falls at once when a breaker moves, a provider is held,
cools, comes or goes. So the cost of a call does not grow with the number of providers, and the leader's two
evaluations are a quarter of a second apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from provider_console.core.breaker import NEEDS_KEY, QUOTA_USED
from provider_console.core.decide import ORDERS, Candidate, Decision, Leader, Order, decide
from provider_console.core.nearest import did_you_mean
from provider_console.core.settings import Settings, preference
from provider_console.engine.course import Bounds, Course, chart
from provider_console.engine.lane import Lane
from provider_console.engine.settings_desk import Current
from provider_console.engine.standing import category_medians, lane_score
from provider_console.sdk.hooks import Ranker
from provider_console.sdk.operation import Operation, OperationKind, RetryPolicy

VALID_S: Final = 0.25
CACHE_ENTRIES: Final = 256

_Key = tuple[str, tuple[str, ...], tuple[str, ...] | None, object]
_Ready = tuple[float, Settings, Decision]
"""Until when, under which settings, and what."""


class Planner:
    """Decides for an operation from the lanes of this moment."""

    def __init__(
        self,
        lanes: Mapping[str, Lane],
        current: Current,
        rankers: Mapping[str, Ranker] | None = None,
        kinds: Mapping[str, OperationKind] | None = None,
    ) -> None:
        self._lanes = lanes
        self._current = current
        self._rankers = dict(rankers or {})
        self._bounds = Bounds(kinds or {})
        self._cache: dict[_Key, _Ready] = {}
        self._courses: dict[object, tuple[float, Settings, Course, RetryPolicy | None]] = {}
        self._leaders: dict[_Key, tuple[float, Leader]] = {}

    def invalidate(self) -> None:
        """Something changed that an order kept ready does not know."""
        self._cache.clear()
        self._courses.clear()

    def plan(self, operation: Operation, now: float) -> Decision:
        """The decision for an operation, ready or made now."""
        return self._ready(operation, now)[2]

    def course(self, operation: Operation, now: float) -> Course:
        """The way of an operation by the same decision: one look at what is ready, on the path of every call."""
        policy = operation.policy
        # A policy may hold what has no hash, so its identity has to do; the entry keeps it, so that no other gets it.
        key = (
            operation.kind,
            operation.category,
            operation.capabilities,
            operation.providers,
            _model(operation) if operation.payload else None,
            None if policy is None else id(policy),
            operation.deadline_s,
            operation.max_providers,
        )
        ready = self._courses.get(key)
        if ready is not None:
            until, settings, course, _ = ready
            if now < until and settings is self._current.settings:
                return course
        until, settings, decision = self._ready(operation, now)
        course = chart(decision, self._bounds.of(operation, settings))
        if len(self._courses) >= CACHE_ENTRIES:
            self._courses.clear()
        self._courses[key] = (until, settings, course, policy)
        return course

    def _ready(self, operation: Operation, now: float) -> _Ready:
        key = _key(operation)
        settings = self._current.settings
        ready = self._cache.get(key)
        if ready is not None and now < ready[0] and ready[1] is settings:
            return ready
        decision = self.fresh(operation, now)
        if max(len(self._cache), len(self._leaders)) >= CACHE_ENTRIES:
            self._cache.clear()
            self._leaders.clear()
        ready = self._cache[key] = (now + VALID_S, settings, decision)
        self._note_leader(key, decision, now)
        return ready

    def fresh(self, operation: Operation, now: float) -> Decision:
        """The decision of this very moment; it leaves no trace in later ones."""
        settings = self._current.settings
        pair = next((c.partition(":")[2] for c in operation.capabilities if c.startswith("translate:")), None)
        return decide(
            self._candidates(operation, now, settings),
            operation,
            order=self.order(settings.engine.order),
            prefer=preference(settings, pair),
            leader=self._leader(_key(operation), now),
        )

    def _candidates(self, operation: Operation, now: float, settings: Settings) -> list[Candidate]:
        median_s = category_medians(self._lanes.values(), now=now).get(operation.category)
        return [candidate(lane, now=now, settings=settings, median_s=median_s) for lane in self._lanes.values()]

    def order(self, name: str) -> Order:
        """The order of a name; `priority` where nobody brings it."""
        ready = ORDERS.get(name)
        if ready is not None:
            return ready
        ranker = self._rankers.get(name)
        # A ranker whose plugin has gone must not stop the engine; `config show` warns of it.
        return ORDERS["priority"] if ranker is None else lambda provider, score: ranker(provider, score=score)

    def order_problem(self) -> str | None:
        """Why the configured order is not the one in use; None where it is."""
        name = self._current.settings.engine.order
        known = [*ORDERS, *self._rankers]
        return None if name in known else f"unknown order {name!r}{did_you_mean(name, known)}; priority is used"

    def _leader(self, key: _Key, now: float) -> Leader | None:
        known = self._leaders.get(key)
        if known is None:
            return None
        at, leader = known
        # Decisions forced by an invalidation come in bursts: only those a quarter of a second apart are evaluations.
        return leader if now - at >= VALID_S else Leader(provider=leader.provider)

    def _note_leader(self, key: _Key, decision: Decision, now: float) -> None:
        if decision.leader is None:
            return
        known = self._leaders.get(key)
        if known is None or known[1].provider != decision.leader.provider or now - known[0] >= VALID_S:
            self._leaders[key] = (now, decision.leader)


def _key(operation: Operation) -> _Key:
    """What a decision depends on."""
    return operation.category, operation.capabilities, operation.providers, _model(operation)


def _model(operation: Operation) -> str | None:
    """The model that an operation names; one that is no name is the driver's to refuse."""
    model = operation.payload.get("model")
    return model if isinstance(model, str) else None


def candidate(lane: Lane, *, now: float, settings: Settings, median_s: float | None) -> Candidate:
    """A lane as the decision sees it."""
    refusal = lane.breaker.refusal(now)
    held = refusal if refusal in (NEEDS_KEY, QUOTA_USED) else None
    return Candidate(
        provider=lane.provider,
        score=lane_score(lane, now=now, settings=settings, median_s=median_s),
        breaker=lane.breaker.state(now).value,
        refusal=None if held else refusal,
        held=held,
        missing=lane.missing,
        models_out=lane.models_left_out(now),
        reopens_at=lane.breaker.reopens_at(now),
    )
