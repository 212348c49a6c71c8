"""The audit trail: who did what, what it changed, how it ended, and whether the chain is intact."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from provider_console.console.views import AuditEntry
from provider_console.console.words import clean_text
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, faint, head, key, left, line, muted, right, row, strong, wrap
from provider_console.tui.pages.words import clock, duration, figure, plural, wall
from provider_console.tui.state import State, Verified

_DAY_S: Final = 86_400.0
DOINGS: Final = frozenset({"execute", "execute_stream", "check", "cancel", "doctor", "clear_cache", "test_secret"})
"""Actions that change nothing which was set."""
RESULTS: Final[Mapping[str, tuple[str, str, bool]]] = {
    "done": ("ok", "muted", False),
    "failed": ("failed", "bad", True),
    "refused": ("refused: role", "warn", True),
    "cancelled": ("cancelled", "muted", False),
    "pending": ("no end", "held", False),
}
"""Word, ink and weight of each result."""
LONGEST: Final = 4_000
"""Characters of one field that are looked at."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something somebody did: the intent and what became of it. `pending` where no end is written."""

    seq: int
    at: str
    actor: str
    role: str
    front_end: str
    action: str
    subject: str
    result: str
    before: str | None
    after: str | None
    ended_at: str | None = None
    rows: tuple[int, ...] = ()


def deeds(
    entries: Sequence[AuditEntry], needle: str = "", titles: Mapping[str, str] = MappingProxyType({})
) -> list[Deed]:
    """Each intent with its outcome as one, newest first, as far as it matches all words.

    `titles` are the words for subjects that are only ids.
    """
    ends = {entry.refers_to: entry for entry in entries if entry.phase == "outcome" and entry.refers_to is not None}
    intents = {entry.seq for entry in entries if entry.phase == "intent"}
    found = []
    for entry in entries:
        if entry.refers_to in intents:
            continue
        end = ends.get(entry.seq) if entry.phase == "intent" else entry
        found.append(
            Deed(
                seq=entry.seq,
                at=entry.at,
                actor=clean_text(entry.actor),
                role=clean_text(entry.role),
                front_end=clean_text(entry.front_end),
                action=clean_text(entry.action).replace("_", " "),
                subject=clean_text(titles.get(entry.subject, entry.subject)),
                result=entry.result if end is None else end.result,
                before=entry.before,
                after=(end.after if end is not None else None) or entry.after,
                ended_at=None if end is None else end.at,
                rows=(entry.seq,) if end is None or end is entry else (entry.seq, end.seq),
            )
        )
    words = needle.casefold().split()
    return [deed for deed in found if all(word in _haystack(deed) for word in words)] if words else found


def _haystack(deed: Deed) -> str:
    words = (deed.actor, deed.role, deed.front_end, deed.action, deed.subject, result_of(deed)[0])
    return " ".join((*words, str(deed.seq), (deed.before or "")[:LONGEST], (deed.after or "")[:LONGEST])).casefold()


def result_of(deed: Deed) -> tuple[str, str, bool]:
    """The result in a word, its ink, and whether it is bold."""
    return RESULTS.get(deed.result, (clean_text(deed.result), "warn", False))


def joined(known: Sequence[AuditEntry], newer: Sequence[AuditEntry]) -> tuple[AuditEntry, ...]:
    """The newest page before what was known, where they touch; else the page alone, and the rest is read anew."""
    if not known or not newer:
        return tuple(newer)
    if newer[-1].seq > known[0].seq + 1:
        return tuple(newer)
    return (*newer, *(entry for entry in known if entry.seq < newer[-1].seq))


# --- what changed ----------------------------------------------------------------------------------------------------


def change(deed: Deed, glyphs: Glyphs) -> Line:
    """Before and after in as few words as say it; the after is what counts."""
    said = _fields(deed.after)
    if said is None:
        return line(muted(clean_text(deed.after or "")))
    if "value" in said and deed.before is not None:
        return _changed(_shown(_plain(deed.before)), _shown(said["value"]), glyphs)
    if "enabled" in said:
        return _changed(
            "" if deed.before is None else "on" if deed.before.endswith("true") else "off",
            "on" if said["enabled"] is True else "off",
            glyphs,
        )
    if isinstance(said.get("for_s"), int | float):
        return line(muted("for "), strong(duration(min(said["for_s"], 1e10) * 1000)))
    # The first argument is the subject, which has a column of its own.
    rest = [
        f"{name.replace('_', ' ')} {_shown(value)}" for name, value in [*said.items()][1:] if value not in (None, "…")
    ]
    return line(muted(clean_text(", ".join(rest))))


