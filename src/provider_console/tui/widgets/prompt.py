"""What a person is asked with: choices under one cursor, and a field that does not show what is typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final, NamedTuple

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from provider_console.sdk.secret import Secret
from provider_console.tui.ink import BLANK, Line, Span
from provider_console.tui.widgets.painted import Painted

SECRET_LONGEST: Final = 16 * 1024
"""Characters of a credential; the longest known, a service account's key file, has 2,400."""


class Choice(NamedTuple):
    """One thing that can be chosen: what it is told by, and its rows for a width and whether it is selected.

    The first two cells of a row belong to the cursor. One that is not open says why when it is chosen.
    """

    key: str
    paint: Callable[[int, bool], Sequence[Line]]
    is_open: bool = True


class Choices(Painted, can_focus=True):
    """Choices below each other, `gap` blank rows between them; the selected one has a bar at all of its rows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j,tab", "move(1)", "down", show=False, tooltip="the next choice"),
        Binding("up,k,shift+tab", "move(-1)", "up", show=False, tooltip="the choice before"),
        Binding("home", "edge(0)", "first", show=False, tooltip="the first choice"),
        Binding("end", "edge(-1)", "last", show=False, tooltip="the last choice"),
        Binding("enter", "choose", "go", key_display="enter", tooltip="do what is selected"),
    ]
    DEFAULT_CSS = "Choices { height: auto; }"

    cursor: reactive[int] = reactive(0)

    class Chosen(Message):
        """Something was chosen."""

        def __init__(self, choices: Choices, key: str) -> None:
            super().__init__()
            self.choices = choices
            self.key = key

        @property
        def control(self) -> Choices:
            """Where it was chosen."""
            return self.choices

    def __init__(
        self, choices: Sequence[Choice] = (), *, gap: int = 0, cursor_glyph: str = "▌", id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._choices = tuple(choices)
        self._gap = gap
        self._bar = Span(cursor_glyph, "accent")
        self._moved = False

    def show(self, choices: Sequence[Choice]) -> None:
        """Offer these instead; the cursor stays on its choice where that is still there.

        Until somebody moves it, it is on the first one that is open.
        """
        before = self.selected
        self._choices = tuple(choices)
        if not self._moved:
            before = next((choice.key for choice in choices if choice.is_open), before)
        keys = [choice.key for choice in self._choices]
        self.cursor = keys.index(before) if before in keys else min(self.cursor, max(0, len(keys) - 1))
        self.refresh(layout=True)

    @property
    def selected(self) -> str | None:
        """What the cursor stands on."""
        return self._choices[self.cursor].key if self._choices else None

    def select(self, key: str) -> None:
        """Put the cursor on a choice."""
        self._moved = True
        self.cursor = [choice.key for choice in self._choices].index(key)

    # --- painting -----------------------------------------------------------------------------------------------

    def _laid(self, width: int) -> list[tuple[int | None, Line]]:
        """Every row, with the choice that it belongs to."""
        rows: list[tuple[int | None, Line]] = []
        for index, choice in enumerate(self._choices):
            if index:
                rows.extend([(None, BLANK)] * self._gap)
            rows.extend((index, content) for content in choice.paint(width, index == self.cursor))
        return rows

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as the choices have at that width."""
        return len(self._laid(width))

    def render_line(self, y: int) -> Strip:
        """One row."""
        width = self.size.width
        rows = self._laid(width)
        index, content = rows[y] if y < len(rows) else (None, BLANK)
        if index is None or index != self.cursor:
            return self.strip(content, width)
        bar = self._bar if self.has_focus else Span(" ")
        first, *rest = content or (Span(" "),)
        return self.strip((bar, first._replace(text=first.text[1:]), *rest), width, selected=True)

    def watch_cursor(self) -> None:
        """Keep the cursor in sight."""
        self.refresh()
        rows = [y for y, (index, _content) in enumerate(self._laid(self.size.width)) if index == self.cursor]
        if rows and self.is_mounted and isinstance(self.parent, Widget):
            place = Region(0, rows[0], self.size.width, len(rows)).translate(self.virtual_region.offset)
            self.parent.scroll_to_region(place, animate=False, immediate=True)

    # --- keys ---------------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """The cursor further down."""
        self._moved = True
        self.cursor = max(0, min(len(self._choices) - 1, self.cursor + by))

    def action_edge(self, place: int) -> None:
        """The cursor to the first or last choice."""
        self._moved = True
        self.cursor = max(0, len(self._choices) - 1) if place else 0

    def action_choose(self) -> None:
        """Choose what is selected."""
        if self._choices:
            self.post_message(self.Chosen(self, self._choices[self.cursor].key))

    def on_click(self, event: events.Click) -> None:
        """Choose what was clicked."""
        rows = self._laid(self.size.width)
        if event.y < len(rows) and (index := rows[event.y][0]) is not None:
            self._moved = True
            self.cursor = index
            self.action_choose()


class Hidden(Input):
    """A field for a credential: dots are shown, no message carries the value, and nothing of it can be copied."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "store", key_display="enter", tooltip="take what was typed"),
    ]

    class Given(Message):
        """Something was entered. The value is fetched with `take`."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, password=True, max_length=SECRET_LONGEST, compact=True)
        # Both carry the value, and messages are logged.
        self.disable_messages(Input.Changed, Input.Submitted)

    def take(self) -> Secret | None:
        """What was typed, without the blanks that come with a copied line; the field is empty afterwards."""
        value, self.value = self.value.strip(), ""
        return Secret(value) if value else None

    async def action_submit(self) -> None:
        """Tell that something was entered, but not what."""
        self.post_message(self.Given())

    def action_copy(self) -> None:
        """The clipboard is no place for a credential."""

    def action_cut(self) -> None:
        """The clipboard is no place for a credential."""
