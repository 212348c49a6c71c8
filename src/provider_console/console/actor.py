"""Who is behind a call: the guard says it, and whoever keeps a name beside a change reads it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

_ACTOR: Final[ContextVar[str | None]] = ContextVar("actor", default=None)
"""Of the task that makes the call: one console may serve many people at once."""


class acting:  # noqa: N801 - a block, as a context manager of contextlib is; that one costs five times as much
    """Let what is called in this block know who asks for it."""

    __slots__ = ("_actor", "_before")

    def __init__(self, actor: str) -> None:
        self._actor = actor

    def __enter__(self) -> None:
        self._before = _ACTOR.set(self._actor)

    def __exit__(self, *_: object) -> None:
        _ACTOR.reset(self._before)


def actor_or(otherwise: str) -> str:
    """Who asks; `otherwise` where code of this process does.

    >>> with acting("alice"):
    ...     actor_or("engine")
    'alice'
    """
    return _ACTOR.get() or otherwise
