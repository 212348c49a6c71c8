"""Reads a small file that only its owner may read: keys and tokens where there is no keyring. Blocks: use a thread."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from provider_console.core.ports.secrets import SecretsUnavailable


def read_private(path: Path, *, what: str, most: int, remedy: str) -> str:
    """The text of a regular file of mode 0600; what is not ASCII in it is replaced, what is over `most` is left.

    Raises:
        SecretsUnavailable: it is none, others can read it, or it cannot be read. `what` says what it would hold.
    """
    try:
        # O_NONBLOCK: a pipe of that name must not hold the console up.
        flags = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK"))
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SecretsUnavailable(f"{path}: {what} are read from a regular file")
            if os.name == "posix" and status.st_mode & 0o077:
                raise SecretsUnavailable(f"{path}: others can read {what}; chmod 600 {path}")
            return file.read(most + 1).decode("ascii", "replace")
    except OSError as error:
        raise SecretsUnavailable(f"{path}: {what} cannot be read ({error.strerror}); {remedy}") from error
