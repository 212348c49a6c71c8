"""Who is behind a call: the guard says it, and whoever keeps a name beside a change reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_ACTOR: Final[ContextVar[str | None]] = ContextVar("actor", default=None)
"""Of the task that makes the call: one console may serve many people at once."""


@contextmanager
def acting(actor: str) -> Iterator[None]:
    """Let what is called in this block know who asks for it."""
    before = _ACTOR.set(actor)
    try:
        yield
    finally:
        _ACTOR.reset(before)


def actor_or(otherwise: str) -> str:
    """Who asks; `otherwise` where code of this process does.

    >>> with acting("alice"):
    ...     actor_or("engine")
    'alice'
    """
    return _ACTOR.get() or otherwise
