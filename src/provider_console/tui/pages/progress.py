"""Work that takes a while: when it is shown, how far it is, and how long the rest may take."""

from __future__ import annotations

from typing import Final

from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, left, muted, row, strong
from provider_console.tui.pages import strips
from provider_console.tui.pages.words import duration
from provider_console.tui.state import Checking, State

SHOWN_S: Final = 0.3
"""Work that takes longer shows its progress."""


def shown_checking(state: State) -> Checking | None:
    """The checks that somebody waits for, once they have taken long enough to be shown."""
    checking = state.checking
    return None if checking is None or state.now - checking.started < SHOWN_S else checking


def progress(done: int, total: int, elapsed_s: float, width: int, margin: int, glyphs: Glyphs) -> Line:
    """A bar with its figures and, once something is done, how long the rest may take."""
    room = max(10, width * 54 // 100)
    said = [strong(f"{done:,}"), muted(f" of {total:,}")]
    if 0 < done < total:
        said.append(muted(f" · about {duration(max(1.0, elapsed_s / done * (total - done)) * 1000)} more"))
    bar = strips.bar(done / total if total else 0.0, room, glyphs)
    return row(left(margin, *bar), left(margin + room + 2, *said), width=width)
