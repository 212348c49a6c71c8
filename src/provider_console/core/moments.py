"""Moments as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_UNIT_S: Final = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0, "y": 31_557_600.0}


def span_s(text: str) -> float | None:
    """Seconds of a span such as `90s`, `2h`, `7d`, `2y`; None where it is none.

    >>> span_s("2h"), span_s("30d"), span_s("soon")
    (7200.0, 2592000.0, None)
    """
    match = re.fullmatch(r"([0-9]{1,6})([smhdwy])", text)
    return None if match is None else int(match[1]) * _UNIT_S[match[2]]


def since(text: str, *, now: float) -> float | None:
    """Wall seconds of a span back from `now`, or of an ISO time (UTC where it names no zone); None where it is neither.

    >>> since("2h", now=10_000.0), since("1970-01-01T00:01", now=0.0), since("soon", now=0.0)
    (2800.0, 60.0, None)
    """
    back_s = span_s(text)
    if back_s is not None:
        return now - back_s
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
