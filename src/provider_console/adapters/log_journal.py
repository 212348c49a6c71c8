"""The log in systemd's journal: each line with its level in front, and without a time, which the journal has itself."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import Final, TextIO

PRIORITIES: Final = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""Levels of syslog, from the highest; what is below is 7, debug."""


class JournalHandler(logging.StreamHandler[TextIO]):
    """Writes to standard error as the journal reads it (sd-daemon)."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.setFormatter(_Formatter("%(name)s: %(message)s"))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging calls it so
        """Say nothing: there is nowhere left to say it."""


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        priority = next((number for level, number in PRIORITIES if record.levelno >= level), 7)
        # Each line is an entry of its own: a traceback's would have the level of standard error.
        first, *rest = super().format(record).splitlines() or [""]
        return "\n".join([f"<{priority}>{first}", *(f"<{priority}>  {line}" for line in rest)])


def journal(environ: Mapping[str, str]) -> TextIO | None:
    """Standard error, where it goes to the journal (systemd.exec, JOURNAL_STREAM); else None."""
    named = environ.get("JOURNAL_STREAM")
    if not named:
        return None
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return None
    return sys.stderr if named == f"{status.st_dev}:{status.st_ino}" else None
