"""Keys one after the other, however fast they come.

Textual hands a key to the widget that has the focus when it arrives. What the key before does - move the focus, open a
screen - happens later, so in `/deepl`, sent in one go, the `d` would still be the key of the table.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from textual import events
from textual.app import App
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

MOVES: Final = frozenset({"up", "down", "left", "right", "pageup", "pagedown", "home", "end", "backspace", "delete"})
"""Keys that move a cursor, where the widget that has the focus knows them itself."""
PATIENCE_S: Final = 2.0
"""How long a key waits for the one before, where the widget that had it is gone."""


class KeyHandled(Message):
    """Follows a key on its way through the widgets; where this arrives, the key has been."""


class TypingAhead(App[None]):
    """An app that hands out a key, or what is pasted, only after everything that the one before did.

    Keys that leave the focus where it is do not wait for each other: held down, they fold to one repaint.
    """

    def __init__(self) -> None:
        super().__init__()
        self.touches = 0
        """How often somebody has typed or moved the mouse."""
        self._ahead: deque[events.Key | events.Paste] = deque()
        self._under_way = False
        self._gone: Timer | None = None
        self._target: Widget | None = None
        """What has the key that is under way."""

    async def on_event(self, event: events.Event) -> None:
        """Hand out an event, a key in its turn."""
        self.touches += isinstance(event, events.InputEvent | events.Paste)
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._under_way:
            self._ahead.append(event)
            self._watch()
        else:
            await self._hand_out(event)

    def _stays(self, event: events.Key | events.Paste) -> bool:
        """Whether it leaves the focus where it is: it moves a cursor, or goes into a field."""
        focused = self.focused
        if isinstance(event, events.Paste) or event.is_printable:
            return isinstance(focused, Input)
        active = self.active_bindings.get(event.key) if event.key in MOVES else None
        return active is not None and active.node is focused

    async def _hand_out(self, event: events.Key | events.Paste) -> None:
        if self._stays(event):
            await super().on_event(event)
            return
        self._under_way = True
        target = self._target = self.focused or self.screen
        await super().on_event(event)
        if not target.post_message(KeyHandled()):
            self.call_later(self._next_keys)
        elif self._ahead:
            self._watch()

    def _watch(self) -> None:
        """What waits goes on after a time, whatever became of the key before; at once where what had it is gone."""
        if self._target is not None and not self._target.is_attached:
            self.call_later(self._next_keys)
        elif self._gone is None:
            self._gone = self.set_timer(PATIENCE_S, self._next_keys)

    def on_key_handled(self) -> None:
        """The key has been: what it asked of the app and of the screen stands before this in their queues."""
        self.screen.call_later(self.call_later, self._next_keys)

    async def _next_keys(self) -> None:
        if self._gone is not None:
            self._gone.stop()
            self._gone = None
        self._under_way = False
        while self._ahead and not self._under_way:
            await self._hand_out(self._ahead.popleft())
