"""Locks on files, held by a process and freed by the system when it dies, however it dies."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        # flock and not POSIX byte locks: those are lost when any descriptor of the file is closed.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class FileLock:
    """An exclusive lock on a file of its own, which stays behind empty: to delete it would be a race.

    Two locks on one path exclude each other within a process as well as between processes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """This very lock is held here."""
        return self._descriptor is not None

    def acquire(self) -> bool:
        """Try once, without waiting; True while held.

        Raises:
            OSError: the file cannot be made or opened, or is a symbolic link.
        """
        if self._descriptor is not None:
            return True
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(self.path, flags, 0o600)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode) and _try_lock(descriptor):
                self._descriptor, descriptor = descriptor, -1
        finally:
            if descriptor >= 0:
                os.close(descriptor)
        return self._descriptor is not None

    def release(self) -> None:
        """Give it back; releasing what is not held is fine."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def is_held_by_anyone(self) -> bool:
        """Somebody alive holds it; a file that is not there or cannot be opened is held by nobody."""
        if self._descriptor is not None:
            return True
        try:
            descriptor = os.open(self.path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
        except OSError:
            return False
        try:
            return not _try_lock(descriptor)
        finally:
            os.close(descriptor)


class FileProberLock:
    """The prober's lock of a data directory: `acquire` answers at once, a dead holder's lock is free at once.

    Where the folder cannot be written nobody probes: `acquire` is False and `problem` says why.
    """

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path)
        self.problem: str | None = None

    def acquire(self) -> bool:
        """Try once, without waiting; True while held."""
        try:
            self._lock.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = self._lock.acquire()
        except OSError as error:
            self.problem = (
                f"cannot lock {self._lock.path} ({error.strerror or error}), so this console does not check providers; "
                "give yourself write access to that folder"
            )
            return False
        self.problem = None
        return held

    def release(self) -> None:
        """Give it back."""
        with contextlib.suppress(OSError):
            self._lock.release()
