"""Entries of a form: a label, something to type into or to choose from, and a note beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, TextArea

from provider_console.tui.ink import Line, Span, head, line, muted, wrap
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.painted import Painted

LINE_LONGEST = 10_000
"""Characters of an entry of one line, whatever its field allows: longer ones are texts."""


class Words(Painted, can_focus=True):
    """A row of words, one of them chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l,space", "step(1)", "next", show=False, tooltip="the next choice"),
        Binding("left,h", "step(-1)", "before", show=False, tooltip="the choice before"),
    ]
    DEFAULT_CSS = "Words { height: 1; }"

    chosen: reactive[str] = reactive("")

    class Changed(Message):
        """Another word was chosen."""

        def __init__(self, words: Words, chosen: str) -> None:
            super().__init__()
            self.words = words
            self.chosen = chosen

        @property
        def control(self) -> Words:
            """Where it was chosen."""
            return self.words

    def __init__(self, words: Sequence[str], chosen: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._words = tuple(words)
        self.set_reactive(Words.chosen, chosen if chosen in self._words else (self._words or ("",))[0])

    def offer(self, words: Sequence[str], chosen: str) -> None:
        """Other words to choose from."""
        self._words = tuple(words)
        self.chosen = chosen
        self.refresh()

    def watch_chosen(self) -> None:
        """Tell of the choice."""
        self.post_message(self.Changed(self, self.chosen))

    def _first(self) -> int:
        """The first word shown, so that the chosen one has room."""
        at = self._words.index(self.chosen) if self.chosen in self._words else 0
        first = 0
        while first < at and sum(len(word) + 2 for word in self._words[first : at + 1]) > self.size.width:
            first += 1
        return first

    def render_line(self, y: int) -> Strip:
        """The words, the chosen one underlined."""
        spans: list[Span] = []
        for word in self._words[self._first() :]:
            if word == self.chosen:
                # Where keys of the screen choose, the choice is where one is, whoever has the focus.
                here = self.has_focus or not self.can_focus
                spans.append(Span(word, "accent" if here else "text", bold=here, underline=True))
            else:
                spans.append(muted(word))
            spans.append(Span("  "))
        return self.strip(tuple(spans), self.size.width)

    def action_step(self, by: int) -> None:
        """Another word."""
        if self._words:
            at = self._words.index(self.chosen) if self.chosen in self._words else 0
            self.chosen = self._words[(at + by) % len(self._words)]

    def on_focus(self) -> None:
        """Show the focus."""
        self.refresh()

    def on_blur(self) -> None:
        """Hide the focus."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Choose the word that was clicked."""
        at = 0
        for word in self._words[self._first() :]:
            if at <= event.x < at + len(word):
                self.chosen = word
            at += len(word) + 2


class Text(TextArea):
    """Many lines to type; what is pasted beyond the longest is refused and said."""

    def __init__(self, text: str, *, longest: int) -> None:
        super().__init__(text, compact=True, highlight_cursor_line=False)
        self.longest = longest

    async def _on_paste(self, event: events.Paste) -> None:
        if len(self.text) + len(event.text) > self.longest:
            event.prevent_default()
            event.stop()
            self.notify(f"At most {self.longest:,} characters are taken; nothing was pasted.", severity="warning")
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
        self._typed = typed
        self._words = tuple(words)
        self._rows = rows
        self._longest = longest
        self._bar = cursor_glyph
        self._lit = False

    def compose(self) -> ComposeResult:
        """Label, control, note."""
        yield Lines(self._label_lines, classes="entry--label")
        if self._words:
            yield Words(self._words, self._typed)
        elif self._rows > 1:
            text = Text(self._typed, longest=self._longest)
            text.styles.height = self._rows
            yield text
        else:
            yield Input(self._typed, max_length=min(self._longest, LINE_LONGEST), compact=True, select_on_focus=False)
        yield Lines(self._note_lines, classes="entry--note")

    def _label_lines(self, _width: int, _height: int) -> Sequence[Line]:
        bar = Span(f"{self._bar} " if self._lit else "  ", "accent")
        return [line(bar, head(self._label) if self._lit else muted(self._label))]

    def _note_lines(self, width: int, _height: int) -> Sequence[Line]:
        return wrap(self._note, max(1, width), limit=4) or [()]

    def say(self, note: Line) -> None:
        """Put another note beside it."""
        self._note = note
        self.query_one(".entry--note", Lines).show(self._note_lines)

    @property
    def typed(self) -> str:
        """What stands in it."""
        control = self.control
        if isinstance(control, Words):
            return control.chosen
        return control.text if isinstance(control, TextArea) else str(control.value)

    @property
    def control(self) -> Words | TextArea | Input:
        """What is typed into or chosen from."""
        return self.query_one("Words, TextArea, Input")  # type: ignore[return-value]  # composed above

    def on_descendant_focus(self) -> None:
        """Light the label."""
        self._light(lit=True)

    def on_descendant_blur(self) -> None:
        """Put the light out."""
        self._light(lit=False)

    def _light(self, *, lit: bool) -> None:
        self._lit = lit
        self.query_one(".entry--label", Lines).show(self._label_lines)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on to the next entry."""
        event.stop()
        self.screen.focus_next()


def entries(parent: Widget) -> dict[str, Entry]:
    """The entries below a widget by their names."""
    return {entry.name or "": entry for entry in parent.query(Entry)}
