"""The keys of a screen, made from its bindings."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen

from provider_console.tui.ink import BLANK, Line, faint, head, key, left, line, muted, row, wrap
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.screens.dialogs import Sheet
from provider_console.tui.widgets.keys import Key, Keys
from provider_console.tui.widgets.lines import Lines


class HelpScreen(ModalScreen[None]):
    """Every key that does something on the screen below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "back", key_display="esc", tooltip="back to the screen"),
    ]

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__()
        self._rows: dict[str, _Row] = {}

        def place(active: ActiveBinding) -> int:
            """The screen's own keys first, then those of what has the focus, those of every screen last."""
            return 0 if active.node is below else 2 if active.node is below.app else 1

        for _key, binding, _enabled, _tooltip in sorted(below.active_bindings.values(), key=place):
            if binding.tooltip and not binding.system:
                # The last row shows two keys in the place of one (`[ ]`); here each has a row of its own.
                shown = (binding.key_display or below.app.get_key_display(binding)).partition(" ")[0]
                refusal = below.refusal(binding.action) if isinstance(below, ConsoleScreen) else None
                keys = self._rows.setdefault(binding.action, _Row([], binding.tooltip, refusal)).keys
                if shown not in keys:
                    keys.append(shown)

    def compose(self) -> ComposeResult:
        """The keys."""
        with Sheet():
            with VerticalScroll():
                yield Lines(self._page, id="keys")
            yield Keys(margin=0)

    def on_mount(self) -> None:
        """Offer the way back."""
        self.query_one(Keys).show([Key("esc", "back", "dismiss")], None)

    async def on_keys_pressed(self, message: Keys.Pressed) -> None:
        """A key was clicked."""
        await self.run_action(message.action)

    def _page(self, width: int, _height: int) -> list[Line]:
        lines: list[Line] = [line(head("Keys")), BLANK]
        for keys, words, refusal in self._rows.values():
            said = (key(" ".join(keys)), muted(words)) if refusal is None else (faint(" ".join(keys)), faint(words))
            first, *rest = wrap(line(said[1]), width - 18)
            lines.append(row(left(0, said[0], width=16), left(18, *first), width=width))
            lines += [row(left(18, *more), width=width) for more in rest]
            if refusal is not None:
                lines.append(row(left(18, refusal), width=width))
        return lines


class _Row(NamedTuple):
    keys: list[str]
    words: str
    refusal: str | None
