"""The live figures: a sliding window of slots, each with a log-linear histogram of latencies.

16 sub-buckets an octave keep a percentile within 3.2 % of exact. Recording appends to a list that is folded in
batches. The counts of the whole window are kept ready and a slot that leaves takes its own out again, so a query
costs the same however much happened. Only the newest slot counts in a dictionary; older ones are packed, which is what
keeps ten thousand busy providers in memory.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from itertools import accumulate
from operator import add
from typing import Annotated, Final

import msgspec

SLOTS: Final = 30
SPAN_S: Final = 300.0
FOLD_EVENTS: Final = 32
"""Enough to make folding cheap, few enough that an unfolded event's 140 bytes do not add up."""

SUB_BUCKETS: Final = 16
LOWEST_S: Final = 1e-4
OCTAVES: Final = 25
"""0.1 ms to about 56 minutes; what is beyond counts in the last bucket."""
BUCKETS: Final = SUB_BUCKETS * OCTAVES

_HIGHEST_S: Final = LOWEST_S * 2.0**OCTAVES

# A packed entry of a slot: the bucket in the low bits, its count above.
_BUCKET_BITS: Final = 9
_BUCKET_MASK: Final = (1 << _BUCKET_BITS) - 1
_COUNT_MAX: Final = (1 << 32 - _BUCKET_BITS) - 1

_Index = Annotated[int, msgspec.Meta(ge=0, lt=BUCKETS)]
_Count = Annotated[int, msgspec.Meta(ge=0)]


