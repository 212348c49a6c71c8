"""The rules of tcss, each source parsed once.

Whenever a screen is opened for the first time, and when the theme is put on, Textual parses all rules of all widgets
anew; that was a third of the time from a digit to its mode. Rules depend on their source and on the colours alone.
"""

from __future__ import annotations

from typing import Final

from textual.cache import LRUCache
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

SOURCES: Final = 512
"""Sources whose rules are kept: the files, and each class of a widget that has rules. There are about fifty."""


class Rules(Stylesheet):
    """A stylesheet that keeps what it has parsed for as long as the colours stay."""

    def __init__(self, *, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._parse_cache: LRUCache[tuple[object, ...], list[RuleSet]] = LRUCache(SOURCES)

    def set_variables(self, variables: dict[str, str]) -> None:
        """Use these colours; the same ones again leave everything as it is."""
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        """Parse what is new, for the colours that there are."""
        self.parse()
