"""Roll-ups: what the attempts of a minute, an hour or a day come to. They merge by adding, exactly.

Everything in a cell is a whole number (microseconds, billionths of money, thousandths of a unit), so that it does not
matter in which order, or in how many pieces, attempts were counted. The histogram is one number too: 64 bits for each
bucket, so that merging two of them is one addition. A month of fifty providers is thousands of those.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import accumulate
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from provider_console.core.histogram import BUCKETS, SUB_BUCKETS, middle_s

if TYPE_CHECKING:
    from provider_console.core.ports.usage import AttemptRow

Grain = Literal["minute", "hour", "day"]

GRAIN_S: Final[Mapping[Grain, int]] = {"minute": 60, "hour": 3_600, "day": 86_400}
"""Days are those of UTC."""

US: Final = 1_000
"""Microseconds of a millisecond."""
BILLION: Final = 1_000_000_000
THOUSAND: Final = 1_000

# Where each bucket but the first begins, in whole microseconds: an octave begins at 100 << octave.
_BEGINNINGS_US: Final = tuple(
    -(-(100 << bucket // SUB_BUCKETS) * (SUB_BUCKETS + bucket % SUB_BUCKETS) // SUB_BUCKETS)
    for bucket in range(1, BUCKETS)
)
_MIDDLES_S: Final = tuple(map(middle_s, range(BUCKETS)))

MOST_MS: Final = 1e9
MOST_COST: Final = 1e4
MOST_UNITS: Final = 1e9
"""What one attempt counts at most: a provider that answers nonsense must not overflow the sums of everybody."""


class Cell(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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

    def quantiles_s(self, *quantiles: float, lasting: bool = False) -> Sequence[float | None]:
        """Quantiles (s) of the latencies of successes, within 3.2 %; None where there are none.

        `lasting`: the cell will be looked at again as it is, as the days of a trend are; they are remembered then.
        """
        return (_remembered if lasting else _quantiles_s)(self.latencies, quantiles)


def _quantiles_s(latencies: int, quantiles: tuple[float, ...]) -> Sequence[float | None]:
    if not latencies:
        return (None,) * len(quantiles)
    first, counts = unpacked(latencies)
    reached = list(accumulate(counts))
    total = reached[-1]
    return tuple([_MIDDLES_S[first + bisect_left(reached, max(1, math.ceil(share * total)))] for share in quantiles])


_remembered: Final = lru_cache(maxsize=2_048)(_quantiles_s)
"""The days of fifty providers in a month, 5 MB."""


def merged(cells: Iterable[Cell]) -> Cell:
    """Several cells as one. A sum at a time takes a third of what adding cell by cell does."""
    cells = list(cells)
    if len(cells) == 1:
        return cells[0]
    costs = [cell.cost for cell in cells if cell.cost is not None]
    return Cell(
        attempts=sum([cell.attempts for cell in cells]),
        successes=sum([cell.successes for cell in cells]),
        visits=sum([cell.visits for cell in cells]),
        executions=sum([cell.executions for cell in cells]),
        latency_us=sum([cell.latency_us for cell in cells]),
        lost_us=sum([cell.lost_us for cell in cells]),
        cost=sum(costs) if costs else None,
        failed=_sums([cell.failed for cell in cells]),
        absorbed=_sums([cell.absorbed for cell in cells]),
        units=_sums([cell.units for cell in cells]),
        latencies=sum([cell.latencies for cell in cells]),
    )


def cell_of(row: AttemptRow) -> Cell:
    """What one attempt comes to."""
    lost_us, latency_us = whole_us(row.delay_before_ms), 0
    failed, latencies = dict[str, int](), 0
    if row.ok:
        latency_us = whole_us(row.latency_ms)
        latencies = packed({bucket_of_us(latency_us): 1})
    else:
        lost_us += whole_us(row.duration_ms)
        failed = {row.error_class or "unknown": 1}
    return Cell(
        attempts=1,
        successes=int(row.ok),
        visits=int(row.attempt == 1),
        executions=int(row.first),
        latency_us=latency_us,
        lost_us=lost_us,
        cost=None if row.cost is None else whole(row.cost, BILLION, MOST_COST),
        failed=failed,
        absorbed=dict(failed) if row.absorbed else {},
        units={name: whole(amount, THOUSAND, MOST_UNITS) for name, amount in row.units.items()},
        latencies=latencies,
    )


def whole(amount: float, parts: int, most: float) -> int:
    """An amount in whole parts of one, within its bounds.

    >>> whole(0.0023, 1_000_000_000, 1e4), whole(-1.0, 1000, 1e4), whole(1e300, 1000, 1e4)
    (2300000, 0, 10000000)
    """
    return int(min(max(amount, 0.0), most) * parts + 0.5)


def whole_us(ms: float) -> int:
    """Milliseconds as whole microseconds."""
    return whole(ms, US, MOST_MS)


bucket_of_us: Final[Callable[[int], int]] = partial(bisect_right, _BEGINNINGS_US)
"""The histogram's bucket of a latency in microseconds."""


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
    dense = array("Q", bytes(8 * (max(counts, default=0) + 1)))
    for bucket, count in counts.items():
        dense[bucket] = count
    return int.from_bytes(dense.tobytes(), "little")


def unpacked(latencies: int) -> tuple[int, array[int]]:
    """The first bucket that is filled, and the counts from there to the last one that is.

    >>> unpacked(packed({7: 3, 9: 1}))
    (7, array('Q', [3, 0, 1]))
    """
    first = ((latencies & -latencies).bit_length() - 1) // 64
    length = -(-latencies.bit_length() // 64) - first
    return first, array("Q", (latencies >> (64 * first)).to_bytes(8 * length, "little"))


def _sums(amounts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for one in amounts:
        for key, count in one.items():
            sums[key] = sums.get(key, 0) + count
    return sums
