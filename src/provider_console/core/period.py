"""Periods of history: from when until when, in which steps, and which roll-ups hold them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from provider_console.core import moments
from provider_console.core.rollup import GRAIN_S, Grain

MOST_CELLS: Final = 3_000
"""Roll-ups read of one provider, category and kind: two days of minutes, four months of hours, eight years of days."""

_STEPS: Final = ((3 * 3_600, 60), (36 * 3_600, 3_600), (14 * 86_400, 6 * 3_600))
"""Up to this length, this step (s); a longer period goes by days."""

_DAY_S: Final = 86_400


class PeriodError(ValueError):
    """A period cannot be had; `field` is what is wrong with it, the message says what it takes."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class Span(msgspec.Struct, frozen=True):
    """Roll-ups of one grain that begin from `start` on and before `end` (wall seconds)."""

    grain: Grain
    start: int
    end: float


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """From `start` until `end` (wall seconds), told in steps of `step_s`.

    What was asked for begins with a whole step; the one before it with a minute, or an hour where `by_hours`, so that
    it is as long.
    """

    start: int
    end: float
    step_s: int
    by_hours: bool
    to_now: bool = False
    """It ends now: the roll-up that is under way holds nothing that is later."""

    @property
    def grain(self) -> Grain:
        """The coarsest roll-ups that the steps can be made of."""
        return "day" if self.step_s % _DAY_S == 0 else "hour" if self.step_s % 3_600 == 0 else "minute"

    @property
    def spans(self) -> tuple[Span, ...]:
        """What has to be read for the steps: whole roll-ups in the middle, finer ones at the edges."""
        return self._covered_up_to(self.grain)

    @property
    def sum_spans(self) -> tuple[Span, ...]:
        """What has to be read where nobody asks for steps: the fewest roll-ups that make it up."""
        return self._covered_up_to("day")

    def _covered_up_to(self, coarsest: Grain) -> tuple[Span, ...]:
        grains = tuple(GRAIN_S)
        finest = grains.index("hour" if self.by_hours else "minute")
        grains = grains[finest : grains.index(coarsest) + 1]
        return tuple(_covered(self.start, self.end, grains, to_now=self.to_now))

    @property
    def before(self) -> Period:
        """The period before, as long as this one to a roll-up at its edge."""
        return _aligned(self.start - (self.end - self.start), self.start, self.step_s, by_hours=self.by_hours)

    def kept_since(self, minutes_since: float) -> Period:
        """The same by hours, where minutes do not go back so far."""
        if self.by_hours or self.start >= minutes_since:
            return self
        step_s = self.step_s if self.step_s % 3_600 == 0 else 3_600 * -(-self.step_s // 3_600)
        return _aligned(self.start, self.end, step_s, by_hours=True, to_now=self.to_now)


def period(*, since: str, until: str | None, step: str | None, now: float) -> Period:
    """A period from words: `since` and `until` spans back from now (`7d`) or ISO times, `step` a span.

    Raises:
        PeriodError
    """
    start = _moment(since, now, "since")
    latest = math.nextafter(now, math.inf)  # what happened at this very moment is in it
    end = latest if until is None else min(_moment(until, now, "until"), latest)
    if start >= end:
        raise PeriodError(
            f"a period begins before it ends: {since} is not before {until or 'now'}",
            field="since",
        )
    length = int(end - start)
    step_s = next((own for longest, own in _STEPS if length <= longest), _DAY_S) if step is None else _step(step)
    asked = _aligned(start, end, step_s, by_hours=step_s % _DAY_S == 0, to_now=end == latest)
    # The first point of a trend shall be a whole one: half a day would look like a collapse.
    asked = msgspec.structs.replace(asked, start=asked.start // step_s * step_s)
    cells = length / GRAIN_S[asked.grain]
    if cells > MOST_CELLS:
        finest = next((name for name, s in (("1m", 60), ("1h", 3_600), ("1d", _DAY_S)) if length / s <= MOST_CELLS), "")
        hint = f"take a step of {finest} or more" if finest else f"it has at most {MOST_CELLS} days"
        raise PeriodError(f"the period is too long for its steps: {hint}", field="step" if finest else "since")
    return asked


def _moment(text: str, now: float, field: str) -> float:
    try:
        at = moments.since(text, now=now)
    except OverflowError:
        at = None
    if at is None:
        raise PeriodError(
            f"{field} takes a span such as 1h or 7d, or a time such as 2026-01-31T10:00, not {text!r}", field=field
        )
    return max(0.0, at)


def _step(text: str) -> int:
    seconds = moments.span_s(text)
    if seconds is None or seconds < 60 or seconds % 60:
        raise PeriodError(f"step takes whole minutes, such as 1m, 15m, 6h or 1d, not {text!r}", field="step")
    return int(seconds)


def _aligned(start: float, end: float, step_s: int, *, by_hours: bool, to_now: bool = False) -> Period:
    length = 3_600 if by_hours else 60
    return Period(start=int(start // length) * length, end=end, step_s=step_s, by_hours=by_hours, to_now=to_now)


def _covered(start: int, end: float, grains: Sequence[Grain], *, to_now: bool = False) -> Iterator[Span]:
    """Roll-ups from the finest to the coarsest of the grains, which cover a period without overlapping."""
    *finer, grain = grains
    length = GRAIN_S[grain]
    first = -(-start // length) * length if finer else start
    last = end if to_now or not finer else int(end // length) * length
    if first >= last:
        if finer:
            yield from _covered(start, end, finer, to_now=to_now)
        return
    if start < first:
        yield from _covered(start, first, finer)
    yield Span(grain, first, last)
    if last < end:
        yield from _covered(int(last), end, finer)


def words(at: float) -> str:
    """A moment as people read it, in UTC to the minute.

    >>> words(1763820191.2)
    '2025-11-22 14:03'
    """
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
