"""Roll-ups: what the attempts of a minute, an hour or a day come to. They merge by adding, exactly.

Everything in a cell is a whole number (microseconds, billionths of money, thousandths of a unit), so that it does not
matter in which order, or in how many pieces, attempts were counted. The histogram is one number too: 64 bits for each
bucket, so that merging two of them is one addition. A month of fifty providers is thousands of those.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from provider_console.core.histogram import BUCKETS, bucket_of, middle_s

if TYPE_CHECKING:
    from provider_console.core.ports import AttemptRow

Grain = Literal["minute", "hour", "day"]

GRAIN_S: Final[Mapping[Grain, int]] = {"minute": 60, "hour": 3_600, "day": 86_400}
"""Days are those of UTC."""

US: Final = 1_000
"""Microseconds of a millisecond."""
BILLION: Final = 1_000_000_000
THOUSAND: Final = 1_000

_BYTES: Final = 8 * BUCKETS
_MIDDLES_S: Final = tuple(map(middle_s, range(BUCKETS)))

MOST_MS: Final = 1e9
MOST_COST: Final = 1e4
MOST_UNITS: Final = 1e9
"""What one attempt counts at most: a provider that answers nonsense must not overflow the sums of everybody."""


class Cell(msgspec.Struct, kw_only=True, gc=False):
    """The attempts of one provider, category and kind in one piece of time; or of several, merged.

    `visits` are executions that came to the provider, `executions` those that began there: over all providers the
    latter is how many executions there were. Latencies are those of successes, in buckets of the histogram.
    """

    attempts: int = 0
    successes: int = 0
    visits: int = 0
    executions: int = 0
    latency_us: int = 0
    lost_us: int = 0
    """Spent on failed attempts, and waited before retries."""
    cost: int | None = None
    """In billionths; None where no price was known."""
    failed: dict[str, int] = {}
    absorbed: dict[str, int] = {}
    """Failed attempts by error class, and those of them inside an execution that succeeded."""
    units: dict[str, int] = {}
    latencies: int = 0
    """See `packed`."""

    def merge(self, other: Cell) -> None:
        """Add another cell to this one."""
        self.attempts += other.attempts
        self.successes += other.successes
        self.visits += other.visits
        self.executions += other.executions
        self.latency_us += other.latency_us
        self.lost_us += other.lost_us
        if other.cost is not None:
            self.cost = (self.cost or 0) + other.cost
        if other.failed:
            _add(self.failed, other.failed)
        if other.absorbed:
            _add(self.absorbed, other.absorbed)
        if other.units:
            _add(self.units, other.units)
        self.latencies += other.latencies

    def quantiles_s(self, quantiles: Iterable[float]) -> list[float | None]:
        """Quantiles (s) of the latencies of successes, within 3.2 %; None where there are none."""
        latencies = self.latencies
        if not latencies:
            return [None for _ in quantiles]
        # Only the buckets between the first and the last that are filled: most are empty.
        first = ((latencies & -latencies).bit_length() - 1) // 64
        length = latencies.bit_length() // 64 + 1 - first
        reached = list(accumulate(array("Q", (latencies >> (64 * first)).to_bytes(8 * length, "little"))))
        total = reached[-1]
        return [_MIDDLES_S[first + bisect_left(reached, max(1, math.ceil(share * total)))] for share in quantiles]


def merged(cells: Iterable[Cell]) -> Cell:
    """Several cells as one."""
    whole = Cell()
    for cell in cells:
        whole.merge(cell)
    return whole


def cell_of(row: AttemptRow) -> Cell:
    """What one attempt comes to."""
    first = int(row.attempt == 1)
    cell = Cell(attempts=1, visits=first, executions=int(row.first), lost_us=whole_us(row.delay_before_ms))
    if row.ok:
        cell.successes = 1
        cell.latency_us = whole_us(row.duration_ms if row.first_content_ms is None else row.first_content_ms)
        cell.latencies = packed({bucket_of_us(cell.latency_us): 1})
    else:
        cell.lost_us += whole_us(row.duration_ms)
        cell.failed = {row.error_class or "unknown": 1}
        if row.absorbed:
            cell.absorbed = dict(cell.failed)
    if row.cost is not None:
        cell.cost = whole(row.cost, BILLION, MOST_COST)
    cell.units = {name: whole(amount, THOUSAND, MOST_UNITS) for name, amount in row.units.items()}
    return cell


def whole(amount: float, parts: int, most: float) -> int:
    """An amount in whole parts of one, within its bounds.

    >>> whole(0.0023, 1_000_000_000, 1e4), whole(-1.0, 1000, 1e4), whole(1e300, 1000, 1e4)
    (2300000, 0, 10000000)
    """
    return int(min(max(amount, 0.0), most) * parts + 0.5)


def whole_us(ms: float) -> int:
    """Milliseconds as whole microseconds."""
    return whole(ms, US, MOST_MS)


def bucket_of_us(latency_us: int) -> int:
    """The histogram's bucket of a latency in microseconds."""
    return bucket_of(latency_us / 1e6)


def start_of(at: float, grain: Grain) -> int:
    """The beginning of the minute, hour or day that a wall time lies in.

    >>> start_of(3_725.9, "minute"), start_of(3_725.9, "hour"), start_of(3_725.9, "day")
    (3720, 3600, 0)
    """
    length = GRAIN_S[grain]
    return int(at // length) * length


def packed(counts: Mapping[int, int]) -> int:
    """Counts by bucket of the histogram as one number, 64 bits each.

    >>> packed({0: 3, 1: 2}) == 3 + (2 << 64), packed({0: 1}) + packed({0: 2}) == packed({0: 3})
    (True, True)
    """
    dense = array("Q", bytes(_BYTES))
    for bucket, count in counts.items():
        dense[bucket] = count
    return int.from_bytes(dense.tobytes(), "little")


def _add(sums: dict[str, int], more: Mapping[str, int]) -> None:
    for key, count in more.items():
        sums[key] = sums.get(key, 0) + count
