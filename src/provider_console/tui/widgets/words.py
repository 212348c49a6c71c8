"""A row of words, one of them chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from provider_console.tui.ink import Span, muted
from provider_console.tui.widgets.painted import Painted


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
