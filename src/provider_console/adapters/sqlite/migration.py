"""Numbered SQL files bring a database to the version this console knows; `PRAGMA user_version` says where it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Final

from provider_console.adapters.sqlite.connection import connect_untouched
from provider_console.core.ports.store import StoreUnavailable

APPLICATION_ID: Final = 0x50436F6E
"""`PCon`: marks a database as this console's (https://sqlite.org/pragma.html#pragma_application_id)."""


def migrations(schema: str) -> tuple[tuple[int, str], ...]:
    """Version and SQL of each file in `schema/<schema>/`, in order."""
    folder = resources.files("provider_console.adapters.sqlite") / "schema" / schema
    found = [(int(file.name[:4]), file.read_text("utf-8")) for file in folder.iterdir() if file.name.endswith(".sql")]
    return tuple(sorted(found))


def statements(sql: str) -> Iterator[str]:
    """The statements of a script; a trigger is one."""
    statement = ""
    for line in sql.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def migrate(connection: sqlite3.Connection, schema: str) -> None:
    """Apply what is missing, each version in a transaction of its own, also when two processes start at once.

    Raises:
        sqlite3.Error: nothing of the failing version was applied.
    """
    for version, sql in migrations(schema):
        if _version(connection) >= version:
            continue
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _version(connection) < version:
                for statement in statements(sql):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def refuse_foreign(path: Path, schema: str, *, busy_ms: int) -> None:
    """Look at an existing file without changing a byte of it; wait so long for who has it locked.

    Raises:
        StoreUnavailable: it belongs to a newer console, or to another program.
        sqlite3.Error: it cannot be read.
    """
    if path.stat().st_size == 0:
        return
    with closing(connect_untouched(path, busy_ms=busy_ms)) as connection:
        version = _version(connection)
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    known = migrations(schema)[-1][0]
    if tables and application != APPLICATION_ID:
        raise StoreUnavailable(
            f"{path} cannot be used: it is another program's database; move it away, or set PROVIDER_CONSOLE_HOME"
        )
    if version > known:
        raise StoreUnavailable(
            f"{path} was written by a newer console (version {version}; this one knows {known}) and is left untouched: "
            "take a newer console, or set PROVIDER_CONSOLE_HOME to another folder"
        )


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)
