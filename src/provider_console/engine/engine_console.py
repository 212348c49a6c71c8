"""The engine in this process as a `Console`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from provider_console.console.actor import actor_or
from provider_console.console.errors import BadRequest, Conflict, NotFound, SecretRefused, StorageUnavailable
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
    KnownCredential,
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
    TroubleView,
    VitalsView,
    Who,
    iso,
)
from provider_console.core import moments
from provider_console.core.credentials import is_credential_name
from provider_console.core.nearest import did_you_mean
from provider_console.core.ports.alerts import AlertRow
from provider_console.core.ports.secrets import SecretsUnavailable
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.usage import ExecutionRow, Memory
from provider_console.core.settings import limits
from provider_console.core.text import clean_text
from provider_console.engine import history_desk
from provider_console.engine.alert_desk import alert_view, rule_views
from provider_console.engine.caller import ProviderHandle
from provider_console.engine.course import excluded, plan_entry
from provider_console.engine.coverage_desk import coverage_entries
from provider_console.engine.doctor import examine
from provider_console.engine.engine import Engine
from provider_console.engine.impact import impact
from provider_console.engine.lane import Lane
from provider_console.engine.operations import build_operation
from provider_console.engine.portraits import SORTS, analytics_view, provider_view, sort_views, system_health
from provider_console.engine.setting_changes import diff_of
from provider_console.engine.standing import category_medians
from provider_console.engine.streams import stream
from provider_console.engine.trace import Execution
from provider_console.engine.troubles import PLUGINS, TASKS
from provider_console.sdk.operation import Chunk, Operation, RetryPolicy
from provider_console.sdk.provider import Provider
from provider_console.sdk.secret import Secret

T = TypeVar("T")

SNOOZE_MAX_S: Final = 30 * 86_400.0
VIEWS_AT_ONCE: Final = 50
"""Providers looked at between two turns of the loop: 2 ms, while a key or a call may be waiting."""


class EngineConsole:
    """Implements `Console` on an engine, and the calls that only code in the same process can make."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._parts = engine.parts

    # --- for code in this process ------------------------------------------------------------------------------

    def execute_with_fallback(
        self,
        work: Callable[[ProviderHandle, int], Awaitable[Any]],
        *,
        category: str,
        kind: str = "custom",
        required_capabilities: Sequence[str] = (),
        providers: Sequence[str] | None = None,
        max_providers: int | None = None,
        deadline_s: float | None = None,
        idempotent: bool = True,
        policy: RetryPolicy | None = None,
        wait: bool = False,
    ) -> Coroutine[Any, Any, Execution]:
        """Run a caller's own coroutine function with fallback: `work(provider, attempt)` is called for each attempt.

        The answer is in `result` of the execution, everything that happened in its `report()`. Errors of the SDK,
        of HTTP and of the system count against the provider; any other exception ends the operation and passes.

        Raises:
            ConsoleError: `NoProvider`, `OperationFailed`, `OutcomeUnknown` or `Draining`.
        """
        operation = Operation(
            kind=kind,
            category=category,
            capabilities=tuple(required_capabilities),
            providers=None if providers is None else tuple(providers),
            max_providers=max_providers,
            deadline_s=deadline_s,
            idempotent=idempotent,
            policy=policy,
            wait=wait,
        )
        return self._engine.executor.execute(operation, work=work)

    # --- providers and health ----------------------------------------------------------------------------------

    async def providers(
        self,
        *,
        category: str | None = None,
        capability: str | None = None,
        sort_by: str = "health_score",
        include_inactive: bool = False,
    ) -> Sequence[ProviderView]:
        """See `Console.providers`."""
        views = await self._views()
        if sort_by not in SORTS:
            raise BadRequest(f"cannot sort by {sort_by!r}{did_you_mean(sort_by, SORTS)}", field="sort")
        self._check_known(category, capability, views)
        return sort_views(
            (
                view
                for view in views
                if (include_inactive or view.enabled)
                and (category is None or category in view.categories)
                and (capability is None or _offers(view, capability))
            ),
            sort_by,
        )

    async def provider(self, provider_id: str) -> ProviderView:
        """See `Console.provider`."""
        lane = self._lane(provider_id)
        return next(view for view in await self._views([lane]))

    async def set_provider_enabled(self, provider_id: str, *, enabled: bool) -> ProviderView:
        """See `Console.set_provider_enabled`."""
        lane = self._lane(provider_id)
        if not lane.provider.configured:
            raise BadRequest(
                f"{provider_id} was found, not configured; adopt it: provider-console providers enable {provider_id}",
                field="provider",
            )
        try:
            await self._parts.usage.remember(Memory(provider=provider_id, enabled=enabled))
        except StoreUnavailable as error:
            raise StorageUnavailable(str(error)) from error
        await self._engine.catalog.refresh()
        return await self.provider(provider_id)

    async def adopt_provider(self, provider_id: str, *, base_url: str | None, credential: str | None) -> ProviderView:
        """See `Console.adopt_provider`."""
        provider = self._lane(provider_id).provider
        if provider.configured:
            raise BadRequest(f"{provider_id} is configured already", field="provider")
        if (provider.base_url, provider.credential) != (base_url, credential):
            raise Conflict(
                f"{provider_id} says another address or credential than it did; nothing was adopted, look at it again"
            )
        section = self._parts.plugins.driver_section.get(provider.driver)
        if section is None:
            raise BadRequest(
                f"the plugin of driver {provider.driver} has no table for providers; configure {provider_id} by hand",
                field="provider",
            )
        table = {
            "driver": provider.driver,
            "credential": provider.credential,
            "base_url": provider.base_url,
            "network": provider.network,
            "tier": provider.tier,
            "enabled": True,
        }
        known = {key: value for key, value in table.items() if value is not None}
        await self._engine.desk.set(f"{section}.providers.{provider_id}", known)
        return await self.provider(provider_id)

    async def health(self) -> SystemHealth:
        """See `Console.health`."""
        engine = self._engine
        if not engine.prober.probing:
            with contextlib.suppress(StoreUnavailable):  # said in the notices
                await engine.stored_checks.believe()
        return system_health(
            await self._views(),
            last_check=engine.checker.last_check_wall,
            next_check=engine.prober.next_check_wall,
            probing=engine.prober.probing,
            notices=await self.notices(),
            troubles=self._troubles(),
        )

    def _troubles(self) -> Sequence[TroubleView]:
        engine = self._engine
        aside = {
            f"plugin {view.name}": f"plugin {view.name} is put aside: {view.reason}"
            for view in self._parts.plugins.views()
            if view.state == "quarantined"
        }
        engine.troubles.note(PLUGINS, {subject: self._parts.redact(what) for subject, what in aside.items()})
        engine.troubles.note(TASKS, {failure.partition(" failed")[0]: failure for failure in engine.lifecycle.failures})
        return engine.troubles.views()

    async def notices(self) -> Sequence[str]:
        """See `Console.notices`."""
        engine = self._engine
        await engine.recorder.flush()
        notices = [*engine.notices, *self._parts.plugins.problems, *self._parts.usage.notices]
        notices += [*engine.catalog.problems, *engine.lifecycle.failures, *engine.desk.waiting]
        if engine.desk.problem is not None:
            notices.append(f"the configuration on disk is not in force: {engine.desk.problem}")
        if engine.recorder.problem is not None:
            notices.append(f"nothing is recorded: {engine.recorder.problem} ({engine.recorder.dropped} rows dropped)")
        notices += [
            f"the alert {rule.name!r}: {rule.problem}"
            for rule in rule_views(engine.settings().alerts)
            if rule.problem is not None
        ]
        notices += [*engine.alerts.ring_problems, *engine.trials.notices]
        order = engine.planner.order_problem()
        return list(dict.fromkeys(notices if order is None else [*notices, order]))

    async def check(self, provider_id: str | None = None) -> Sequence[CheckView]:
        """See `Console.check`."""
        engine = self._engine
        self._parts.secrets.forget()
        if provider_id is None:
            lanes = [lane for _, lane in sorted(engine.catalog.lanes.items()) if lane.provider.enabled]
        else:
            lanes = [self._lane(provider_id)]
        checks = await engine.checker.check_all(lanes)
        await engine.recorder.flush()
        return checks

    async def recent_checks(self, *, limit: int = 60) -> Mapping[str, Sequence[CheckView]]:
        """See `Console.recent_checks`."""
        await self._engine.recorder.flush()
        return self._engine.recollection.checks(list(self._engine.catalog.lanes), limit=limit)

    async def trends(self) -> Mapping[str, TrendView]:
        """See `Console.trends`."""
        await self._engine.recorder.flush()
        lanes = self._engine.catalog.lanes
        return self._engine.recollection.trends({name: lane.history_median_s for name, lane in lanes.items()})

    async def survey(self) -> SurveyView:
        """See `Console.survey`."""
        file = Path(self._parts.config_file)
        backend = await self._parts.secrets.backend()
        return SurveyView(
            config_file=str(file),
            config_exists=await asyncio.to_thread(file.is_file),
            keyring=backend.name,
            keyring_names=len(await self._stored(self._parts.secrets.names())),
            plugins=sum(view.state == "loaded" for view in self._parts.plugins.views()),
            drivers=tuple(sorted(self._parts.plugins.drivers)),
            found=tuple(sorted(p.name("en") for p in self._engine.catalog.providers if not p.configured)),
            keyring_problem=None if backend.usable else backend.reason,
            known=tuple(
                KnownCredential(name=name, title=clean_text(title, 80))
                for source in self._parts.plugins.sources.values()
                for name, title in getattr(source, "unlocks", {}).items()
                if is_credential_name(name)
            ),
        )

    async def coverage(self) -> Sequence[CoverageEntry]:
        """See `Console.coverage`."""
        return coverage_entries(self._engine)

    async def clear_cache(self) -> int:
        """See `Console.clear_cache`."""
        await self._engine.catalog.forget()
        return len(self._engine.catalog.lanes)

    # --- operations --------------------------------------------------------------------------------------------

    async def kinds(self) -> Sequence[KindView]:
        """See `Console.kinds`."""
        return [
            KindView(name=kind.name, title=kind.title, category=kind.category, fields=tuple(kind.fields))
            for _, kind in sorted(self._parts.plugins.kinds.items())
        ]

    async def operation(
        self, kind: str, payload: Mapping[str, Any], *, options: Mapping[str, Any] | None = None
    ) -> Operation:
        """See `Console.operation`."""
        lanes = self._engine.catalog.lanes
        category = (options or {}).get("category")
        if isinstance(category, str):  # what is no text, the fields' own types refuse
            known = {name for lane in lanes.values() for name in lane.provider.categories}
            known |= {kind.category for kind in self._parts.plugins.kinds.values()}
            if category not in known:
                raise BadRequest(f"unknown category {category!r}{did_you_mean(category, known)}", field="category")
        return build_operation(
            self._parts.plugins.kinds,
            kind,
            payload,
            options=options,
            capabilities=lambda: self._offered(lane.provider for lane in lanes.values()),
            providers=lanes,
        )

    async def execute(self, operation: Operation) -> ExecutionReport:
        """See `Console.execute`."""
        execution = await self._engine.executor.execute(operation)
        return execution.report()

    async def execute_stream(self, operation: Operation) -> AsyncIterator[Chunk | ExecutionReport]:
        """See `Console.execute_stream`."""
        streamed = msgspec.structs.replace(operation, stream=True)
        # Closed here and now, not whenever the collector finds it: a reader that leaves cancels the execution.
        async with aclosing(stream(self._engine.executor, self._engine.lifecycle, streamed)) as items:
            async for item in items:
                yield item

    async def explain(self, operation: Operation) -> Explanation:
        """See `Console.explain`."""
        engine = self._engine
        decision = engine.planner.fresh(operation, self._parts.clock.monotonic())
        bounds = limits(engine.settings(), operation.category)
        count = operation.max_providers or bounds.max_providers
        notes = [f"at most {count} of {len(decision.plan)} are tried"] if len(decision.plan) > count else []
        problem = engine.planner.order_problem()
        return Explanation(
            operation=operation.kind,
            category=operation.category,
            plan=tuple(plan_entry(choice) for choice in decision.plan),
            excluded=excluded(decision),
            notes=(*notes, *([problem] if problem else [])),
        )

    async def cancel(self, execution_id: str) -> bool:
        """See `Console.cancel`."""
        return self._engine.executor.cancel(execution_id)

    async def executions(self, *, limit: int = 50, before: str | None = None) -> Sequence[ExecutionSummary]:
        """See `Console.executions`."""
        await self._engine.recorder.flush()
        return [_summary(row) for row in await self._stored(self._parts.usage.executions(limit=limit, before=before))]

    async def execution(self, execution_id: str) -> ExecutionReport:
        """See `Console.execution`."""
        running = self._engine.executor.running.get(execution_id)
        if running is not None:
            return running.report(with_result=False)
        await self._engine.recorder.flush()
        held = self._engine.recollection.report(execution_id)
        if held is not None:
            return held
        row = await self._stored(self._parts.usage.execution(execution_id))
        if row is None:
            raise NotFound(f"there is no execution {execution_id}", field="execution_id")
        if row.report is None and row.status is None:
            raise Conflict(
                f"execution {execution_id} is still running in another console; its report comes with its end"
            )
        if row.report is None:
            return ExecutionReport(
                execution_id=row.id,
                operation=row.kind,
                category=row.category,
                status="unknown_crashed",
                started_at=iso(row.at),
                elapsed_ms=0.0,
                hint="the console stopped before it ended; whether it took effect is not known",
            )
        return msgspec.json.decode(row.report, type=ExecutionReport)

    async def repeat(self, execution_id: str) -> Operation:
        """See `Console.repeat`."""
        await self._engine.recorder.flush()
        operation = self._engine.recollection.operation(execution_id)
        if operation.kind not in self._parts.plugins.kinds:
            raise BadRequest(f"{execution_id} was made by code in this process; only that can repeat it")
        # Whose request it was, and whose trace, it is no more.
        return msgspec.structs.replace(operation, request_id=None, trace_parent=None)

    async def figures(self) -> FiguresView:
        """See `Console.figures`."""
        await self._engine.recorder.flush()
        return self._engine.recollection.figures()

    async def analytics(self, provider_id: str | None = None) -> AnalyticsView:
        """See `Console.analytics`."""
        engine = self._engine
        lanes = list(engine.catalog.lanes.values()) if provider_id is None else [self._lane(provider_id)]
        month = await history_desk.totals(engine, provider_id, since="30d")
        window_s = engine.settings().health.performance_window / 1000
        minutes = await history_desk.totals(engine, provider_id, since=f"{max(1, round(window_s / 60))}m")
        return analytics_view(
            lanes,
            provider=provider_id,
            now=self._parts.clock.monotonic(),
            settings=engine.settings(),
            month=history_desk.figures(month, among_all=provider_id is None),
            minutes=history_desk.figures(minutes, among_all=provider_id is None),
        )

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
        """See `Console.history`."""
        return await history_desk.history(
            self._engine, providers=providers, category=category, kind=kind, since=since, until=until, step=step
        )

    async def outages(
        self, provider_id: str | None = None, *, since: str = "7d", until: str | None = None
    ) -> OutagesView:
        """See `Console.outages`."""
        return await history_desk.outages(self._engine, provider_id, since=since, until=until)

    # --- alerts ------------------------------------------------------------------------------------------------

    async def alerts(self, *, only_open: bool = False, limit: int = 100) -> Sequence[AlertView]:
        """See `Console.alerts`."""
        rows = await self._stored(self._parts.usage.alerts(only_open=only_open, limit=limit))
        return [alert_view(row, wall=self._parts.clock.wall()) for row in rows]

    async def alert_rules(self) -> Sequence[AlertRuleView]:
        """See `Console.alert_rules`."""
        return rule_views(self._engine.settings().alerts)

    async def acknowledge_alert(self, alert_id: str) -> AlertView:
        """See `Console.acknowledge_alert`."""
        await self._open_alert(alert_id)
        wall = self._parts.clock.wall()
        await self._stored(self._parts.usage.acknowledge_alert(alert_id, at=wall, by=actor_or(self._parts.author)))
        return await self._changed_alert(alert_id)

    async def snooze_alert(self, alert_id: str, *, for_s: float) -> AlertView:
        """See `Console.snooze_alert`."""
        if not 60 <= for_s <= SNOOZE_MAX_S:
            raise BadRequest("an alert is snoozed for 1m to 30d", field="for_s")
        await self._open_alert(alert_id)
        await self._stored(self._parts.usage.snooze_alert(alert_id, self._parts.clock.wall() + for_s))
        return await self._changed_alert(alert_id)

    async def _open_alert(self, alert_id: str) -> AlertRow:
        row = await self._stored(self._parts.usage.alert(alert_id))
        if row is None:
            raise NotFound(f"there is no alert {alert_id}; provider-console alerts lists them", field="alert_id")
        if row.cleared_at is not None:
            raise BadRequest(f"{row.title}: that alert has cleared already", field="alert_id")
        return row

    async def _changed_alert(self, alert_id: str) -> AlertView:
        row = await self._open_alert(alert_id)
        self._engine.alerts.know(row)
        return alert_view(row, wall=self._parts.clock.wall())

    # --- configuration -----------------------------------------------------------------------------------------

    async def config(self) -> ConfigView:
        """See `Console.config`."""
        return await self._engine.desk.view()

    async def config_text(self) -> tuple[str, str]:
        """See `Console.config_text`."""
        return await self._engine.desk.text()

    async def validate_config(self, text: str, *, file: str = "config.toml") -> ConfigView:
        """See `Console.validate_config`."""
        return await self._engine.desk.validate(text, file=file)

    async def edited_config(self, changes: Mapping[str, Any]) -> str:
        """See `Console.edited_config`."""
        return await self._engine.desk.edited(changes)

    async def config_impact(self, text: str) -> ConfigImpact:
        """See `Console.config_impact`."""
        after, changed = self._engine.desk.changes(text)
        now, _ = await self._engine.desk.text()
        diff = diff_of(now, text, file=Path(self._parts.config_file).name)
        return await impact(self._engine, after, changed, diff=diff)

    async def set_config(self, key: str, value: object, *, confirm_within_s: float | None = None) -> ConfigView:
        """See `Console.set_config`."""
        return await self._engine.desk.set(key, value, within_s=confirm_within_s)

    async def replace_config(
        self, text: str, *, revision: str, reason: str, confirm_within_s: float | None = None
    ) -> ConfigView:
        """See `Console.replace_config`."""
        return await self._engine.desk.put(text, revision=revision, reason=reason, within_s=confirm_within_s)

    async def confirm_config(self) -> ConfigView:
        """See `Console.confirm_config`."""
        await self._engine.trials.confirm()
        return await self._engine.desk.view()

    async def config_history(self, *, limit: int = 50) -> Sequence[RevisionView]:
        """See `Console.config_history`."""
        return await self._engine.desk.history(limit=limit)

    async def revision_text(self, revision_id: int) -> str:
        """See `Console.revision_text`."""
        return await self._engine.desk.revision_text(revision_id)

    async def restore_config(self, revision_id: int) -> ConfigView:
        """See `Console.restore_config`."""
        return await self._engine.desk.restore(revision_id)

    # --- secrets -----------------------------------------------------------------------------------------------

    async def secrets(self) -> Sequence[SecretView]:
        """See `Console.secrets`."""
        return [await self._secret(name) for name in await self._stored(self._parts.secrets.names())]

    async def secret_backend(self) -> SecretBackend:
        """See `Console.secret_backend`."""
        return await self._parts.secrets.backend()

    async def set_secret(self, name: str, value: Secret) -> SecretView:
        """See `Console.set_secret`."""
        try:
            await self._parts.secrets.set(name, value)
        except SecretsUnavailable as error:
            raise SecretRefused(str(error)) from error
        except ValueError as error:
            raise BadRequest(str(error), field="value") from error
        await self._engine.catalog.refresh()
        return await self._secret(name)

    async def test_secret(self, name: str) -> Sequence[CheckView]:
        """See `Console.test_secret`."""
        self._parts.secrets.forget(name)
        lanes = [lane for lane in self._engine.catalog.lanes.values() if lane.provider.credential == name]
        if not lanes:
            raise BadRequest(f"no provider uses {name}; name it as `credential` in a provider's table", field="name")
        checks = await self._engine.checker.check_all([lane for lane in lanes if lane.provider.enabled])
        await self._engine.recorder.flush()
        return checks

    async def delete_secret(self, name: str) -> bool:
        """See `Console.delete_secret`."""
        try:
            deleted = await self._parts.secrets.delete(name)
        except SecretsUnavailable as error:
            raise SecretRefused(str(error)) from error
        await self._engine.catalog.refresh()
        return deleted

    # --- access tokens -----------------------------------------------------------------------------------------

    async def tokens(self) -> Sequence[TokenView]:
        """See `Console.tokens`."""
        return await self._engine.token_desk().tokens()

    async def issue_token(self, subject: str, *, role: str, ttl_ms: int = 900_000) -> IssuedToken:
        """See `Console.issue_token`."""
        return await self._engine.token_desk().issue(subject, role=role, ttl_ms=ttl_ms)

    async def renew_token(self, token: Secret) -> IssuedToken:
        """See `Console.renew_token`."""
        return await self._engine.token_desk().renew(token.reveal())

    async def revoke_token(self, token_id: str) -> bool:
        """See `Console.revoke_token`."""
        return await self._engine.token_desk().revoke(token_id)

    async def rotate_token_keys(self) -> int:
        """See `Console.rotate_token_keys`."""
        return await self._engine.token_desk().rotate()

    # --- the console itself ------------------------------------------------------------------------------------

    async def audit(
        self, *, since: str | None = None, limit: int = 200, before: int | None = None
    ) -> Sequence[AuditEntry]:
        """See `Console.audit`."""
        start = 0.0 if since is None else moments.since(since, now=self._parts.clock.wall())
        if start is None:
            raise BadRequest(
                f"since takes a span such as 2h or 7d, or a time such as 2026-01-31T10:00, not {since!r}", field="since"
            )
        rows = await self._stored(self._parts.audit.rows(since=start, limit=limit, before=before))
        return [
            AuditEntry(
                seq=row.seq,
                at=iso(row.at),
                actor=row.actor,
                role=row.role,
                front_end=row.front_end,
                action=row.action,
                subject=row.subject,
                phase=row.phase,
                refers_to=row.refers_to,
                result=row.result,
                before=row.before,
                after=row.after,
            )
            for row in rows
        ]

    async def verify_audit(self) -> AuditVerdict:
        """See `Console.verify_audit`."""
        return await self._stored(self._parts.audit.verify())

    async def log(self, *, after: int = 0, limit: int = 200) -> Sequence[LogLine]:
        """See `Console.log`."""
        journal = self._parts.journal
        rows = () if journal is None else journal.rows(after=after, limit=limit)
        return [
            LogLine(
                seq=row.seq,
                at=iso(row.at),
                level=row.level,
                source=row.source,
                message=row.message,
                traceback=row.traceback,
            )
            for row in rows
        ]

    async def whoami(self) -> Who:
        """See `Console.whoami`: code in this process may do everything."""
        return Who(actor=self._parts.author, role="super_admin", front_end="python", may={})

    async def vitals(self) -> VitalsView:
        """See `Console.vitals`."""
        engine = self._engine
        return VitalsView(
            draining=engine.executor.draining,
            audit_writable=await self._parts.audit.writable(),
            running=len(engine.executor.running),
            rows_waiting=engine.recorder.waiting,
            rows_dropped=engine.recorder.dropped,
            budget=round(engine.executor.budget_level(), 1),
            notices=tuple(engine.notices),
        )

    async def plugins(self) -> Sequence[PluginView]:
        """See `Console.plugins`."""
        news, redact = self._engine.plugin_news, self._parts.redact
        return [
            # A plugin is foreign code: what it raised may quote a credential.
            msgspec.structs.replace(
                view,
                news=news.get(view.name),
                reason=None if view.reason is None else redact(view.reason),
                traceback=None if view.traceback is None else redact(view.traceback),
                problems=tuple(map(redact, view.problems)),
            )
            for view in self._parts.plugins.views()
        ]

    async def set_plugin_enabled(self, name: str, *, enabled: bool) -> ConfigView:
        """See `Console.set_plugin_enabled`."""
        installed = [view.name for view in self._parts.plugins.views()]
        disabled = set(self._engine.settings().plugins.disabled)
        if name not in installed and not (enabled and name in disabled):
            raise NotFound(f"no plugin {name!r} is installed{did_you_mean(name, installed)}", field="name")
        disabled = disabled - {name} if enabled else disabled | {name}
        return await self._engine.desk.set("plugins.disabled", sorted(disabled))

    async def doctor(self) -> Sequence[Finding]:
        """See `Console.doctor`."""
        return await examine(self._engine)

    async def events(self) -> AsyncIterator[Event]:
        """See `Console.events`."""
        async with aclosing(self._engine.bus.listen()) as events:
            async for event in events:
                yield event

    # --- small things ------------------------------------------------------------------------------------------

    def _lane(self, provider_id: str) -> Lane:
        lanes = self._engine.catalog.lanes
        lane = lanes.get(provider_id)
        if lane is None:
            known = "" if lanes else "; none is configured"
            raise NotFound(
                f"unknown provider {provider_id!r}{did_you_mean(provider_id, lanes)}{known}", field="provider"
            )
        return lane

    async def _views(self, lanes: Sequence[Lane] | None = None) -> list[ProviderView]:
        parts, settings = self._parts, self._engine.settings()
        every = list(self._engine.catalog.lanes.values())
        medians = category_medians(every, now=parts.clock.monotonic())
        recollection = self._engine.recollection
        wanted = every if lanes is None else lanes
        checks = recollection.checks([lane.provider.id for lane in wanted], limit=1)
        views = []
        for count, lane in enumerate(wanted, 1):
            name = lane.provider.credential
            views.append(
                provider_view(
                    lane,
                    now=parts.clock.monotonic(),
                    wall=parts.clock.wall(),
                    settings=settings,
                    medians=medians,
                    credential=None if name is None else await parts.secrets.info(name),
                    checks=checks.get(lane.provider.id, ()),
                    failures=recollection.failures_in_a_row(lane.provider.id),
                )
            )
            if count % VIEWS_AT_ONCE == 0:
                await parts.clock.sleep(0)
        return views

    async def _secret(self, name: str) -> SecretView:
        info = await self._parts.secrets.info(name)
        return SecretView(
            name=name,
            present=info.present,
            backend=info.backend,
            age_ms=None if info.age_s is None else info.age_s * 1000,
            last_success_age_ms=None if info.last_success_age_s is None else info.last_success_age_s * 1000,
            used_by=tuple(sorted(p.id for p in self._engine.catalog.providers if p.credential == name)),
        )

    def _check_known(self, category: str | None, capability: str | None, views: Sequence[ProviderView]) -> None:
        categories = {name for view in views for name in view.categories} | {
            kind.category for kind in self._parts.plugins.kinds.values()
        }
        if category is not None and category not in categories:
            raise BadRequest(f"unknown category {category!r}{did_you_mean(category, categories)}", field="category")
        abilities = {c.partition(":")[0] for c in self._offered(views)}
        if capability is not None and capability.partition(":")[0] not in abilities:
            raise BadRequest(
                f"unknown capability {capability!r}{did_you_mean(capability, abilities)}", field="capability"
            )

    def _offered(self, providers: Iterable[Provider | ProviderView]) -> list[str]:
        """Every capability that a provider or a driver offers."""
        return [c for one in (*self._parts.plugins.drivers.values(), *providers) for c in one.capabilities]

    async def _stored(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except StoreUnavailable as error:
            raise StorageUnavailable(str(error)) from error


class _Outcome(msgspec.Struct, rename="camel"):
    status: str
    error_class: str | None = None


class _Outcomes(msgspec.Struct):
    """Of a stored report, how its attempts ended."""

    attempts: tuple[_Outcome, ...] = ()

    def words(self) -> Iterator[str]:
        for attempt in self.attempts:
            yield "ok" if attempt.status == "ok" else attempt.error_class or attempt.status


_OUTCOMES: Final = msgspec.json.Decoder(_Outcomes)


def _offers(view: ProviderView, capability: str) -> bool:
    return any(own == capability or own.partition(":")[0] == capability for own in view.capabilities)


def _summary(row: ExecutionRow) -> ExecutionSummary:
    return ExecutionSummary(
        execution_id=row.id,
        operation=row.kind,
        category=row.category,
        started_at=iso(row.at),
        status=row.status,
        provider=row.provider,
        elapsed_ms=row.elapsed_ms,
        outcomes=() if row.report is None else tuple(_OUTCOMES.decode(row.report).words()),
    )
