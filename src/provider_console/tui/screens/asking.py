"""Questions that take a line of text or one of some choices for an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from provider_console.tui.ink import BLANK, Line, Span, line
from provider_console.tui.screens.dialogs import Dialog, Sheet
from provider_console.tui.widgets.keys import Key, Keys
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.prompt import Choice, Choices

LONGEST: Final = 1_000
"""Characters of an answer."""


class LineScreen(Dialog[str | None]):
    """Asks for a line of text. `check` says what is wrong with it, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave it", tooltip="change nothing")]

    def __init__(
        self, title: str, lines: Sequence[Line], *, text: str, yes: str, check: Callable[[str], str | None]
    ) -> None:
        super().__init__(title, lines)
        self._text = text
        self._yes = yes
        self._check = check
        self._problem = ""

    def compose(self) -> ComposeResult:
        """The question, the field, what is wrong with it, the keys."""
        with Sheet():
            yield Lines(self._page, id="question")
            yield Input(self._text, max_length=LONGEST, compact=True, select_on_focus=False)
            yield Lines(self._wrong, id="wrong")
            yield Keys(margin=0)

    def on_mount(self) -> None:
        """Type into the field."""
        keys = [Key("enter", self._yes, "give"), Key("esc", "leave it as it is", "leave")]
        self.query_one(Keys).show(keys, None)
        self.query_one(Input).focus()

    def _wrong(self, _width: int, _height: int) -> Sequence[Line]:
        return [line(Span(self._problem, "bad"))] if self._problem else [BLANK]

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter gives the answer."""
        event.stop()
        self.action_give()

    def action_give(self) -> None:
        """Answer, if the answer can be used."""
        text = self.query_one(Input).value.strip()
        self._problem = self._check(text) or ""
        self.query_one("#wrong", Lines).show(self._wrong)
        if not self._problem:
            self.dismiss(text)

    def action_leave(self) -> None:
        """Answer nothing."""
        self.dismiss(None)


class ChoiceScreen(Dialog[str | None]):
    """Asks for one of some choices: each a key and its words."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave it", tooltip="change nothing")]

    def __init__(self, title: str, lines: Sequence[Line], choices: Sequence[tuple[str, Line]], chosen: str) -> None:
        super().__init__(title, lines)
        self._choices = choices
        self._chosen = chosen

    def compose(self) -> ComposeResult:
        """The question, the choices, the keys."""
        with Sheet():
            yield Lines(self._page, id="question")
            yield Choices([_choice(key, words) for key, words in self._choices])
            yield Keys(margin=0)

    def on_mount(self) -> None:
        """Stand on what is chosen now."""
        keys = [Key("enter", "choose", "choose"), Key("esc", "leave it as it is", "leave")]
        self.query_one(Keys).show(keys, None)
        choices = self.query_one(Choices)
        known = [key for key, _words in self._choices]
        choices.cursor = known.index(self._chosen) if self._chosen in known else 0
        choices.focus()

    def on_choices_chosen(self, message: Choices.Chosen) -> None:
        """One was chosen."""
        self.dismiss(message.key)

    def action_choose(self) -> None:
        """Choose what the cursor stands on."""
        self.dismiss(self.query_one(Choices).selected)

    def action_leave(self) -> None:
        """Answer nothing."""
        self.dismiss(None)


def _choice(key: str, words: Line) -> Choice:
    def paint(_width: int, selected: bool) -> Sequence[Line]:  # noqa: FBT001 - the choices' own call
        first, *rest = words
        shown = first._replace(ink="head", bold=True) if selected else first
        return [line(Span("  "), shown, *rest)]

    return Choice(key, paint)
