"""The temporary home of a demo: gone when the demo ends, and after a kill when the next one starts."""

from __future__ import annotations

import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from provider_console.adapters.lock import FileLock

_PREFIX: Final = "provider-console-demo-"
_LOCK: Final = "demo.lock"
_NEW_S: Final = 60.0
"""A home younger than this may be about to be locked."""


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A folder of the user's own that nobody needs afterwards. Not async: it has to go however a loop ends."""
    home = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = FileLock(home / _LOCK)
    try:
        lock.acquire()
        _sweep(home)
        yield home
    finally:
        lock.release()
        shutil.rmtree(home, ignore_errors=True)


def _sweep(own: Path) -> None:
    born = own.stat()
    for home in own.parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            found = home.lstat()
            mine = stat.S_ISDIR(found.st_mode) and found.st_uid == born.st_uid
            lock = FileLock(home / _LOCK)
            if mine and born.st_mtime - found.st_mtime > _NEW_S and lock.path.exists() and lock.acquire():
                lock.release()
                shutil.rmtree(home, ignore_errors=True)
