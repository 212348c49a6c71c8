"""The keys of a screen, made from its bindings."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen

from provider_console.tui.ink import BLANK, Line, head, key, left, line, muted, row
from provider_console.tui.widgets.lines import Lines


class HelpScreen(ModalScreen[None]):
    """Every key that does something on the screen below."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "back", key_display="esc", tooltip="back to the screen"),
    ]

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__()
        self._keys: dict[str, tuple[list[str], str]] = {}
        for _key, binding, _enabled, _tooltip in below.active_bindings.values():
            if binding.description and not binding.system:
                shown = binding.key_display or below.app.get_key_display(binding)
                keys, _words = self._keys.setdefault(binding.action, ([], binding.tooltip or binding.description))
                if shown not in keys:
                    keys.append(shown)

    def compose(self) -> ComposeResult:
        """The keys."""
        yield Lines(self._page, id="keys")

    def _page(self, width: int, _height: int) -> list[Line]:
        lines: list[Line] = [line(head("Keys")), BLANK]
        for keys, words in self._keys.values():
            lines.append(row(left(0, key(" ".join(keys)), width=16), left(18, muted(words)), width=width))
        return [*lines, BLANK, line(key("esc"), muted(" back"))]
