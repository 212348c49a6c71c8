"""Questions that are asked before something is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from provider_console.tui.ink import BLANK, Line, head, key, line, muted
from provider_console.tui.widgets.lines import Lines


class ConfirmScreen(ModalScreen[bool]):
    """Says what exactly will happen, and waits for a yes."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes", tooltip="do it"),
        Binding("escape,n", "answer(False)", "no", tooltip="leave it as it is"),
    ]

    def __init__(self, title: str, lines: Sequence[Line], yes: str) -> None:
        super().__init__()
        self._page = [line(head(title)), BLANK, *lines, BLANK]
        self._page.append(line(key("y"), muted(f" {yes}   "), key("esc"), muted(" leave it as it is")))

    def compose(self) -> ComposeResult:
        """The question."""
        yield Lines(lambda _width, _height: self._page, id="question")

    def action_answer(self, yes: bool) -> None:  # noqa: FBT001 - the binding's own argument
        """Answer."""
        self.dismiss(yes)
