"""Latencies counted in log-linear buckets: small, mergeable, and within 3.2 % of exact."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from operator import add
from typing import Annotated, Final

import msgspec

SUB_BUCKETS: Final = 16
LOWEST_S: Final = 1e-4
OCTAVES: Final = 25
"""0.1 ms to about 56 minutes; what is beyond counts in the last bucket."""
BUCKETS: Final = SUB_BUCKETS * OCTAVES

_STEPS: Final = 2 * SUB_BUCKETS
_HIGHEST_S: Final = LOWEST_S * 2.0**OCTAVES

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
        if other.total:
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
    # frexp gives a mantissa of 0.5 to 1: 32 steps of it, of which the lower 16 never occur.
    mantissa, exponent = math.frexp(latency_s / LOWEST_S)
    return exponent * SUB_BUCKETS + int(mantissa * _STEPS) - _STEPS


def middle_s(bucket: int) -> float:
    """The middle of a bucket, in seconds.

    >>> abs(middle_s(bucket_of(1.0)) - 1.0) <= 0.032
    True
    """
    octave, step = divmod(bucket, SUB_BUCKETS)
    return float(LOWEST_S * 2.0**octave * (1 + (step + 0.5) / SUB_BUCKETS))
