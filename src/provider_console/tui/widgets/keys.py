"""The last row: the keys that do something here, made from the bindings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from textual import events
from textual.message import Message
from textual.strip import Strip

from provider_console.tui.ink import Cell, Line, Span, row, width_of
from provider_console.tui.ink import left as from_left
from provider_console.tui.ink import right as to_right
from provider_console.tui.widgets.painted import Painted

MOST: Final = 7
"""Keys shown beside the palette's."""


class Key(NamedTuple):
    """A key as the last row shows it. `enabled` False: not now, or not in this role; `last` ones are dropped last."""

    display: str
    label: str
    action: str
    enabled: bool = True
    last: bool = False


class Keys(Painted):
    """The keys, dropped from the right where there is no room; `margin` in cells, None: that of a screen."""

    DEFAULT_CSS = "Keys { dock: bottom; height: 1; }"

    class Pressed(Message):
        """A key was clicked."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, *, margin: int | None = None) -> None:
        super().__init__()
        self._margin = margin
        self._keys: Sequence[Key] = ()
        self._palette: Key | None = None

    def show(self, keys: Sequence[Key], palette: Key | None) -> None:
        """Show these keys, the palette's at the right."""
        keys = tuple(keys)
        if (keys, palette) != (self._keys, self._palette):
            self._keys, self._palette = keys, palette
            self.refresh()

    def _placed(self) -> list[tuple[Cell, Key]]:
        width = self.size.width
        margin, gap = (1, 2) if width < 100 else (2, 3)
        margin = margin if self._margin is None else self._margin
        keys = [key for key in self._keys if not key.last]
        last = [key for key in self._keys if key.last]
        palette = self._palette

        def room() -> int:
            own = sum(width_of(_line(key)) + gap for key in (*keys, *last))
            return width - 2 * margin - own - (0 if palette is None else width_of(_line(palette)))

        while (room() < 0 or len(keys) + len(last) > MOST) and (keys or palette):
            if len(keys) > 3 or palette is None:
                # The filter outlasts the other actions.
                keys.pop(-2 if keys[-1].display == "/" and len(keys) > 3 else -1)
            else:
                palette = None
        placed, at = [], margin
        for key in (*keys, *last):
            content = _line(key)
            placed.append((from_left(at, *content), key))
            at += width_of(content) + gap
        if palette is not None:
            placed.append((to_right(width - margin, *_line(palette)), palette))
        return placed

    def render_line(self, y: int) -> Strip:
        """The keys."""
        width = self.size.width
        return self.strip(row(*(cell for cell, _key in self._placed()), width=width), width)

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        for cell, key in self._placed():
            size = width_of(cell.content)
            start = cell.at - size if cell.right else cell.at
            if start <= event.x < start + size:
                self.post_message(self.Pressed(key.action))


def _line(key: Key) -> Line:
    ink = ("accent", "muted") if key.enabled else ("faint", "faint")
    return (Span(key.display, ink[0]), Span(f" {key.label}", ink[1]))
