import math
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.core.scoring import (
    Score,
    Standing,
    Stats,
    base_points,
    reliability_points,
    response_points,
    score,
    wilson,
)

event = st.tuples(
    st.floats(0, 1000), st.booleans(), st.none() | st.floats(0, 1e9), st.sampled_from([0.0, 0.25, 0.5, 1.0])
)
counts = st.floats(0, 1e9)
thresholds = st.floats(0.05, 120)


def observed(history) -> tuple[Stats, float]:
    stats, now = Stats(), 0.0
    for gap, ok, latency_s, weight in history:
        now += gap
        stats.observe(now, ok=ok, latency_s=latency_s, weight=weight)
    return stats, now


def total(stats: Stats, now: float, standing: Standing = Standing.HEALTHY) -> Score:
    return score(stats, now, base=base_points(standing), threshold_s=15.0, prior_latency_s=2.0)


@settings(max_examples=100, deadline=None)
@given(
    history=st.lists(event, max_size=40),
    later=st.floats(-10, 1e6),
    standing=st.sampled_from(Standing),
    threshold_s=thresholds,
    prior_s=st.floats(1e-6, 1e4),
)
def test_a_score_is_a_number_between_0_and_100_that_its_terms_explain(
    history, later, standing, threshold_s, prior_s
) -> None:
    stats, now = observed(history)

    result = score(stats, now + later, base=base_points(standing), threshold_s=threshold_s, prior_latency_s=prior_s)

    assert 0 <= result.total <= 100
    assert result.total == result.base + result.response + result.reliability
    assert math.isfinite(result.latency_s)
    assert 0 <= result.successes <= result.samples + 1e-9
    low, high = wilson(result.successes, result.samples)
    assert 0 <= low <= high <= 1


@settings(max_examples=100, deadline=None)
@given(one=st.floats(0, 1e5), other=st.floats(0, 1e5), threshold_s=thresholds)
def test_a_slower_answer_never_gets_more_points(one: float, other: float, threshold_s: float) -> None:
    fast, slow = sorted((one, other))

    assert response_points(fast, threshold_s=threshold_s) >= response_points(slow, threshold_s=threshold_s)


@settings(max_examples=100, deadline=None)
@given(latency_s=st.floats(0.001, 1e4), one=thresholds, other=thresholds)
def test_a_more_patient_threshold_never_gives_fewer_points(latency_s: float, one: float, other: float) -> None:
    strict, patient = sorted((one, other))

    assert response_points(latency_s, threshold_s=strict) <= response_points(latency_s, threshold_s=patient) + 1e-9


@settings(max_examples=100, deadline=None)
@given(good=counts, bad=counts, more=counts)
def test_a_success_never_costs_and_a_failure_never_pays(good: float, bad: float, more: float) -> None:
    now = reliability_points(good, good + bad)

    assert reliability_points(good + more, good + more + bad) >= now - 1e-9
    assert reliability_points(good, good + bad + more) <= now + 1e-9


@settings(max_examples=80, deadline=None)
@given(history=st.lists(event, max_size=20))
def test_one_more_event_moves_the_score_its_own_way(history) -> None:
    stats, now = observed(history)
    before = total(stats, now).reliability

    stats.observe(now, ok=False)
    worse = total(stats, now).reliability
    stats.observe(now, ok=True)

    assert worse < before
    assert total(stats, now).reliability > worse


@settings(max_examples=80, deadline=None)
@given(good=st.floats(0, 1e6), bad=st.floats(0, 1e6))
def test_the_interval_holds_the_rate(good: float, bad: float) -> None:
    low, high = wilson(good, good + bad)

    assert 0 <= low <= high <= 1
    if good + bad > 0:
        assert low - 1e-9 <= good / (good + bad) <= high + 1e-9


def test_no_data_is_neutral() -> None:
    result = total(Stats(), 0.0, Standing.UNKNOWN)

    assert (result.base, result.samples, result.latency_s) == (20.0, 0.0, pytest.approx(2.0))
    assert result.reliability == pytest.approx(27.0)


def test_the_prior_is_worth_two_samples() -> None:
    stats = Stats()
    for _ in range(2):
        stats.observe(0.0, ok=True, latency_s=8.0)

    assert stats.latency_s(0.0, prior_s=2.0) == pytest.approx(4.0)


def test_a_timeout_enters_with_its_full_time_and_another_failure_with_none() -> None:
    stats = Stats()
    stats.observe(0.0, ok=False, latency_s=None)
    assert stats.latency_s(0.0) is None

    stats.observe(0.0, ok=False, latency_s=15.0)

    assert stats.latency_s(0.0) == pytest.approx(15.0)


def test_what_happened_is_forgotten_with_time() -> None:
    stats = Stats()
    for _ in range(20):
        stats.observe(0.0, ok=False, latency_s=15.0)

    successes, events = stats.counts(150.0)

    assert (successes, events) == (0.0, pytest.approx(20 / math.e))
    assert total(stats, 3600.0).latency_s == pytest.approx(2.0)


def test_a_quiet_night_leaves_a_score() -> None:
    """Decayed counts whose square is 0 once divided by it."""
    stats = Stats()
    stats.observe(0.0, ok=True, latency_s=1.0)

    for hours in (12, 18, 24, 36, 48):
        assert wilson(*stats.counts(hours * 3600.0)) == (0.0, 1.0)


def test_a_probe_weighs_half() -> None:
    stats = Stats()
    stats.observe(0.0, ok=True, weight=0.5)

    assert stats.counts(0.0) == (0.5, 0.5)


@settings(max_examples=60, deadline=None)
@given(history=st.lists(event, max_size=30))
def test_decay_in_steps_is_decay_at_once(history) -> None:
    stats, now = observed(history)
    moments = accumulate(gap for gap, _, _, _ in history)
    expected = sum(
        weight * math.exp((at - now) / 150.0) for at, (_, _, _, weight) in zip(moments, history, strict=True)
    )

    assert stats.counts(now)[1] == pytest.approx(expected, rel=1e-6, abs=1e-9)
