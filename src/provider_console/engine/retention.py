"""How long records are kept: by age, and by the size of the database."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Final

from provider_console.core.moments import span_s
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.time import Clock
from provider_console.core.ports.usage import UsageStore
from provider_console.core.settings import HistorySettings, Settings

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
EVERY_S: Final = 3_600.0
JUMP_S: Final = 60.0
"""The wall clock went so much further than time did: it was set, or the machine slept."""


class Retention:
    """Deletes what is too old, once an hour and after a change of its settings.

    Not in the hour after the wall clock jumped: a clock that is a year ahead for a minute must not cost a year.
    """

    def __init__(self, store: UsageStore, *, clock: Clock, settings: Callable[[], Settings]) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._applied: HistorySettings | None = None
        self._due_at = -math.inf
        self._offset = clock.wall() - clock.monotonic()

    async def run(self) -> None:
        """Keep until cancelled."""
        while True:
            await self._clock.sleep(LOOK_S)
            await self.keep()

    async def keep(self) -> None:
        """Look whether something is to be done, and do it."""
        now, history = self._clock.monotonic(), self._settings().history
        offset = self._clock.wall() - now
        if abs(offset - self._offset) > JUMP_S:
            self._offset, self._due_at = offset, now + EVERY_S
        if now < self._due_at and (history == self._applied or self._applied is None):
            return
        self._due_at, self._applied = now + EVERY_S, history
        try:
            await self._delete(history)
        except StoreUnavailable as error:
            log.warning("old records could not be deleted: %s", error)

    async def _delete(self, history: HistorySettings) -> None:
        wall = self._clock.wall()
        keep_s, rollups_s = (span_s(text) or math.inf for text in (history.keep_attempts, history.keep_rollups))
        # Whole hours, so that no roll-up stands half on what is kept.
        before, rollups_before = (_hour(wall - age_s) for age_s in (keep_s, max(keep_s, rollups_s)))
        await self._store.prune(before, rollups_before=rollups_before)
        gone = await self._store.shrink(history.max_size_mb * 1024 * 1024)
        if gone:
            log.warning("%d records were deleted before their age: history.max_size_mb", gone)


def _hour(at: float) -> float:
    return max(0.0, at // 3_600 * 3_600)
