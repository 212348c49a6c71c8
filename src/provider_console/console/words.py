"""The words every front end uses: the nearest known name, spans of time, and foreign text made safe to show."""

from provider_console.core.moments import span_s
from provider_console.core.nearest import did_you_mean
from provider_console.core.text import clean_text

__all__ = ["clean_text", "did_you_mean", "span_s", "unit_words"]


def unit_words(name: str) -> str:
    """A unit of a provider as people say it.

    >>> unit_words("inputTokens")
    'input tokens'
    """
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
