"""Everything the terminal knows, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from provider_console.console import events
from provider_console.console.views import Left

if TYPE_CHECKING:
    from provider_console.console.history_views import HistoryView, OutagesView
    from provider_console.console.views import (
        AlertRuleView,
        AlertView,
        AnalyticsView,
        AttemptView,
        AuditEntry,
        AuditVerdict,
        CheckView,
        ConfigView,
        CoverageEntry,
        ExecutionReport,
        ExecutionSummary,
        FiguresView,
        Finding,
        KindView,
        LogLine,
        PluginView,
        ProviderView,
        SurveyView,
        SystemHealth,
        TrendView,
        Who,
    )

CHECKS_KEPT: Final = 60
"""Checks remembered of a provider: half an hour at the usual interval."""
HAPPENINGS_KEPT: Final = 500
"""What happened, newest last; the audit trail and the log keep the rest."""
RECENT: Final = 100
"""Executions that are read at a time."""
RUNS_KEPT: Final = 100
"""Executions followed as they happen."""
TEXT_KEPT: Final = 1 << 20
"""Characters of a streamed result kept to be shown."""
ALERTS_KEPT: Final = 200
"""Alerts remembered beside those that are open."""
LOG_KEPT: Final = 1_000
"""Lines of the log that are shown."""
REPORTS_KEPT: Final = 20
"""Reports read to be shown, the newest with up to a mebibyte of result each."""

PERIODS_KEPT: Final = 6
"""Periods read to be shown: as many as one walks through. One of fifty providers in a hundred steps each is 5 MB."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the past is looked at: a period in the words of `Console.history`, and which requests of it."""

    since: str
    until: str | None = None
    category: str | None = None
    kind: str | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of what just happened: when (wall seconds), to whom, what sort of thing, in words.

    `state` is a `HealthState`'s word where the line has one, else empty.
    """

    at: float
    subject: str
    sort: Literal["check", "request", "breaker", "state", "console"]
    words: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class Underway:
    """A call that has not ended: `started` is a wall time in seconds, waits and limits are milliseconds."""

    provider: str
    attempt: int
    started: float
    delay_before_ms: float
    timeout_ms: float


@dataclass(frozen=True, slots=True)
class Run:
    """An execution as it is seen from here: live while `report` is None."""

    execution_id: str
    operation: str
    category: str
    started: float
    providers: tuple[str, ...] = ()
    attempts: tuple[AttemptView, ...] = ()
    underway: Underway | None = None
    left: tuple[Left, ...] = ()
    text: str = ""
    report: ExecutionReport | None = None
    reference: str | None = None
    """The mark that the one who asked for it gave it."""


@dataclass(frozen=True, slots=True)
class Checking:
    """A round of checks that somebody asked for: who still has to answer, out of how many, since when (wall s)."""

    waiting: frozenset[str]
    total: int
    started: float


@dataclass(frozen=True, slots=True)
class Verified:
    """A walk along the audit trail, and what it found: None while it goes on. Times are wall seconds."""

    started: float
    ended: float | None = None
    verdict: AuditVerdict | None = None


@dataclass(frozen=True, slots=True)
class Examination:
    """What the doctor found, in wall seconds: `ended` None while it looks, with the findings of the time before."""

    began: float
    ended: float | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """What the screens show. Times are wall seconds; None is "not known yet"."""

    now: float
    names: tuple[str, ...] = ()
    """Names of the configured providers, there before anything else is."""
    user: str = ""
    environment: str = ""
    address: str = ""
    """Where the engine is; empty: here."""
    who: Who | None = None
    open: bool = False
    opened_at: float | None = None
    """When the engine was last asked to open."""
    failure: str | None = None
    """Why the engine could not be opened, or what it last said in place of an answer."""
    answered_at: float | None = None
    """When the engine last answered."""
    stale_since: float | None = None
    """Since when it has not answered."""
    health: SystemHealth | None = None
    providers: Mapping[str, ProviderView] = field(default_factory=lambda: MappingProxyType({}))
    coverage: tuple[CoverageEntry, ...] = ()
    figures: FiguresView | None = None
    trends: Mapping[str, TrendView] = field(default_factory=lambda: MappingProxyType({}))
    checks: Mapping[str, tuple[CheckView, ...]] = field(default_factory=lambda: MappingProxyType({}))
    analytics: Mapping[str, AnalyticsView] = field(default_factory=lambda: MappingProxyType({}))
    """Figures of the providers that somebody looked at, as they were then."""
    history: Mapping[Asked, HistoryView] = field(default_factory=lambda: MappingProxyType({}))
    """Periods that somebody looked at, as they were then."""
    outages: Mapping[Asked, OutagesView] = field(default_factory=lambda: MappingProxyType({}))
    checking: Checking | None = None
    recent: tuple[ExecutionSummary, ...] = ()
    older: tuple[ExecutionSummary, ...] = ()
    """Executions before the recent ones, as far back as somebody looked."""
    reports: Mapping[str, ExecutionReport] = field(default_factory=lambda: MappingProxyType({}))
    """Reports that were read to be shown."""
    kinds: tuple[KindView, ...] = ()
    """What can be executed, once somebody asked."""
    runs: Mapping[str, Run] = field(default_factory=lambda: MappingProxyType({}))
    plugins: tuple[PluginView, ...] | None = None
    plugins_off: frozenset[str] = frozenset()
    """Plugins that the next start keeps out, by name."""
    examination: Examination | None = None
    happenings: tuple[Happening, ...] = ()
    alerts: tuple[AlertView, ...] = ()
    """What rings and what rang, newest first."""
    rang: events.AlertFired | events.AlertCleared | None = None
    """The last one that began to ring or ended."""
    rules: tuple[AlertRuleView, ...] | None = None
    """What is watched, once somebody looked."""
    trail: tuple[AuditEntry, ...] | None = None
    """The audit trail as far back as somebody looked, newest first."""
    verified: Verified | None = None
    log: tuple[LogLine, ...] = ()
    """The newest lines of the console's log, newest last, once somebody looked."""
    config: ConfigView | None = None
    config_problem: str | None = None
    store_problem: str | None = None
    survey: SurveyView | None = None
    theme: str | None = None
    glyphs: str = "unicode"
    charts: str = "braille"

    def may(self, method: str) -> str | None:
        """None where this person may call a method of the console, else why not."""
        return None if self.who is None else self.who.may.get(method)

    def name_of(self, provider_id: str) -> str:
        """A provider's name as it is shown."""
        view = self.providers.get(provider_id)
        return view.name if view is not None else provider_id
