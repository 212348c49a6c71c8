"""What the doctor asks of the machine: room, permissions, programs, and who holds a lock."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from provider_console.adapters.lock import FileLock
from provider_console.adapters.places import Places
from provider_console.core.ports.machine import LockHolder

OTHERS_WRITE: Final = 0o022
"""Databases are made readable by their owner alone each time they are opened; what else there is keeps its mode."""


class LocalMachine:
    """`Machine` for the files of one console. Disks may be slow: they are asked in threads."""

    def __init__(self, places: Places) -> None:
        self._places = places

    @property
    def data_folder(self) -> str:
        """Where the databases are."""
        return str(self._places.data)

    @property
    def audit_file(self) -> str:
        """The audit trail's own file."""
        return str(self._places.audit_db)

    @property
    def lock_file(self) -> str:
        """The lock of the one console that checks."""
        return str(self._places.lock)

    async def free_bytes(self) -> int | None:
        """Room left for the databases; None where that cannot be said."""
        return await asyncio.to_thread(_free, self._places.data)

    async def exposed(self) -> Sequence[str]:
        """The configuration or the folder of the databases, where other users of the machine may change it."""
        places = dict.fromkeys((self._places.config_file, self._places.data))
        return await asyncio.to_thread(lambda: [str(path) for path in places if _mode(path) & OTHERS_WRITE])

    async def is_file(self, path: str) -> bool:
        """Whether a path names a file that can be read."""
        return await asyncio.to_thread(lambda: os.access(path, os.R_OK) and Path(path).is_file())

    async def has_program(self, name: str) -> bool:
        """Whether a program of that name or path can be run."""
        return await asyncio.to_thread(shutil.which, name) is not None

    async def prober(self) -> LockHolder | None:
        """Who else holds the lock of the one that checks; None where nobody does."""
        return await asyncio.to_thread(_prober, self._places.lock)


def _free(folder: Path) -> int | None:
    with contextlib.suppress(OSError):
        return shutil.disk_usage(folder).free
    return None


def _mode(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_mode
    return 0


def _prober(lock: Path) -> LockHolder | None:
    if not FileLock(lock).is_held_by_anyone():
        return None
    # As Linux tells it: `1: FLOCK  ADVISORY  WRITE 4711 08:01:131090 0 EOF`. Elsewhere nobody tells.
    with contextlib.suppress(OSError, ValueError, IndexError):
        inode = str(lock.stat().st_ino)
        for line in Path("/proc/locks").read_text("ascii").splitlines():
            words = line.split()
            if words[1] == "FLOCK" and words[5].rpartition(":")[2] == inode and int(words[4]) > 0:
                return LockHolder(pid=int(words[4]))
    return LockHolder()
