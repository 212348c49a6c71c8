"""A long page to scroll through: what is seen is laid out at once, the rest between keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer

from provider_console.tui.ink import BLANK, Line
from provider_console.tui.widgets.painted import Painted

SLICE: Final = 100
"""Lines laid out at once: 10 ms of the slowest text."""
BREATH_S: Final = 0.001
"""Between them the loop turns to everything else; what is only called later would come before any key.

A beat and not a call for each: Textual leaves out a call that is late, and of a single one nothing would come."""


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

    def __init__(self, page: Callable[[int], Iterable[Line]] = lambda _width: (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._page = page
        self._lines: list[Line] = []
        self._rest: Iterator[Line] | None = None
        self._beat: Timer | None = None
        self._to_end = False

    @property
    def lines(self) -> Sequence[Line]:
        """The page as far as it is laid out."""
        return self._lines

    @property
    def is_laid(self) -> bool:
        """Whether that is all of it."""
        return self._rest is None

    def show(self, page: Callable[[int], Iterable[Line]]) -> None:
        """Show another page, from the place where the one before stood."""
        self._page = page
        if self.is_mounted and self.size.width:
            self._lay()

    def on_resize(self) -> None:
        """Lay the page out anew for the width that there is now."""
        self._lay()

    def _lay(self) -> None:
        self._lines, self._rest = [], iter(self._page(self.size.width))
        self._lay_on(int(self.scroll_y) + self.size.height + SLICE)
        if self._rest is not None and self._beat is None:
            self._beat = self.set_interval(BREATH_S, self._lay_the_rest)

    def _lay_the_rest(self) -> None:
        self._lay_on(SLICE)
        if self._rest is None and self._beat is not None:
            self._beat.stop()
            self._beat = None

    def _lay_on(self, most: int) -> None:
        if self._rest is None:
            return
        more = list(islice(self._rest, most))
        self._lines += more
        if len(more) < most:
            self._rest = None
        self.virtual_size = Size(self.size.width, len(self._lines))
        self.refresh()
        if self._to_end:
            self._move(len(self._lines))

    def render_line(self, y: int) -> Strip:
        """One line of what is seen."""
        place = y + int(self.scroll_y)
        return self.strip(self._lines[place] if place < len(self._lines) else BLANK, self.size.width)

    # Moving at once: a page that glides, or waits for a repaint, is read later; and before the scroll bar stands there.

    def _move(self, rows: int) -> None:
        self.scroll_relative(y=rows, animate=False, immediate=True, force=True)

    def action_scroll_down(self) -> None:
        """A line down."""
        self._to_end = False
        self._move(1)

    def action_scroll_up(self) -> None:
        """A line up."""
        self._to_end = False
        self._move(-1)

    def action_page_down(self) -> None:
        """A page down."""
        self._to_end = False
        self._move(self.size.height)

    def action_page_up(self) -> None:
        """A page up."""
        self._to_end = False
        self._move(-self.size.height)

    def action_scroll_home(self) -> None:
        """To the beginning."""
        self._to_end = False
        self._move(-len(self._lines))

    def action_scroll_end(self) -> None:
        """To the end, also where that is not laid out yet."""
        self._to_end = not self.is_laid
        self._move(len(self._lines))
