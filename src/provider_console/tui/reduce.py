"""The pure function that makes the terminal's next state of the one before and a change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import singledispatch
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from provider_console.console import events
from provider_console.console.views import HealthState, Left

if TYPE_CHECKING:
    from provider_console.console.views import (
        AlertView,
        ProviderView,
        TroubleView,
    )

from provider_console.tui.changes import (
    AlertRead,
    AnalyticsRead,
    Change,
    CheckAsked,
    CheckDone,
    Checked,
    Closed,
    ContentArrived,
    Entered,
    Examined,
    HistoryRead,
    OlderRead,
    Opening,
    ProvidersRead,
    Read,
    ReportRead,
    Ticked,
    Unanswered,
)
from provider_console.tui.state import (
    ALERTS_KEPT,
    CHECKS_KEPT,
    HAPPENINGS_KEPT,
    PERIODS_KEPT,
    REPORTS_KEPT,
    RUNS_KEPT,
    TEXT_KEPT,
    Checking,
    Happening,
    Run,
    State,
    Underway,
)


@singledispatch
def _apply(_change: object, state: State) -> State:
    # An event of a later version.
    return state


def reduce(state: State, change: Change) -> State:
    """The state after a change. Pure: same state and change, same answer."""
    return _apply(change, state)


def may_wait(change: Change, state: State) -> bool:
    """Whether the next second's frame is soon enough: for figures, and for routine checks of providers."""
    known = state.providers
    views: Iterable[ProviderView] = ()
    if isinstance(change, ProvidersRead):
        views = change.providers
    elif isinstance(change, Read):
        health = change.fields.get("health")
        if change.fields.keys() - {"health", "figures"} or (health and len(health.providers) != len(known)):
            return False
        if health and health.troubles != _troubles(state):
            return False
        views = health.providers if health else ()
    elif not isinstance(change, Checked):
        return False
    awaited = state.checking is not None or state.stale_since is not None or state.failure is not None
    return not awaited and all(view.id in known and known[view.id].health.state == view.health.state for view in views)


def _troubles(state: State) -> tuple[TroubleView, ...]:
    return () if state.health is None else state.health.troubles


def routine(before: State, after: State) -> bool:
    """Whether only time has passed from one state to the next, and checks of providers that stay as they are."""
    newer = replace(
        before,
        now=after.now,
        answered_at=after.answered_at,
        health=after.health,
        providers=after.providers,
        checks=after.checks,
    )
    known = after.providers
    return (
        newer == after
        and _troubles(before) == _troubles(after)
        and before.providers.keys() == known.keys()
        and all(view.health.state == known[name].health.state for name, view in before.providers.items())
    )


@_apply.register
def _ticked(change: Ticked, state: State) -> State:
    return replace(state, now=change.now)


@_apply.register
def _entered(change: Entered, state: State) -> State:
    return State(
        now=change.at,
        names=change.names,
        user=state.user,
        environment=change.environment,
        glyphs=state.glyphs,
        charts=state.charts,
        theme=state.theme,
    )


@_apply.register
def _read(change: Read, state: State) -> State:
    fields = dict(change.fields)
    health = fields.get("health")
    if health is not None:
        fields["providers"] = _known(health.providers, state)
    if "trends" in fields or "checks" in fields:
        fields = {name: _frozen(value) for name, value in fields.items()}
    return replace(state, answered_at=change.at, stale_since=None, **{"failure": None, **fields})


def _known(views: Iterable[ProviderView], state: State) -> dict[str, ProviderView]:
    """Providers by id; who says the same as before stays the very same, and is neither sorted nor laid out again."""
    before = state.providers
    return {view.id: known if (known := before.get(view.id)) == view else view for view in views}


def _frozen(value: Any) -> Any:
    return MappingProxyType(dict(value)) if isinstance(value, Mapping) else value


@_apply.register
def _providers_read(change: ProvidersRead, state: State) -> State:
    known = {**state.providers, **_known(change.providers, state)}
    return replace(state, answered_at=change.at, stale_since=None, failure=None, providers=known)


@_apply.register
def _analytics_read(change: AnalyticsRead, state: State) -> State:
    return replace(state, analytics={**state.analytics, change.provider: change.figures})


@_apply.register
def _history_read(change: HistoryRead, state: State) -> State:
    history = {asked: view for asked, view in state.history.items() if asked != change.asked}
    history[change.asked] = change.view
    for old in list(history)[: max(0, len(history) - PERIODS_KEPT)]:
        del history[old]
    outages = {asked: view for asked, view in state.outages.items() if asked in history}
    if change.outages is not None:
        outages[change.asked] = change.outages
    return replace(state, history=history, outages=outages)


