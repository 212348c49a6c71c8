"""Coverage: who could serve what, and what breaks if the selected provider dies."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from provider_console.tui.ink import left, muted, right, row
from provider_console.tui.pages import coverage, health
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.table import Row, Table


class CoverageScreen(ConsoleScreen):
    """Every category, capability and pair; `chosen` is the provider whose end is thought through."""

    MODE = "health"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,v", "app.pop_screen", "back", key_display="esc", tooltip="back to the providers"),
    ]

    def __init__(self, chosen: str | None) -> None:
        super().__init__()
        self._chosen = chosen

    def body(self) -> ComposeResult:
        """Headline and table."""
        yield Lines(id="headline")
        yield Table(id="coverage", cursor_glyph=self.glyphs.cursor)

    def _asked(self) -> str:
        return "Who" if self._chosen is None else f"Without {self.state.name_of(self._chosen)}"

    def show(self) -> None:
        """Put the state on the screen."""
        state, glyphs = self.state, self.glyphs
        said = coverage.headline(state, self._chosen)
        self.query_one("#headline", Lines).show(lambda width, _height: [(), row(left(2, *said), width=width), ()])
        self.query_one("#coverage", Table).fill(
            [
                Row(
                    f"{entry.category} {entry.capability}",
                    lambda width, _selected, entry=entry: coverage.entry_row(  # type: ignore[misc]  # bound at once
                        entry, state, width, glyphs, chosen=self._chosen
                    ),
                )
                for entry in coverage.ordered(state, self._chosen)
            ],
            lambda width: [
                row(left(4, muted("To serve")), right(40, muted("Could")), left(43, muted(self._asked())), width=width),
                health.rule(width, glyphs),
            ],
        )
