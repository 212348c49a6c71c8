"""Questions that are asked before something is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input

from provider_console.sdk.secret import Secret
from provider_console.tui.ink import BLANK, Line, Span, head, line, muted, wrap
from provider_console.tui.pages import snooze
from provider_console.tui.widgets.keys import Key, Keys
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.prompt import Choice, Choices, Hidden

T = TypeVar("T")


class Sheet(VerticalScroll, can_focus=False):
    """What a dialog is written on; it scrolls where the terminal is small."""


class Dialog(ModalScreen[T]):
    """A title, some lines, and the keys that answer."""

    def __init__(self, title: str, lines: Sequence[Line]) -> None:
        super().__init__()
        self._lines = (line(head(title)), BLANK, *lines)

    def _page(self, width: int, _height: int) -> list[Line]:
        return [part for content in self._lines for part in (wrap(content, width) or [BLANK])]

    async def on_keys_pressed(self, message: Keys.Pressed) -> None:
        """A key was clicked."""
        await self.run_action(message.action)


class ConfirmScreen(Dialog[bool]):
    """Says what exactly will happen, and waits for a yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes", tooltip="do it"),
        Binding("escape,n", "answer(False)", "no", tooltip="leave it as it is"),
    ]

    def __init__(self, title: str, lines: Sequence[Line], yes: str) -> None:
        super().__init__(title, lines)
        self._yes = yes

    def compose(self) -> ComposeResult:
        """The question."""
        with Sheet():
            yield Lines(self._page, id="question")
            yield Keys(margin=0)

    def on_mount(self) -> None:
        """Offer the two answers."""
        keys = [Key("y", self._yes, "answer(True)"), Key("esc", "leave it as it is", "answer(False)")]
        self.query_one(Keys).show(keys, None)

    def action_answer(self, yes: bool) -> None:  # noqa: FBT001 - the binding's own argument
        """Answer."""
        self.dismiss(yes)


class CredentialScreen(Dialog[Secret | None]):
    """Asks for the value of a credential; what is typed is not shown."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave it", tooltip="store nothing")]

    def __init__(self, name: str, lines: Sequence[Line]) -> None:
        super().__init__(f"Store {name}", [*lines, line(muted("What you type or paste is not shown."))])

    def compose(self) -> ComposeResult:
        """The question and the field."""
        with Sheet():
            yield Lines(self._page, id="question")
            yield Hidden()
            yield Keys(margin=0)

    def on_mount(self) -> None:
        """Type into the field."""
        keys = [Key("enter", "store it", "store"), Key("esc", "store nothing", "leave")]
        self.query_one(Keys).show(keys, None)
        self.query_one(Hidden).focus()

    def on_hidden_given(self) -> None:
        """Something was typed."""
        self.action_store()

    def action_store(self) -> None:
        """Hand the value over, if there is one."""
        value = self.query_one(Hidden).take()
        if value is None:
            self.notify("nothing was typed, so nothing is stored; esc leaves it", severity="warning", markup=False)
        else:
            self.dismiss(value)

    def action_leave(self) -> None:
        """Store nothing."""
        self.query_one(Hidden).take()
        self.dismiss(None)


class SnoozeScreen(Dialog[float | None]):
    """Asks for how long an alert is kept quiet; the answer is in seconds. `now` is wall seconds."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave it", tooltip="let it ring")]

    def __init__(self, title: str, now: float) -> None:
        super().__init__(f"Snooze: {title}", [line(muted("If it is still open then, it rings again."))])
        self._now = now

    def compose(self) -> ComposeResult:
        """The spans, and a field for any other."""
        with Sheet():
            yield Lines(self._page, id="question")
            yield Choices([Choice(key, self._painted(words)) for key, words in snooze.CHOICES])
            yield Input(placeholder="like 90m, 2h or 3d", max_length=8, compact=True)
            yield Lines(id="wrong")
            yield Keys(margin=0)

    def _painted(self, words: str) -> Callable[[int, bool], Sequence[Line]]:
        return lambda _width, selected: [line("  ", Span(words, "head" if selected else "text", bold=selected))]

    def on_mount(self) -> None:
        """Offer the spans."""
        self.query_one(Input).display = False
        self.query_one(Keys).show([Key("enter", "snooze", "choose"), Key("esc", "let it ring", "leave")], None)
        self.query_one(Choices).focus()

    def on_choices_chosen(self, message: Choices.Chosen) -> None:
        """A span, or another one that is typed."""
        for_s = snooze.seconds(message.key, self._now)
        if for_s is not None:
            self.dismiss(for_s)
            return
        field = self.query_one(Input)
        field.display = True
        field.focus()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Something was typed; what is no span is said beside it."""
        for_s = snooze.typed(message.value)
        if for_s is not None:
            self.dismiss(for_s)
            return
        said = f"{message.value!r} is no span from 1m to 30d; write it like 90m, 2h or 3d."
        self.query_one("#wrong", Lines).show(lambda width, _height: wrap(line(Span(said, "bad")), width))

    def action_choose(self) -> None:
        """Take what is selected or typed."""
        field = self.query_one(Input)
        if field.display:
            self.on_input_submitted(Input.Submitted(field, field.value))
        else:
            self.query_one(Choices).action_choose()

    def action_leave(self) -> None:
        """Let it ring."""
        self.dismiss(None)
