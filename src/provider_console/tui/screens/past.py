"""What every page of the past shares: it reads the period that is looked at, while it is looked at."""

from __future__ import annotations

from typing import Final

from provider_console.console.errors import ConsoleError
from provider_console.console.words import span_s
from provider_console.tui.changes import HistoryRead, Ticked
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.state import Asked

LATE_S: Final = 0.3
"""Reading that takes longer is said."""
FRESH_S: Final = 5.0
"""How often a period of up to an hour is read anew, and one that could not be read."""
OLD_S: Final = 30.0
"""And a longer one."""


class PastScreen(ConsoleScreen):
    """A screen that shows figures of the past."""

    def __init__(self) -> None:
        super().__init__()
        self._reading: dict[Asked, float] = {}
        """What is being read, and since when (wall s)."""
        self._read_at: dict[Asked, float] = {}
        self._problems: dict[Asked, str] = {}
        self._opened_at: float | None = None

    def want(self, asked: Asked) -> None:
        """Have a period read, with its outages where it is of one provider, if what is known of it is old."""
        link, now = self.link, self.link.clock.wall()
        if self._opened_at != self.state.opened_at:
            # Another console, which has been asked for nothing yet.
            self._opened_at = self.state.opened_at
            self._read_at.clear()
            self._problems.clear()
        short = asked in self._problems or (span_s(asked.since) or OLD_S * 1_000) <= 3_600
        often = FRESH_S if short else OLD_S
        known = self._read_at.get(asked)
        if not self.state.open or asked in self._reading or (known is not None and now - known < often):
            return
        self._reading[asked] = self._read_at[asked] = now

        async def read() -> None:
            own = () if asked.provider is None else (asked.provider,)
            try:
                view = await link.console.history(
                    providers=own, category=asked.category, kind=asked.kind, since=asked.since, until=asked.until
                )
                outages = None
                if asked.provider is not None:
                    outages = await link.console.outages(asked.provider, since=asked.since, until=asked.until)
                link.change(HistoryRead(asked, view, outages))
                if self._problems.pop(asked, None) is not None:
                    self.show()
            except ConsoleError as error:
                self._problems[asked] = error.message
                self.show()
            finally:
                self._reading.pop(asked, None)

        async def late() -> None:
            await link.clock.sleep(LATE_S)
            if asked in self._reading:
                link.change(Ticked(link.clock.wall()))

        self.run_worker(read(), group="history")
        if asked not in self.state.history:
            self.run_worker(late(), group="late", exclusive=True)

    def late(self, asked: Asked) -> bool:
        """Whether somebody has waited for a period for long enough to be told so."""
        since = self._reading.get(asked)
        return since is not None and asked not in self.state.history and self.link.clock.wall() - since >= LATE_S

    def problem(self, asked: Asked) -> str | None:
        """Why a period could not be read, the last time it was tried."""
        return self._problems.get(asked)
