"""What a front end sees: frozen values, in the mission's names when they become JSON (camelCase).

Durations are milliseconds, rates percentages (0 to 100), times ISO 8601 in UTC, unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

import msgspec

from provider_console.core.ports.audit import AuditVerdict
from provider_console.core.ports.secrets import SecretBackend
from provider_console.sdk.operation import Field
from provider_console.sdk.provider import Cost, Network, Tier

__all__ = ["AuditVerdict", "SecretBackend"]


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """A frozen value for a front end."""


def iso(wall_s: float) -> str:
    """A wall time as ISO 8601 in UTC, to the millisecond.

    >>> iso(1763820191.204)
    '2025-11-22T14:03:11.204Z'
    """
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


class HealthState(StrEnum):
    """Everywhere the same words; the first that applies."""

    OFF = "off"
    HELD = "held"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"
    DEGRADED = "degraded"
    HEALTHY = "healthy"


class ScoreView(View, frozen=True, kw_only=True):
    """A score and the three terms it is made of, rounded to a tenth."""

    total: float
    base: float
    response: float
    reliability: float


# --- executions ---------------------------------------------------------------------------------------------

ExecutionStatus = Literal["ok", "failed", "cancelled", "partial", "outcome_unknown", "unknown_crashed"]


class FiguresView(View, frozen=True, kw_only=True):
    """Executions of the last window: how many came to a good end, how many of those after a failure; cost in money."""

    window_ms: float
    executions: int
    succeeded: int
    success_rate: float | None
    saved_by_fallback: int
    median_ms: float | None
    cost: float | None


class PlanEntry(View, frozen=True, kw_only=True):
    """One provider of a plan and why it stands there."""

    provider: str
    rank: int
    score: ScoreView
    breaker: str
    why: str


class AttemptView(View, frozen=True, kw_only=True):
    """One call of one provider."""

    provider: str
    attempt: int
    status: Literal["ok", "error", "cancelled"]
    started_ms: float
    duration_ms: float
    timeout_ms: float
    delay_before_ms: float
    error_class: str | None = None
    http_status: int | None = None
    provider_code: str | None = None
    message: str | None = None
    retry_after_ms: float | None = None
    absorbed: bool = False


class Left(View, frozen=True, kw_only=True):
    """Why the engine went on from a provider.

    `attempts exhausted`, `no retry for class`, `deadline`, `budget`, `slot` (all of its slots stayed taken), `disabled`
    (meanwhile), `no larger context`, or why it was no longer admitted: `breaker`, `permit taken`, `cooling`,
    `suspended`, `quota`, `needs a key`.
    """

    provider: str
    reason: str


class Excluded(View, frozen=True, kw_only=True):
    """Why a provider was not considered at all."""

    provider: str
    reason: str


class ExecutionReport(View, frozen=True, kw_only=True):
    """One execution, whole. Stored reports and events leave out `result`; the payload is never in it."""

    execution_id: str
    operation: str
    category: str
    status: ExecutionStatus
    started_at: str
    elapsed_ms: float
    result: Mapping[str, Any] | None = None
    provider: str | None = None
    plan: tuple[PlanEntry, ...] = ()
    attempts: tuple[AttemptView, ...] = ()
    left: tuple[Left, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    budget: Mapping[str, float] = {}
    hint: str | None = None
    retry_after_ms: float | None = None
    parent: str | None = None
    children: tuple[str, ...] = ()
    request_id: str | None = None
    """The id of the request that asked for it, where it came over HTTP."""


class Explanation(View, frozen=True, kw_only=True):
    """Why the order is what it is; nobody is called to make it."""

    operation: str
    category: str
    plan: tuple[PlanEntry, ...]
    excluded: tuple[Excluded, ...]
    notes: tuple[str, ...] = ()


class ExecutionSummary(View, frozen=True, kw_only=True):
    """One line in a list of executions."""

    execution_id: str
    operation: str
    category: str
    started_at: str
    status: str | None
    provider: str | None
    elapsed_ms: float | None
    outcomes: tuple[str, ...] = ()
    """How each attempt ended, in order: `ok`, or its error class."""


class KindView(View, frozen=True, kw_only=True):
    """An operation kind with the fields of its form."""

    name: str
    title: str
    category: str
    fields: tuple[Field, ...]


# --- providers and health -----------------------------------------------------------------------------------


class CredentialView(View, frozen=True, kw_only=True):
    """A credential by name."""

    name: str
    present: bool
    backend: str | None = None
    age_ms: float | None = None


class ProviderHealth(View, frozen=True, kw_only=True):
    """How a provider is. `why` says the state in words, with what happens next.

    `success_low` and `success_high` bound its success rate, recent calls counting most (Wilson, z = 1): far apart
    where little is known. `success_rate` is that of the whole window.
    """

    state: HealthState
    why: str
    score: float
    breaker: str
    terms: ScoreView
    success_rate: float | None = None
    success_low: float | None = None
    success_high: float | None = None
    samples: float = 0.0
    """Calls and checks behind the reliability, each counting less the older it is."""
    latency_ms: float | None = None
    """The latency behind the response points: recent answers, those before them fading."""
    p50_ms: float | None = None
    p95_ms: float | None = None
    last_check: str | None = None
    last_error: str | None = None
    last_error_class: str | None = None
    failures_in_a_row: int = 0
    first_try: str | None = None
    """What to try first, where something is wrong."""
    retry_at: str | None = None
    """When it is tried again, where it is left out until then."""
    since: str | None = None
    down_ms: float | None = None


class TrendView(View, frozen=True, kw_only=True):
    """The medians of the last hour's twelfths, oldest first, and the provider's own median of the day."""

    medians: tuple[float | None, ...]
    median_day_ms: float | None


class ProviderView(View, frozen=True, kw_only=True):
    """A provider on the unified map. `configured` False: found by itself, not used until adopted."""

    id: str
    name: str
    categories: tuple[str, ...]
    capabilities: tuple[str, ...]
    models: tuple[str, ...]
    driver: str
    tier: Tier
    network: Network
    region: str | None
    base_url: str | None
    enabled: bool
    configured: bool
    sources: tuple[str, ...]
    credential: CredentialView | None
    provenance: Mapping[str, str]
    contradictions: tuple[str, ...]
    cost: Cost | None
    health: ProviderHealth


class TroubleView(View, frozen=True, kw_only=True):
    """A part of the console itself that does not work, in a sentence, and since when this console has known."""

    subject: str
    """`source NAME`, `plugin NAME`, `provider NAME` (configured, and nothing can be made of it), `task NAME`."""
    what: str
    since: str


class SystemHealth(View, frozen=True, kw_only=True):
    """The whole map in numbers, and every provider. `troubles` are the console's own, the newest first."""

    overall_health: float
    healthy: int
    degraded: int
    unhealthy: int
    unknown: int
    held: int
    off: int
    last_health_check: str | None
    next_health_check: str | None
    prober: bool
    providers: tuple[ProviderView, ...]
    notices: tuple[str, ...] = ()
    troubles: tuple[TroubleView, ...] = ()


