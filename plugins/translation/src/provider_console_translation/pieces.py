"""Long text in pieces that a provider accepts, and back: stateless, so that joining needs only how many there were."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Final

from provider_console_translation.marks import protected

# The better a place to cut, the lower its number.
PARAGRAPH: Final = 0
LINE: Final = 1
SENTENCE: Final = 2
SPACE: Final = 3

_BOUNDS: Final = re.compile(
    r"""
      (?P<paragraph> [^\S\n]*\n[^\S\n]*\n\s* | </(?:p|div|li|h[1-6]|table|tr|ul|ol|section|article|blockquote)>\s* )
    | (?P<line> [^\S\n]*\n\s* )
    | (?P<sentence> [.!?…؟।]["'»”’)\]]{0,3}[^\S\n]+(?!\s) | [。！？]\s* )
    | (?P<space> \s+ )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_RANKS: Final = {"paragraph": PARAGRAPH, "line": LINE, "sentence": SENTENCE, "space": SPACE}
_BLANK: Final = re.compile(r"\s{8,}")
_JOINER: Final = "\u200d"
_SELECTORS: Final = frozenset("\ufe0e\ufe0f\u20e3")


class Pieces:
    """The ways to cut one text.

    Cut into n pieces, a text always falls at the same places, whoever asks: `join` finds the separators again from
    the number of results. Pieces have no white space at their ends; what lies between them is kept aside.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._start = len(text) - len(text.lstrip())
        self._end = len(text.rstrip())

    def fitting(self, limit: int) -> list[tuple[int, int]]:
        """Spans of at most `limit` characters; longer only where one placeholder or tag alone is."""
        best = self.cut(1)
        longest = self._end - self._start
        count = max(1, -(-self._weight // limit))
        while count <= self._weight and longest > limit:
            spans = self.cut(count)
            # A count that the text cannot be cut into would not lead `joined` back to these spans.
            if len(spans) == count and (length := max(end - start for start, end in spans)) < longest:
                best, longest = spans, length
            count += max(1, count // 16)
        return best

    def cut(self, count: int) -> list[tuple[int, int]]:
        """About `count` spans of like weight, cut where it hurts least; fewer where the text has not as many."""
        size = self._weight / count
        cuts = [self._start]
        for number in range(1, count):
            found = self._place(self._position(number * size), size / 4, after=cuts[-1])
            if found is not None:
                cuts.append(found)
        cuts.append(self._end)
        return [(start, start + len(self.text[start:end].rstrip())) for start, end in pairwise(cuts) if end > start]

    def joined(self, parts: Sequence[str]) -> str:
        """The parts in the place of this text's own, with its separators between them.

        Raises:
            ValueError: this text was never cut into as many parts.
        """
        spans = self.cut(len(parts)) if parts else []
        if len(spans) != len(parts):
            raise ValueError(f"the text was not cut into {len(parts)} pieces")
        text, written, position = self.text, [], 0
        for (start, end), part in zip(spans, parts, strict=True):
            written += [text[position:start], part.strip()]
            position = end
        return "".join([*written, text[position:]])

    @property
    def _weight(self) -> int:
        """Characters without the long blank stretches, which fill no piece."""
        return self._end - self._start - sum(length for _, length in self._blanks)

    def _position(self, weight: float) -> int:
        position = self._start + round(weight)
        for start, length in self._blanks:
            if start > position:
                break
            position += length
        return position

    def _place(self, target: int, reach: float, *, after: int) -> int | None:
        low, high = max(after + 1, int(target - reach)), int(target + reach)
        for positions in self._bounds:
            within = positions[bisect_left(positions, low) : bisect_right(positions, high)]
            if within:
                return min(within, key=lambda position: abs(position - target))
        return self._between_letters(max(after + 1, target))

    def _between_letters(self, position: int) -> int | None:
        """The first place from here on that is inside neither a protected span nor a character of several parts."""
        text = self.text
        while position < self._end:
            index = bisect_right(self._protected_starts, position) - 1
            if index >= 0 and self._protected[index][0] < position < self._protected[index][1]:
                position = self._protected[index][1]
            elif text[position].isspace() or _continues(text, position):
                position += 1
            else:
                return position
        return None

    @cached_property
    def _blanks(self) -> list[tuple[int, int]]:
        """Where long blank stretches begin, and their lengths."""
        found = _BLANK.finditer(self.text, self._start, self._end)
        return [(match.start(), match.end() - match.start()) for match in found]

    @cached_property
    def _bounds(self) -> tuple[list[int], ...]:
        """Places to cut by rank, each sorted, none inside a protected span."""
        bounds: tuple[list[int], ...] = ([], [], [], [])
        for match in _BOUNDS.finditer(self.text):
            position = match.end()
            index = bisect_right(self._protected_starts, position) - 1
            inside = index >= 0 and self._protected[index][0] < position < self._protected[index][1]
            if not inside and self._start < position < self._end and match.lastgroup:
                bounds[_RANKS[match.lastgroup]].append(position)
        return bounds

    @cached_property
    def _protected(self) -> list[tuple[int, int]]:
        return protected(self.text)

    @cached_property
    def _protected_starts(self) -> list[int]:
        return [start for start, _ in self._protected]


def _continues(text: str, position: int) -> bool:
    """Whether the character here belongs to the one before: accents, joiners, variation selectors, flags.

    The part of UAX 29 that a cut can hurt, without its tables; too careful is harmless here.
    """
    here, before = text[position], text[position - 1]
    if unicodedata.combining(here) or unicodedata.category(here) in ("Mn", "Mc", "Me"):
        return True
    if _JOINER in (here, before) or here in _SELECTORS or "\U0001f3fb" <= here <= "\U0001f3ff":
        return True
    if before == "\r" and here == "\n":
        return True
    if _is_surrogate(here) and _is_surrogate(before):
        return True
    return _is_flag(here) and _flags_before(text, position) % 2 == 1


def _flags_before(text: str, position: int) -> int:
    """How many halves of flags stand right before; two of them make one. Looks at 100 at most."""
    start = position
    while start > max(0, position - 100) and _is_flag(text[start - 1]):
        start -= 1
    return position - start


def _is_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"
