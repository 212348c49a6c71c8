"""A period as somebody types it: a span back from now, or a begin and an end."""

from __future__ import annotations

from datetime import datetime

from provider_console.console.words import span_s


def parsed(text: str) -> tuple[str, str | None]:
    """Begin and end of a period as the console takes them; times without a zone are those of this terminal."""
    since, _to, until = text.partition(" to ")
    return _moment(since), _moment(until) if until.strip() else None


def _moment(text: str) -> str:
    text = text.strip()
    if span_s(text) is not None:
        return text
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.astimezone()).isoformat()


def problem_of(text: str) -> str | None:
    """What is wrong with a period as it was typed."""
    try:
        parsed(text)
    except ValueError:
        return "That is neither a span such as 3d nor times such as 2026-11-01 to 2026-11-08T12:00."
    return None
