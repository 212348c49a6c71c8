"""A machine in RAM, for tests: well, unless they say otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from provider_console.core.ports.machine import LockHolder


class MemoryMachine:
    """`Machine` whose answers are attributes."""

    data_folder = "/data"
    audit_file = "/data/audit.db"
    lock_file = "/data/prober.lock"

    def __init__(self) -> None:
        self.free: int | None = 10 * 2**30
        self.open_to_others: tuple[str, ...] = ()
        self.files: set[str] = set()
        self.programs: set[str] = set()
        self.holder: LockHolder | None = None

    async def free_bytes(self) -> int | None:
        """Room left for the databases."""
        return self.free

    async def exposed(self) -> Sequence[str]:
        """What other users may change."""
        return self.open_to_others

    async def is_file(self, path: str) -> bool:
        """Whether a path names a file that can be read."""
        return path in self.files

    async def has_program(self, name: str) -> bool:
        """Whether a program can be run."""
        return name in self.programs

    async def prober(self) -> LockHolder | None:
        """Who else holds the lock of the one that checks."""
        return self.holder
