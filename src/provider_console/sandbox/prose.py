"""What the sandbox's language models say: the same answer to the same prompt, a translation where one is asked for."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from typing import Any

from provider_console.sandbox import phrases

_NAMES = {
    "english": "en", "inglés": "en", "spanish": "es", "español": "es", "castilian": "es", "french": "fr",
    "français": "fr", "german": "de", "deutsch": "de", "italian": "it", "portuguese": "pt", "dutch": "nl",
    "polish": "pl", "japanese": "ja", "chinese": "zh",
}  # fmt: skip
_INSTRUCTION = re.compile(r"\btranslat\w*\b", re.IGNORECASE)
_TARGET = re.compile(
    r"\b(?:in)?to\s+(?:the\s+language\s+)?[\"'`(]?(?P<word>[^\W\d_]+(?:-[A-Za-z0-9]+)*)"
    r"(?:(?:\s+[^\W\d_]+)?\s+\((?P<code>[A-Za-z]{2,3}(?:-[A-Za-z0-9]+)*)\))?",
    re.IGNORECASE,
)
_FENCED = re.compile(
    r"<((?:text|source|input|document)(?:-[0-9a-f]+)?)>\n?(?P<tag>.*?)\n?</\1>"
    r"|\"{3}\n?(?P<quote>.*?)\n?\"{3}|`{3}\w*\n(?P<tick>.*?)\n?`{3}",
    re.DOTALL | re.IGNORECASE,
)
_PIECE = re.compile(r"\s*\S+\s*$|\s*\S+")


def pieces(text: str) -> list[str]:
    """Cut a text into the pieces that stand for tokens: words with the space before them."""
    return _PIECE.findall(text) or ([text] if text else [])


def content(message: object) -> str:
    """Return the text of a chat message, whose content is a string or a list of parts."""
    if not isinstance(message, dict):
        return ""
    value = message.get("content")
    if isinstance(value, list):
        return "".join(str(part.get("text", "")) for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""


def reply(messages: Sequence[Any], *, model: str) -> str:
    """Return the model's answer to a conversation; asked for a translation, the translation and nothing else."""
    said = [message for message in messages if isinstance(message, dict)]
    asked = next((content(message) for message in reversed(said) if message.get("role") == "user"), "")
    rules = "\n".join(content(message) for message in said if message.get("role") in {"system", "developer"})
    if _INSTRUCTION.search(rules) and (target := _target(rules)):
        return phrases.translate(_fenced(asked) or asked, target)
    if _INSTRUCTION.search(asked) and (target := _target(asked)):
        return phrases.translate(_quoted(asked), target)
    opening = " ".join(asked.split())[:200]
    return f"The sandbox model {model} has read {len(asked)} characters: {opening}"


def vector(text: str, *, dimensions: int) -> list[float]:
    """Return the unit vector that stands for the meaning of `text`: the same text, the same vector."""
    raw = hashlib.shake_256(text.encode()).digest(dimensions * 2)
    values = [int.from_bytes(raw[at : at + 2], "big") / 32768 - 1 for at in range(0, len(raw), 2)]
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return [value / length for value in values]


def _target(instruction: str) -> str | None:
    start = _INSTRUCTION.search(instruction)
    for found in _TARGET.finditer(instruction, start.start() if start else 0):
        if found.group("code"):
            return found.group("code")
        word = found.group("word")
        if word.casefold() in _NAMES:
            return _NAMES[word.casefold()]
        if re.fullmatch(r"[A-Za-z]{2}(-[A-Za-z0-9]+)*", word):
            return word
    return None


def _fenced(text: str) -> str | None:
    found = _FENCED.search(text)
    return (
        next(found.group(name) for name in ("tag", "quote", "tick") if found.group(name) is not None) if found else None
    )


def _quoted(prompt: str) -> str:
    """Return the part of a prompt that is to be translated: fenced, after a blank line, or after the first colon."""
    fenced = _fenced(prompt)
    if fenced is not None:
        return fenced
    for separator in ("\n\n", ":\n", ": ", "\n"):
        _, found, rest = prompt.partition(separator)
        if found and rest.strip():
            return rest.strip()
    return prompt
