"""Walks the audit trail from its first row to its signed head, and says where it first is not what was written."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from provider_console.adapters.sqlite.chain import CHECKPOINT, FIELDS, Value, genesis, row_hash, signed
from provider_console.adapters.sqlite.trail import BREAK, Head, end, fault
from provider_console.core.ports.audit import AuditVerdict

CHUNK: Final = 25
"""Rows a step: a quarter of a millisecond of Python, so that the event loop is not kept waiting."""

_ROWS: Final = f"SELECT {FIELDS}, hash FROM audit_log WHERE seq >= ? ORDER BY seq LIMIT {CHUNK}"  # noqa: S608 - names are ours, values are bound
_LAST: Final = f"SELECT {FIELDS}, hash FROM audit_log ORDER BY seq DESC LIMIT {CHECKPOINT + 1}"  # noqa: S608 - names are ours, values are bound
_ACTION: Final = FIELDS.split(", ").index("action")
_AFTER: Final = FIELDS.split(", ").index("after")


def end_fault(connection: sqlite3.Connection, key: bytes | None) -> str | None:
    """What is wrong with the last rows of a trail and its head; None if nothing is. For the start: it is quick."""
    rows = connection.execute(_LAST).fetchall()[::-1]
    for before, row in itertools.pairwise(rows):
        if row[0] != before[0] + 1 or row[-1] != row_hash(before[-1], row[:-1]):
            return f"row {before[0] + 1} is not what was written"
    return fault(*end(connection), key)


class Verification:
    """One walk over one snapshot of a trail; call `step` until it gives a verdict.

    Without a key nothing counts as signed.
    """

    def __init__(self, key: bytes | None) -> None:
        self._key = key
        self._head: Head | None = None
        self._last: tuple[int, str] | None = None
        self._signatures: dict[Value, tuple[Value, Value]] = {}
        self._previous = ""
        self._next = 1
        self._started = False
        self._signed_up_to: int | None = None
        self._break: tuple[int, str] | None = None
        self._rows = 0

    def step(self, connection: sqlite3.Connection) -> AuditVerdict | None:
        """Look at the next rows; the verdict once there is one. To be called in a thread."""
        try:
            if not self._started:
                self._start(connection)
            rows = connection.execute(_ROWS, (self._next,)).fetchall()
            for row in rows:
                wrong = self._row(row)
                if wrong is not None:
                    return self._broken(*wrong)
            return self._end() if len(rows) < CHUNK else None
        except sqlite3.DatabaseError as error:
            return self._broken(self._next, f"the file cannot be read from row {self._next} on: {error}")

    def _start(self, connection: sqlite3.Connection) -> None:
        # Bytes that are no text must stay what they are: replaced, two different ones would look the same.
        connection.text_factory = lambda raw: str(raw, "utf-8", "surrogateescape")
        if not connection.in_transaction:
            connection.execute("BEGIN")
        self._head, self._last = end(connection)
        (self._rows,) = connection.execute("SELECT count(*) FROM audit_log").fetchone()
        found = connection.execute("SELECT seq, hash, signature FROM audit_signatures ORDER BY seq")
        self._signatures = {seq: (hash_then, mark) for seq, hash_then, mark in found}
        self._previous = genesis(self._head.trail) if self._head is not None else ""
        self._started = True
        (lowest,) = connection.execute("SELECT min(seq) FROM audit_log").fetchone()
        self._next = min(1, lowest if lowest is not None else 1)

    def _row(self, row: Sequence[Any]) -> tuple[int, str] | None:
        seq, *_, found = row
        expected = max(self._next, 1)
        if seq < 1:
            return seq, f"row {seq} was put before the first one"
        if seq != expected:
            return expected, f"row {expected} is missing"
        if found != row_hash(self._previous, row[:-1]):
            return seq, f"row {seq} is not what was written, or the row before it was exchanged"
        wrong = self._checkpoint(seq, found)
        if wrong is not None:
            return wrong
        if self._break is None and row[_ACTION] == BREAK:
            self._break = seq, f"the console itself found the trail broken here: {row[_AFTER]}"
        self._previous, self._next = found, seq + 1
        return None

    def _checkpoint(self, seq: int, hash_now: str) -> tuple[int, str] | None:
        mark = self._signatures.pop(seq, None)
        if mark is None:
            return None
        since = (self._signed_up_to or 0) + 1
        if mark[0] != hash_now:
            return since, f"rows {since} to {seq} are not those that were signed"
        if self._key is not None and self._head is not None:
            if not signed(self._key, "checkpoint", self._head.trail, seq, hash_now, mark[1]):
                return since, f"the signature over rows {since} to {seq} was not made with this key"
            self._signed_up_to = seq
        return None

    def _end(self) -> AuditVerdict:
        if self._break is not None:
            return self._broken(*self._break)
        count = self._next - 1
        wrong = fault(self._head, self._last, self._key)
        if wrong is not None:
            spoken = 0 if self._head is None else self._head.seq
            # Rows beyond the head were added by somebody else, rows short of it were cut off.
            return self._broken(min(spoken, count) + 1, wrong)
        if self._signatures:
            return self._broken(count + 1, f"rows after {count} were signed and are missing")
        if self._key is not None and self._head is not None and self._head.signature is not None and count:
            self._signed_up_to = count
        reason = None
        if self._key is None:
            reason = "unsigned: there is no key to check signatures with" if count else None
        elif (self._signed_up_to or 0) < count:
            reason = f"rows {(self._signed_up_to or 0) + 1} to {count} are unsigned"
        return AuditVerdict(ok=True, rows=count, signed_up_to=self._signed_up_to, reason=reason)

    def _broken(self, position: int, reason: str) -> AuditVerdict:
        return AuditVerdict(
            ok=False, rows=self._rows, signed_up_to=self._signed_up_to, broken_at=position, reason=reason
        )
