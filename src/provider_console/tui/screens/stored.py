"""A filter that goes on among the stored executions, where the list ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final, NamedTuple

from provider_console.console.console import Console
from provider_console.console.errors import ConsoleError
from provider_console.console.views import ExecutionSummary
from provider_console.tui.pages import recent
from provider_console.tui.screens.filtered import FilteredScreen

PAGE: Final = 200
LOOKED: Final = 10_000
"""Executions that are looked at for one filter: more would keep a console that is far away busy."""
ENOUGH: Final = 500
"""Executions found: nobody reads on; more words find fewer."""


class Found(NamedTuple):
    """What was found by now. `done`: it is all that will be looked at; `whole`: there is no more."""

    executions: tuple[ExecutionSummary, ...] = ()
    looked: int = 0
    done: bool = False
    whole: bool = False


async def look(
    console: Console, wanted: Callable[[ExecutionSummary], bool], *, before: str | None
) -> AsyncIterator[Found]:
    """Executions before one that are wanted, the newest first: what was found after each page."""
    found: list[ExecutionSummary] = []
    looked, done = 0, False
    while not done:
        page = await console.executions(limit=PAGE, before=before)
        found += filter(wanted, page)
        looked += len(page)
        whole = len(page) < PAGE
        done = whole or looked >= LOOKED or len(found) >= ENOUGH
        yield Found(tuple(found), looked, done, whole)
        before = page[-1].execution_id if page else None


class StoredScreen(FilteredScreen):
    """A screen that lists executions, and filters more of them than it lists."""

    def __init__(self) -> None:
        super().__init__()
        self._found = Found()
        """What the filter found beyond the list."""

    @property
    def _looked(self) -> int | None:
        """How many executions the filter was tried on; None while it is tried on more."""
        return len(self.state.recent) + len(self.state.older) + self._found.looked if self._found.done else None

    def filtered(self) -> None:
        """Show what is left of the list, and look for more."""
        needle = self._needle
        self._found = Found(done=not needle or not self.state.open)
        super().filtered()
        if not self._found.done:
            self.ask(self._look(needle), group="look")

    async def _look(self, needle: str) -> None:
        listed = (*self.state.recent, *self.state.older)
        before = listed[-1].execution_id if listed else None
        wanted = partial(recent.matches, state=self.state, needle=needle)
        try:
            async for found in look(self.link.console, wanted, before=before):
                if self._needle != needle:
                    return
                self._found = found
                self.show()
        except ConsoleError:
            self._found = self._found._replace(done=True)
            self.show()
            raise
