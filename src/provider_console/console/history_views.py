"""What a front end sees of the past: figures of any period, side by side, and outages."""

from __future__ import annotations

from collections.abc import Sequence

from provider_console.console.views import PeriodFigures, View


class TrendPoint(View, frozen=True, kw_only=True):
    """The figures of one step of a period, which begins at `at`. A step in which nothing happened has no point."""

    at: str
    total_requests: int
    success_rate: float
    average_response_time: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    cost: float | None


class ProviderHistory(View, frozen=True, kw_only=True):
    """One provider in a period, beside itself in the period before. None where it had no request."""

    provider: str
    name: str
    figures: PeriodFigures | None
    before: PeriodFigures | None
    trend: tuple[TrendPoint, ...]


class HistoryView(View, frozen=True, kw_only=True):
    """A period, provider by provider and all together, against the period before, which was as long.

    `total` None: there was no request. `providers` are those that were asked for, or that have any figures, by id.
    `notes` say what is missing because it is no longer kept; `kept_since` is how far back everything goes.
    """

    since: str
    until: str
    step_ms: float
    before_since: str
    total: PeriodFigures | None
    before: PeriodFigures | None
    trend: tuple[TrendPoint, ...]
    providers: tuple[ProviderHistory, ...]
    kept_since: str | None = None
    notes: tuple[str, ...] = ()


def culprits(view: HistoryView, error_class: str, *, most: int = 2) -> Sequence[tuple[str, int]]:
    """The providers that most failures of a class came from, by name, with their count."""
    counts = [
        (one.name, 0 if one.figures is None else one.figures.error_classes.get(error_class, 0))
        for one in view.providers
    ]
    return sorted((pair for pair in counts if pair[1]), key=lambda pair: (-pair[1], pair[0]))[:most]


class OutageView(View, frozen=True, kw_only=True):
    """A time in which checks found a provider down.

    `duration_ms` leaves out `unwatched_ms`, in which nobody looked: the console was off, or the machine asleep.
    """

    provider: str
    started_at: str
    ended_at: str | None
    """When it was found in another state, or last found down where nobody looked afterwards; None: it goes on."""
    duration_ms: float
    unwatched_ms: float
    recovered: bool
    error_class: str | None = None
    message: str | None = None


class CheckFigures(View, frozen=True, kw_only=True):
    """Checks of one provider in a period, and how long it was down."""

    provider: str
    checks: int
    passed: int
    failed: int
    outages: int
    down_ms: float


class OutagesView(View, frozen=True, kw_only=True):
    """Checks and outages of a period; outages that touch it, the newest first."""

    since: str
    until: str
    checks: tuple[CheckFigures, ...]
    outages: tuple[OutageView, ...]
    notes: tuple[str, ...] = ()
