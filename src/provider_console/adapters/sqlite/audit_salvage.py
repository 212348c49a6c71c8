"""Saves the part of a damaged audit trail that still proves itself, and writes into it what is missing."""

from __future__ import annotations

import contextlib
import sqlite3
from functools import partial
from pathlib import Path
from typing import Final

from provider_console.adapters.sqlite import trail
from provider_console.adapters.sqlite.chain import FIELDS, genesis, row_hash
from provider_console.adapters.sqlite.connection import transact
from provider_console.adapters.sqlite.rows import placeholders

_READ: Final = f"SELECT {FIELDS}, hash FROM audit_log ORDER BY seq"  # noqa: S608 - names are ours, values are bound
_WRITE: Final = f"INSERT INTO audit_log ({FIELDS}, hash) VALUES ({placeholders(FIELDS)}, ?)"  # noqa: S608 - names are ours, values are bound


def salvage_trail(
    old: sqlite3.Connection, new: sqlite3.Connection, aside: Path, *, at: float, key: bytes | None
) -> str:
    """Copy the rows up to the first that is not what was written, with their hashes; then a row that says so.

    Nothing after that row is copied: what does not prove itself must not look as if it did.
    """
    old.text_factory = lambda raw: str(raw, "utf-8", "surrogateescape")
    saved = transact(partial(_copy, old, aside, at, key), new)
    return "none of its rows proves itself" if not saved else f"its first {saved} rows were saved"


def _copy(old: sqlite3.Connection, aside: Path, at: float, key: bytes | None, new: sqlite3.Connection) -> int:
    count, spoken = 0, "an unknown number of"
    with contextlib.suppress(sqlite3.Error):
        stored = trail.head(old)
        if stored is not None:
            spoken = str(stored.seq)
            previous = genesis(stored.trail)
            try:
                for row in old.execute(_READ):
                    if row[0] != count + 1 or row[-1] != row_hash(previous, row[:-1]):
                        break
                    new.execute(_WRITE, row)
                    count, previous = row[0], row[-1]
            finally:
                trail.save(new, trail.Head(trail=stored.trail, seq=count, hash=previous, signature=None), key)
            trail.copy_checkpoints(old, new, count)
    wrong = f"the file was damaged; {count} of {spoken} rows are here, all that could be read is in {aside.name}"
    trail.append([], at, key, new, wrong=wrong)
    return count
