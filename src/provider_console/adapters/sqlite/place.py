"""Where a database lies: its folder, its modes, and where a damaged one is put."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from provider_console.core.ports.store import StoreUnavailable

COMPANIONS: Final = ("", "-wal", "-shm")
"""A database and what SQLite keeps beside it."""


def companion(path: Path, suffix: str) -> Path:
    """A file that SQLite keeps beside a database."""
    return path.with_name(path.name + suffix)


def prepare(path: Path) -> None:
    """Make the folder (0700) and an empty file (0600) where they are missing.

    A folder that is there keeps its mode: it may be somebody's home. An existing file is looked at and not
    opened, because closing any descriptor of it would drop the locks that SQLite holds on it in this process.

    Raises:
        OSError: it cannot be made.
        StoreUnavailable: something else is there.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for suffix in COMPANIONS:
        file = companion(path, suffix)
        try:
            found = os.lstat(file)
        except FileNotFoundError:
            continue
        if stat.S_ISLNK(found.st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(file))
        if not stat.S_ISREG(found.st_mode):
            raise StoreUnavailable(f"{file} cannot be used: it is not a plain file; move it away")
        if stat.S_IMODE(found.st_mode) & 0o077:
            # Not ours to change: SQLite will say whether it can be used.
            with contextlib.suppress(PermissionError):
                file.chmod(0o600)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600))


def set_aside(path: Path, wall_s: float) -> Path:
    """Rename a damaged database and its companions to `<name>.corrupt-<time>`; its new path.

    Raises:
        OSError: the folder will not have it.
    """
    stamp = datetime.fromtimestamp(wall_s, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside, number = path.with_name(f"{path.name}.corrupt-{stamp}"), 1
    while os.path.lexists(aside):
        number += 1
        aside = path.with_name(f"{path.name}.corrupt-{stamp}-{number}")
    for suffix in COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            companion(path, suffix).rename(companion(aside, suffix))
    return aside
