"""The live figures: a sliding window of 30 slots over the attempts of one provider.

Recording appends to a list that is folded in batches. The latencies of the whole window are kept ready, and a slot
that leaves takes its own out again, so a query costs the same however much happened. Only the newest slot counts in a
dictionary; older ones are packed, which is what keeps ten thousand busy providers in memory.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from provider_console.core.histogram import Histogram, bucket_of

__all__ = ["Figures", "Histogram", "Window", "merge_figures"]

SLOTS: Final = 30
SPAN_S: Final = 300.0
FOLD_EVENTS: Final = 32
"""Enough to make folding cheap, few enough that an unfolded event's 140 bytes do not add up."""

# A packed entry of a slot: the bucket in the low bits, its count above.
_BUCKET_BITS: Final = 9
_BUCKET_MASK: Final = (1 << _BUCKET_BITS) - 1
_COUNT_MAX: Final = (1 << 32 - _BUCKET_BITS) - 1


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a window says. Durations are ms; None where there is no data."""

    requests: int
    successes: int
    failures: int
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    error_classes: Mapping[str, int]


class _Slot:
    __slots__ = ("errors", "failures", "filled", "number", "packed", "seconds", "successes")

    def __init__(self, number: int) -> None:
        self.number = number
        self.successes = self.failures = 0
        self.seconds = 0.0
        self.errors: dict[str, int] | None = None
        self.filled: dict[int, int] = {}
        self.packed: array[int] | None = None

    def succeed(self, times: int, seconds: float) -> None:
        self.successes += times
        self.seconds += seconds

    def fail(self, error_class: str) -> None:
        self.failures += 1
        if self.errors is None:
            self.errors = {}
        self.errors[error_class] = self.errors.get(error_class, 0) + 1

    def pack(self) -> None:
        """Nothing more will be counted here."""
        entries = []
        for bucket, count in self.filled.items():
            left = count
            while left > _COUNT_MAX:
                entries.append(_COUNT_MAX << _BUCKET_BITS | bucket)
                left -= _COUNT_MAX
            entries.append(left << _BUCKET_BITS | bucket)
        # From a list at once: an array that grew keeps room to grow further.
        self.packed = array("I", entries)
        self.filled = _NOTHING

    def counts(self) -> Iterable[tuple[int, int]]:
        """Buckets and how often each was hit; a packed bucket may come more than once."""
        if self.packed is None:
            return self.filled.items()
        return [(entry & _BUCKET_MASK, entry >> _BUCKET_BITS) for entry in self.packed]


_NOTHING: Final[dict[int, int]] = {}


class _Sums:
    """What slots add up to besides their latencies."""

    __slots__ = ("errors", "failures", "seconds", "successes")

    def __init__(self) -> None:
        self.successes = self.failures = 0
        self.seconds = 0.0
        self.errors: dict[str, int] = {}

    def add(self, part: _Slot | _Sums) -> None:
        self.successes += part.successes
        self.failures += part.failures
        self.seconds += part.seconds
        if part.errors:
            for error_class, count in part.errors.items():
                self.errors[error_class] = self.errors.get(error_class, 0) + count


class Window:
    """The attempts of the last `span_s` seconds, up to a slot less. Times are monotonic; a jump ahead empties it."""

    __slots__ = ("_ends", "_fresh", "_histogram", "_packed", "_slot_s", "_slots", "span_s")

    def __init__(self, span_s: float = SPAN_S) -> None:
        self.span_s = span_s
        self._slot_s = span_s / SLOTS
        self._slots: deque[_Slot] = deque()
        self._packed = _Sums()
        self._histogram = Histogram()
        self._ends = -math.inf
        self._fresh: list[tuple[float, float, bool, str]] = []

    def record(self, now: float, latency_s: float, *, ok: bool, error_class: str = "") -> None:
        """One attempt that ended now; an earlier `now` than the last one counts as the last one."""
        fresh = self._fresh
        fresh.append((now, latency_s, ok, error_class))
        if len(fresh) >= FOLD_EVENTS:
            self._fold()

    def figures(self, now: float) -> Figures:
        """The figures of the window that ends now. Latencies are those of successes."""
        sums = _Sums()
        self._add_to(sums, now)
        return _figures(sums, self._histogram)

    def _add_to(self, sums: _Sums, now: float) -> None:
        if self._fresh:
            self._fold()
        self._drop(int(now // self._slot_s))
        sums.add(self._packed)
        if self._slots:
            sums.add(self._slots[-1])

    def _fold(self) -> None:
        # The loop of every call: everything it touches is a local name, and sums are written back once.
        fresh, histogram = self._fresh, self._histogram
        slot = self._slots[-1] if self._slots else self._begin(fresh[0][0])
        counts, ends = histogram.counts, self._ends
        filled, seconds, successes = slot.filled, 0.0, 0
        for at, latency_s, ok, error_class in fresh:
            if at >= ends:
                slot.succeed(successes, seconds)
                histogram.total += successes
                slot = self._begin(at)
                ends, filled, seconds, successes = self._ends, slot.filled, 0.0, 0
            if ok:
                bucket = bucket_of(latency_s)
                counts[bucket] += 1
                filled[bucket] = filled.get(bucket, 0) + 1
                seconds += latency_s
                successes += 1
            else:
                slot.fail(error_class)
        slot.succeed(successes, seconds)
        histogram.total += successes
        fresh.clear()

    def _begin(self, at: float) -> _Slot:
        number = int(at // self._slot_s)
        if self._slots:
            newest = self._slots[-1]
            # A slot's end and the next one's start may round to different sides.
            number = max(number, newest.number + 1)
            newest.pack()
            self._packed.add(newest)
        slot = _Slot(number)
        self._slots.append(slot)
        self._ends = (number + 1) * self._slot_s
        self._drop(number)
        return slot

    def _drop(self, newest: int) -> None:
        """Take out what is too old where `newest` is the slot of this moment."""
        slots, histogram = self._slots, self._histogram
        if not slots or slots[0].number > newest - SLOTS:
            return
        while slots and slots[0].number <= newest - SLOTS:
            gone = slots.popleft()
            for bucket, count in gone.counts():
                histogram.counts[bucket] -= count
            histogram.total -= gone.successes
        # Added up anew, not subtracted: fractions would leave a rest behind.
        self._packed = _Sums()
        for slot in slots:
            if slot.packed is not None:
                self._packed.add(slot)


def merge_figures(windows: Iterable[Window], now: float) -> Figures:
    """The figures of several windows as if they were one."""
    sums, merged = _Sums(), Histogram()
    for window in windows:
        window._add_to(sums, now)  # noqa: SLF001 - the same module
        merged.merge(window._histogram)  # noqa: SLF001 - the same module
    return _figures(sums, merged)


def _figures(sums: _Sums, histogram: Histogram) -> Figures:
    p50, p95, p99 = histogram.quantiles_s((0.5, 0.95, 0.99))
    return Figures(
        requests=sums.successes + sums.failures,
        successes=sums.successes,
        failures=sums.failures,
        mean_ms=_ms(sums.seconds / sums.successes) if sums.successes else None,
        p50_ms=_ms(p50),
        p95_ms=_ms(p95),
        p99_ms=_ms(p99),
        error_classes=sums.errors,
    )


def _ms(seconds: float | None) -> float | None:
    if seconds is None:
        return None
    # A tenth of a millisecond is what matters, except where it would be a tenth of the whole.
    return round(seconds * 1000, 1 if seconds >= 0.1 else 3)
