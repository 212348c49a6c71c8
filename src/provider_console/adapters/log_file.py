"""The log: a file, rotated and silent where the disk will not have it, or systemd's journal, and its newest lines in
memory.

Every line goes through the redactor.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from logging.handlers import RotatingFileHandler
from typing import Final

from provider_console.adapters.log_journal import JournalHandler, journal
from provider_console.adapters.log_ring import LogRing
from provider_console.adapters.places import Places
from provider_console.adapters.redaction import RedactingFilter, Redactor
from provider_console.core.ports import StoreUnavailable

LOGGER: Final = "provider_console"
FILE_BYTES: Final = 5 * 1024 * 1024
FILES: Final = 3


class _Quiet(RotatingFileHandler):
    """A full disk costs log lines, never a traceback in somebody's terminal."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging calls it so
        """Say nothing: there is nowhere left to say it."""

    def close(self) -> None:
        """Close, whether the last lines can be written or not."""
        with suppress(OSError):
            super().close()


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
            places.made(places.log) / "console.log", maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8"
        )
    except (OSError, StoreUnavailable):
        # A folder that cannot be written is the doctor's to say; the console runs on without a log file.
        return logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    return handler
