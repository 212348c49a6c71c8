import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.core.histogram import Histogram
from provider_console.core.window import SLOTS, Window, merge_figures

# A multiple of 1/64: sums of it are exact, and so is the slot it falls into.
gaps = st.sampled_from([0.0, 0.015625, 1.0, 9.984375, 10.0, 75.0, 290.0, 5000.0])
events = st.lists(
    st.tuples(gaps, st.floats(0.002, 100.0), st.booleans(), st.sampled_from(["timeout", "network"])), max_size=120
)


def replay(window: Window, history: list[tuple[float, float, bool, str]]) -> list[tuple[float, float, bool, str]]:
    now, seen = 1000.0, []
    for gap, latency_s, ok, error_class in history:
        now += gap
        window.record(now, latency_s, ok=ok, error_class=error_class)
        seen.append((now, latency_s, ok, error_class))
    return seen


def inside(seen: list[tuple[float, float, bool, str]], now: float) -> list[tuple[float, float, bool, str]]:
    return [one for one in seen if now // 10 - SLOTS < one[0] // 10]


@settings(max_examples=100, deadline=None)
@given(history=events, gap=gaps)
def test_a_window_is_what_counting_everything_gives(history, gap: float) -> None:
    window = Window()
    seen = replay(window, history)
    now = (seen[-1][0] if seen else 1000.0) + gap

    figures = window.figures(now)

    kept = inside(seen, now)
    good = sorted(latency_s for _, latency_s, ok, _ in kept if ok)
    assert (figures.requests, figures.successes) == (len(kept), len(good))
    assert figures.failures == len(kept) - len(good)
    assert figures.error_classes == Counter(error_class for _, _, ok, error_class in kept if not ok)
    if not good:
        assert (figures.mean_ms, figures.p50_ms, figures.p95_ms, figures.p99_ms) == (None,) * 4
        return
    assert figures.mean_ms == pytest.approx(1000 * sum(good) / len(good), abs=0.051)
    for share, shown_ms in ((0.5, figures.p50_ms), (0.95, figures.p95_ms), (0.99, figures.p99_ms)):
        assert shown_ms == pytest.approx(1000 * good[math.ceil(share * len(good)) - 1], rel=0.032)


@settings(max_examples=60, deadline=None)
@given(history=events)
def test_looking_often_changes_nothing(history) -> None:
    quiet, watched, now = Window(), Window(), 1000.0
    for gap, latency_s, ok, error_class in history:
        now += gap
        quiet.record(now, latency_s, ok=ok, error_class=error_class)
        watched.record(now, latency_s, ok=ok, error_class=error_class)
        watched.figures(now)

    assert quiet.figures(now) == watched.figures(now)


@settings(max_examples=40, deadline=None)
@given(first=events, second=events)
def test_windows_merge_into_the_window_of_both(first, second) -> None:
    one, other, both = Window(), Window(), Window()
    seen = sorted(replay(one, first) + replay(other, second))
    for at, latency_s, ok, error_class in seen:
        both.record(at, latency_s, ok=ok, error_class=error_class)
    now = seen[-1][0] if seen else 1000.0

    merged, expected = merge_figures((one, other), now), both.figures(now)

    assert merged.requests == expected.requests
    assert merged.error_classes == expected.error_classes
    assert (merged.p50_ms, merged.p99_ms) == (expected.p50_ms, expected.p99_ms)


def test_a_jump_ahead_empties_it() -> None:
    window = Window()
    for step in range(100):
        window.record(step * 1.0, 1.0, ok=bool(step % 2), error_class="timeout")

    figures = window.figures(1e7)

    assert (figures.requests, figures.p50_ms, figures.error_classes) == (0, None, {})


def test_a_moment_that_runs_backwards_counts_as_the_last_one() -> None:
    window = Window()
    window.record(1000.0, 1.0, ok=True)
    window.record(900.0, 1.0, ok=True)

    assert window.figures(1000.0).requests == 2


def test_a_span_of_the_users_own_is_kept() -> None:
    window = Window(span_s=60.0)
    window.record(0.0, 1.0, ok=True)

    assert window.figures(57.0).requests == 1
    assert window.figures(60.0).requests == 0


def test_a_slot_that_left_takes_everything_with_it() -> None:
    window = Window()
    for step in range(5000):
        window.record(step / 7, 0.3 + step % 11, ok=True)

    window.figures(1e6)

    assert list(window._histogram.counts) == list(Histogram().counts)
    assert window._histogram.total == 0
