"""Saves the rows of a damaged database that can still be read."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from provider_console.adapters.sqlite import rollups
from provider_console.adapters.sqlite.connection import transact


def salvage_tables(old: sqlite3.Connection, new: sqlite3.Connection, aside: Path) -> str:  # noqa: ARG001 - that of the audit trail needs it
    """Copy every table's readable rows; rows that the new schema refuses are left behind."""
    old.text_factory = lambda raw: str(raw, "utf-8", "replace")
    saved = 0
    for (table,) in new.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"):
        with contextlib.suppress(sqlite3.Error):
            saved += _copy(table, old, new)
    # What was folded of which attempts is not known any more: roll-ups are made anew as far back as attempts go.
    new.execute("UPDATE usage_rollup_state SET pruned = coalesce((SELECT min(at) FROM provider_usage_analytics), 0)")
    transact(rollups.rebuild, new)
    return "nothing in it could be read" if not saved else f"{saved} of its rows were saved"


def _copy(table: str, old: sqlite3.Connection, new: sqlite3.Connection) -> int:
    columns = [row[1] for row in new.execute(f"PRAGMA table_info({table})")]
    there = {row[1] for row in old.execute(f"PRAGMA table_info({table})")}
    shared = ", ".join(column for column in columns if column in there)
    if not shared:
        return 0
    insert = f"INSERT OR IGNORE INTO {table} ({shared}) VALUES ({', '.join('?' * (shared.count(',') + 1))})"  # noqa: S608 - names are ours, values are bound

    def copy(connection: sqlite3.Connection) -> int:
        before = connection.total_changes
        connection.executemany(insert, (row[1:] for row in _readable(table, shared, old)))
        return connection.total_changes - before

    return transact(copy, new)


def _readable(table: str, columns: str, old: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Rows with their rowid: from the start up to the damage, then from the end back to it."""
    last = -(2**63)
    for order in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.Error):
            for row in old.execute(
                f"SELECT rowid, {columns} FROM {table} WHERE rowid > ? ORDER BY rowid {order}",  # noqa: S608 - names are ours, values are bound
                (last,),
            ):
                if order == "ASC":
                    last = row[0]
                yield row
            return
