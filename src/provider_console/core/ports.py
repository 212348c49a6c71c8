"""What the engine needs from the world outside: time, storage, secrets, settings, HTTP.

Signatures only; `adapters` implements them for a real machine, `adapters.memory` in RAM for tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from provider_console.core.period import Span
from provider_console.core.rollup import Cell
from provider_console.core.settings import Settings
from provider_console.sdk.context import CredentialInfo, SettingsSection
from provider_console.sdk.http import HttpClient
from provider_console.sdk.provider import Network, Provider
from provider_console.sdk.secret import Secret


class Clock(Protocol):
    """Time. `monotonic` is for scheduling and always agrees with the running loop's time; `wall` is for display."""

    def monotonic(self) -> float:
        """Seconds since some moment, never going back."""
        ...

    def wall(self) -> float:
        """Seconds since 1970, UTC; may jump."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Ids(Protocol):
    """Names executions."""

    def new(self) -> str:
        """A new id: 26 characters, ordered by time (ULID)."""
        ...


# --- usage --------------------------------------------------------------------------------------------------


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


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `alerts`: an episode, from the moment it fired to the moment it cleared (None: it is open)."""

    id: str
    rule: str
    subject: str
    at: float
    title: str
    evidence: str
    first_try: str
    command: str | None = None
    cleared_at: float | None = None
    acknowledged_at: float | None = None
    acknowledged_by: str | None = None
    snoozed_until: float | None = None


class AlertStore(Protocol):
    """The alerts of one data directory. Methods raise `StoreUnavailable`."""

    async def alerts(self, *, only_open: bool = False, limit: int = 1000) -> Sequence[AlertRow]:
        """Newest first."""
        ...

    async def alert(self, alert_id: str) -> AlertRow | None:
        """One alert by its id."""
        ...

    async def open_alert(self, row: AlertRow) -> bool:
        """Keep a new one; False where one about the same rule and subject is open already."""
        ...

    async def clear_alert(self, alert_id: str, at: float) -> bool:
        """End one; False where it had ended."""
        ...

    async def acknowledge_alert(self, alert_id: str, *, at: float, by: str) -> None:
        """Somebody has seen it."""
        ...

    async def snooze_alert(self, alert_id: str, until: float | None) -> None:
        """Keep one quiet until a wall time; None: no longer."""
        ...


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration that is in force until a wall time, and taken back then unless somebody confirms it.

    `hash` names the text on trial, `before` is the whole text that comes back. `health` (None: unknown) and `covered`
    are how things were before. `orphaned`: the process that watched it is gone.
    """

    hash: str
    before: str
    author: str
    reason: str
    at: float
    until: float
    health: float | None = None
    covered: tuple[str, ...] = ()
    orphaned: bool = False


class TrialStore(Protocol):
    """The trial of one data directory, at most one. Methods raise `StoreUnavailable`."""

    async def begin_trial(self, trial: Trial, *, watched: bool) -> bool:
        """Remember what comes back, before anything is changed; False where another trial is under way.

        `watched`: this process keeps running, and takes it back on time.
        """
        ...

    async def trial(self) -> Trial | None:
        """The trial under way."""
        ...

    async def end_trial(self, trial_hash: str) -> bool:
        """Forget a trial; False where it was ended already."""
        ...


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


class StoreUnavailable(Exception):
    """A database could not be read or written; the message says which file, why, and what to do."""


# --- audit --------------------------------------------------------------------------------------------------


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the audit trail. `phase` is `intent` or `outcome`; an outcome names its intent in `refers_to`."""

    seq: int
    at: float
    actor: str
    role: str
    front_end: str
    action: str
    subject: str
    phase: Literal["intent", "outcome"]
    refers_to: int | None
    result: str
    """`pending` for an intent; then `done`, `failed`, `refused` or `cancelled`."""
    before: str | None
    after: str | None
    hash: str


