"""The audit trail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec


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
    """The audit file: append only."""

    async def intend(
        self, *, actor: str, role: str, front_end: str, action: str, subject: str, before: str | None, after: str | None
    ) -> int:
        """Write what is about to happen; its seq, once it is on the disk.

        Raises:
            StoreUnavailable: it could not be made durable, so the effect must not happen.
        """
        ...

    def conclude(self, seq: int, *, result: str, after: str | None = None) -> None:
        """Leave how it ended, in a store that is open: to be written before anything reads, within moments, at the end.

        Nobody waits for it, so nobody's cancel loses it. Where it cannot be written the log says so, and the intent
        without an outcome says as much.
        """
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
