"""Small messages between widgets, screens and the app. Intents are requests; what happened is in the past tense."""

from __future__ import annotations

from textual.message import Message


class StateChanged(Message):
    """The state moved on; several of these within one frame are one."""

    def can_replace(self, message: Message) -> bool:
        """Only the newest counts."""
        return isinstance(message, StateChanged)


class ModeRequested(Message):
    """Somebody wants to be in another mode."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode


class FormRequested(Message):
    """Somebody wants to execute something that providers of one of these categories do."""

    def __init__(self, categories: tuple[str, ...]) -> None:
        super().__init__()
        self.categories = categories
