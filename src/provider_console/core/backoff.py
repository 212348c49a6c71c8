"""How long to wait before the next attempt, and how long an attempt may take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from provider_console.core.classify import RULES, Failure

if TYPE_CHECKING:
    import random

COOLDOWN_ABOVE_S: Final = 30.0
"""A longer Retry-After is not slept: the provider cools and the next one is asked (engine.md, section 4)."""

COOLDOWN_MAX_S: Final = 3600.0
"""The longest that one answer may keep a provider away: a mistaken header must not cost a day."""

RETRY_AFTER_SPREAD: Final = 0.1
"""The part of a Retry-After added by chance, so that all who were told the same do not come back at once."""

TIMEOUT_GROWTH: Final = 1.5
TIMEOUT_MAX_S: Final = 30.0

# 2 ** 60 times any base is beyond every maximum, and a float still holds it.
_DOUBLINGS_MAX: Final = 60


def ceiling_s(attempt: int, *, base_s: float, max_s: float) -> float:
    """The most to wait after attempt 1, 2, ... : the base doubled each time, up to the maximum.

    >>> [ceiling_s(attempt, base_s=1, max_s=10) for attempt in range(1, 6)]
    [1.0, 2.0, 4.0, 8.0, 10.0]
    """
    return float(min(max_s, base_s * 2.0 ** min(max(attempt, 1) - 1, _DOUBLINGS_MAX)))


def delay_s(failure: Failure, attempt: int, *, base_s: float, max_s: float, rng: random.Random) -> float:
    """The wait after a failed attempt; the class of the failure says which jitter, a Retry-After overrules it.

    Full jitter is U(0, ceiling), equal jitter ceiling/2 + U(0, ceiling/2), a Retry-After of ra seconds is
    ra + U(0, ra/10). One number is drawn each time, so the same seed gives the same delays.

    >>> from random import Random
    >>> from provider_console.sdk import ErrorClass
    >>> asked = Failure(error_class=ErrorClass.RATE_LIMITED, message="slow down", retry_after_s=7)
    >>> 7 <= delay_s(asked, 1, base_s=1, max_s=10, rng=Random(1)) <= 7.7
    True
    >>> limited = Failure(error_class=ErrorClass.RATE_LIMITED, message="slow down")
    >>> 2 <= delay_s(limited, 3, base_s=1, max_s=10, rng=Random(1)) <= 4
    True
    """
    share = rng.random()
    # Zero seconds is no wish: without the jitter five attempts would arrive at once.
    if failure.retry_after_s:
        asked_s = min(failure.retry_after_s, COOLDOWN_MAX_S)
        return asked_s + share * RETRY_AFTER_SPREAD * asked_s
    ceiling = ceiling_s(attempt, base_s=base_s, max_s=max_s)
    match RULES[failure.error_class].jitter:
        case "full":
            return share * ceiling
        case "equal":
            return ceiling / 2 + share * ceiling / 2
        case "none":
            return 0.0


def cooldown_s(retry_after_s: float | None) -> float | None:
    """How long the provider is to be left alone instead of being waited for; None where waiting is right.

    >>> cooldown_s(30), cooldown_s(31), cooldown_s(86_400), cooldown_s(None)
    (None, 31.0, 3600.0, None)
    """
    if retry_after_s is None or retry_after_s <= COOLDOWN_ABOVE_S:
        return None
    return float(min(retry_after_s, COOLDOWN_MAX_S))


def attempt_timeout_s(base_s: float, timeouts_so_far: int) -> float:
    """How long the next attempt may take: half as much again after each timeout, at most 30 s.

    A base above 30 s was somebody's decision and stays.

    >>> [attempt_timeout_s(15, timeouts) for timeouts in range(4)], attempt_timeout_s(60, 2)
    ([15.0, 22.5, 30.0, 30.0], 60.0)
    """
    growth = TIMEOUT_GROWTH ** min(timeouts_so_far, _DOUBLINGS_MAX)
    return float(min(base_s * growth, max(TIMEOUT_MAX_S, base_s)))
