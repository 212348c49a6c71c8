import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.core.histogram import BUCKETS, Histogram, bucket_of, middle_s

latencies = st.floats(2e-4, 3000.0)


def filled(samples: list[float]) -> Histogram:
    histogram = Histogram()
    for sample in samples:
        histogram.add(sample)
    return histogram


@settings(max_examples=120, deadline=None)
@given(samples=st.lists(latencies, min_size=1, max_size=60), share=st.floats(0.01, 1.0))
def test_a_percentile_is_within_its_error_of_the_exact_one(samples: list[float], share: float) -> None:
    exact = sorted(samples)[max(1, math.ceil(share * len(samples))) - 1]

    assert filled(samples).quantile_s(share) == pytest.approx(exact, rel=0.032)


@settings(max_examples=120, deadline=None)
@given(latency_s=st.floats(allow_nan=True, allow_infinity=True))
def test_every_number_has_a_bucket(latency_s: float) -> None:
    assert 0 <= bucket_of(latency_s) < BUCKETS


@settings(max_examples=100, deadline=None)
@given(one=latencies, other=latencies)
def test_a_longer_latency_has_no_lower_bucket(one: float, other: float) -> None:
    low, high = sorted((one, other))

    assert bucket_of(low) <= bucket_of(high)


def test_the_middle_of_a_bucket_lies_in_it() -> None:
    assert [bucket_of(middle_s(bucket)) for bucket in range(BUCKETS)] == list(range(BUCKETS))


@settings(max_examples=60, deadline=None)
@given(first=st.lists(latencies, max_size=30), second=st.lists(latencies, max_size=30))
def test_merging_is_counting_together(first: list[float], second: list[float]) -> None:
    merged = filled(first)
    merged.merge(filled(second))

    assert (merged.counts, merged.total) == (filled(first + second).counts, len(first) + len(second))


@settings(max_examples=60, deadline=None)
@given(samples=st.lists(latencies, max_size=30))
def test_bytes_bring_the_histogram_back(samples: list[float]) -> None:
    histogram = filled(samples)

    restored = Histogram.from_bytes(histogram.to_bytes())

    assert (restored.counts, restored.total) == (histogram.counts, histogram.total)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x81\x01\xff", b"\x81\xcd\x03\xe8\x01", b"hello"])
def test_bytes_that_are_no_histogram_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no histogram"):
        Histogram.from_bytes(data)


def test_an_empty_one_has_no_percentiles() -> None:
    assert Histogram().quantiles_s((0.5, 0.99)) == [None, None]
