"""The newest lines of the log, kept in memory for whoever looks at it live."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final

from provider_console.adapters.redaction import RedactingFilter, Redactor
from provider_console.core.ports.machine import LogRow

KEPT: Final = 1_000
"""Lines kept: with their longest texts they are 10 MB."""
MESSAGE_LIMIT: Final = 1_000
TRACEBACK_LIMIT: Final = 8_000


class LogRing(logging.Handler):
    """A `Journal` of every level. Lines come redacted; older ones make room for new ones."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__(logging.DEBUG)
        self.addFilter(RedactingFilter(redactor))
        self._rows: deque[LogRow] = deque(maxlen=KEPT)
        self._seq = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line. It comes from the filter as finished text."""
        # The handler's own lock is held: lines of several threads are counted one after the other.
        self._seq += 1
        self._rows.append(
            LogRow(
                seq=self._seq,
                at=record.created,
                level=record.levelname.lower(),
                source=record.name.removeprefix("provider_console."),
                message=record.getMessage()[:MESSAGE_LIMIT],
                traceback=None if record.exc_text is None else record.exc_text[-TRACEBACK_LIMIT:],
            )
        )

    def rows(self, *, after: int = 0, limit: int = 200) -> Sequence[LogRow]:
        """Newest first; `after` a number: only lines that were written after that one."""
        self.acquire()
        try:
            known = list(islice(reversed(self._rows), max(0, limit)))
        finally:
            self.release()
        return [row for row in known if row.seq > after]
