"""Entries of a form: a label, something to type into or to choose from, and a note beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Horizontal
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, TextArea

from provider_console.tui.glyphs import UNICODE
from provider_console.tui.ink import Line, Span, head, line, muted, wrap
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.words import Words

LINE_LONGEST = 10_000
"""Characters of an entry of one line, whatever its field allows: longer ones are texts."""


class Blank(Input):
    """One line to type, dashed for `cells` cells where nothing is written yet: one sees where it is, and how wide."""

    def __init__(self, typed: str, *, longest: int, cells: int) -> None:
        super().__init__(typed, max_length=longest, compact=True, select_on_focus=False)
        self._cells = cells

    def render_line(self, y: int) -> Strip:
        """The text, and the dashes behind it."""
        # Textual's strip ends with what is written.
        strip = super().render_line(y).adjust_cell_length(self.scrollable_content_region.width + 1, self.rich_style)
        return _dashed(strip, self._cells, self, lit=self.has_focus)


def _dashed(strip: Strip, cells: int, widget: Widget, *, lit: bool) -> Strip:
    """A row with dashes up to so many cells where it is empty: in the accent where one types, `lit`."""
    *written, last = strip
    paper = last.style or Style()
    # The cell of a cursor that is not shown just now is blank, too.
    while written and not last.text.strip() and (written[-1].style or paper).bgcolor == paper.bgcolor:
        last = Segment(written.pop().text + last.text, paper)
    text = last.text.rstrip(" ")
    at = strip.cell_length - cell_len(last.text) + cell_len(text)
    dashes, rest = max(0, min(strip.cell_length, cells) - at), max(0, strip.cell_length - max(at, cells))
    ink = Color.parse(widget.app.theme_variables["pc-accent" if lit else "pc-line"])
    dash = paper + Style(color=ink.rich_color, underline=False)
    pieces = (Segment(text, last.style), Segment(UNICODE.rest * dashes, dash), Segment(" " * rest, paper))
    return Strip([*written, *(piece for piece in pieces if piece.text)], strip.cell_length)


class Text(TextArea):
    """Many lines to type, dashed as far as they are empty; what is pasted beyond the longest is refused and said."""

    def __init__(self, text: str, *, longest: int) -> None:
        super().__init__(text, compact=True, highlight_cursor_line=False)
        self.longest = longest

    def render_line(self, y: int) -> Strip:
        """The text, and the dashes behind it."""
        here = self.wrapped_document.location_to_offset(self.cursor_location).y - self.scroll_offset.y
        return _dashed(super().render_line(y), self.size.width, self, lit=self.has_focus and y == here)

    async def _on_paste(self, event: events.Paste) -> None:
        if len(self.text) + len(event.text) > self.longest:
            event.prevent_default()
            event.stop()
            said = f"At most {self.longest:,} characters are taken; nothing was pasted."
            self.notify(said, severity="warning", markup=False)
            return
        await super()._on_paste(event)


class Entry(Horizontal):
    """One field: `name` tells it apart, `words` are its choices (none: it is typed), `rows` its height."""

    NOTE_ROWS: ClassVar = 4
    """Rows that its note may take."""
    DEFAULT_CSS = """
    Entry {
        height: auto;
        & > .entry--label { width: 18; padding: 0 1 0 0; }
        & > .entry--note { width: 1fr; min-width: 32; padding: 0 2 0 2; }
        & > Input, & > TextArea, & > Words { width: 2fr; }
        & > Input { background: transparent; color: $pc-text; }
        & > TextArea { background: transparent; color: $pc-text; padding: 0; scrollbar-size: 1 1; }
        & > .text-area--cursor { background: $pc-accent; }
        &:focus-within { background: $pc-sel; }
        &:focus-within > Input { text-style: underline; }
    }
    """

    def __init__(
        self,
        name: str,
        label: str,
        note: Line,
        *,
        typed: str = "",
        words: Sequence[str] = (),
        rows: int = 1,
        longest: int = LINE_LONGEST,
        cursor_glyph: str = "▌",
    ) -> None:
        super().__init__(name=name)
        self._label = label
        self._note = note
        self._bar = cursor_glyph
        self._lit = False
        # Made here and not when Textual composes: an entry can be read before that, and while its form goes away.
        self._labelled = Lines(self._label_lines, classes="entry--label")
        self.control = _control(typed, words, rows, longest)
        """What is typed into or chosen from."""
        self._noted = Lines(self._note_lines, classes="entry--note")

    def compose(self) -> ComposeResult:
        """Label, control, note."""
        yield from (self._labelled, self.control, self._noted)

    def _label_lines(self, _width: int, _height: int) -> Sequence[Line]:
        bar = Span(f"{self._bar} " if self._lit else "  ", "accent")
        return [line(bar, head(self._label) if self._lit else muted(self._label))]

    def _note_lines(self, width: int, _height: int) -> Sequence[Line]:
        return wrap(self._note, max(1, width), limit=self.NOTE_ROWS) or [()]

    def say(self, note: Line) -> None:
        """Put another note beside it."""
        self._note = note
        self._noted.show(self._note_lines)

    @property
    def typed(self) -> str:
        """What stands in it."""
        control = self.control
        if isinstance(control, Words):
            return control.chosen
        return control.text if isinstance(control, TextArea) else str(control.value)

    def on_descendant_focus(self) -> None:
        """Light the label."""
        self._light(lit=True)

    def on_descendant_blur(self) -> None:
        """Put the light out."""
        self._light(lit=False)

    def _light(self, *, lit: bool) -> None:
        self._lit = lit
        self._labelled.show(self._label_lines)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on to the next entry."""
        event.stop()
        self.screen.focus_next()


def _control(typed: str, words: Sequence[str], rows: int, longest: int) -> Words | TextArea | Input:
    if words:
        return Words(words, typed)
    if rows == 1:
        longest = min(longest, LINE_LONGEST)
        return Blank(typed, longest=longest, cells=longest)
    text = Text(typed, longest=longest)
    text.styles.height = rows
    return text


def entries(parent: Widget) -> dict[str, Entry]:
    """The entries below a widget by their names."""
    return {entry.name or "": entry for entry in parent.query(Entry)}
