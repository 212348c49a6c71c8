"""The nearest known name, for messages about an unknown one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

CUTOFF: Final = 0.6
LONGEST: Final = 64
"""A longer word is no misspelling, and comparing it would cost time."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name most like a word, upper and lower case alike; None where none is near.

    >>> nearest("depl", ["deepl", "ollama"]), nearest("OLLAMA", ["deepl", "ollama"]), nearest("x", ["deepl"])
    ('deepl', 'ollama', None)
    """
    if len(word) > LONGEST:
        return None
    names = {name.casefold(): name for name in sorted(known, reverse=True)}
    found = difflib.get_close_matches(word.casefold(), names, n=1, cutoff=CUTOFF)
    return names[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest one, or the known ones where they are few.

    >>> did_you_mean("depl", ["deepl", "ollama"]), did_you_mean("x", ["a", "b"]), did_you_mean("x", [])
    ("; did you mean 'deepl'?", '; known: a, b', '')
    """
    names = sorted(known)
    near = nearest(word, names)
    if near is not None:
        return f"; did you mean {near!r}?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= 8 else ""
