"""What happened, as rows, and where they are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from provider_console.core.period import Span
from provider_console.core.ports.alerts import AlertStore
from provider_console.core.ports.trials import TrialStore
from provider_console.core.rollup import Cell
from provider_console.sdk.provider import Provider


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `provider_usage_analytics`. Times are wall seconds, durations milliseconds."""

    execution_id: str
    provider: str
    kind: str
    category: str
    attempt: int
    at: float
    duration_ms: float
    timeout_ms: float
    delay_before_ms: float
    ok: bool
    absorbed: bool
    counted: float
    error_class: str | None = None
    http_status: int | None = None
    provider_code: str | None = None
    message: str | None = None
    retry_after_ms: float | None = None
    model: str | None = None
    units: Mapping[str, float] = {}
    cost: float | None = None
    first_content_ms: float | None = None
    """When the first content of a stream came; None: there was none."""
    first: bool = True
    """Whether its execution began with it."""
    warm_up_ms: float = 0.0
    """For how long the provider made itself ready."""

    @property
    def latency_ms(self) -> float:
        """What counts as latency where it succeeded: of a stream until its first content, and never a warm-up."""
        whole_ms = self.duration_ms if self.first_content_ms is None else self.first_content_ms
        return max(whole_ms - self.warm_up_ms, 0.0)


class ExecutionBegun(msgspec.Struct, frozen=True, kw_only=True):
    """An execution started; without an `ExecutionEnded` at the next start it becomes `unknown_crashed`."""

    id: str
    kind: str
    category: str
    at: float
    parent: str | None = None


class ExecutionEnded(msgspec.Struct, frozen=True, kw_only=True):
    """An execution ended. `report` is the report as JSON, without result and payload."""

    id: str
    status: str
    provider: str | None
    elapsed_ms: float
    report: bytes


HealthEvent = Literal["went_down", "recovered", "degraded", "credential_missing"]


class CheckRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `system_health_checks`. `out_ms` is how long the provider had been down, on the row that says so."""

    provider: str
    at: float
    state: str
    passed: bool | None
    """None: the probe could not be built, so nothing is known."""
    score: float | None = None
    rung: str | None = None
    latency_ms: float | None = None
    error_class: str | None = None
    message: str | None = None
    event: HealthEvent | None = None
    out_ms: float | None = None
    manual: bool = False


class Absorbed(msgspec.Struct, frozen=True, kw_only=True):
    """An execution succeeded after failed attempts of it had been written: they were absorbed.

    `since` is its start (wall seconds); none of its attempts is older.
    """

    execution_id: str
    since: float


UsageRow = AttemptRow | ExecutionBegun | ExecutionEnded | Absorbed | CheckRow


class ExecutionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored execution. `report` None while it runs (or crashed)."""

    id: str
    kind: str
    category: str
    at: float
    status: str | None
    provider: str | None
    elapsed_ms: float | None
    report: bytes | None


class Rollup(msgspec.Struct, frozen=True, gc=False):
    """The attempts of one provider, category and kind in the minute, hour or day that begins at `at`."""

    provider: str
    category: str
    kind: str
    at: int
    cell: Cell


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """From when on (wall seconds) everything is still there; 0: nothing was ever deleted.

    `attempts` is also how far minutes, checks and executions go back, `rollups` hours and days.
    """

    attempts: float = 0.0
    rollups: float = 0.0


class OutageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of checks that found a provider down. Times are wall seconds by the clock of their moment.

    `ended` None: no later check found it in another state; `last_seen` is the last check that found it down.
    `unwatched_s` is how much of it nobody looked: the console was off, the machine asleep, or its clock was put on.
    """

    provider: str
    started: float
    last_seen: float
    ended: float | None
    after: str | None
    """The state that it was found in then."""
    unwatched_s: float
    error_class: str | None
    message: str | None


class CheckCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Checks of one provider in a period; those that could not be made are in neither."""

    passed: int
    failed: int


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What the database remembers of a provider between runs.

    `enabled` is the administrator's switch (None: never touched). `described` is what the provider last said
    of itself, as JSON of `sdk.Description`, at `described_at` (wall seconds).
    """

    provider: str
    enabled: bool | None = None
    described: bytes | None = None
    described_at: float | None = None


class UsageStore(AlertStore, TrialStore, Protocol):
    """The usage database. Methods raise `StoreUnavailable` where the disk or the file will not have it."""

    @property
    def notices(self) -> Sequence[str]:
        """Sentences about what happened when it was opened, such as a damaged file that was set aside."""
        ...

    async def write(self, rows: Sequence[UsageRow]) -> None:
        """Append rows in one transaction, in order."""
        ...

    async def abandon(self) -> tuple[str, ...]:
        """Mark executions that no living process owns and that have no end as `unknown_crashed`; their ids."""
        ...

    async def executions(self, *, limit: int = 50, before: str | None = None) -> Sequence[ExecutionRow]:
        """Newest first."""
        ...

    async def execution(self, execution_id: str) -> ExecutionRow | None:
        """One execution by its id."""
        ...

    async def attempts(
        self, *, provider: str | None = None, since: float = 0.0, limit: int = 1000
    ) -> Sequence[AttemptRow]:
        """Newest first; `since` in wall seconds."""
        ...

    async def checks(self, *, provider: str | None = None, since: float = 0.0, limit: int = 1000) -> Sequence[CheckRow]:
        """Newest first; `since` in wall seconds."""
        ...

    async def latest_checks(self) -> Mapping[str, CheckRow]:
        """The newest check of each provider."""
        ...

    async def plugins_seen(self) -> Mapping[str, tuple[str, str]]:
        """Package and version of each plugin at the last start; empty before the first one."""
        ...

    async def see_plugins(self, plugins: Mapping[str, tuple[str, str]]) -> None:
        """Remember the plugins of this start."""
        ...

    async def save_providers(self, providers: Sequence[Provider], at: float) -> None:
        """Replace the table of providers as last unified."""
        ...

    async def memories(self) -> Mapping[str, Memory]:
        """What is remembered of each provider."""
        ...

    async def remember(self, memory: Memory) -> None:
        """Merge: fields that are None leave what is stored."""
        ...

    async def forget_descriptions(self) -> int:
        """Drop what providers said of themselves; how many were dropped."""
        ...

    async def rollups(
        self,
        spans: Sequence[Span],
        *,
        providers: Sequence[str] = (),
        category: str | None = None,
        kind: str | None = None,
    ) -> Sequence[Rollup]:
        """Roll-ups of everything that was written, by provider; without `providers`, of all of them."""
        ...

    async def rebuild_rollups(self) -> None:
        """Make roll-ups anew from the attempts that are kept; those of older ones stay as they are."""
        ...

    async def outages(self, *, provider: str | None, since: float, until: float, gap_s: float) -> Sequence[OutageRow]:
        """Outages that touch a period, newest first. No check for `gap_s`: nobody looked meanwhile."""
        ...

    async def check_counts(self, *, provider: str | None, since: float, until: float) -> Mapping[str, CheckCounts]:
        """How many checks of each provider passed and failed in a period."""
        ...

    async def kept(self) -> Kept:
        """How far back records go."""
        ...

    async def prune(self, before: float, *, rollups_before: float | None = None) -> int:
        """Delete attempts, minutes, checks and executions older than a wall time; how many, without roll-ups.

        Hours and days are deleted before `rollups_before`, or stay.
        """
        ...

    async def shrink(self, most_bytes: int) -> int:
        """Where the database is larger, delete the oldest records, a day at a time, until it is not; how many rows."""
        ...

    async def close(self) -> None:
        """Flush and close; calling it twice is fine."""
        ...
