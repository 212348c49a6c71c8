"""Activity: the words that name its views, and what is said of the whole."""

from __future__ import annotations

from typing import Final

from provider_console.console.views import AuditVerdict
from provider_console.console.words import clean_text
from provider_console.tui.ink import Line, Span, key, muted
from provider_console.tui.pages.words import figure, plural

VIEWS: Final = {"alerts": ("A", "alerts"), "trail": ("T", "audit trail"), "log": ("L", "log")}
"""The views by name: key and word, which begins with the key's letter where it can."""


def words(active: str, width: int) -> Line:
    """The views in a row, each with its key, the active one underlined."""
    spans: list[Span] = []
    for name, (letter, word) in VIEWS.items():
        if spans:
            spans.append(Span("   " if width >= 100 else "  "))
        shown = word if width >= 100 else word.rpartition(" ")[2]
        here = Span(shown, "head", underline=True) if name == active else muted(shown)
        spans += [key(letter), Span(" "), here]
    return tuple(spans)


def verdict(found: AuditVerdict) -> str:
    """What a walk along the audit trail found, in a sentence."""
    if not found.ok:
        return f"the audit trail is not intact at row {figure(found.broken_at)}: {clean_text(found.reason or '')}"
    signed = (
        "nothing is signed: there is no keyring"
        if found.signed_up_to is None
        else f"signed up to row {found.signed_up_to:,}"
    )
    return f"the audit trail is intact: {plural(found.rows, 'row')}, {signed}"