class CheckView(View, frozen=True, kw_only=True):
    """The outcome of one health check."""

    provider: str
    at: str
    state: HealthState
    passed: bool | None
    score: float | None = None
    rung: str | None = None
    latency_ms: float | None = None
    error_class: str | None = None
    message: str | None = None
    event: str | None = None
    out_ms: float | None = None


class CoverageEntry(View, frozen=True, kw_only=True):
    """Who could serve one thing now. `status`: `served`, `breaks if it dies`, or `not served`."""

    category: str
    capability: str
    status: str
    providers: tuple[str, ...]
    down: tuple[str, ...] = ()
    """Who could serve it, and cannot now."""
    takes_over: str | None = None
    latency_ms: float | None = None
    cost: Cost | None = None


class PeriodFigures(View, frozen=True, kw_only=True):
    """What the requests of a period came to. A request is one call of a provider; a cancelled one counts nowhere.

    Response times are those of successes, of a stream until its first content.
    """

    total_requests: int
    success_rate: float | None
    average_response_time: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    attempts_per_execution: float | None = None
    absorbed_failures: int = 0
    """Failed requests of executions that came to a good end."""
    reached_caller: int = 0
    """Failed requests of the others."""
    time_lost_ms: float = 0.0
    """Spent on failed requests and on waiting before the next one."""
    error_classes: Mapping[str, int] = {}
    reached_classes: Mapping[str, int] = {}
    """Of the failed requests by class, those that reached the caller."""
    units: Mapping[str, float] = {}
    cost: float | None = None


class AnalyticsView(PeriodFigures, frozen=True, kw_only=True):
    """Figures of the last 30 days of one provider, or of all together; `recent` are those of the live window."""

    provider: str | None
    window_ms: float
    recent: PeriodFigures
    health_score: float | None


# --- alerts -------------------------------------------------------------------------------------------------


class AlertView(View, frozen=True, kw_only=True):
    """One alert, from the moment it fired to the moment it cleared.

    `subject` is a provider, a category, or a capability with its category before it. `first_try` says in words what to
    try first, `command` is the command that does or shows it.
    """

    id: str
    rule: str
    subject: str
    title: str
    evidence: str
    first_try: str
    command: str | None
    state: Literal["firing", "acknowledged", "snoozed", "cleared"]
    fired_at: str
    cleared_at: str | None = None
    acknowledged_at: str | None = None
    acknowledged_by: str | None = None
    snoozed_until: str | None = None


class AlertRuleView(View, frozen=True, kw_only=True):
    """One thing that is watched. `problem` says where a rule cannot be understood, and what was expected."""

    name: str
    when: str
    shipped: bool
    watched: bool
    problem: str | None = None


# --- the console itself -------------------------------------------------------------------------------------


class SettingView(View, frozen=True, kw_only=True):
    """One setting: what it is, what it may be, and where its value came from.

    `allowed` says it in words; `type`, the inclusive bounds and `choices` say it to a form.
    """

    key: str
    value: Any
    default: Any
    origin: str
    unit: str | None = None
    allowed: str = ""
    description: str = ""
    type: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str | int, ...] = ()


