"""The filter: one row to type into, there while something is filtered."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from provider_console.tui.ink import key, muted
from provider_console.tui.widgets.lines import Lines

LONGEST: Final = 200
"""Characters of a filter."""


class Filter(Horizontal):
    """Hidden until it is opened; takes the focus then, and gives it back when it is left."""

    DEFAULT_CSS = """
    Filter {
        display: none; height: 1; padding: 0 2; background: $pc-bg;
        & > Lines { width: auto; height: 1; }
        & > #slash { width: 2; }
        & > #leave { width: 23; }
        & > Input { width: 1fr; }
    }
    Filter.-open { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "clear", key_display="esc", tooltip="show everything again"),
        Binding("enter,down", "leave", "keep", key_display="enter", tooltip="keep the filter and go to what it left"),
    ]

    class Changed(Message):
        """Other text to filter by; empty shows everything."""

        def __init__(self, filter: Filter, text: str) -> None:
            super().__init__()
            self.filter = filter
            self.text = text

        @property
        def control(self) -> Filter:
            """The filter it was typed into."""
            return self.filter

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._before: Widget | None = None

    def compose(self) -> ComposeResult:
        """The slash, the text, the way out."""
        yield Lines(lambda _w, _h: [(key("/"),)], id="slash")
        yield Input(max_length=LONGEST, compact=True, select_on_focus=False)
        yield Lines(lambda _w, _h: [(key("  esc"), muted(" clears the filter"))], id="leave")

    @property
    def text(self) -> str:
        """What is filtered by; empty where nothing is."""
        return self._input.value if self.is_mounted else ""

    @property
    def _input(self) -> Input:
        return self.query_one(Input)

    def open(self) -> None:
        """Show it and type into it."""
        if not self._input.has_focus:
            self._before = self.screen.focused
        self.add_class("-open")
        self._input.focus()

    def action_clear(self) -> None:
        """Filter by nothing, and hide."""
        self._input.value = ""
        self.action_leave()
        self.remove_class("-open")

    def action_leave(self) -> None:
        """Give the focus back to where it was; an empty filter hides."""
        if not self.text:
            self.remove_class("-open")
        if self._input.has_focus:
            if self._before is not None and self._before.is_attached:
                self._before.focus()
            else:
                self.screen.set_focus(None)
        self._before = None

    def on_paste(self, event: events.Paste) -> None:
        """What is pasted comes in by the text field alone."""
        event.stop()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell of the new text."""
        event.stop()
        self.post_message(self.Changed(self, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go to what the filter left."""
        event.stop()
        self.action_leave()
