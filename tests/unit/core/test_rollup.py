from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.core.histogram import BUCKETS, SUB_BUCKETS, bucket_of
from provider_console.core.ports.usage import AttemptRow
from provider_console.core.rollup import Cell, bucket_of_us, cell_of, merged

DISTRIBUTIONS: dict[str, Callable[[random.Random], float]] = {
    "uniform": lambda rng: rng.uniform(5.0, 3_000.0),
    "exponential": lambda rng: 1.0 + rng.expovariate(1 / 400.0),
    "log-normal": lambda rng: rng.lognormvariate(6.0, 1.2),
    "heavy tail": lambda rng: 80.0 * rng.paretovariate(1.3),
    "two humps": lambda rng: rng.gauss(120.0, 6.0) if rng.random() < 0.8 else rng.gauss(9_000.0, 400.0),
    "all alike": lambda rng: 812.5 + rng.random() / 1000,
}


def attempt(duration_ms: float = 250.0, **more: object) -> AttemptRow:
    given = {
        "execution_id": "E1",
        "provider": "a",
        "kind": "chat",
        "category": "ai",
        "attempt": 1,
        "at": 100.0,
        "timeout_ms": 15_000.0,
        "delay_before_ms": 0.0,
        "ok": True,
        "absorbed": False,
        "counted": 0.0,
    }
    return AttemptRow(duration_ms=duration_ms, **(given | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_percentiles_of_merged_rollups_are_within_3_2_percent_of_exact(name: str, seed: int) -> None:
    rng = random.Random(seed)
    samples = [max(1.0, DISTRIBUTIONS[name](rng)) for _ in range(5_000)]
    minutes = [merged(cell_of(attempt(ms)) for ms in samples[start::40]) for start in range(40)]

    found = merged(minutes).quantiles_s(0.5, 0.95, 0.99)

    ordered = sorted(samples)
    exact = [ordered[math.ceil(share * len(ordered)) - 1] / 1000 for share in (0.5, 0.95, 0.99)]
    assert found == pytest.approx(exact, rel=0.032)


def begins_us(bucket: int) -> Fraction:
    octave, step = divmod(bucket, SUB_BUCKETS)
    return 100 * 2**octave * Fraction(SUB_BUCKETS + step, SUB_BUCKETS)


@settings(max_examples=300, deadline=None)
@given(latency_us=st.integers(0, 4 * 10**9) | st.integers(1, BUCKETS).map(lambda bucket: math.ceil(begins_us(bucket))))
def test_whole_microseconds_are_counted_in_the_bucket_that_holds_them(latency_us: int) -> None:
    bucket = bucket_of_us(latency_us)

    assert begins_us(bucket) <= latency_us or bucket == 0
    assert latency_us < begins_us(bucket + 1) or bucket == BUCKETS - 1
    # Seconds are not whole: at the very edge they may count one bucket lower.
    assert bucket - bucket_of(latency_us / 1e6) in (0, 1)


def test_there_is_no_percentile_of_nothing() -> None:
    assert list(Cell().quantiles_s(0.5, 0.99)) == [None, None]


def test_a_stream_counts_until_its_first_content_and_a_failure_as_time_lost() -> None:
    stream = cell_of(attempt(9_000.0, first_content_ms=120.0))
    failure = cell_of(attempt(500.0, ok=False, error_class="timeout", delay_before_ms=1_000.0, attempt=2, first=False))

    assert (stream.latency_us, stream.lost_us, stream.visits, stream.executions) == (120_000, 0, 1, 1)
    assert (failure.latency_us, failure.lost_us, failure.visits, failure.executions) == (0, 1_500_000, 0, 0)
    assert failure.failed == {"timeout": 1}