class TableView(View, frozen=True, kw_only=True):
    """Tables of which there may be any number, like `alerts.rules`: by name where they are `named`, else a list.

    `fields` are the settings of one of them, by their keys within it.
    """

    key: str
    named: bool
    fields: tuple[SettingView, ...]


class TrialView(View, frozen=True, kw_only=True):
    """A change that is in force until a moment, and taken back then unless somebody confirms it."""

    reason: str
    author: str
    until: str


class SettingChange(View, frozen=True, kw_only=True):
    """One setting that another configuration would change; None: it is not there."""

    key: str
    before: Any
    after: Any


class PlanChange(View, frozen=True, kw_only=True):
    """Who would be asked for a category, or a language pair of it, in order: now, and with other settings."""

    what: str
    before: tuple[str, ...]
    after: tuple[str, ...]


class ConfigImpact(View, frozen=True, kw_only=True):
    """What another configuration would change. `line` says the plans in one line, `diff` the text line by line."""

    changed: tuple[SettingChange, ...]
    plans: tuple[PlanChange, ...]
    line: str
    diff: tuple[str, ...]


class ConfigView(View, frozen=True, kw_only=True):
    """The configuration in force. `problem` says why a newer file was not taken; `trial` what waits for a confirm."""

    revision: str
    file: str
    settings: tuple[SettingView, ...]
    tables: tuple[TableView, ...] = ()
    problem: str | None = None
    warnings: tuple[str, ...] = ()
    trial: TrialView | None = None


class RevisionView(View, frozen=True, kw_only=True):
    """One version of the configuration."""

    id: int
    at: str
    author: str
    reason: str
    hash: str
    valid: bool


class Who(View, frozen=True, kw_only=True):
    """Who holds this console. `may` says for each action None, or in words what it needs."""

    actor: str
    role: str
    front_end: str
    may: Mapping[str, str | None]


class KnownCredential(View, frozen=True, kw_only=True):
    """A credential by whose name a provider is recognised, and that provider's title."""

    name: str
    title: str


class SurveyView(View, frozen=True, kw_only=True):
    """Where providers were looked for, and what was there. `keyring_problem` says why nothing can be stored."""

    config_file: str
    config_exists: bool
    keyring: str
    keyring_names: int
    plugins: int
    drivers: tuple[str, ...]
    found: tuple[str, ...]
    """Providers found by themselves and used by nobody."""
    keyring_problem: str | None = None
    known: tuple[KnownCredential, ...] = ()
    """Credentials that would unlock a provider, if they were there."""


class SecretView(View, frozen=True, kw_only=True):
    """A stored credential by name; the value is never shown again."""

    name: str
    present: bool
    backend: str | None
    age_ms: float | None
    last_success_age_ms: float | None
    used_by: tuple[str, ...] = ()


class TokenView(View, frozen=True, kw_only=True):
    """A token that was issued. `renewed_from` is the first of its line, where it is not that one itself."""

    id: str
    subject: str
    role: str
    issued_at: str
    expires_at: str
    valid: bool
    revoked_at: str | None = None
    renewed_from: str | None = None


class IssuedToken(View, frozen=True, kw_only=True):
    """A new token: the only time that it is shown."""

    token: str
    id: str
    subject: str
    role: str
    expires_at: str

    def __repr__(self) -> str:
        return f"IssuedToken(id={self.id!r}, subject={self.subject!r}, role={self.role!r}, token=***)"


class VitalsView(View, frozen=True, kw_only=True):
    """How the console itself is.

    `rows_waiting` are records not yet written, `rows_dropped` those lost since the start; `budget` is what is left of
    the retry budget, of 40.
    """

    draining: bool
    audit_writable: bool
    running: int
    rows_waiting: int
    rows_dropped: int
    budget: float
    notices: tuple[str, ...] = ()


class AuditEntry(View, frozen=True, kw_only=True):
    """One row of the audit trail."""

    seq: int
    at: str
    actor: str
    role: str
    front_end: str
    action: str
    subject: str
    phase: str
    refers_to: int | None
    result: str
    before: str | None
    after: str | None


class LogLine(View, frozen=True, kw_only=True):
    """One line of the console's own log, without secrets. `seq` counts the lines of its process from 1."""

    seq: int
    at: str
    level: str
    source: str
    message: str
    traceback: str | None = None


class PluginView(View, frozen=True, kw_only=True):
    """An installed plugin. `reason` and `traceback` say why it is quarantined or off."""

    name: str
    package: str
    version: str
    module: str = ""
    """What its entry point names."""
    state: Literal["loaded", "quarantined", "disabled"]
    hooks: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    """Paths of theme files."""
    orders: tuple[str, ...] = ()
    """Names that `engine.order` may have by it."""
    reason: str | None = None
    traceback: str | None = None
    news: str | None = None
    """What is other than at the last start, in words."""
    problems: tuple[str, ...] = ()


class Finding(View, frozen=True, kw_only=True):
    """One thing the doctor looked at. `mend` is the command that puts it right."""

    check: str
    ok: bool
    evidence: str
    mend: str | None = None