@_apply.register
def _unanswered(change: Unanswered, state: State) -> State:
    return replace(state, stale_since=state.stale_since or change.at, failure=change.failure or state.failure)


@_apply.register
def _opening(change: Opening, state: State) -> State:
    # Another engine counts the lines of its log anew.
    return replace(state, now=change.at, opened_at=change.at, failure=None, log=())


@_apply.register
def _closed(change: Closed, state: State) -> State:
    return replace(state, now=change.at, open=False, failure=change.failure, checking=None)


@_apply.register
def _check_asked(change: CheckAsked, state: State) -> State:
    before = state.checking
    if before is None:
        return replace(state, checking=Checking(change.providers, len(change.providers), change.at))
    more = change.providers - before.waiting
    return replace(state, checking=replace(before, waiting=before.waiting | more, total=before.total + len(more)))


@_apply.register
def _check_done(change: CheckDone, state: State) -> State:
    return replace(state, checking=_without(state.checking, change.providers))


@_apply.register
def _examined(change: Examined, state: State) -> State:
    return replace(state, examination=change.examination)


def _without(checking: Checking | None, answered: frozenset[str]) -> Checking | None:
    """The round without those that answered; None once nobody is waited for."""
    if checking is None or not checking.waiting - answered:
        return None
    return replace(checking, waiting=checking.waiting - answered)


@_apply.register
def _content(change: ContentArrived, state: State) -> State:
    return _with_run(state, change.execution_id, lambda run: replace(run, text=(run.text + change.text)[:TEXT_KEPT]))


@_apply.register
def _report_read(change: ReportRead, state: State) -> State:
    report = change.report
    text = (report.result or {}).get("text")
    if isinstance(text, str) and len(text) > TEXT_KEPT:
        report = msgspec.structs.replace(report, result={**(report.result or {}), "text": text[:TEXT_KEPT]})
    reports = {key: value for key, value in state.reports.items() if key != report.execution_id}
    reports[report.execution_id] = report
    for old in list(reports)[: max(0, len(reports) - REPORTS_KEPT)]:
        del reports[old]
    return replace(state, reports=reports)


@_apply.register
def _older_read(change: OlderRead, state: State) -> State:
    known = {entry.execution_id for entry in (*state.recent, *state.older)}
    new = tuple(entry for entry in change.executions if entry.execution_id not in known)
    return replace(state, older=(*state.older, *new))


# --- the console's events -----------------------------------------------------------------------------------------


@_apply.register
def _started(event: events.ExecutionStarted, state: State) -> State:
    run = Run(
        event.execution_id,
        event.operation,
        event.category,
        event.at,
        event.providers,
        reference=event.reference if event.parent is None else None,
    )
    runs = {**state.runs, event.execution_id: run}
    for old in list(runs)[: max(0, len(runs) - RUNS_KEPT)]:
        del runs[old]
    return replace(state, runs=runs)


@_apply.register
def _attempt_started(event: events.AttemptStarted, state: State) -> State:
    underway = Underway(event.provider, event.attempt, event.at, event.delay_before_ms, event.timeout_ms)
    return _with_run(state, event.execution_id, lambda run: replace(run, underway=underway))


@_apply.register
def _attempt_ended(event: events.AttemptEnded, state: State) -> State:
    return _with_run(
        state,
        event.execution_id,
        lambda run: replace(run, underway=None, attempts=(*run.attempts, event.attempt)),
    )


@_apply.register
def _provider_left(event: events.ProviderLeft, state: State) -> State:
    left = Left(provider=event.provider, reason=event.reason)
    return _with_run(state, event.execution_id, lambda run: replace(run, left=(*run.left, left)))


@_apply.register
def _execution_ended(event: events.ExecutionEnded, state: State) -> State:
    report = event.report
    state = _with_run(state, report.execution_id, lambda run: replace(run, underway=None, report=report))
    for attempt in report.attempts:
        if attempt.status == "error":
            words = f"{report.operation} · {attempt.error_class or 'error'}"
            if attempt.absorbed and report.provider:
                words += f" · absorbed, {state.name_of(report.provider)} answered"
            state = _happened(state, Happening(event.at, attempt.provider, "request", words, HealthState.UNHEALTHY))
    return state


@_apply.register
def _checked(event: events.HealthChecked, state: State) -> State:
    return _many_checked(Checked((event,)), state)


