"""The first rows: the modes, the accent under the active one, the tally, who is here where, and what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.strip import Strip

from provider_console.tui.ink import BLANK, Line, Span, row, width_of
from provider_console.tui.ink import left as from_left
from provider_console.tui.ink import right as to_right
from provider_console.tui.messages import ModeRequested
from provider_console.tui.widgets.painted import Painted


class Nav(Painted):
    """`modes` are names and titles in the order of their digits; `right` is the tally and the user, already in ink."""

    DEFAULT_CSS = "Nav { dock: top; height: 2; }"

    def __init__(self, modes: Sequence[tuple[str, str]], active: str) -> None:
        super().__init__()
        self._modes = modes
        self._active = active
        self._right: Line = BLANK
        self._notes: Sequence[Line] = ()
        self._rule = "─"
        self._accent = "━"

    def show(self, right: Line, *, rule: str, accent: str, notes: Sequence[Line] = ()) -> None:
        """Show another tally and user; `notes` are rows below the rule."""
        if (right, rule, accent, notes) != (self._right, self._rule, self._accent, self._notes):
            self._right, self._rule, self._accent, self._notes = right, rule, accent, notes
            self.styles.height = 2 + len(notes)
            self.refresh()

    @property
    def notes(self) -> Sequence[Line]:
        """What is said to be wrong."""
        return self._notes

    def _places(self) -> list[tuple[str, int, int, str, str]]:
        """Name, first column, width, digit and title of each mode."""
        narrow = self.size.width < 100
        at = 1 if narrow else 2
        places = []
        for digit, (name, title) in enumerate(self._modes, start=1):
            width = len(title) + 2
            places.append((name, at, width, str(digit), title))
            at += width + (2 if narrow else 3)
        return places

    def render_line(self, y: int) -> Strip:
        """The modes, the rule under them, or a note."""
        width = self.size.width
        if y > 1:
            return self.strip(self._notes[y - 2] if y - 2 < len(self._notes) else BLANK, width)
        margin = 1 if width < 100 else 2
        if y == 1:
            spans = [Span(self._rule * width, "rule")]
            for name, at, size, _digit, _title in self._places():
                if name == self._active:
                    spans = [
                        Span(self._rule * at, "rule"),
                        Span(self._accent * size, "accent"),
                        Span(self._rule * max(0, width - at - size), "rule"),
                    ]
            return self.strip(tuple(spans), width)
        cells = []
        for name, at, size, digit, title in self._places():
            here = name == self._active
            cells.append(
                from_left(
                    at,
                    Span(digit, "accent" if here else "faint", bold=here),
                    Span(" "),
                    Span(title, "head" if here else "muted", bold=here),
                    width=size,
                )
            )
        end = cells[-1].at + width_of(cells[-1].content) if cells else 0
        if end + 2 + width_of(self._right) <= width - margin:
            cells.append(to_right(width - margin, *self._right))
        return self.strip(row(*cells, width=width), width)

    def on_click(self, event: events.Click) -> None:
        """Go to the mode that was clicked."""
        for name, at, size, _digit, _title in self._places():
            if event.y < 2 and at <= event.x < at + size:
                self.post_message(ModeRequested(name))
