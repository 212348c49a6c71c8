"""What a person has begun in Execution and not ended: what was typed, and what runs."""

from __future__ import annotations

from textual.worker import Worker


class Draft:
    """What was typed into the form, kept while the program runs: nothing is lost by looking elsewhere."""

    def __init__(self) -> None:
        self.kind = ""
        self.typed: dict[str, str] = {}


class Own:
    """Something that was started here: the worker that reads it, and what arrived and is not in the state yet."""

    def __init__(self) -> None:
        self.worker: Worker[None] | None = None
        self.execution_id: str | None = None
        self.pieces: list[str] = []

    def take(self) -> str:
        """What arrived, once."""
        arrived, self.pieces = "".join(self.pieces), []
        return arrived