@_apply.register
def _many_checked(change: Checked, state: State) -> State:
    kept = dict(state.checks)
    failed = []
    health = state.health
    made = [event.check.at for event in change.checks if event.check.passed is not None]
    if health is not None and made:
        health = msgspec.structs.replace(health, last_health_check=made[-1])
    for event in change.checks:
        check = event.check
        kept[check.provider] = (*kept.get(check.provider, ()), check)[-CHECKS_KEPT:]
        if check.passed is False:
            words = f"failed · {check.message or check.error_class or 'no answer'}"
            failed.append(Happening(event.at, check.provider, "check", words, check.state))
    return replace(
        state,
        health=health,
        checks=kept,
        checking=_without(state.checking, frozenset(event.check.provider for event in change.checks)),
        happenings=(*state.happenings, *failed)[-HAPPENINGS_KEPT:] if failed else state.happenings,
    )


@_apply.register
def _state_changed(event: events.ProviderStateChanged, state: State) -> State:
    return _happened(state, Happening(event.at, event.provider, "state", event.why, event.after))


@_apply.register
def _breaker(event: events.BreakerChanged, state: State) -> State:
    words = f"{event.before} › {event.after}"
    return _happened(state, Happening(event.at, event.provider, "breaker", words))


@_apply.register
def _reloaded(event: events.SettingsReloaded, state: State) -> State:
    state = replace(state, config_problem=None)
    return _happened(state, Happening(event.at, "console", "console", f"configuration {event.revision} in force"))


@_apply.register
def _rejected(event: events.SettingsRejected, state: State) -> State:
    state = replace(state, config_problem=event.problem)
    return _happened(state, Happening(event.at, "console", "console", event.problem, HealthState.UNHEALTHY))


@_apply.register
def _taken_back(event: events.SettingsTakenBack, state: State) -> State:
    words = f"{event.reason} was taken back · {event.why}"
    return _happened(state, Happening(event.at, "console", "console", words, HealthState.DEGRADED))


@_apply.register
def _catalog(event: events.CatalogChanged, state: State) -> State:
    words = " · ".join((f"{len(event.providers)} providers found", *event.problems))
    mark = HealthState.DEGRADED if event.problems else ""
    return _happened(state, Happening(event.at, "console", "console", words, mark))


@_apply.register
def _quarantined(event: events.PluginQuarantined, state: State) -> State:
    words = f"plugin put aside · {event.reason}"
    return _happened(state, Happening(event.at, event.plugin, "console", words, HealthState.UNHEALTHY))


@_apply.register
def _store_troubled(event: events.StoreTroubled, state: State) -> State:
    if state.store_problem is None:
        state = _happened(state, Happening(event.at, "console", "console", event.problem, HealthState.UNHEALTHY))
    return replace(state, store_problem=event.problem)


@_apply.register
def _store_recovered(event: events.StoreRecovered, state: State) -> State:
    state = _happened(state, Happening(event.at, "console", "console", "written again", HealthState.HEALTHY))
    return replace(state, store_problem=None)


@_apply.register
def _alert_fired(event: events.AlertFired, state: State) -> State:
    return replace(_with_alert(state, event.alert), rang=event)


@_apply.register
def _alert_changed(event: events.AlertChanged, state: State) -> State:
    before = next((alert.state for alert in state.alerts if alert.id == event.alert.id), None)
    state = _with_alert(state, event.alert)
    if before == "snoozed" and event.alert.state == "firing":
        # Whoever snoozed it asked to hear of it again.
        return replace(state, rang=events.AlertFired(at=event.at, alert=event.alert))
    return state


@_apply.register
def _alert_cleared(event: events.AlertCleared, state: State) -> State:
    return replace(_with_alert(state, event.alert), rang=event)


@_apply.register
def _alert_read(change: AlertRead, state: State) -> State:
    return _with_alert(state, change.alert)


def _with_alert(state: State, alert: AlertView) -> State:
    return replace(state, alerts=newest_first((alert, *state.alerts)))


def newest_first(alerts: Iterable[AlertView]) -> tuple[AlertView, ...]:
    """Each alert once, as it was named first; all that are open, and the newest of the others."""
    known: dict[str, AlertView] = {}
    for alert in alerts:
        known.setdefault(alert.id, alert)
    ordered = sorted(known.values(), key=lambda alert: (alert.fired_at, alert.id), reverse=True)
    ended = {alert.id for alert in ordered if alert.state == "cleared"}
    kept = {alert.id for alert in [each for each in ordered if each.id in ended][:ALERTS_KEPT]}
    return tuple(alert for alert in ordered if alert.id not in ended or alert.id in kept)


def _with_run(state: State, execution_id: str, change: Callable[[Run], Run]) -> State:
    run = state.runs.get(execution_id)
    return state if run is None else replace(state, runs={**state.runs, execution_id: change(run)})


def _happened(state: State, happening: Happening) -> State:
    return replace(state, happenings=(*state.happenings, happening)[-HAPPENINGS_KEPT:])
