"""Every store in RAM, for tests and simulations: no threads, no files, no real time.

What several processes would share on one machine is a value handed in (`MemoryDisk`, a lock's name): two stores on
one disk are two consoles on one data directory, and `crash` is kill -9.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from provider_console.adapters.memory_alerts import MemoryAlerts, MemoryBell
from provider_console.adapters.memory_history import MemoryHistory, MemoryPast, StoredExecution
from provider_console.adapters.memory_secrets import MemorySecrets
from provider_console.adapters.memory_settings import MemorySettings
from provider_console.adapters.sqlite.chain import genesis, row_hash
from provider_console.adapters.sqlite.rows import UNWRITTEN, bounded, message
from provider_console.core.ports.audit import AuditRow, AuditVerdict
from provider_console.core.ports.settings import Revision
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.time import Clock
from provider_console.core.ports.trials import Trial
from provider_console.core.ports.usage import (
    Absorbed,
    AttemptRow,
    CheckRow,
    ExecutionBegun,
    ExecutionRow,
    Memory,
    UsageRow,
)
from provider_console.core.rollup import cell_of
from provider_console.sdk.provider import Provider

__all__ = [
    "FixedIds",
    "MemoryAudit",
    "MemoryBell",
    "MemoryDisk",
    "MemoryLock",
    "MemorySecrets",
    "MemorySettings",
    "MemoryUsage",
]

log = logging.getLogger(__name__)

# --- ids and locks ------------------------------------------------------------------------------------------


class FixedIds:
    """Ids that repeat from run to run: 26 characters, ordered, the first one ends in 1."""

    def __init__(self, prefix: str = "01") -> None:
        self._prefix = prefix
        self._count = 0

    def new(self) -> str:
        """The next id."""
        self._count += 1
        return f"{self._prefix}{self._count:0{26 - len(self._prefix)}d}"


class MemoryLock:
    """A prober's lock among the consoles that share one `holders` list."""

    def __init__(self, holders: list[MemoryLock] | None = None) -> None:
        self._holders = [] if holders is None else holders

    def acquire(self) -> bool:
        """Try once; True while held."""
        if not self._holders:
            self._holders.append(self)
        return self._holders[0] is self

    def release(self) -> None:
        """Give it back; what another one holds stays his."""
        if self._holders and self._holders[0] is self:
            self._holders.clear()


# --- usage --------------------------------------------------------------------------------------------------


class MemoryDisk(MemoryPast):
    """What outlives a process: the tables of the usage database, and who is alive on them."""

    def __init__(self) -> None:
        super().__init__()
        self.providers: tuple[Provider, ...] = ()
        self.providers_at: float | None = None
        self.memories: dict[str, Memory] = {}
        self.secrets: dict[str, tuple[str, float, float | None]] = {}
        self.revisions: list[Revision] = []
        self.plugins: Mapping[str, tuple[str, str]] = {}
        self.trial: tuple[Trial, int | None] | None = None
        self.living: set[int] = set()
        self.owners = 0