class Histogram:
    """Counts of latencies in log-linear buckets. Histograms merge by adding."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = array("Q", bytes(8 * BUCKETS))
        self.total = 0

    def add(self, latency_s: float) -> None:
        """Count one latency."""
        self.counts[bucket_of(latency_s)] += 1
        self.total += 1

    def merge(self, other: Histogram) -> None:
        """Add another histogram's counts."""
        self.counts = array("Q", map(add, self.counts, other.counts))
        self.total += other.total

    def quantile_s(self, quantile: float) -> float | None:
        """The latency (s) below which a share of the counts lies, within 3.2 %; None where there are none."""
        return self.quantiles_s((quantile,))[0]

    def quantiles_s(self, quantiles: Iterable[float]) -> list[float | None]:
        """Several of them in one pass."""
        if not self.total:
            return [None for _ in quantiles]
        # Latencies fill a few octaves: cutting off the empty ones at both ends is most of the work saved.
        filled = self.counts.tobytes().rstrip(b"\0")
        first = (len(filled) - len(filled.lstrip(b"\0"))) // self.counts.itemsize
        last = -(-len(filled) // self.counts.itemsize)
        reached = list(accumulate(self.counts[first:last]))
        return [middle_s(first + bisect_left(reached, max(1, math.ceil(share * self.total)))) for share in quantiles]

    def to_bytes(self) -> bytes:
        """The filled buckets, for a database."""
        return msgspec.msgpack.encode({i: count for i, count in enumerate(self.counts) if count})

    @classmethod
    def from_bytes(cls, data: bytes) -> Histogram:
        """The histogram that `to_bytes` was called on.

        Raises:
            ValueError: the bytes are no histogram.
        """
        histogram = cls()
        try:
            for index, count in msgspec.msgpack.decode(data, type=dict[_Index, _Count]).items():
                histogram.counts[index] = count
                histogram.total += count
        except (msgspec.DecodeError, OverflowError) as error:
            raise ValueError("the stored bytes are no histogram of latencies; rebuild them from attempts") from error
        return histogram


def bucket_of(latency_s: float) -> int:
    """The bucket of a latency: linear steps inside each octave.

    >>> bucket_of(0.0), bucket_of(1e-4), bucket_of(2e-4), bucket_of(1e9) == BUCKETS - 1
    (0, 0, 16, True)
    """
    if not LOWEST_S < latency_s < _HIGHEST_S:
        return BUCKETS - 1 if latency_s >= _HIGHEST_S else 0
    # frexp gives a mantissa of 0.5 to 1: twice that is the place inside the octave.
    mantissa, exponent = math.frexp(latency_s / LOWEST_S)
    return (exponent - 1) * SUB_BUCKETS + int((2 * mantissa - 1) * SUB_BUCKETS)


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
    __slots__ = ("errors", "failures", "filled", "number", "packed", "seconds", "successes")

    def __init__(self, number: int) -> None:
        self.number = number
        self.successes = self.failures = 0
        self.seconds = 0.0
        self.errors: Counter[str] | None = None
        self.filled: dict[int, int] | None = {}
        self.packed: array[int] | None = None

    def pack(self) -> None:
        """Nothing more will be counted here."""
        entries = array("I")
        for bucket, count in (self.filled or {}).items():
            left = count
            while left > _COUNT_MAX:
                entries.append(_COUNT_MAX << _BUCKET_BITS | bucket)
                left -= _COUNT_MAX
            entries.append(left << _BUCKET_BITS | bucket)
        self.packed = entries
        self.filled = None

    def counts(self) -> Iterable[tuple[int, int]]:
        """Buckets and how often each was hit; a packed bucket may come more than once."""
        if self.filled is not None:
            return self.filled.items()
        return [(entry & _BUCKET_MASK, entry >> _BUCKET_BITS) for entry in self.packed or ()]


class _Sums(msgspec.Struct):
    """What slots add up to, besides their latencies."""

    seconds: float = 0.0
    failures: int = 0
    errors: dict[str, int] = {}

    def add(self, slot: _Slot) -> None:
        self.seconds += slot.seconds
        self.failures += slot.failures
        for error_class, count in slot.errors.items() if slot.errors else ():
            self.errors[error_class] = self.errors.get(error_class, 0) + count


class Window:
    """The attempts of the last `span_s` seconds, a slot more or less. Times are monotonic; a jump ahead empties it."""

    __slots__ = ("_fresh", "_histogram", "_slot_s", "_slots", "_sums", "span_s")

    def __init__(self, span_s: float = SPAN_S) -> None:
        self.span_s = span_s
        self._slot_s = span_s / SLOTS
        self._slots: deque[_Slot] = deque()
        self._sums = _Sums()
        self._fresh: list[tuple[float, float, bool, str]] = []
        self._histogram = Histogram()

    def record(self, now: float, latency_s: float, *, ok: bool, error_class: str = "") -> None:
        """One attempt that ended now. An earlier `now` than the last one counts as the last one."""
        fresh = self._fresh
        fresh.append((now, latency_s, ok, error_class))
        if len(fresh) >= FOLD_EVENTS:
            self._fold()

    def figures(self, now: float) -> Figures:
        """The figures of the window that ends now. Latencies are those of successes."""
        return merge_figures((self,), now)

    def _fold(self) -> None:
        slots, histogram = self._slots, self._histogram
        ends = (slots[-1].number + 1) * self._slot_s if slots else -math.inf
        for at, latency_s, ok, error_class in self._fresh:
            if at >= ends:
                number = int(at // self._slot_s)
                self._begin(number)
                ends = (number + 1) * self._slot_s
            slot = slots[-1]
            if ok:
                bucket = bucket_of(latency_s)
                histogram.counts[bucket] += 1
                histogram.total += 1
                slot.seconds += latency_s
                filled = slot.filled
                filled[bucket] = filled.get(bucket, 0) + 1
            else:
                slot.fail(error_class)
        self._fresh.clear()

    def _begin(self, number: int) -> None:
        if self._slots:
            newest = self._slots[-1]
            if newest.number >= number:
                # The end of a slot and the start of the next may round to different sides.
                return
            newest.pack()
            self._sums.add(newest)
            self._drop(number)
        self._slots.append(_Slot(number))

    def _drop(self, newest: int) -> None:
        """Take out what is too old where `newest` is the slot of this moment."""
        slots, histogram = self._slots, self._histogram
        if not slots or slots[0].number > newest - SLOTS:
            return
        while slots and slots[0].number <= newest - SLOTS:
            for bucket, count in slots.popleft().counts():
                histogram.counts[bucket] -= count
                histogram.total -= count
        # Added up anew instead of subtracted: fractions would leave a rest behind.
        self._sums = _Sums()
        for slot in slots:
            if slot.packed is not None:
                self._sums.add(slot)

    def _settle(self, now: float) -> tuple[Histogram, list[_Sums | _Slot]]:
        if self._fresh:
            self._fold()
        self._drop(int(now // self._slot_s))
        newest = self._slots[-1:]
        return self._histogram


def merge_figures(windows: Iterable[Window], now: float) -> Figures:
    """The figures of several windows as if they were one."""
def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
