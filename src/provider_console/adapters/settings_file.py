"""The configuration file on the disk: read whole, replaced whole, never half written.

A `config.toml` that is a symbolic link (dotfiles kept elsewhere) is followed: reading and writing go to the
file it points at, and the link stays. Every function here blocks; call them in a thread.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from provider_console.adapters.toml_scan import MAX_BYTES
from provider_console.core.ports.settings import SettingsConflict, SettingsInvalid, SettingsProblem
from provider_console.core.ports.store import StoreUnavailable

_ADVICE: Final = {
    errno.ENOSPC: "free some space and try again",
    errno.EDQUOT: "free some space and try again",
    errno.EFBIG: "free some space and try again",
    errno.EROFS: "the disk is mounted read-only; move the configuration or remount it",
}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells cheaply that a file is still the same; all zero where there is none."""

    inode: int = 0
    size: int = 0
    changed_ns: int = 0
    modified_ns: int = 0


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes, and how it looked just before they were read."""

    data: bytes
    stamp: Stamp

    @property
    def revision(self) -> str:
        """The name of exactly these bytes (SHA-256, hex). No file and an empty one are the same."""
        return revision_of(self.data)

    def text(self, file: Path) -> str:
        """The bytes as text.

        Raises:
            SettingsInvalid: they are not UTF-8.
        """
        try:
            return self.data.decode()
        except UnicodeDecodeError as error:
            line = self.data.count(b"\n", 0, error.start) + 1
            column = error.start - (self.data.rfind(b"\n", 0, error.start) + 1) + 1
            problem = SettingsProblem(message="is not UTF-8 text; save it as UTF-8", line=line, column=column)
            raise SettingsInvalid(str(file), [problem]) from error


def revision_of(data: bytes) -> str:
    """The name of a configuration: the SHA-256 of its bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def stamp_of(file: Path) -> Stamp | None:
    """How a file looks now; None where it cannot be looked at."""
    try:
        return _stamp(file.stat())
    except FileNotFoundError:
        return Stamp()
    except OSError:
        return None


def content_of(file: Path) -> Content:
    """A file's content; empty where there is none.

    Raises:
        SettingsInvalid: it cannot be read, is no regular file, or is too large.
    """
    try:
        # O_NONBLOCK: a pipe of that name must not hold the console up.
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return Content(b"", Stamp())
    except OSError as error:
        raise _unreadable(file, f"cannot be read ({error.strerror}); check who owns it") from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise _unreadable(file, "is not a file; move away what has its name")
        if status.st_size > MAX_BYTES:
            raise _unreadable(file, "is larger than 256 KiB; no configuration needs that")
        return Content(_all(handle), _stamp(status))
    except OSError as error:
        raise _unreadable(file, f"cannot be read ({error.strerror})") from error
    finally:
        os.close(handle)


def _all(handle: int) -> bytes:
    pieces, left = [], MAX_BYTES + 1
    while left and (piece := os.read(handle, left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_ino, status.st_size, status.st_ctime_ns, status.st_mtime_ns)


def gone(file: Path) -> SettingsInvalid:
    """What is wrong where a file that was in force is there no more."""
    return _unreadable(file, "is gone; put it back, or start the console again to begin without one")


def _unreadable(file: Path, message: str) -> SettingsInvalid:
    return SettingsInvalid(str(file), [SettingsProblem(message=message)])


# --- writing ------------------------------------------------------------------------------------------------


class Lock:
    """Held by one writer at a time, in any process. The system frees it when its holder dies."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._held = True

    def __del__(self) -> None:
        self.free()  # a lock that a cancelled caller never received

    @classmethod
    def taken(cls, file: Path) -> Lock | None:
        """The lock of a configuration file, None while somebody else has it.

        Raises:
            StoreUnavailable: the folder cannot be written.
        """
        target = _target(file)
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            handle = os.open(target.with_name(f".{target.name}.lock"), flags, 0o600)
        except OSError as error:
            raise _unwritten(file, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError as error:
            os.close(handle)
            raise _unwritten(file, error) from error
        return cls(handle)

    def shared(self) -> Lock:
        """The same lock a second time: it is free once both are. For a thread that outlives its caller's await."""
        return Lock(os.dup(self._handle))

    def free(self) -> None:
        """Give it back; twice is fine."""
        if self._held:
            self._held = False
            os.close(self._handle)


def replaced(file: Path, data: bytes, *, revision: str, lock: Lock) -> None:
    """Replace a file's content, if it is still the revision named; durable on return. Frees the lock given.

    Raises:
        SettingsConflict: somebody changed it meanwhile.
        StoreUnavailable: the disk will not have it; the old file is whole.
    """
    target = _target(file)
    try:
        if content_of(file).revision != (revision or revision_of(b"")):
            raise SettingsConflict(
                f"{file}: somebody else changed the configuration since you read it; "
                "read it again and repeat the change"
            )
        _write(target, data)
    except OSError as error:
        raise _unwritten(file, error) from error
    finally:
        lock.free()


def _write(target: Path, data: bytes) -> None:
    for left in target.parent.glob(f".{target.name}.*.tmp"):  # of a writer that was killed: we hold the lock
        left.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        try:
            _like(target, handle)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync(target.parent)


def _like(target: Path, handle: int) -> None:
    """Give a new file the mode and owner of the one it replaces; 0600 where there was none."""
    try:
        status = target.stat()
    except FileNotFoundError:
        return
    with contextlib.suppress(PermissionError):
        if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(handle, status.st_uid, status.st_gid)
    os.fchmod(handle, stat.S_IMODE(status.st_mode))


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _target(file: Path) -> Path:
    return Path(os.path.realpath(file))


def _unwritten(file: Path, error: OSError) -> StoreUnavailable:
    advice = _ADVICE.get(error.errno or 0, f"check who may write to {_target(file).parent}")
    return StoreUnavailable(f"{file}: the configuration was not saved ({error.strerror}); {advice}")
