"""What every mode with a filter shares: the keys that open and clear it, and the words that rows are searched for."""

from __future__ import annotations

from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.widgets.filter import Filter


class FilteredScreen(ConsoleScreen):
    """A screen with a `Filter`. What is searched, and what the keys are called, is a subclass's."""

    def __init__(self) -> None:
        super().__init__()
        self._needle = ""
        """What rows are searched for; empty shows all."""

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(Filter).open()

    def action_unfilter(self) -> None:
        """Show all rows."""
        self.query_one(Filter).action_clear()

    def on_filter_changed(self, message: Filter.Changed) -> None:
        """Another filter."""
        self._needle = message.text.strip()
        self.filtered()

    def filtered(self) -> None:
        """Show what the filter leaves."""
        self.show()
