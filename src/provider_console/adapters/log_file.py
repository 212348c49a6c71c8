"""The log: a file, rotated and silent where the disk will not have it, or systemd's journal, and its newest lines in
memory.

Every line goes through the redactor, and none can steer the terminal of whoever reads it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from typing import Final

from provider_console.adapters.log_journal import JournalHandler, journal
from provider_console.adapters.log_ring import LogRing
from provider_console.adapters.places import Places
from provider_console.adapters.redaction import RedactingFilter, Redactor
from provider_console.core.ports.store import StoreUnavailable

LOGGER: Final = "provider_console"
FILE_BYTES: Final = 5 * 1024 * 1024
FILES: Final = 3


class _Quiet(RotatingFileHandler):
    """A file for its owner alone. A full disk costs log lines, never a traceback in somebody's terminal."""

    def _open(self) -> TextIOWrapper:
        # Never through a link, and closed to others before the first line, whatever the folder and the umask are.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(self.baseFilename, flags, 0o600)
        if os.name == "posix":
            with suppress(PermissionError):
                os.fchmod(descriptor, 0o600)
        return os.fdopen(descriptor, "a", encoding=self.encoding, errors=self.errors)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging calls it so
        """Say nothing: there is nowhere left to say it."""

    def close(self) -> None:
        """Close, whether the last lines can be written or not."""
        with suppress(OSError):
            super().close()


class Entry(logging.Formatter):
    """A line of the log; what else belongs to it is indented, so that no text can look like a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, its traceback and its stack."""
        return "\n  ".join(super().format(record).splitlines())


@contextmanager
def log_to(places: Places, *, level: str, redactor: Redactor, environ: Mapping[str, str]) -> Iterator[LogRing]:
    """Send the console's log to `console.log` in the log folder, while the block runs; its newest lines are handed out.

    Where the environment says that standard error goes to systemd's journal, the log goes there in place of the file.
    Several consoles of one process each have their file, and may close in any order: the last one resets the level.
    """
    logger = logging.getLogger(LOGGER)
    handler = _handler(places, environ)
    handler.addFilter(RedactingFilter(redactor))
    handler.setLevel(level.upper())
    ring = LogRing(redactor)
    for each in (handler, ring):
        logger.addHandler(each)
    _settle(logger)
    try:
        yield ring
    finally:
        for each in (handler, ring):
            logger.removeHandler(each)
            each.close()
        _settle(logger)


def _settle(logger: logging.Logger) -> None:
    """Let through what any of the open files and rings wants."""
    levels = [handler.level for handler in logger.handlers if isinstance(handler, (_Quiet, JournalHandler, LogRing))]
    logger.setLevel(min(levels, default=logging.NOTSET))


def _handler(places: Places, environ: Mapping[str, str]) -> logging.Handler:
    stream = journal(environ)
    if stream is not None:
        return JournalHandler(stream)
    try:
        handler = _Quiet(
            places.made(places.log) / "console.log",
            maxBytes=FILE_BYTES,
            backupCount=FILES,
            encoding="utf-8",
            errors="backslashreplace",
        )
    except (OSError, StoreUnavailable):
        # A folder that cannot be written is the doctor's to say; the console runs on without a log file.
        return logging.NullHandler()
    handler.setFormatter(Entry("%(asctime)s %(levelname)s %(name)s %(message)s"))
    return handler
