"""The field in which the value of a setting is changed, on the row of that setting."""

from __future__ import annotations

from typing import ClassVar

from textual.message import Message
from textual.widgets import Input

from provider_console.tui.widgets.form import Entry


class Field(Entry):
    """One row: the setting's name, what is typed or chosen, and beside it whether it could be the value."""

    NOTE_ROWS: ClassVar = 1
    DEFAULT_CSS = """
    Field {
        height: 1; background: $pc-sel;
        & > .entry--label { width: 30; height: 1; }
        & > .entry--note { height: 1; min-width: 20; }
        & > Input, & > Words { width: 28; }
        &.-narrow > .entry--label { width: 26; }
        &.-narrow > Input, &.-narrow > Words { width: 16; }
        & > Input:focus { color: $pc-accent; text-style: underline; }
    }
    """

    class Accepted(Message):
        """Enter was pressed in it."""

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter accepts what was typed."""
        event.stop()
        event.prevent_default()
        self.post_message(self.Accepted())