class MemoryUsage(MemoryHistory, MemoryAlerts):
    """`UsageStore`, `SecretIndex` and revisions in RAM. Set `failure` to a sentence and every method raises it."""

    def __init__(self, disk: MemoryDisk | None = None) -> None:
        self.disk = MemoryDisk() if disk is None else disk
        self.failure: str | None = None
        self.notices: list[str] = []
        self.disk.owners += 1
        self._owner = self.disk.owners
        self.disk.living.add(self._owner)

    def _usable(self) -> MemoryDisk:
        if self.failure is not None:
            raise StoreUnavailable(self.failure)
        if self._owner not in self.disk.living:
            raise StoreUnavailable("the usage store is closed: this console is ending")
        return self.disk

    def _past(self) -> MemoryPast:
        return self._usable()

    def crash(self) -> None:
        """Die without a word."""
        self.disk.living.discard(self._owner)

    async def open(self) -> None:
        """Nothing to open, but it may fail.

        Raises:
            StoreUnavailable
        """
        self._usable()

    async def close(self) -> None:
        """Close; calling it twice is fine."""
        self.disk.living.discard(self._owner)

    async def write(self, rows: Sequence[UsageRow]) -> None:
        """Append rows, in order."""
        disk = self._usable()
        for row in rows:
            if isinstance(row, AttemptRow):
                disk.attempts.append(
                    msgspec.structs.replace(row, message=message(row.message), provider_code=message(row.provider_code))
                )
                disk.count(row, cell_of(row))
            elif isinstance(row, CheckRow):
                disk.checks.append(msgspec.structs.replace(row, message=message(row.message)))
            elif isinstance(row, Absorbed):
                disk.absorb(row.execution_id)
            elif isinstance(row, ExecutionBegun):
                begun = ExecutionRow(
                    id=row.id,
                    kind=row.kind,
                    category=row.category,
                    at=row.at,
                    status=None,
                    provider=None,
                    elapsed_ms=None,
                    report=None,
                )
                disk.executions.setdefault(row.id, StoredExecution(row=begun, owner=self._owner))
            elif row.id in disk.executions:
                execution = disk.executions[row.id]
                execution.row = msgspec.structs.replace(
                    execution.row,
                    status=row.status,
                    provider=row.provider,
                    elapsed_ms=row.elapsed_ms,
                    report=row.report,
                )

    async def abandon(self) -> tuple[str, ...]:
        """Mark executions that no living process owns and that have no end as `unknown_crashed`; their ids."""
        disk = self._usable()
        crashed = sorted(
            name
            for name, execution in disk.executions.items()
            if execution.row.status is None and execution.owner not in disk.living
        )
        for name in crashed:
            execution = disk.executions[name]
            execution.row = msgspec.structs.replace(execution.row, status="unknown_crashed")
        return tuple(crashed)

    async def executions(self, *, limit: int = 50, before: str | None = None) -> Sequence[ExecutionRow]:
        """Newest first; `before` is the id of the last one on the page before."""
        disk = self._usable()
        names = sorted((name for name in disk.executions if before is None or name < before), reverse=True)
        return [disk.executions[name].row for name in names[:limit]]

    async def execution(self, execution_id: str) -> ExecutionRow | None:
        """One execution by its id."""
        found = self._usable().executions.get(execution_id)
        return None if found is None else found.row

    async def attempts(
        self, *, provider: str | None = None, since: float = 0.0, limit: int = 1000
    ) -> Sequence[AttemptRow]:
        """Newest first; `since` in wall seconds."""
        # Reversed before a stable sort: of two rows at one moment the later written comes first.
        rows = self._usable().attempts[::-1]
        kept = [row for row in rows if provider in (None, row.provider) and row.at >= since]
        return sorted(kept, key=lambda row: -row.at)[:limit]

    async def checks(self, *, provider: str | None = None, since: float = 0.0, limit: int = 1000) -> Sequence[CheckRow]:
        """Newest first; `since` in wall seconds."""
        rows = self._usable().checks[::-1]
        kept = [row for row in rows if provider in (None, row.provider) and row.at >= since]
        return sorted(kept, key=lambda row: -row.at)[:limit]

    async def latest_checks(self) -> Mapping[str, CheckRow]:
        """The newest check of each provider."""
        latest: dict[str, CheckRow] = {}
        for row in self._usable().checks:
            if row.provider not in latest or row.at >= latest[row.provider].at:
                latest[row.provider] = row
        return dict(sorted(latest.items()))

    async def save_providers(self, providers: Sequence[Provider], at: float) -> None:
        """Replace the table of providers as last unified."""
        disk = self._usable()
        disk.providers, disk.providers_at = tuple(providers), at

    async def memories(self) -> Mapping[str, Memory]:
        """What is remembered of each provider."""
        return dict(sorted(self._usable().memories.items()))

    async def remember(self, memory: Memory) -> None:
        """Merge: fields that are None leave what is stored."""
        memories = self._usable().memories
        known = memories.get(memory.provider, Memory(provider=memory.provider))
        news = {name: value for name, value in msgspec.structs.asdict(memory).items() if value is not None}
        memories[memory.provider] = msgspec.structs.replace(known, **news)

    async def forget_descriptions(self) -> int:
        """Drop what providers said of themselves; how many were dropped."""
        memories = self._usable().memories
        described = [name for name, memory in memories.items() if memory.described is not None]
        for name in described:
            memories[name] = msgspec.structs.replace(memories[name], described=None, described_at=None)
        return len(described)

    async def plugins_seen(self) -> Mapping[str, tuple[str, str]]:
        """Package and version of each plugin at the last start; empty before the first one."""
        return self._usable().plugins

    async def see_plugins(self, plugins: Mapping[str, tuple[str, str]]) -> None:
        """Remember the plugins of this start."""
        self._usable().plugins = dict(plugins)

    async def secret_names(self) -> Mapping[str, tuple[str, float, float | None]]:
        """Name -> backend, stored at, last success at (wall seconds)."""
        return dict(sorted(self._usable().secrets.items()))

    async def secret_stored(self, name: str, backend: str, at: float) -> None:
        """Remember that a name was stored; its new value has not proved itself yet."""
        self._usable().secrets[name] = (backend, at, None)

    async def secret_used(self, name: str, at: float) -> None:
        """Remember a success with it; a name that is not stored is left out."""
        secrets = self._usable().secrets
        if name in secrets:
            backend, stored_at, _ = secrets[name]
            secrets[name] = (backend, stored_at, at)

    async def secret_removed(self, name: str) -> None:
        """Forget a name."""
        self._usable().secrets.pop(name, None)

    async def add_revision(
        self,
        *,
        at: float,
        author: str,
        reason: str,
        hash: str,  # noqa: A002  the field of Revision
        text: str,
        valid: bool = True,
    ) -> int:
        """Keep a version of the configuration; its id."""
        revisions = self._usable().revisions
        number = len(revisions) + 1
        revisions.append(Revision(id=number, at=at, author=author, reason=reason, hash=hash, text=text, valid=valid))
        return number

    async def revisions(self, *, limit: int = 50) -> Sequence[Revision]:
        """Newest first."""
        return self._usable().revisions[::-1][:limit]

    async def begin_trial(self, trial: Trial, *, watched: bool) -> bool:
        """Remember what comes back; False where another trial is under way."""
        disk = self._usable()
        if disk.trial is not None:
            return False
        disk.trial = trial, self._owner if watched else None
        return True

    async def trial(self) -> Trial | None:
        """The trial under way."""
        disk = self._usable()
        if disk.trial is None:
            return None
        trial, owner = disk.trial
        return msgspec.structs.replace(trial, orphaned=owner is not None and owner not in disk.living)

    async def end_trial(self, trial_hash: str) -> bool:
        """Forget a trial; False where it was ended already."""
        disk = self._usable()
        if disk.trial is None or disk.trial[0].hash != trial_hash:
            return False
        disk.trial = None
        return True

    async def newest_valid(self) -> Revision | None:
        """The last good configuration, if there ever was one."""
        return next((revision for revision in reversed(self._usable().revisions) if revision.valid), None)


