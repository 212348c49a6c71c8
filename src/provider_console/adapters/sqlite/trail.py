"""Appending to the audit trail, inside one transaction that reads where the chain ends."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from provider_console.adapters.sqlite.chain import CHECKPOINT, FIELDS, Value, genesis, row_hash, signature, signed
from provider_console.adapters.sqlite.connection import insert

BREAK: Final = "audit.break"
"""The action of a row that the console writes itself where the chain it finds is not the one that was left."""

UNSIGNED: Final = "audit.unsigned"
"""The action of a row that says which rows before it were written while no key could be had."""

_ROWS: Final = f"INSERT INTO audit_log ({FIELDS}, hash)"
_INTENT: Final = "SELECT actor, role, front_end, action, subject FROM audit_log WHERE seq = ? AND phase = 'intent'"
_HEAD: Final = "SELECT trail, seq, hash, signature FROM audit_head WHERE id = 1"
_END: Final = (
    "SELECT head.trail, head.seq, head.hash, head.signature, last.seq, last.hash FROM (SELECT 1) "
    "LEFT JOIN audit_head head ON head.id = 1 "
    "LEFT JOIN (SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1) last"
)
_NEW_HEAD: Final = (
    "INSERT INTO audit_head (id, trail, seq, hash, signature) VALUES (1, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
    "SET trail = excluded.trail, seq = excluded.seq, hash = excluded.hash, signature = excluded.signature"
)
_CHECKPOINT: Final = "INSERT OR IGNORE INTO audit_signatures (seq, hash, signature) VALUES (?, ?, ?)"


Who = tuple[str, str, str, str, str]
"""Actor, role, front end, action and subject of an intent."""


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What is about to happen."""

    at: float
    actor: str
    role: str
    front_end: str
    action: str
    subject: str
    before: str | None
    after: str | None

    @property
    def who(self) -> Who:
        """Who does what to what."""
        return self.actor, self.role, self.front_end, self.action, self.subject


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How an intent ended."""

    at: float
    refers_to: int
    result: str
    after: str | None
    who: Who | None = None
    """Whose intent it was and for what, where the writer still knows; it is read from the file otherwise."""


Entry = Intent | Outcome


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Where the chain ends."""

    trail: str
    seq: int
    hash: str
    signature: Value


def head(connection: sqlite3.Connection) -> Head | None:
    """The head as it is stored; None in a new file."""
    found = connection.execute(_HEAD).fetchone()
    return None if found is None else Head(trail=found[0], seq=found[1], hash=found[2], signature=found[3])


def end(connection: sqlite3.Connection) -> tuple[Head | None, tuple[int, str] | None]:
    """The stored head, and position and hash of the last row; each None where there is none.

    By one statement: after each the thread waits for Python's lock anew.
    """
    trail, seq, hash_at_seq, mark, last, last_hash = connection.execute(_END).fetchone()
    stored = None if trail is None else Head(trail=trail, seq=seq, hash=hash_at_seq, signature=mark)
    return stored, None if last is None else (last, last_hash)


def fault(stored: Head | None, last: tuple[int, str] | None, key: bytes | None) -> str | None:
    """Why the end of the chain is not the one that was left; None if it is."""
    if stored is None:
        return None if last is None else f"the head is gone, {last[0]} rows are there"
    if last is None:
        return None if stored.seq == 0 else f"the head speaks of {stored.seq} rows, none is there"
    if stored.seq != last[0]:
        return f"the head speaks of {stored.seq} rows, the last one there is {last[0]}"
    if stored.hash != last[1]:
        return f"row {last[0]} is not the one the head speaks of"
    if (
        key is not None
        and stored.signature is not None
        and not signed(key, "head", stored.trail, stored.seq, stored.hash, stored.signature)
    ):
        return f"the head's signature over {stored.seq} rows was not made with this key"
    return None


def append(
    entries: Sequence[Entry], at: float, key: bytes | None, connection: sqlite3.Connection, *, wrong: str | None = None
) -> list[int | LookupError]:
    """Add entries in order, each with its position or the reason why it has none; inside a transaction.

    A chain that does not end as it was left is not mended: a row of its own says so first, so that new signatures
    never cover it up.
    """
    stored, last = end(connection)
    wrong = wrong or fault(stored, last, key)
    trail = secrets.token_hex(16) if stored is None else stored.trail
    seq, previous = last or (0, genesis(trail))
    rows: list[tuple[Any, ...]] = []

    def add(*fields: Value) -> int:
        nonlocal seq, previous
        seq += 1
        previous = row_hash(previous, (seq, *fields))
        rows.append((seq, *fields, previous))
        return seq

    if wrong is not None:
        add(at, "provider-console", "system", "engine", BREAK, f"row {seq + 1}", "outcome", None, "failed", None, wrong)
    elif key is not None and stored is not None and stored.signature is None and stored.seq > 0:
        subject = f"rows up to {stored.seq}"
        add(at, "provider-console", "system", "engine", UNSIGNED, subject, "outcome", None, "done", None, None)
    done = [_add(entry, add, connection) for entry in entries]
    insert(connection, _ROWS, rows)
    if key is not None:
        for row in rows:
            if row[0] % CHECKPOINT == 0:
                mark = signature(key, "checkpoint", trail, row[0], row[-1])
                connection.execute(_CHECKPOINT, (row[0], row[-1], mark))
    save(connection, Head(trail=trail, seq=seq, hash=previous, signature=None), key)
    return done


def _add(entry: Entry, add: Callable[..., int], connection: sqlite3.Connection) -> int | LookupError:
    if isinstance(entry, Intent):
        return add(entry.at, *entry.who, "intent", None, "pending", entry.before, entry.after)
    intent = entry.who or connection.execute(_INTENT, (entry.refers_to,)).fetchone()
    if intent is None:
        return LookupError(f"the audit trail has no intent {entry.refers_to}")
    return add(entry.at, *intent, "outcome", entry.refers_to, entry.result, None, entry.after)


def checkpoint(key: bytes, connection: sqlite3.Connection) -> None:
    """Sign the end of the chain so that the signature stays; inside a transaction."""
    stored, last = end(connection)
    # A head that this process would not trust is not signed either.
    if stored is None or stored.seq == 0 or fault(stored, last, key) is not None:
        return
    mark = signature(key, "checkpoint", stored.trail, stored.seq, stored.hash)
    connection.execute(_CHECKPOINT, (stored.seq, stored.hash, mark))
    save(connection, stored, key)


def copy_checkpoints(old: sqlite3.Connection, new: sqlite3.Connection, up_to: int) -> None:
    """Take over the signatures that stay, up to a position."""
    found = old.execute("SELECT seq, hash, signature FROM audit_signatures WHERE seq <= ?", (up_to,)).fetchall()
    new.executemany(_CHECKPOINT, found)


def save(connection: sqlite3.Connection, new: Head, key: bytes | None) -> None:
    """Write where the chain ends, signed where there is a key; inside a transaction."""
    mark = None if key is None else signature(key, "head", new.trail, new.seq, new.hash)
    connection.execute(_NEW_HEAD, (new.trail, new.seq, new.hash, mark))