def _changed(before: str, after: str, glyphs: Glyphs) -> Line:
    return line(muted(f"{before} {glyphs.pair} " if before else ""), strong(after))


def _fields(text: str | None) -> Mapping[str, Any] | None:
    """What an action was called with; None where that is not what stands there."""
    found = _plain(text or "{}")
    return found if isinstance(found, dict) else None


def _plain(text: str) -> Any:
    try:
        return json.loads(text[:LONGEST])
    except (ValueError, RecursionError):
        # Cut to its bound, or written by another hand.
        return text


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    return clean_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 60)


# --- rows ------------------------------------------------------------------------------------------------------------


def _columns(width: int) -> tuple[int, int, int, int, int]:
    """Time, who, action, what, change; the last is 0 where it has no room."""
    if width >= 160:
        return 4, 15, 36, 62, 104
    if width >= 100:
        return 4, 14, 27, 49, 77
    return 3, 13, 25, 44, 0


def header(width: int, glyphs: Glyphs, *, title: str = "") -> list[Line]:
    """The names of the columns; with a title in the place of the first."""
    at = _columns(width)
    margin = 1 if width < 100 else 2
    cells = [left(margin, head(title))] if title else [left(at[0], muted("When"))]
    cells += [left(at[1], muted("Who")), left(at[2], muted("Action")), left(at[3], muted("What"))]
    if at[4]:
        cells.append(left(at[4], muted("Before › after")))
    return [
        row(*cells, right(width - margin, muted("Result")), width=width),
        row(left(margin, Span(glyphs.rule * (width - 2 * margin), "rule")), width=width),
    ]


def deed_row(deed: Deed, above: Deed | None, width: int, glyphs: Glyphs, *, selected: bool) -> Line:
    """One deed. Who did it is said where it is somebody else than above; what only looked or ran is muted."""
    at = _columns(width)
    margin = 1 if width < 100 else 2
    word, ink, bold = result_of(deed)
    odd = deed.result in ("refused", "failed")
    quiet = deed.action.replace(" ", "_") in DOINGS and not odd
    same = above is not None and above.actor == deed.actor and not selected and not odd
    who = Span("" if same else deed.actor, "head" if selected else "text", bold=selected)
    edge = at[4] or width - margin - len(word)
    cells = [
        left(at[0], faint(clock(deed.at))),
        left(at[1], who, width=at[2] - at[1] - 2),
        left(at[2], Span(deed.action, "muted" if quiet else "text"), width=at[3] - at[2] - 2),
        left(at[3], muted(deed.subject), width=edge - at[3] - 2),
    ]
    if at[4]:
        cells.append(left(at[4], *change(deed, glyphs), width=width - margin - len(word) - at[4] - 2))
    return row(*cells, right(width - margin, Span(word, ink, bold)), width=width)


def day_below(deed: Deed, below: Deed | None) -> Callable[[int], Line] | None:
    """The line that names the day of the next deed, where that is another one."""
    if below is None or _day(below) == _day(deed):
        return None
    return lambda width: row(left(1 if width < 100 else 2, muted(_day(below))), width=width)


def _day(deed: Deed) -> str:
    there = datetime.fromtimestamp(wall(deed.at) or 0.0).astimezone()
    return f"{there:%a} {there.day} {there:%b %Y}"


