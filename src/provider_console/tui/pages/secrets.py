"""Credentials by name: where each is, how old, when it last worked, and who uses it. Never a value."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from provider_console.console.views import SecretView
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, faint, head, left, line, muted, right, row, strong
from provider_console.tui.pages.words import MISSING, brief, listed, plural
from provider_console.tui.state import State


def known(stored: Sequence[SecretView], state: State) -> list[SecretView]:
    """What is stored, and what providers name and nobody stored: those first, for somebody waits for them."""
    found = {each.name: each for each in stored}
    for view in state.providers.values():
        credential = view.credential
        if credential is None:
            continue
        there = found.get(credential.name)
        if there is None:
            found[credential.name] = SecretView(
                name=credential.name,
                present=credential.present,
                backend=credential.backend,
                age_ms=credential.age_ms,
                last_success_age_ms=None,
                used_by=(view.id,),
            )
        elif view.id not in there.used_by:
            found[credential.name] = msgspec.structs.replace(there, used_by=(*there.used_by, view.id))
    return sorted(found.values(), key=lambda each: (each.present, each.name))


def header(width: int, glyphs: Glyphs, *, ruled: bool) -> list[Line]:
    """The names of the columns."""
    place, age, worked, users = _columns(width)
    rule = [row(left(0, Span(glyphs.rule * (width - 2), "rule")), width=width)] if ruled else []
    cells = (
        left(2, muted("Credential")),
        left(place, muted("Kept in")),
        right(age, muted("Age")),
        right(worked, muted("Last worked")),
        left(users, muted("Used by")),
    )
    return [row(*cells, width=width), *rule]


def _columns(width: int) -> tuple[int, int, int, int]:
    return (24, 39, 52, 55) if width < 80 else (32, 53, 67, 71)


def secret_row(secret: SecretView, state: State, width: int, glyphs: Glyphs, *, selected: bool) -> Line:
    """One credential."""
    place, age, worked, users = _columns(width)
    where = muted(secret.backend or "keyring") if secret.present else Span(f"{glyphs.held} nowhere", "held", bold=True)
    name = Span(secret.name, "head" if selected or not secret.present else "text", bold=selected or not secret.present)
    return row(
        left(2, name, width=place - 4),
        left(place, where, width=age - place - 6),
        right(age, _ago(secret.age_ms)),
        right(worked, _ago(secret.last_success_age_ms)),
        left(
            users,
            muted(listed((state.name_of(each) for each in secret.used_by), most=3) or "nobody"),
            width=width - users - 2,
        ),
        width=width,
    )


def _ago(ms: float | None) -> Span:
    return faint(MISSING) if ms is None else Span(brief(ms))


def explained(secret: SecretView | None, refused: str | None, at: int, width: int) -> list[Line]:
    """What is to be known of the selected one, or why nobody may see them."""
    if refused is not None:
        return [row(left(at, Span(f"Secrets: {refused}.", "held")), width=width)]
    if secret is None:
        return [row(left(at, muted("No credential is stored, and no provider names one.")), width=width)]
    said = "its value is never shown again" if secret.present else "who uses it waits for it"
    return [row(left(at, secret.name, muted(f"  {said}; the configuration holds its name alone.")), width=width)]


def headline(shown: Sequence[SecretView]) -> Line:
    """How many there are, and how many are missing."""
    missing = sum(not each.present for each in shown)
    if missing:
        return line(head(f"{plural(missing, 'credential')} missing."), f" {len(shown) - missing} stored.")
    return line(head(f"{plural(len(shown), 'credential')}, none missing."))


def deletes(secret: SecretView, state: State) -> list[Line]:
    """What happens without it."""
    users = [state.name_of(each) for each in secret.used_by]
    if not users:
        return [line("Nobody uses it.")]
    return [
        line(strong(listed(users, most=4)), f" {'waits' if len(users) == 1 else 'wait'} for a key from then on."),
        line(muted("It cannot be had back from here; store it again to use it again.")),
    ]
