"""What the modes that list things share: a filter, a table, and the selected one told under it or beside it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from provider_console.tui.pages import detail
from provider_console.tui.pages.frame import SHORT
from provider_console.tui.screens.filtered import FilteredScreen
from provider_console.tui.widgets.filter import Filter
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.table import Table


class ListedScreen(FilteredScreen):
    """A list with a detail. What stands in them is a subclass's; `LISTED` names the table in its style sheet."""

    LISTED: ClassVar[str]

    def body(self) -> ComposeResult:
        """Headline, filter, table, detail."""
        with Horizontal(id="panes"):
            with Vertical(id="main"):
                yield Lines(id="headline")
                yield Filter(id="filter")
                yield Table(id=self.LISTED, cursor_glyph=self.glyphs.cursor)
                yield Lines(id="under")
            yield Lines(id="aside")

    @property
    def _short(self) -> bool:
        return self.size.height < SHORT

    @property
    def _wide(self) -> bool:
        return self.size.width >= detail.ASIDE