# --- audit --------------------------------------------------------------------------------------------------


class MemoryAudit:
    """`AuditStore` in RAM, chained and unsigned. Set `failure` to a sentence and every method raises it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: list[AuditRow] = []
        self._closed = False
        self.failure: str | None = None
        self.notices: list[str] = []

    def _usable(self) -> list[AuditRow]:
        if self.failure is not None:
            raise StoreUnavailable(self.failure)
        if self._closed:
            raise StoreUnavailable("the audit trail is closed: this console is ending")
        return self._rows

    async def open(self) -> None:
        """Nothing to open, but it may fail.

        Raises:
            StoreUnavailable
        """
        self._usable()

    async def writable(self) -> bool:
        """Whether a row could be written now."""
        return self.failure is None and not self._closed

    async def intend(
        self, *, actor: str, role: str, front_end: str, action: str, subject: str, before: str | None, after: str | None
    ) -> int:
        """Write what is about to happen; its position.

        Raises:
            StoreUnavailable: the effect must not happen.
        """
        who = tuple(message(text) or "" for text in (actor, role, front_end, action, subject))
        return self._add(who, "intent", None, "pending", bounded(before), bounded(after))

    def conclude(self, seq: int, *, result: str, after: str | None = None) -> None:
        """Write how it ended."""
        try:
            intent = self._intent(seq)
        except (StoreUnavailable, LookupError) as error:
            log.error(UNWRITTEN, seq, error)  # noqa: TRY400 - a sentence for people
            return
        who = (intent.actor, intent.role, intent.front_end, intent.action, intent.subject)
        self._add(who, "outcome", seq, message(result) or "", None, bounded(after))

    def _intent(self, seq: int) -> AuditRow:
        rows = self._usable()
        if not 1 <= seq <= len(rows) or rows[seq - 1].phase != "intent":
            raise LookupError(f"the audit trail has no intent {seq}")
        return rows[seq - 1]

    def _add(
        self,
        who: Sequence[str],
        phase: Literal["intent", "outcome"],
        refers_to: int | None,
        result: str,
        before: str | None,
        after: str | None,
    ) -> int:
        rows = self._usable()
        seq, at = len(rows) + 1, self._clock.wall()
        previous = rows[-1].hash if rows else genesis("memory")
        digest = row_hash(previous, (seq, at, *who, phase, refers_to, result, before, after))
        actor, role, front_end, action, subject = who
        rows.append(
            AuditRow(
                seq=seq,
                at=at,
                actor=actor,
                role=role,
                front_end=front_end,
                action=action,
                subject=subject,
                phase=phase,
                refers_to=refers_to,
                result=result,
                before=before,
                after=after,
                hash=digest,
            )
        )
        return seq

    async def rows(self, *, since: float = 0.0, limit: int = 200, before: int | None = None) -> Sequence[AuditRow]:
        """Newest first; `since` in wall seconds, `before` a seq."""
        rows = [row for row in reversed(self._usable()) if row.at >= since]
        return [row for row in rows if before is None or row.seq < before][:limit]

    async def verify(self) -> AuditVerdict:
        """Walk the chain."""
        previous = genesis("memory")
        rows = self._usable()
        for seq, row in enumerate(rows, 1):
            *values, found = msgspec.structs.astuple(row)
            if values[0] != seq or found != row_hash(previous, values):
                reason = f"row {seq} is not what was written"
                return AuditVerdict(ok=False, rows=len(rows), signed_up_to=None, broken_at=seq, reason=reason)
            previous = found
        return AuditVerdict(ok=True, rows=len(rows), signed_up_to=None)

    async def close(self) -> None:
        """Close; calling it twice is fine."""
        self._closed = True
