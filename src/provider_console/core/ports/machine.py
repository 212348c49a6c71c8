"""The machine: its log, its disk, its locks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


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
