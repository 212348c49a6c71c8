"""What changes the state of the terminal, beside the console's events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provider_console.console import events

if TYPE_CHECKING:
    from provider_console.console.history_views import HistoryView, OutagesView
    from provider_console.console.views import (
        AlertView,
        AnalyticsView,
        ExecutionReport,
        ExecutionSummary,
        ProviderView,
    )

from provider_console.tui.state import Asked, Examination


@dataclass(frozen=True, slots=True)
class Ticked:
    """A second passed."""

    now: float


@dataclass(frozen=True, slots=True)
class Entered:
    """Another console takes the place of the one before: nothing that was known is true of it."""

    at: float
    environment: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """Fields of the state read anew from the console."""

    at: float
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ProvidersRead:
    """Some providers read anew."""

    at: float
    providers: tuple[ProviderView, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """Checks that were made, oldest first."""

    checks: tuple[events.HealthChecked, ...]


@dataclass(frozen=True, slots=True)
class AnalyticsRead:
    """The figures of one provider read anew."""

    at: float
    provider: str
    figures: AnalyticsView


@dataclass(frozen=True, slots=True)
class HistoryRead:
    """A period was read, of one provider with its outages."""

    asked: Asked
    view: HistoryView
    outages: OutagesView | None = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The console did not answer in time, or said that it cannot."""

    at: float
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """The console is being opened."""

    at: float


@dataclass(frozen=True, slots=True)
class Closed:
    """The console could not be opened, or is gone."""

    at: float
    failure: str


@dataclass(frozen=True, slots=True)
class CheckAsked:
    """Somebody asked for checks."""

    at: float
    providers: frozenset[str]


@dataclass(frozen=True, slots=True)
class CheckDone:
    """Checks that were asked for are over."""

    at: float
    providers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Examined:
    """The doctor looks, has looked, or was told to stop."""

    examination: Examination | None


@dataclass(frozen=True, slots=True)
class ContentArrived:
    """A piece of a streamed result."""

    execution_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ReportRead:
    """An execution was read, whole."""

    report: ExecutionReport


@dataclass(frozen=True, slots=True)
class AlertRead:
    """An alert as it is after something was done about it."""

    alert: AlertView


@dataclass(frozen=True, slots=True)
class OlderRead:
    """Executions before those that were known."""

    executions: tuple[ExecutionSummary, ...]


Change = (
    events.Event
    | Ticked
    | Entered
    | Read
    | ProvidersRead
    | Checked
    | AnalyticsRead
    | HistoryRead
    | Unanswered
    | Opening
    | Closed
    | CheckAsked
    | CheckDone
    | Examined
    | ContentArrived
    | ReportRead
    | AlertRead
    | OlderRead
)
