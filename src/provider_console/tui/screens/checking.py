"""Checks that somebody asked for on a screen, with their progress in the state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from provider_console.console.views import CheckView
from provider_console.tui.changes import CheckAsked, CheckDone, Ticked
from provider_console.tui.screens.base import ConsoleScreen

PROGRESS_S: Final = 0.25
"""How often the progress of checks is painted."""


async def checked(screen: ConsoleScreen, provider: str | None, asked: frozenset[str]) -> Sequence[CheckView]:
    """Probe a provider or, for None, all; `asked` are those that answers are waited for from.

    Raises:
        ConsoleError
    """
    link = screen.link
    console = link.console
    link.change(CheckAsked(link.clock.wall(), asked))
    screen.run_worker(_paint_progress(screen), group="progress", exclusive=True)
    try:
        return await console.check(provider)
    finally:
        link.change(CheckDone(link.clock.wall(), asked))


async def _paint_progress(screen: ConsoleScreen) -> None:
    link = screen.link
    while screen.app.state.checking is not None:  # type: ignore[attr-defined]  # only ConsoleApp shows these screens
        link.change(Ticked(link.clock.wall()))
        await link.clock.sleep(PROGRESS_S)
