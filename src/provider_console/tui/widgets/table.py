"""A table of rows that move: only what is seen is painted, and the cursor is bound to its row, not to a place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size, Spacing
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from provider_console.tui.ink import BLANK, Line, Span
from provider_console.tui.widgets.painted import Painted


class Row(NamedTuple):
    """A row: what it is told by, its group (a blank row stands between groups), and how it is painted for a width.

    `second` paints its second line, where it has one; `after` a line below it that belongs to no row: the cursor
    passes it.
    """

    key: str
    paint: Callable[[int, bool], Line]
    group: int = 0
    after: Callable[[int], Line] | None = None
    second: Callable[[int, bool], Line] | None = None


class _Seen(NamedTuple):
    """A line as it was painted last, and in which round of `Table.fill`."""

    content: Line
    selected: bool
    strip: Strip
    round: int


class Table(Painted, ScrollView, can_focus=True, inherit_bindings=False):
    """Rows under a header. `paint` of a row gets the width and whether it is selected."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "down", show=False, tooltip="a row down"),
        Binding("up,k", "move(-1)", "up", show=False, tooltip="a row up"),
        Binding("pagedown", "page(1)", "page down", show=False, tooltip="a page down"),
        Binding("pageup", "page(-1)", "page up", show=False, tooltip="a page up"),
        Binding("home", "edge(0)", "first", show=False, tooltip="to the first row"),
        Binding("end", "edge(-1)", "last", show=False, tooltip="to the last row"),
    ]
    DEFAULT_CSS = "Table { height: 1fr; scrollbar-size: 1 1; overflow-x: hidden; }"

    cursor: reactive[str | None] = reactive(None)

    class Highlighted(Message):
        """The cursor stands on another row."""

        def __init__(self, table: Table, key: str | None) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> Table:
            """The table it happened in."""
            return self.table

    class Chosen(Highlighted):
        """A row was clicked or entered."""

    class HeaderClicked(Message):
        """The header was clicked, `place` cells from its left end."""

        def __init__(self, table: Table, place: int) -> None:
            super().__init__()
            self.table = table
            self.place = place

        @property
        def control(self) -> Table:
            """The table it happened in."""
            return self.table

    def __init__(self, *, id: str | None = None, cursor_glyph: str = "▌") -> None:
        super().__init__(id=id)
        self.cursor_glyph = cursor_glyph
        self._header: Callable[[int], Sequence[Line]] = lambda _width: ()
        self._heading: Sequence[Line] = ()
        """The header's lines at the width that there is."""
        self._rows: Sequence[Row] = ()
        self._lines: list[int | None] = []
        """The index of the row on each line; None on a blank one."""
        self._line_of: dict[str, int] = {}
        self._seen: dict[int, _Seen] = {}
        """What was painted, by the line of the page: what stays is neither laid out nor turned into colours again."""
        self._round = 0
        self._painted: dict[int, Strip] = {}
        """What stands on each line of the screen."""

    # --- what it shows ------------------------------------------------------------------------------------------

    def fill(self, rows: Sequence[Row], header: Callable[[int], Sequence[Line]] | None = None) -> None:
        """Show these rows. The cursor stays on its row wherever it went, else at the place where it was."""
        place = self._line_of.get(self.cursor or "", 0)
        self._round += 1
        if header is not None:
            self._header = header
        self._heading = self._header(self.size.width)
        if rows is self._rows:
            # The same rows in the same order: what they say may have changed.
            self._repaint()
            return
        self._rows = rows
        self._lines, self._line_of = [], {}
        for index, row in enumerate(rows):
            if index and row.group != rows[index - 1].group:
                self._lines.append(None)
            self._line_of[row.key] = len(self._lines)
            self._lines.extend([index] * (1 if row.second is None else 2))
            if row.after is not None:
                self._lines.append(None)
        if self.cursor not in self._line_of:
            self.cursor = self._key_near(place)
        size = Size(self.size.width, self._head + len(self._lines))
        if size != self.virtual_size:
            self.virtual_size = size
        self._repaint()

    @property
    def keys(self) -> list[str]:
        """The rows' keys from the top."""
        return [row.key for row in self._rows]

    def line_of(self, key: str) -> int | None:
        """The line of the widget on which a row is now, whether it is in sight or not; None where it is not there."""
        line = self._line_of.get(key)
        return None if line is None else line + self._head - int(self.scroll_y)

    @property
    def _head(self) -> int:
        return len(self._heading)

    def _key_near(self, place: int) -> str | None:
        for offset in range(len(self._lines)):
            for at in (place - offset, place + offset):
                if 0 <= at < len(self._lines) and (index := self._lines[at]) is not None:
                    return self._rows[index].key
        return None

    # --- painting -----------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Paint for the width that there is now; the cursor stays in sight."""
        self._heading = self._header(self.size.width)
        self.virtual_size = Size(self.size.width, self._head + len(self._lines))
        self._forget()
        self.refresh()
        self._reveal()

    def notify_style_update(self) -> None:
        """Forget the colours of before."""
        self._forget()
        super().notify_style_update()

    def _forget(self) -> None:
        self._seen.clear()
        self._painted.clear()

    def watch_cursor(self, before: str | None, now: str | None) -> None:
        """Follow the cursor and tell of it."""
        self._changed(before, now)
        self._reveal()
        self._repaint()
        self.post_message(self.Highlighted(self, self.cursor))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """What was painted stands on other lines now."""
        self._painted.clear()
        super().watch_scroll_y(old_value, new_value)

    def on_focus(self) -> None:
        """Show the cursor."""
        self._changed(self.cursor)
        self._repaint()

    def on_blur(self) -> None:
        """Hide the cursor; the selected row keeps its background."""
        self._changed(self.cursor)
        self._repaint()

    def _changed(self, *keys: str | None) -> None:
        """Have some rows laid out anew."""
        for key in keys:
            line = self._line_of.get(key or "")
            if line is None:
                continue
            for place in range(line, line + self._tall(line)):
                if (seen := self._seen.get(place)) is not None:
                    self._seen[place] = seen._replace(round=-1)

    def _tall(self, line: int) -> int:
        """How many lines the row that begins on a line has."""
        return self._lines[line : line + 2].count(self._lines[line])

    def _repaint(self) -> None:
        """Paint what is seen and changed, and nothing else."""
        width, height = self.size
        top, bottom = int(self.scroll_y) - self._head, int(self.scroll_y) + height
        if len(self._seen) > 4 * height:
            self._seen = {place: seen for place, seen in self._seen.items() if place < 0 or top <= place < bottom}
        changed = [
            Region(0, y, width, 1) for y in range(height) if self._painted.get(y) is not self._strip_at(y, width)
        ]
        if changed:
            self.refresh(*changed)

    def _strip_at(self, y: int, width: int) -> Strip:
        """A line of what is seen; the same one as before where it says the same."""
        # The header stands before the first row, wherever that has been scrolled to.
        place = y - self._head if y < self._head else y + int(self.scroll_y) - self._head
        seen = self._seen.get(place)
        if seen is not None and seen.strip.cell_length != width:
            seen = None
        if seen is not None and seen.round == self._round:
            return seen.strip
        content, selected = self._content(y, width)
        if seen is not None and seen.content == content and seen.selected is selected:
            strip = seen.strip
        else:
            strip = self.strip(content, width, selected=selected)
        self._seen[place] = _Seen(content, selected, strip, self._round)
        return strip

    def _content(self, y: int, width: int) -> tuple[Line, bool]:
        if y < self._head:
            return self._heading[y], False
        place = y + int(self.scroll_y) - self._head
        if not 0 <= place < len(self._lines):
            return BLANK, False
        index = self._lines[place]
        if index is None:
            above = self._lines[place - 1]
            after = None if above is None else self._rows[above].after
            return BLANK if after is None else after(width), False
        row = self._rows[index]
        selected = row.key == self.cursor
        below = place > self._line_of[row.key]
        content = (row.second if below and row.second is not None else row.paint)(width, selected)
        if not selected:
            return content, False
        bar = Span(self.cursor_glyph if self.has_focus else " ", "accent")
        return (bar, *_without_first_cell(content)), True

    def render_line(self, y: int) -> Strip:
        """One line of what is seen."""
        self._painted[y] = strip = self._strip_at(y, self.size.width)
        return strip

    # --- moving -------------------------------------------------------------------------------------------------

    def action_move(self, rows: int) -> None:
        """The cursor some rows down."""
        if self._rows:
            line = self._line_of.get(self.cursor or "")
            at = (0 if line is None else self._lines[line]) or 0
            self.cursor = self._rows[max(0, min(len(self._rows) - 1, at + rows))].key

    def action_page(self, pages: int) -> None:
        """The cursor a page down."""
        self.action_move(pages * max(1, self.size.height - self._head - 1))

    def action_edge(self, place: int) -> None:
        """The cursor to the first or last row."""
        if self._rows:
            self.cursor = self._rows[place].key

    @property
    def allow_vertical_scroll(self) -> bool:
        """Wherever there is more than fits; Textual asks for a scroll bar, which may not have been laid out yet."""
        return self.max_scroll_y > 0

    def _reveal(self) -> None:
        line = self._line_of.get(self.cursor or "")
        if line is not None and self.size.height:
            head = self._head
            self.scroll_to_region(
                Region(0, line + head, self.size.width, self._tall(line)),
                spacing=Spacing(top=head),
                animate=False,
                immediate=True,
            )

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a row; a second click chooses it. The header is its screen's."""
        if event.y < self._head:
            self.post_message(self.HeaderClicked(self, event.x))
            return
        place = event.y + int(self.scroll_y) - self._head
        if 0 <= place < len(self._lines) and (index := self._lines[place]) is not None:
            chosen = self._rows[index].key
            if chosen == self.cursor and event.chain > 1:
                self.post_message(self.Chosen(self, chosen))
            self.cursor = chosen


def _without_first_cell(content: Line) -> Line:
    """A line whose first cell makes room for the cursor's bar."""
    if not content:
        return BLANK
    first, *rest = content
    return (first._replace(text=first.text[1:]), *rest)
