"""Pages that are read: the order explained, the whole result, one deed of the audit trail, one line of the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from provider_console.console.views import LogLine
from provider_console.tui.ink import BLANK, Line, Span, head, line, row
from provider_console.tui.ink import left as from_left
from provider_console.tui.pages import log, order, result, trail
from provider_console.tui.pages.order import Order
from provider_console.tui.pages.trace import Trace
from provider_console.tui.pages.trail import Deed
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.pager import Pager


class ReadingScreen(ConsoleScreen):
    """A page above the mode, left with escape."""

    MODE = "execution"
    AUTO_FOCUS = "Pager"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,e,o", "app.pop_screen", "back", key_display="esc", tooltip="back to where you were"),
    ]

    def body(self) -> ComposeResult:
        """The page."""
        yield Lines(id="headline")
        yield Pager(id="page")


class OrderScreen(ReadingScreen):
    """Why the order was what it was (with a `trace`), or would be (without): nobody is called to know it."""

    def __init__(self, shown: Order, trace: Trace | None = None) -> None:
        super().__init__()
        self._shown = shown
        self._trace = trace

    def show(self) -> None:
        """Put the state on the screen: names and scores of now."""
        state, glyphs = self.state, self.glyphs
        self.query_one(Lines).show(lambda _width, _height: [BLANK])
        self.query_one(Pager).show(lambda width: order.explained(self._shown, self._trace, state, width, glyphs))


class ResultScreen(ReadingScreen):
    """The whole result, however long it is: a mebibyte at most is kept to be shown."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self._trace = trace
        self._laid_for = 0

    def show(self) -> None:
        """Put the result on the screen, once for a width."""
        trace, state = self._trace, self.state

        def top(width: int, _height: int) -> Sequence[Line]:
            margin = 1 if width < 100 else 2
            said = line(head("Result"), Span("   "), *result.facts(trace, state))
            return [BLANK, row(from_left(margin, *said), width=width), BLANK]

        self.query_one(Lines).show(top)
        if self._laid_for != self.size.width:
            self._laid_for = self.size.width
            self.query_one(Pager).show(lambda width: result.whole(trace, width))


class LogLineScreen(ReadingScreen):
    """One line of the log, and its traceback."""

    MODE = "activity"

    def __init__(self, shown: LogLine) -> None:
        super().__init__()
        self._shown = shown

    def show(self) -> None:
        """Put the line on the screen."""
        shown = self._shown
        self.query_one(Lines).show(lambda _width, _height: [BLANK])
        self.query_one(Pager).show(lambda width: log.whole(shown, width))


class DeedScreen(ReadingScreen):
    """All that the audit trail says of one deed."""

    MODE = "activity"

    def __init__(self, deed: Deed) -> None:
        super().__init__()
        self._deed = deed

    def show(self) -> None:
        """Put the deed on the screen."""
        deed = self._deed

        def top(width: int, _height: int) -> Sequence[Line]:
            margin = 1 if width < 100 else 2
            said = line(head(f"{deed.actor} · {deed.action}"), Span("   "), deed.subject)
            return [BLANK, row(from_left(margin, *said), width=width), BLANK]

        self.query_one(Lines).show(top)
        self.query_one(Pager).show(lambda width: trail.whole(deed, width))
