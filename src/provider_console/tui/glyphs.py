"""The marks of the terminal, each by its meaning: one set of single-cell symbols and one of plain ASCII."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

STATES: Final = ("healthy", "degraded", "unhealthy", "held", "off", "unknown")
"""The words of a provider's health that have a mark."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One mark a meaning, each a single cell wide."""

    healthy: str = "●"
    degraded: str = "◐"
    unhealthy: str = "▼"
    held: str = "◇"
    off: str = "○"
    unknown: str = "·"
    failed: str = "×"
    rings: str = "▲"
    cursor: str = "▌"
    rule: str = "─"
    bar: str = "━"
    half: str = "╸"
    rest: str = "╌"
    grid: str = "┊"
    work: str = "▆"
    hop: str = "↳"
    up: str = "↑"
    down: str = "↓"
    picked: str = "■"
    unpicked: str = "·"
    pair: str = "›"
    missing: str = "–"
    left_out: str = "−"
    ellipsis: str = "…"
    at_least: str = "≥"
    caret: str = "▏"
    separator: str = "·"
    strip: str = "▁▃▄▅▆▇"
    """Usual, then five heights."""

    def of(self, state: str) -> str:
        """The mark of a state."""
        mark: str = getattr(self, state if state in STATES else "unknown")
        return mark


UNICODE: Final = Glyphs()
ASCII: Final = Glyphs(
    healthy="*",
    degraded="~",
    unhealthy="v",
    held="?",
    off="o",
    unknown=".",
    failed="x",
    rings="!",
    cursor=">",
    rule="-",
    bar="=",
    half="=",
    rest="-",
    grid=":",
    work="#",
    hop="\\",
    up="^",
    down="v",
    picked="+",
    unpicked=".",
    pair=">",
    missing="-",
    left_out="-",
    ellipsis=".",
    at_least=">",
    caret="|",
    separator=".",
    strip="_-=+#%",
)


def glyphs(name: str) -> Glyphs:
    """The set of a name of the setting `glyphs`; what is not known is `unicode`."""
    return ASCII if name == "ascii" else UNICODE


_BACK: Final = {
    ord(mark): plain
    for field in fields(Glyphs)
    for mark, plain in zip(getattr(UNICODE, field.name), getattr(ASCII, field.name), strict=True)
} | {ord("×"): "x", ord("−"): "-", ord("←"): "<", ord("→"): ">"}


def in_ascii(text: str) -> str:
    """Text of ours with its marks in ASCII, cell by cell.

    >>> in_ascii("en›sr · down 2 m …")
    'en>sr . down 2 m .'
    """
    return text.translate(_BACK)
