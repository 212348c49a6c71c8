"""The one interface every front end holds: one async method an action."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from provider_console.console.events import Event
from provider_console.console.history_views import HistoryView, OutagesView
from provider_console.console.views import (
    AlertRuleView,
    AlertView,
    AnalyticsView,
    AuditEntry,
    AuditVerdict,
    CheckView,
    ConfigImpact,
    ConfigView,
    CoverageEntry,
    ExecutionReport,
    ExecutionSummary,
    Explanation,
    FiguresView,
    Finding,
    IssuedToken,
    KindView,
    LogLine,
    PluginView,
    ProviderView,
    RevisionView,
    SecretBackend,
    SecretView,
    SurveyView,
    SystemHealth,
    TokenView,
    TrendView,
    VitalsView,
    Who,
)
from provider_console.sdk.operation import Chunk, Operation
from provider_console.sdk.secret import Secret


class Console(Protocol):
    """Provider Console, whoever stands behind it: the engine in this process, a guard, or a remote one.

    Every method raises `ConsoleError` (see `console.errors`) and nothing else. A method whose name says that it
    changes or executes something is audited by the guard, before and after.
    """

    # providers and health
    async def providers(
        self,
        *,
        category: str | None = None,
        capability: str | None = None,
        sort_by: str = "health_score",
        include_inactive: bool = False,
    ) -> Sequence[ProviderView]:
        """The unified map. `sort_by`: health_score, id, name, tier, state."""
        ...

    async def provider(self, provider_id: str) -> ProviderView:
        """One provider."""
        ...

    async def set_provider_enabled(self, provider_id: str, *, enabled: bool) -> ProviderView:
        """Switch a configured provider on or off; kept over restarts."""
        ...

    async def adopt_provider(self, provider_id: str, *, base_url: str | None, credential: str | None) -> ProviderView:
        """Write a discovered provider's table into the configuration, so that it is used.

        `base_url` and the name of the `credential` are those that the person saw and agreed to.

        Raises:
            Conflict: the provider says something else by now.
        """
        ...

    async def health(self) -> SystemHealth:
        """The state of everything, from what is known; nobody is asked."""
        ...

    async def notices(self) -> Sequence[str]:
        """Sentences about what is wrong with the console itself: files, sources, plugins, the configuration."""
        ...

    async def check(self, provider_id: str | None = None) -> Sequence[CheckView]:
        """Probe one provider, or all of them, now."""
        ...

    async def recent_checks(self, *, limit: int = 60) -> Mapping[str, Sequence[CheckView]]:
        """The last checks of each provider, oldest first; at most 60."""
        ...

    async def trends(self) -> Mapping[str, TrendView]:
        """How fast each provider was in the last hour."""
        ...

    async def survey(self) -> SurveyView:
        """Where providers were looked for, and what was there."""
        ...

    async def coverage(self) -> Sequence[CoverageEntry]:
        """Who could serve what now, and what breaks if one dies."""
        ...

    async def clear_cache(self) -> int:
        """Forget what was discovered and look again; how many providers there are now."""
        ...

    # operations
    async def kinds(self) -> Sequence[KindView]:
        """Every operation kind with its fields."""
        ...

    async def operation(
        self, kind: str, payload: Mapping[str, Any], *, options: Mapping[str, Any] | None = None
    ) -> Operation:
        """A validated operation from a form: fields checked, defaults filled in, capabilities added.

        `options` are fields of `Operation` that override what the kind says: category, capabilities (added),
        providers, deadline_s, max_providers, stream, policy, wait.
        """
        ...

    async def execute(self, operation: Operation) -> ExecutionReport:
        """Run with fallback. Raises `Reported` errors where there is no result."""
        ...

    def execute_stream(self, operation: Operation) -> AsyncIterator[Chunk | ExecutionReport]:
        """Run with fallback, content as it arrives, the report last."""
        ...

    async def explain(self, operation: Operation) -> Explanation:
        """The plan and its reasons; nobody is called."""
        ...

    async def cancel(self, execution_id: str) -> bool:
        """Stop a running execution; False if it runs no more."""
        ...

    async def executions(self, *, limit: int = 50, before: str | None = None) -> Sequence[ExecutionSummary]:
        """Newest first."""
        ...

    async def execution(self, execution_id: str) -> ExecutionReport:
        """A stored execution with its whole trace, and its result where this console still holds that."""
        ...

    async def repeat(self, execution_id: str) -> Operation:
        """The operation of one of this console's last 100 executions, to run it again.

        Raises:
            BadRequest: its payload is no longer held.
        """
        ...

    async def figures(self) -> FiguresView:
        """What became of the executions of the last window."""
        ...

    async def analytics(self, provider_id: str | None = None) -> AnalyticsView:
        """The last 30 days and the live window, of one provider or of all together."""
        ...

    async def history(
        self,
        *,
        providers: Sequence[str] = (),
        category: str | None = None,
        kind: str | None = None,
        since: str = "24h",
        until: str | None = None,
        step: str | None = None,
    ) -> HistoryView:
        """Figures of a period and of the one before, provider by provider; with `providers`, of those side by side.

        `since` and `until` are spans back from now (`5m`, `7d`) or ISO times, `step` is that of the trend (`15m`).
        """
        ...

    async def outages(
        self, provider_id: str | None = None, *, since: str = "7d", until: str | None = None
    ) -> OutagesView:
        """Health checks and outages of a period, of one provider or of all."""
        ...

    # alerts
    async def alerts(self, *, only_open: bool = False, limit: int = 100) -> Sequence[AlertView]:
        """Alerts, newest first; with `only_open` those that have not cleared."""
        ...

    async def alert_rules(self) -> Sequence[AlertRuleView]:
        """What is watched, and what is wrong with a rule that is not."""
        ...

    async def acknowledge_alert(self, alert_id: str) -> AlertView:
        """Say that somebody has seen an open alert and looks after it."""
        ...

    async def snooze_alert(self, alert_id: str, *, for_s: float) -> AlertView:
        """Keep an open alert quiet; if it is still open after `for_s` seconds, it rings again."""
        ...

    # configuration
    async def config(self) -> ConfigView:
        """Every setting with its origin."""
        ...

    async def config_text(self) -> tuple[str, str]:
        """The configuration file's text and its revision."""
        ...

    async def validate_config(self, text: str, *, file: str = "config.toml") -> ConfigView:
        """What a configuration would mean, without using it."""
        ...

    async def edited_config(self, changes: Mapping[str, Any]) -> str:
        """The configuration file's text with dotted keys set (None removes one), comments kept; nothing is saved."""
        ...

    async def config_impact(self, text: str) -> ConfigImpact:
        """What a configuration would change: settings, and who would be asked for each category; nobody is asked."""
        ...

    async def set_config(self, key: str, value: object, *, confirm_within_s: float | None = None) -> ConfigView:
        """Set one dotted key (None removes it), comments kept.

        With `confirm_within_s` it is taken back after so many seconds unless `confirm_config` comes first, and at
        once if the overall health drops by 10 points or something is no longer served.
        """
        ...

    async def replace_config(
        self, text: str, *, revision: str, reason: str, confirm_within_s: float | None = None
    ) -> ConfigView:
        """Save a whole configuration, if nobody changed it since `revision`; on trial as `set_config` does."""
        ...

    async def confirm_config(self) -> ConfigView:
        """Keep the change that is on trial."""
        ...

    async def config_history(self, *, limit: int = 50) -> Sequence[RevisionView]:
        """Versions, newest first."""
        ...

    async def revision_text(self, revision_id: int) -> str:
        """The whole text of an earlier version."""
        ...

    async def restore_config(self, revision_id: int) -> ConfigView:
        """Make an earlier version the one in force; it ends a trial."""
        ...

    # secrets
    async def secrets(self) -> Sequence[SecretView]:
        """Stored credentials by name."""
        ...

    async def secret_backend(self) -> SecretBackend:
        """Where credentials are stored."""
        ...

    async def set_secret(self, name: str, value: Secret) -> SecretView:
        """Store a credential in the keyring."""
        ...

    async def test_secret(self, name: str) -> Sequence[CheckView]:
        """Check every provider that uses a credential."""
        ...

    async def delete_secret(self, name: str) -> bool:
        """Remove a credential; False if it was not stored."""
        ...

    # access tokens of the HTTP API
    async def tokens(self) -> Sequence[TokenView]:
        """Tokens that were issued, newest first, until a day after their end; never the token itself."""
        ...

    async def issue_token(self, subject: str, *, role: str, ttl_ms: int = 900_000) -> IssuedToken:
        """A token for somebody, as `admin`, `super_admin` or `metrics`.

        It counts for a quarter of an hour; `ttl_ms` up to a day, for `metrics` up to a year.
        """
        ...

    async def renew_token(self, token: Secret) -> IssuedToken:
        """A token like the one given, which still counts, with its whole time again; the old one runs out by itself.

        Raises:
            Unauthenticated: it no longer counts, or was first issued over 30 days ago.
        """
        ...

    async def revoke_token(self, token_id: str) -> bool:
        """End a token and every one renewed from it, within a second; False if there is none that counts."""
        ...

    async def rotate_token_keys(self) -> int:
        """Sign with a new key. The key before counts on; tokens of older keys end, and this says how many."""
        ...

    # the console itself
    async def whoami(self) -> Who:
        """Who holds this console, and what that person may do."""
        ...

    async def vitals(self) -> VitalsView:
        """How the console itself is: what runs, what waits to be written, and whether the audit trail can be."""
        ...

    async def audit(
        self, *, since: str | None = None, limit: int = 200, before: int | None = None
    ) -> Sequence[AuditEntry]:
        """The trail, newest first; `since` a span back from now (`2h`, `7d`) or an ISO time.

        With `before` only rows that were written before the one of that number.
        """
        ...

    async def verify_audit(self) -> AuditVerdict:
        """Walk the trail's hash chain."""
        ...

    async def log(self, *, after: int = 0, limit: int = 200) -> Sequence[LogLine]:
        """The newest lines of the console's log, newest first; at most 1,000 are kept.

        With `after` only lines that were written after the one of that number.
        """
        ...

    async def plugins(self) -> Sequence[PluginView]:
        """What is loaded, what is not, and why."""
        ...

    async def set_plugin_enabled(self, name: str, *, enabled: bool) -> ConfigView:
        """Let a plugin be loaded, or keep it out, from the next start on: `plugins.disabled` of the configuration."""
        ...

    async def doctor(self) -> Sequence[Finding]:
        """What is wrong and what to do."""
        ...

    def events(self) -> AsyncIterator[Event]:
        """What happens, from now on; a `Gap` where some of it was missed."""
        ...
