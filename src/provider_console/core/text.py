"""Text from elsewhere, made safe to print on a terminal and to keep in a row."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

MESSAGE_LIMIT: Final = 300
"""Characters of a foreign message that a report keeps (engine.md, section 2)."""

_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

# Text far beyond the limit is not looked at, so that an error body of megabytes costs nothing.
_READ_AHEAD: Final = 8

# ESC [ ... final byte; ESC ] or another string opener up to its terminator; the one-byte C1 forms of both.
# A string without its terminator loses only its opener: a terminal would swallow the rest of the message.
_SEQUENCE: Final = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f]*(?:\x07|\x1b\\\\|\x9c)"
)

# Zero-width joiners belong to the spelling of Persian, Hindi and others.
_JOINERS: Final = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


def clean_text(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """One line of at most `limit` characters without control sequences, bidi overrides or line ends.

    What is taken out leaves a replacement character, so that nobody mistakes the rest for the original.

    >>> clean_text("quota\\n  used up"), clean_text("\\x1b[31mred\\x1b[0m \\u202etxt"), clean_text("a" * 9, 5)
    ('quota used up', '\ufffdred\ufffd \ufffdtxt', 'aaaa…')
    """
    if len(text) <= limit and text.isprintable() and "  " not in text:
        return text.strip()
    text = _SEQUENCE.sub(_REPLACEMENT, text[: limit * _READ_AHEAD])
    text = "".join(map(_clean_character, " ".join(text.split())))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _clean_character(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    # Control, format (bidi overrides among them) and lone surrogates; unassigned ones differ by Unicode version.
    return _REPLACEMENT if unicodedata.category(character) in ("Cc", "Cf", "Cs") else character


_UNSAFE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean_content(value: Any) -> Any:
    """A result's content as it may be shown: whole, with control characters and bidi overrides replaced.

    Line ends and tabs stay, and so does every mark that right-to-left text needs.

    >>> clean_content({"text": "uno\\n\\x1b[2Jdos", "units": 3})
    {'text': 'uno\\n\ufffddos', 'units': 3}
    """
    if isinstance(value, str):
        return _UNSAFE.sub(_REPLACEMENT, _SEQUENCE.sub(_REPLACEMENT, value)) if _UNSAFE.search(value) else value
    if isinstance(value, dict):
        return {clean_content(key): clean_content(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_content(item) for item in value]
    return value
