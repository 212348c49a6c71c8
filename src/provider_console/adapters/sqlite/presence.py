"""Which processes live on a database: each holds a locked file of its own, freed by the system when it dies."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from pathlib import Path
from typing import Final

from provider_console.adapters.lock import FileLock

OPENING: Final = "opening"

TOKEN: Final = re.compile(r"[0-9]{1,10}-[0-9a-f]{16}")
"""What `Presence.token` looks like; anything else in the database is no path to be opened."""


class Presence:
    """This process (more exactly: this store) among those that have one database open.

    `token` names it in the table of executions. A process id alone would not do: it is given again, and in two
    containers on one folder it means two things.
    """

    def __init__(self, database: Path) -> None:
        self._folder = database.parent / "running"
        self._prefix = f"{database.name}-"
        self.token = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._lock = FileLock(self._file(self.token))

    def enter(self) -> None:
        """Be seen by others.

        Raises:
            OSError: the folder will not have it.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._lock.held and not self._lock.acquire():
            raise OSError(f"{self._lock.path} is locked by somebody else")

    def leave(self) -> None:
        """Be seen no more."""
        if self._lock.held:
            with contextlib.suppress(OSError):
                self._lock.path.unlink()
            self._lock.release()

    def alive(self, token: str) -> bool:
        """The store with this token still runs."""
        if token == self.token:
            return True
        return TOKEN.fullmatch(token) is not None and FileLock(self._file(token)).is_held_by_anyone()

    def others(self) -> tuple[str, ...]:
        """Tokens of the other stores that live on this database; the files of dead ones are removed."""
        living = []
        for file in sorted(self._folder.glob(f"{self._prefix}*")):
            token = file.name.removeprefix(self._prefix)
            if token in {self.token, OPENING}:
                continue
            lock = FileLock(file)
            if lock.is_held_by_anyone():
                living.append(token)
            else:
                # Nobody is about to lock it: `enter` and this are both called under the lock for opening.
                with contextlib.suppress(OSError):
                    file.unlink()
        return tuple(living)

    def opening(self) -> FileLock:
        """The lock under which a database is looked at, set aside and migrated, by one process at a time."""
        return FileLock(self._file(OPENING))

    def _file(self, token: str) -> Path:
        return self._folder / f"{self._prefix}{token}"