class AuditVerdict(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What verification found. `broken_at` is the position (seq) of the first row that is wrong, None if none is."""

    ok: bool
    rows: int
    signed_up_to: int | None
    broken_at: int | None = None
    reason: str | None = None


class AuditStore(Protocol):
    """The audit file: append only, durable before it returns."""

    async def intend(
        self, *, actor: str, role: str, front_end: str, action: str, subject: str, before: str | None, after: str | None
    ) -> int:
        """Write what is about to happen; its seq, once it is on the disk.

        Raises:
            StoreUnavailable: it could not be made durable, so the effect must not happen.
        """
        ...

    async def conclude(self, seq: int, *, result: str, after: str | None = None) -> int:
        """Write how it ended."""
        ...

    async def rows(self, *, since: float = 0.0, limit: int = 200, before: int | None = None) -> Sequence[AuditRow]:
        """Newest first; `since` in wall seconds, `before` a seq: only rows that were written before that one."""
        ...

    async def verify(self) -> AuditVerdict:
        """Walk the whole chain and its signed heads."""
        ...

    async def writable(self) -> bool:
        """Whether a row could be written now, as far as can be told without writing one."""
        ...

    async def close(self) -> None:
        """Sign the head and close; calling it twice is fine."""
        ...


# --- secrets ------------------------------------------------------------------------------------------------


class SecretsUnavailable(Exception):
    """The keyring cannot do what was asked; the message says why and what to do."""


class SecretBackend(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where secrets are stored. `usable` False comes with a reason and what to do."""

    name: str
    usable: bool
    reason: str = ""


class SecretIndex(Protocol):
    """Names of stored credentials, their backend and ages: the `system_secrets` table. Never values."""

    async def secret_names(self) -> Mapping[str, tuple[str, float, float | None]]:
        """Name -> backend, stored at, last success at (wall seconds)."""
        ...

    async def secret_stored(self, name: str, backend: str, at: float) -> None:
        """Remember that a name was stored."""
        ...

    async def secret_used(self, name: str, at: float) -> None:
        """Remember a success with it."""
        ...

    async def secret_removed(self, name: str) -> None:
        """Forget a name."""
        ...


class SecretStore(Protocol):
    """Credentials by name: the keyring first, then the environment (read-only)."""

    def cached(self, name: str) -> Secret | None:
        """The value, if it is in memory already; never touches the keyring."""
        ...

    async def get(self, name: str) -> Secret | None:
        """The value, or None. At most 5 s; an unreachable keyring counts as absent."""
        ...

    async def names(self) -> tuple[str, ...]:
        """Names in the index, sorted."""
        ...

    async def info(self, name: str) -> CredentialInfo:
        """Presence, place and age."""
        ...

    async def set(self, name: str, value: Secret) -> None:
        """Store in the keyring.

        Raises:
            SecretsUnavailable: there is no keyring fit for it.
        """
        ...

    async def delete(self, name: str) -> bool:
        """Remove from the keyring and the index; False if it was not there.

        Raises:
            SecretsUnavailable: there is no keyring.
        """
        ...

    def used(self, name: str) -> None:
        """A call with it succeeded: noted in memory, written by `flush`."""
        ...

    async def flush(self) -> None:
        """Write what `used` noted to the index."""
        ...

    def forget(self, name: str | None = None) -> None:
        """Drop one value, or all of them, from memory."""
        ...

    async def backend(self) -> SecretBackend:
        """Where `set` would store."""
        ...


# --- access tokens ------------------------------------------------------------------------------------------


class TokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `tokens`: for whom, as what, until when; never the token itself. Times are wall seconds.

    `family` is the id of the first token of a line of renewals, `begun_at` when that one was issued. `key` names the
    key that signed it.
    """

    id: str
    family: str
    subject: str
    role: str
    key: str
    begun_at: float
    issued_at: float
    expires_at: float
    revoked_at: float | None = None


class TokenStore(Protocol):
    """The table of issued tokens. Methods raise `StoreUnavailable` where the database will not have it."""

    async def add(self, row: TokenRow) -> bool:
        """Keep a token that was issued, unless its line was ended meanwhile: False, and nothing is kept.

        Those that ended over a day ago are dropped.
        """
        ...

    async def rows(self) -> Sequence[TokenRow]:
        """Newest first."""
        ...

    async def revoke(self, family: str, at: float) -> int:
        """End a line of renewals; how many tokens of it nobody had revoked yet."""
        ...

    async def revoke_others(self, keys: Sequence[str], at: float) -> int:
        """End every token that none of these keys signed; how many had not ended yet."""
        ...


class TokenInvalid(Exception):
    """A token is none of ours, or none that counts; the reason is for the log and never for who sent it."""


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says of itself, its signature checked. `id` None: it is not from the table."""

    subject: str
    id: str | None
    expires_at: float


class TokenSigner(Protocol):
    """Makes tokens and knows its own again."""

    async def key(self) -> str:
        """The name of the key that signs now.

        Raises:
            SecretsUnavailable: there is no key, and no place for one.
        """
        ...

    async def sign(self, row: TokenRow) -> Secret:
        """The token of a row.

        Raises:
            SecretsUnavailable
        """
        ...

    async def verify(self, token: str) -> Claims:
        """What a token says.

        Raises:
            TokenInvalid: the form, the signature or a time is wrong. SecretsUnavailable: there is no key to ask.
        """
        ...

    async def rotate(self) -> Sequence[str]:
        """Sign with a new key from now on; the names of the keys that still count, the new one first.

        Raises:
            SecretsUnavailable: it cannot be stored.
        """
        ...


# --- settings -----------------------------------------------------------------------------------------------


class SettingsProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with a configuration. `line` and `column` count from 1; None where the place is not known."""

    message: str
    path: str = ""
    line: int | None = None
    column: int | None = None


class SettingsInvalid(Exception):
    """A configuration cannot be used; `problems` says all that is wrong, `file` where."""

    def __init__(self, file: str, problems: Sequence[SettingsProblem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        super().__init__("\n".join(_sentence(file, problem) for problem in problems))


def _sentence(file: str, problem: SettingsProblem) -> str:
    place = (
        "" if problem.line is None else f":{problem.line}" + ("" if problem.column is None else f":{problem.column}")
    )
    key = f"{problem.path}: " if problem.path else ""
    return f"{file}{place}: {key}{problem.message}"


class SettingsConflict(Exception):
    """Somebody else changed the configuration since it was read."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a value came from: `default`, `config.toml`, an environment name, or `command line`."""

    source: str
    line: int | None = None


class LoadedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings and where each value came from, by dotted key. `warnings` are sentences."""

    settings: Settings
    origins: Mapping[str, Origin]
    warnings: tuple[str, ...] = ()


class SettingValue(msgspec.Struct, frozen=True, kw_only=True):
    """One setting in force. `allowed` says in words what it may be."""

    key: str
    value: Any
    default: Any
    unit: str | None = None
    allowed: str = ""
    description: str = ""
    type: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str | int, ...] = ()


class SettingTable(msgspec.Struct, frozen=True, kw_only=True):
    """Tables of which there may be any number: each by its name where they are `named`, else one after the other.

    `fields` are the settings of one of them, by their keys within it, with their defaults as values.
    """

    key: str
    named: bool
    fields: tuple[SettingValue, ...]


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the configuration. `text` is the whole file."""

    id: int
    at: float
    author: str
    reason: str
    hash: str
    text: str
    valid: bool = True


class SettingsStore(Protocol):
    """The configuration file with its revisions."""

    async def load(self, sections: Sequence[SettingsSection]) -> LoadedSettings:
        """Read and validate the file, the environment and the command line.

        Raises:
            SettingsInvalid: it cannot be used.
        """
        ...

    def values(self, loaded: LoadedSettings, sections: Sequence[SettingsSection]) -> Sequence[SettingValue]:
        """Every setting in force by its dotted key."""
        ...

    def tables(self, sections: Sequence[SettingsSection]) -> Sequence[SettingTable]:
        """Every kind of table of which there may be any number."""
        ...

    async def changed(self) -> bool:
        """Whether the file differs (time of change, then hash) from what `load` last read."""
        ...

    async def text(self) -> tuple[str, str]:
        """The file as it is (empty where there is none), and the revision it has for `put`.

        Raises:
            SettingsInvalid: it is no text.
        """
        ...

    def validate(self, text: str, sections: Sequence[SettingsSection], *, file: str) -> LoadedSettings:
        """What the text would mean.

        Raises:
            SettingsInvalid: it could not be used.
        """
        ...

    async def put(
        self, text: str, sections: Sequence[SettingsSection], *, revision: str, author: str, reason: str
    ) -> LoadedSettings:
        """Validate and save atomically, if the file is still the one named by `revision`; keep a revision.

        Raises:
            SettingsInvalid, SettingsConflict, StoreUnavailable
        """
        ...

    async def edited(self, key: str, value: object, *, text: str | None = None) -> str:
        """The file's text, or the one given, with one dotted key set (None removes it), comments kept."""
        ...

    async def revisions(self, *, limit: int = 50) -> Sequence[Revision]:
        """Newest first."""
        ...


# --- the rest -----------------------------------------------------------------------------------------------


class HttpFactory(Protocol):
    """Makes clients. Nothing is imported or connected before the first request."""

    def client(self, *, network: Network, bearer: str | None = None) -> HttpClient:
        """A client held to a network; `bearer` names a credential for a source's own requests."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


class TracedExecution(msgspec.Struct, frozen=True, kw_only=True):
    """An execution that has ended, as others may follow it: no payload, no result.

    `parent`: it was a piece of it. `trace_parent`: the caller's own span, see `Operation`.
    """

    id: str
    kind: str
    category: str
    at: float
    elapsed_ms: float
    status: str
    provider: str | None = None
    parent: str | None = None
    request_id: str | None = None
    trace_parent: str | None = None
    attempts: tuple[AttemptRow, ...] = ()


class Mend(NamedTuple):
    """What is wrong, and the command that mends it."""

    problem: str
    command: str


class Telemetry(Protocol):
    """Tells a collector of executions, beside the work and never in its way."""

    @property
    def wanted(self) -> bool:
        """Whether there is a collector to tell."""
        ...

    def note(self, execution: TracedExecution) -> None:
        """An execution ended. Returns at once; where too many wait, the oldest is dropped."""
        ...

    async def run(self) -> None:
        """Send what is noted, until cancelled."""
        ...

    async def finish(self) -> None:
        """Send what still waits, within two seconds."""
        ...

    async def check(self) -> Mend | None:
        """Why nothing could be sent now; None where it could."""
        ...


class Bell(Protocol):
    """Runs a command of the user's."""

    async def ring(self, arguments: Sequence[str]) -> str | None:
        """Run a program with its arguments, never through a shell; why it failed, None where it did not."""
        ...


class LogRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log, without secrets. `seq` counts the lines of this process from 1, `at` is wall seconds."""

    seq: int
    at: float
    level: str
    source: str
    """The module that wrote it."""
    message: str
    traceback: str | None = None


class Journal(Protocol):
    """The newest lines of this console's log, from memory."""

    def rows(self, *, after: int = 0, limit: int = 200) -> Sequence[LogRow]:
        """Newest first; `after` a seq: only lines that were written after that one."""
        ...


class LockHolder(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever holds a lock; `pid` None where the system does not say."""

    pid: int | None = None


class Machine(Protocol):
    """What the doctor asks of the machine."""

    @property
    def data_folder(self) -> str:
        """Where the databases are."""
        ...

    @property
    def audit_file(self) -> str:
        """The audit trail's own file."""
        ...

    @property
    def lock_file(self) -> str:
        """The lock of the one console that checks."""
        ...

    async def free_bytes(self) -> int | None:
        """Room left for the databases; None where that cannot be said."""
        ...

    async def exposed(self) -> Sequence[str]:
        """The configuration or the folder of the databases, where other users of the machine may change it."""
        ...

    async def is_file(self, path: str) -> bool:
        """Whether a path names a file that can be read."""
        ...

    async def has_program(self, name: str) -> bool:
        """Whether a program of that name or path can be run."""
        ...

    async def prober(self) -> LockHolder | None:
        """Who else holds the lock of the one that checks; None where nobody does."""
        ...


class ProberLock(Protocol):
    """Held by the one process that probes for a data directory; the system frees it when that process dies."""

    def acquire(self) -> bool:
        """Try once, without waiting; True while held."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...


def jsonable(value: object) -> Any:
    """A value as plain JSON data; a type JSON does not know becomes its text."""
    return msgspec.to_builtins(value, enc_hook=str)
