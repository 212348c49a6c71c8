"""Questions that are asked before something is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from provider_console.sdk.secret import Secret
from provider_console.tui.ink import BLANK, Line, head, line, muted, wrap
from provider_console.tui.widgets.keys import Key, Keys
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.prompt import Hidden

T = TypeVar("T")


class Sheet(VerticalScroll, can_focus=False):
    """What a dialog is written on; it scrolls where the terminal is small."""


class _Dialog(ModalScreen[T]):
    """A title, some lines, and the keys that answer."""

    CSS_PATH = "dialogs.tcss"

    def __init__(self, title: str, lines: Sequence[Line]) -> None:
        super().__init__()
        self._lines = (line(head(title)), BLANK, *lines)

    def _page(self, width: int, _height: int) -> list[Line]:
        return [part for content in self._lines for part in (wrap(content, width) or [BLANK])]

    async def on_keys_pressed(self, message: Keys.Pressed) -> None:
        """A key was clicked."""
        await self.run_action(message.action)


class ConfirmScreen(_Dialog[bool]):
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
            yield Keys()

    def on_mount(self) -> None:
        """Offer the two answers."""
        keys = [Key("y", self._yes, "answer(True)"), Key("esc", "leave it as it is", "answer(False)")]
        self.query_one(Keys).show(keys, None)

    def action_answer(self, yes: bool) -> None:  # noqa: FBT001 - the binding's own argument
        """Answer."""
        self.dismiss(yes)


class CredentialScreen(_Dialog[Secret | None]):
    """Asks for the value of a credential; what is typed is not shown."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave it", tooltip="store nothing")]

    def __init__(self, name: str, lines: Sequence[Line]) -> None:
        super().__init__(f"Store {name}", [*lines, line(muted("What you type or paste is not shown."))])

    def compose(self) -> ComposeResult:
        """The question and the field."""
        with Sheet():
            yield Lines(self._page, id="question")
            yield Hidden()
            yield Keys()

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
            self.notify("nothing was typed, so nothing is stored", severity="warning")
        self.dismiss(value)

    def action_leave(self) -> None:
        """Store nothing."""
        self.query_one(Hidden).take()
        self.dismiss(None)
