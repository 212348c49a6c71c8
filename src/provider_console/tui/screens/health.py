"""Health: is everything all right?"""

from __future__ import annotations

from textual.app import ComposeResult

from provider_console.tui.ink import Span, left, muted, row
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.table import Row, Table


class HealthScreen(ConsoleScreen):
    """Providers, worst first, and what to do about the one that is selected."""

    MODE = "health"

    def body(self) -> ComposeResult:
        """Headline, table, detail."""
        yield Lines(id="headline")
        yield Table(id="providers", cursor_glyph=self.glyphs.cursor)
        yield Lines(id="detail")

    def show(self) -> None:
        """Put the state on the screen."""
        names = self.state.names
        self.query_one("#headline", Lines).show(lambda w, h: [(Span("Checking", "head", bold=True),)])
        self.query_one("#providers", Table).fill(
            [Row(name, lambda w, s, name=name: row(left(2, name), width=w)) for name in names],
            lambda w: [row(left(4, muted("Provider")), width=w)],
        )


SCREEN = HealthScreen
