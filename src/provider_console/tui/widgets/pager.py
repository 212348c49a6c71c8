"""A long page to scroll through: it is laid out once for a width, and only what is seen is painted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from provider_console.tui.ink import BLANK, Line
from provider_console.tui.widgets.painted import Painted


class Pager(Painted, ScrollView, can_focus=True):
    """Shows lines from a place on. `page` makes them for a width."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_down", "down", show=False, tooltip="a line down"),
        Binding("up,k", "scroll_up", "up", show=False, tooltip="a line up"),
        Binding("pagedown,space", "page_down", "page down", show=False, tooltip="a page down"),
        Binding("pageup", "page_up", "page up", show=False, tooltip="a page up"),
        Binding("home,g", "scroll_home", "top", show=False, tooltip="to the beginning"),
        Binding("end,G", "scroll_end", "end", show=False, tooltip="to the end"),
    ]
    DEFAULT_CSS = "Pager { height: 1fr; scrollbar-size: 1 1; overflow: hidden auto; }"

    def __init__(self, page: Callable[[int], Sequence[Line]] = lambda _width: (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._page = page
        self._lines: Sequence[Line] = ()

    @property
    def lines(self) -> Sequence[Line]:
        """The whole page as it is laid out now."""
        return self._lines

    def show(self, page: Callable[[int], Sequence[Line]]) -> None:
        """Show another page, from the place where the one before stood."""
        self._page = page
        if self.is_mounted and self.size.width:
            self._lay()

    def on_resize(self) -> None:
        """Lay the page out anew for the width that there is now."""
        self._lay()

    def _lay(self) -> None:
        self._lines = self._page(self.size.width)
        self.virtual_size = Size(self.size.width, len(self._lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of what is seen."""
        place = y + int(self.scroll_y)
        return self.strip(self._lines[place] if place < len(self._lines) else BLANK, self.size.width)

    # Moving at once: a page that glides is read later.

    def action_scroll_down(self) -> None:
        """A line down."""
        self.scroll_relative(y=1, animate=False)

    def action_scroll_up(self) -> None:
        """A line up."""
        self.scroll_relative(y=-1, animate=False)

    def action_page_down(self) -> None:
        """A page down."""
        self.scroll_page_down(animate=False)

    def action_page_up(self) -> None:
        """A page up."""
        self.scroll_page_up(animate=False)

    def action_scroll_home(self) -> None:
        """To the beginning."""
        self.scroll_home(animate=False)

    def action_scroll_end(self) -> None:
        """To the end."""
        self.scroll_end(animate=False)
