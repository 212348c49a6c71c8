"""What went wrong with a database, in a sentence that says which file, why, and what to do."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from provider_console.core.ports.store import StoreUnavailable


class Damaged(Exception):
    """The file is not a database any more, or not a whole one; it is set aside and never seen outside."""


class Gone(StoreUnavailable):
    """The file was removed or replaced while it was open: what is written into it, nobody will ever read."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} was removed or replaced while this console had it open; try again, in a new one")


_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

ROOM_BYTES: Final = 64 * 1024
"""Less is a full disk: SQLite's shared memory alone takes half of it."""

_FULL: Final = "the disk is full; free some space and try again"
_READ_ONLY: Final = "it may not be written; give yourself write access to the file and its folder"
_LOCKED: Final = "another program has kept it locked for too long; close what else has the file open"
_BROKEN_DISK: Final = "the disk failed to read or write; look at the system's log and at the disk"
_DAMAGED: Final = "the file is damaged; restart the console, which sets it aside and saves what can be read"

# Primary result codes, https://sqlite.org/rescode.html
_SQLITE: Final = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; see that its folder exists and that you may write there",
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_IOERR: _BROKEN_DISK,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}
_SYSTEM: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.EIO: _BROKEN_DISK,
    errno.ELOOP: "it is a symbolic link, which is not followed; put the file itself there",
}


def is_damage(error: sqlite3.Error) -> bool:
    """The error says that the file itself is broken."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGE


def is_locked(error: Exception) -> bool:
    """The error says that another program has the file locked."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _BUSY


def check(connection: sqlite3.Connection) -> None:
    """Read the whole file and see that it is in order.

    Raises:
        Damaged: it is not.
        sqlite3.Error: it is not even readable.
    """
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise Damaged(str(verdict).splitlines()[0])


def unavailable(path: Path, error: sqlite3.Error | OSError) -> StoreUnavailable:
    """The exception for a failure with a database file."""
    if isinstance(error, OSError):
        reason = _SYSTEM.get(
            error.errno or 0, f"{error.strerror or type(error).__name__}; see that its folder is usable"
        )
    else:
        code = getattr(error, "sqlite_errorcode", None)
        # The text of an unforeseen SQLite error names tables and columns, never a value.
        reason = _SQLITE.get(-1 if code is None else code & 0xFF, f"SQLite says: {error}")
        if reason is _BROKEN_DISK and _is_full(path):
            # What SQLite says where no room is left for what it keeps beside the file.
            reason = _FULL
    return StoreUnavailable(f"{path} cannot be used: {reason}")


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < ROOM_BYTES
    except OSError:
        return False
