"""Language tags: BCP 47 inside the console, a vendor's own spelling only at the edge."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from provider_console_translation.iso639 import TWO_LETTERS

AUTO: Final = "auto"
"""Stands in a capability for "the provider finds out the language by itself"."""

# RFC 5646 allows more (extensions, private use); no translation service does.
TAG: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,4}")
MAX_LENGTH: Final = 35
"""Characters a tag may have (RFC 5646, 4.4.1)."""

_RENAMED: Final = {"iw": "he", "in": "id", "ji": "yi", "jw": "jv", "mo": "ro"}


@lru_cache(maxsize=1_024)
def normalise(tag: str) -> str:
    """A language tag in its usual spelling: `en`, `pt-BR`, `zh-Hans`, `es-419` (RFC 5646, 2.1.1 and 4.5).

    Raises:
        ValueError: it is not a language tag.

    >>> normalise("EN_gb"), normalise("zh-hans"), normalise("ES-419"), normalise("eng"), normalise("iw")
    ('en-GB', 'zh-Hans', 'es-419', 'en', 'he')
    >>> normalise("english please")
    Traceback (most recent call last):
    ValueError: not a language tag; write it like en, pt-BR or zh-Hans
    """
    if len(tag) > MAX_LENGTH or not TAG.fullmatch(tag):
        raise ValueError("not a language tag; write it like en, pt-BR or zh-Hans")
    language, *subtags = tag.replace("_", "-").split("-")
    language = language.lower()
    language = TWO_LETTERS.get(language, language)
    return "-".join([_RENAMED.get(language, language), *map(_spelled, subtags)])


def primary(tag: str) -> str:
    """The language alone, without script and region.

    >>> primary("pt-BR")
    'pt'
    """
    return tag.partition("-")[0]


def pair(source: str | None, target: str) -> str:
    """The capability that a translation needs; no source means that the provider has to detect it.

    >>> pair("EN-gb", "es"), pair(None, "pt-br")
    ('translate:en-GB>es', 'translate:auto>pt-BR')
    """
    return f"translate:{normalise(source) if source else AUTO}>{normalise(target)}"


def _spelled(subtag: str) -> str:
    if len(subtag) == 4 and subtag.isalpha():
        return subtag.title()
    return subtag.upper() if len(subtag) == 2 else subtag.lower()
