"""What happened, as it happens. Events hold no content, no payload and no secret."""

from __future__ import annotations

import msgspec

from provider_console.console.views import AlertView, AttemptView, CheckView, ExecutionReport, HealthState


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True, rename="camel", gc=False):
    """Something happened at a wall time (seconds since 1970)."""

    at: float


class ExecutionStarted(Event, frozen=True, kw_only=True):
    """An execution began. `reference` is the operation's own."""

    execution_id: str
    operation: str
    category: str
    providers: tuple[str, ...]
    parent: str | None = None
    reference: str | None = None


class AttemptStarted(Event, frozen=True, kw_only=True):
    """A provider is being called."""

    execution_id: str
    provider: str
    attempt: int
    delay_before_ms: float
    timeout_ms: float


class AttemptEnded(Event, frozen=True, kw_only=True):
    """A call ended."""

    execution_id: str
    attempt: AttemptView


class ProviderLeft(Event, frozen=True, kw_only=True):
    """An execution went on from a provider."""

    execution_id: str
    provider: str
    reason: str


class ExecutionEnded(Event, frozen=True, kw_only=True):
    """An execution ended; the report leaves out the result."""

    report: ExecutionReport


class HealthChecked(Event, frozen=True, kw_only=True):
    """A provider was checked."""

    check: CheckView


class ProviderStateChanged(Event, frozen=True, kw_only=True):
    """A provider's state is another one now."""

    provider: str
    before: HealthState
    after: HealthState
    why: str


class BreakerChanged(Event, frozen=True, kw_only=True):
    """A breaker moved."""

    provider: str
    before: str
    after: str


class CatalogChanged(Event, frozen=True, kw_only=True):
    """Discovery found another set of providers, or a source fails or answers again."""

    providers: tuple[str, ...]
    problems: tuple[str, ...] = ()


class SettingsReloaded(Event, frozen=True, kw_only=True):
    """Another configuration is in force."""

    revision: str


class SettingsRejected(Event, frozen=True, kw_only=True):
    """The file changed and cannot be used; the last good one stays in force."""

    problem: str


class SettingsTakenBack(Event, frozen=True, kw_only=True):
    """A change on trial was taken back: nobody confirmed it in time, or it did harm."""

    reason: str
    why: str


class PluginQuarantined(Event, frozen=True, kw_only=True):
    """A plugin failed and was put aside."""

    plugin: str
    reason: str


class AlertFired(Event, frozen=True, kw_only=True):
    """Something needs somebody: a rule's condition held for as long as it says."""

    alert: AlertView


class AlertChanged(Event, frozen=True, kw_only=True):
    """An open alert was acknowledged or snoozed, or its snooze is over."""

    alert: AlertView


class AlertCleared(Event, frozen=True, kw_only=True):
    """An alert's condition is no longer true, for long enough to believe it."""

    alert: AlertView


class StoreTroubled(Event, frozen=True, kw_only=True):
    """Usage rows could not be written; they wait in memory, `dropped` of them were lost."""

    problem: str
    dropped: int


class StoreRecovered(Event, frozen=True, kw_only=True):
    """Usage rows are written again, those that waited too."""


class Gap(Event, frozen=True, kw_only=True):
    """A listener was too slow: `missed` events are gone, read everything anew."""

    missed: int
