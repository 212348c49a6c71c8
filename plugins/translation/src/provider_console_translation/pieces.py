"""Long text in pieces that a provider accepts, and back: stateless, so that joining needs only how many there were."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import cached_property
from heapq import heappop, heappush
from typing import Final

from provider_console_translation.marks import protected

NEAR: Final = 0.2
"""How far from the middle a better place to cut may be, in lengths of what is cut."""

Span = tuple[int, int]

# The better a place to cut, the earlier its group. The look ahead lets the search skip plain text ten times faster;
# spaces are far too many to list and are looked for where they are wanted.
_BOUNDS: Final = re.compile(
    r"""
    (?=[\n<.!?…؟।。！？]) (?:
      (?P<paragraph> \n[^\S\n]*\n\s* | </(?:p|div|li|h[1-6]|table|tr|ul|ol|section|article|blockquote)>\s* )
    | (?P<line> \n\s* )
    | (?P<sentence> [.!?…؟।]["'»”’)\]]{0,3}[^\S\n]+(?!\s) | [。！？]\s* )
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_RANKS: Final = {"paragraph": 0, "line": 1, "sentence": 2}
_JOINER: Final = "\u200d"
_SELECTORS: Final = frozenset("\ufe0e\ufe0f\u20e3")


class Pieces:
    """The one way to cut a text into any number of pieces.

    Each further piece comes from halving the longest so far, so the number alone says where a text was cut: `joined`
    finds the separators again from how many results there are. Pieces have no white space at their ends; what lies
    between them is kept aside.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def fitting(self, limit: int) -> list[Span]:
        """As few pieces as it takes until none is longer than `limit` but those that cannot be cut.

        A placeholder, a tag or a letter with its accents is never cut.
        """
        return self._cut(lambda count, longest: count > 0 and longest <= limit)

    def joined(self, parts: Sequence[str]) -> str:
        """The parts in the place of this text's own, with its separators between them.

        Raises:
            ValueError: this text cannot be cut into as many parts.
        """
        spans = self._cut(lambda count, _: count >= len(parts))
        if len(spans) != len(parts):
            raise ValueError(f"the text cannot be cut into {len(parts)} pieces")
        text, written, position = self.text, [], 0
        for (start, end), part in zip(spans, parts, strict=True):
            written += [text[position:start], part.strip()]
            position = end
        return "".join([*written, text[position:]])

    def _cut(self, enough: Callable[[int, int], bool]) -> list[Span]:
        """Spans in order, once `enough(how many, the longest that can be cut)`, or when nothing can be cut."""
        whole = self._stripped(0, len(self.text))
        waiting = [(-(whole[1] - whole[0]), whole)] if whole[0] < whole[1] else []
        settled: list[Span] = []
        while waiting and not enough(len(waiting) + len(settled), -waiting[0][0]):
            _, span = heappop(waiting)
            place = self._place(*span)
            if place is None:
                settled.append(span)
                continue
            for half in (self._stripped(span[0], place), self._stripped(place, span[1])):
                heappush(waiting, (half[0] - half[1], half))
        return sorted([*settled, *(span for _, span in waiting)])

    def _place(self, start: int, end: int) -> int | None:
        """Where to cut a span: near its middle the best kind of place, else the nearest, a word only at last."""
        middle = (start + end) // 2
        for reach in (int((end - start) * NEAR), end - start):
            low, high = max(start + 1, middle - reach), min(end - 1, middle + reach)
            for positions in self._bounds:
                index = bisect_left(positions, middle)
                around = [place for place in positions[max(0, index - 1) : index + 1] if low <= place <= high]
                if around:
                    return min(around, key=lambda place: abs(place - middle))
            around = [place for place in self._spaces(middle, low, high) if not self._is_protected(place)]
            if around:
                return min(around, key=lambda place: abs(place - middle))
        return self._between_letters(middle, end) or self._between_letters(start + 1, middle)

    def _spaces(self, middle: int, low: int, high: int) -> list[int]:
        """Where the last word before the middle begins, and the first one after it, between `low` and `high`."""
        before, after = self.text[low:middle], self.text[middle : high + 1]
        found = []
        if len(words := before.rsplit(None, 1)) == 2:
            found.append(low + len(before.rstrip()) - len(words[1]))
        if after[:1].isspace() and not after.isspace():
            found.append(high + 1 - len(after.lstrip()))
        elif len(words := after.split(None, 1)) == 2:
            found.append(high + 1 - len(words[1]))
        return found

    def _is_protected(self, position: int) -> bool:
        index = bisect_right(self._protected_starts, position) - 1
        return index >= 0 and self._protected[index][0] < position < self._protected[index][1]

    def _between_letters(self, position: int, end: int) -> int | None:
        """The first place from here on that is inside neither a protected span nor a letter of several parts."""
        text = self.text
        while position < end:
            if self._is_protected(position):
                position = self._protected[bisect_right(self._protected_starts, position) - 1][1]
            elif _continues(text, position):
                position += 1
            else:
                return position
        return None

    def _stripped(self, start: int, end: int) -> Span:
        part = self.text[start:end]
        return start + len(part) - len(part.lstrip()), start + len(part.rstrip())

    @cached_property
    def _bounds(self) -> tuple[list[int], ...]:
        """Places to cut by rank, each sorted, none inside a protected span."""
        bounds: tuple[list[int], ...] = ([], [], [])
        for match in _BOUNDS.finditer(self.text):
            position = match.end()
            if match.lastgroup and not self._is_protected(position):
                bounds[_RANKS[match.lastgroup]].append(position)
        return bounds

    @cached_property
    def _protected(self) -> list[Span]:
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
