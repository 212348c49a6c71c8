"""For how long an alert can be kept quiet."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final

from provider_console.console.words import span_s

CHOICES: Final = (
    ("1h", "for 1 hour"),
    ("4h", "for 4 hours"),
    ("tomorrow", "until tomorrow, 8:00"),
    ("other", "for another span …"),
)
LEAST_S: Final = 60.0
MOST_S: Final = 30 * 86_400.0
_MORNING: Final = time(8)


def seconds(choice: str, now: float) -> float | None:
    """Seconds of a choice from now on; None for the one that is typed."""
    if choice == "tomorrow":
        here = datetime.fromtimestamp(now).astimezone()
        morning = datetime.combine(here.date() + timedelta(days=1), _MORNING).astimezone()
        return morning.timestamp() - now
    return span_s(choice)


def typed(text: str) -> float | None:
    """Seconds of what was typed; None where it is no span that an alert can be snoozed for.

    >>> typed(" 90m "), typed("2 h"), typed("10s"), typed("31d")
    (5400.0, 7200.0, None, None)
    """
    for_s = span_s("".join(text.split()).casefold())
    return for_s if for_s is not None and LEAST_S <= for_s <= MOST_S else None
