"""Entries of a form: a label, something to type into or to choose from, and a note beside it."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, TextArea

from provider_console.tui.ink import Line, Span, head, line, muted, wrap
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.words import Words

LINE_LONGEST = 10_000
"""Characters of an entry of one line, whatever its field allows: longer ones are texts."""


class Text(TextArea):
    """Many lines to type; what is pasted beyond the longest is refused and said."""

    def __init__(self, text: str, *, longest: int) -> None:
        super().__init__(text, compact=True, highlight_cursor_line=False)
        self.longest = longest

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

    DEFAULT_CSS = """
    Entry {
        height: auto;
        & > .entry--label { width: 18; }
        & > .entry--note { width: 1fr; min-width: 30; padding: 0 0 0 2; }
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
        return wrap(self._note, max(1, width), limit=4) or [()]

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
        return Input(typed, max_length=min(longest, LINE_LONGEST), compact=True, select_on_focus=False)
    text = Text(typed, longest=longest)
    text.styles.height = rows
    return text


def entries(parent: Widget) -> dict[str, Entry]:
    """The entries below a widget by their names."""
    return {entry.name or "": entry for entry in parent.query(Entry)}
