"""The live figures: a sliding window of slots, each with a log-linear histogram of latencies.

16 sub-buckets an octave keep a percentile within 3.2 % of exact. Recording appends to a list and is folded in
batches, so it costs well under a microsecond; a query merges at most 30 slots.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

SLOTS: Final = 30
SPAN_S: Final = 300.0
FOLD_EVENTS: Final = 256

SUB_BUCKETS: Final = 16
LOWEST_S: Final = 1e-4
OCTAVES: Final = 25
"""0.1 ms to about 56 minutes; what is beyond counts in the last bucket."""
BUCKETS: Final = SUB_BUCKETS * OCTAVES


class Histogram:
    """Counts of latencies in log-linear buckets. Histograms merge by adding."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = array("L", bytes(array("L").itemsize * BUCKETS))
        self.total = 0

    def add(self, latency_s: float) -> None:
        """Count one latency."""
        self.counts[bucket_of(latency_s)] += 1
        self.total += 1

    def merge(self, other: Histogram) -> None:
        """Add another histogram's counts."""
        for index, count in enumerate(other.counts):
            if count:
                self.counts[index] += count
        self.total += other.total

    def quantile_s(self, quantile: float) -> float | None:
        """The latency (s) below which a share of the counts lies, within 3.2 %; None where there are none."""
        if not self.total:
            return None
        rank = max(1, math.ceil(quantile * self.total))
        seen = 0
        for index, count in enumerate(self.counts):
            seen += count
            if seen >= rank:
                return middle_s(index)
        raise AssertionError("the total is the sum of the counts")

    def to_bytes(self) -> bytes:
        """The filled buckets, for a database."""
        return msgspec.msgpack.encode({i: count for i, count in enumerate(self.counts) if count})

    @classmethod
    def from_bytes(cls, data: bytes) -> Histogram:
        """The histogram that `to_bytes` was called on."""
        histogram = cls()
        for index, count in msgspec.msgpack.decode(data, type=dict[int, int]).items():
            histogram.counts[index] = count
            histogram.total += count
        return histogram


def bucket_of(latency_s: float) -> int:
    """The bucket of a latency: linear steps inside each octave.

    >>> bucket_of(0.0), bucket_of(1e-4), bucket_of(2e-4), bucket_of(1e9) == BUCKETS - 1
    (0, 0, 16, True)
    """
    if latency_s <= LOWEST_S:
        return 0
    # frexp gives a mantissa of 0.5 to 1: twice that is the place inside the octave.
    mantissa, exponent = math.frexp(latency_s / LOWEST_S)
    return min(BUCKETS - 1, (exponent - 1) * SUB_BUCKETS + int((2 * mantissa - 1) * SUB_BUCKETS))


def middle_s(bucket: int) -> float:
    """The middle of a bucket, in seconds.

    >>> abs(middle_s(bucket_of(1.0)) - 1.0) <= 0.032
    True
    """
    octave, step = divmod(bucket, SUB_BUCKETS)
    return float(LOWEST_S * 2.0**octave * (1 + (step + 0.5) / SUB_BUCKETS))


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
    __slots__ = ("errors", "failures", "histogram", "number", "seconds", "successes")

    def __init__(self) -> None:
        self.number = -1
        self.successes = self.failures = 0
        self.seconds = 0.0
        self.histogram: Histogram | None = None
        self.errors: Counter[str] = Counter()

    def clear(self, number: int) -> None:
        self.number = number
        self.successes = self.failures = 0
        self.seconds = 0.0
        self.histogram = None
        self.errors.clear()


class Window:
    """The attempts of the last `span_s` seconds. Times are monotonic; a jump ahead just empties it."""

    __slots__ = ("_fresh", "_slot_s", "_slots", "span_s")

    def __init__(self, span_s: float = SPAN_S) -> None:
        self.span_s = span_s
        self._slot_s = span_s / SLOTS
        self._slots: list[_Slot] = []
        self._fresh: list[tuple[float, float, bool, str]] = []

    def record(self, now: float, latency_s: float, *, ok: bool, error_class: str = "") -> None:
        """One attempt that ended now."""
        fresh = self._fresh
        fresh.append((now, latency_s, ok, error_class))
        if len(fresh) >= FOLD_EVENTS:
            self._fold()

    def figures(self, now: float) -> Figures:
        """The figures of the window that ends now. Latencies are those of successes."""
        return merge_figures((self,), now)

    def _fold(self) -> None:
        if not self._slots:
            self._slots = [_Slot() for _ in range(SLOTS)]
        for at, latency_s, ok, error_class in self._fresh:
            number = int(at // self._slot_s)
            slot = self._slots[number % SLOTS]
            if slot.number != number:
                if slot.number > number:
                    continue
                slot.clear(number)
            if ok:
                slot.successes += 1
                slot.seconds += latency_s
                if slot.histogram is None:
                    slot.histogram = Histogram()
                slot.histogram.add(latency_s)
            else:
                slot.failures += 1
                slot.errors[error_class] += 1
        self._fresh.clear()

    def _recent(self, now: float) -> Iterable[_Slot]:
        if self._fresh:
            self._fold()
        newest = int(now // self._slot_s)
        return [slot for slot in self._slots if newest - SLOTS < slot.number <= newest]


def merge_figures(windows: Iterable[Window], now: float) -> Figures:
    """The figures of several windows as if they were one."""
    successes = failures = 0
    seconds = 0.0
    errors: Counter[str] = Counter()
    merged = Histogram()
    for window in windows:
        for slot in window._recent(now):  # noqa: SLF001 - the same module
            successes += slot.successes
            failures += slot.failures
            seconds += slot.seconds
            errors.update(slot.errors)
            if slot.histogram is not None:
                merged.merge(slot.histogram)
    p50, p95, p99 = (merged.quantile_s(quantile) for quantile in (0.5, 0.95, 0.99))
    return Figures(
        requests=successes + failures,
        successes=successes,
        failures=failures,
        mean_ms=round(seconds / successes * 1000, 1) if successes else None,
        p50_ms=_ms(p50),
        p95_ms=_ms(p95),
        p99_ms=_ms(p99),
        error_classes=dict(errors),
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