def newest(known: Sequence[Deed], width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The newest deeds under a title, for below the alerts."""
    lines = header(width, glyphs, title="Audit")
    for place, deed in enumerate(known):
        lines.append(deed_row(deed, known[place - 1] if place else None, width, glyphs, selected=False))
        day = day_below(deed, known[place + 1] if place + 1 < len(known) else None)
        lines += [day(width)] if day is not None else []
    return lines[:height]


# --- sentences -------------------------------------------------------------------------------------------------------


def sentence(state: State, known: Sequence[Deed]) -> Line:
    """Who acted in the last day, and what did not go through."""
    if state.trail is None:
        return line(
            head("The audit trail is being read …" if state.failure is None else "The audit trail is not known.")
        )
    recent = [deed for deed in known if state.now - (wall(deed.at) or 0.0) < _DAY_S]
    if not recent:
        return line(head("Nobody did anything in the last 24 h."))
    tokens = {deed.actor for deed in recent if deed.front_end == "api"}
    people = {deed.actor for deed in recent} - tokens
    who = [plural(len(people), "person", "people")] if people else []
    who += [plural(len(tokens), "token")] if tokens else []
    refused = sum(deed.result == "refused" for deed in recent)
    failed = sum(deed.result == "failed" for deed in recent)
    said = [
        head(f"{' and '.join(who)} acted in the last 24 h:"),
        Span(f" {plural(len(recent), 'action')}"),
    ]
    if refused:
        said += [Span(", "), Span(f"{refused:,} refused", "warn", bold=True)]
    if failed:
        said += [Span(", "), Span(f"{failed:,} failed", "bad", bold=True)]
    return line(*said, ".")


def chain(state: State, glyphs: Glyphs) -> Line:
    """Whether the trail is intact, as far as somebody looked."""
    found = state.verified
    if found is None:
        return line(muted("Audit chain not verified yet: "), key("V"), muted(" walks it"))
    if found.verdict is None:
        return _walking(state, found)
    at = muted(f", verified at {clock(found.ended or found.started)}")
    verdict = found.verdict
    if not verdict.ok:
        said = f"{glyphs.unhealthy} The audit trail is not intact at row {figure(verdict.broken_at)}"
        return line(Span(said, "bad", bold=True), ": ", clean_text(verdict.reason or ""), at)
    signed = "no keyring to sign with" if verdict.signed_up_to is None else f"signed up to row {verdict.signed_up_to:,}"
    return line(muted("Audit chain intact: "), f"{verdict.rows:,}", muted(f" rows, {signed}"), at)


def _walking(state: State, found: Verified) -> Line:
    rows = state.trail[0].seq if state.trail else 0
    said = f"Walking {plural(rows, 'row')} of the audit chain …"
    return line(muted(said), faint(f" {max(0.0, state.now - found.started):.0f} s"))


def nothing(state: State, needle: str, width: int) -> list[Line]:
    """What stands there where no deed is to be shown."""
    margin = 1 if width < 100 else 2
    if needle:
        known = len(state.trail or ())
        said = line(head("Filter found nothing"), muted("   / "), needle, muted(f" is in none of {known:,} rows. "))
        return [row(left(margin, *said, key("esc"), muted(" clears the filter")), width=width)]
    if state.trail is None:
        return []
    return [row(left(margin, head("The trail is empty: nobody has done anything yet.")), width=width)]


# --- one deed --------------------------------------------------------------------------------------------------------


def brief(deed: Deed, width: int, glyphs: Glyphs) -> list[Line]:
    """Two lines about the selected one."""
    margin = 1 if width < 100 else 2
    who = line(head(deed.actor), muted(f" · {deed.role.replace('_', ' ')} · {deed.front_end} · row {deed.seq:,}"))
    what = line(deed.action, muted(f" {deed.subject}  "), *change(deed, glyphs))
    return [row(left(margin, *part, width=width - 2 * margin), width=width) for part in (who, what)]


def whole(deed: Deed, width: int) -> list[Line]:
    """Everything that the trail says of one deed."""
    margin = 1 if width < 100 else 2
    at = margin + 13
    word, ink, bold = result_of(deed)
    facts: list[tuple[str, Line]] = [
        ("who", line(strong(deed.actor), muted(f" · {deed.role.replace('_', ' ')}"))),
        ("through", line(deed.front_end)),
        ("action", line(deed.action)),
        ("target", line(deed.subject)),
        ("begun", line(deed.at)),
        ("ended", line(deed.ended_at or faint("no end is written"))),
        ("result", line(Span(word, ink, bold))),
        ("rows", line(" and ".join(f"{seq:,}" for seq in deed.rows))),
        ("before", line(_long(deed.before))),
        ("after", line(_long(deed.after))),
    ]
    lines = []
    for name, value in facts:
        parts = wrap(value, width - at - margin, limit=100) or [line(faint("–"))]
        lines += [
            row(left(margin, muted(name if not number else "")), left(at, *part), width=width)
            for number, part in enumerate(parts)
        ]
    return lines


def _long(text: str | None) -> str:
    return "" if text is None else clean_text(text, LONGEST)
