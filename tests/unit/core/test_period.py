from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.core.period import MOST_CELLS, Period, PeriodError, Span, period
from provider_console.core.rollup import GRAIN_S, Grain

NOW = 1_763_820_191.2  # 2025-11-22 14:03:11 UTC
DAY = 86_400


def asked(since: str, until: str | None = None, step: str | None = None) -> Period:
    return period(since=since, until=until, step=step, now=NOW)


@pytest.mark.parametrize(
    ("since", "step_s", "grain"),
    [
        ("5m", 60, "minute"),
        ("3h", 60, "minute"),
        ("24h", 3600, "hour"),
        ("36h", 3600, "hour"),
        ("7d", 21_600, "hour"),
        ("30d", DAY, "day"),
    ],
)
def test_the_steps_suit_the_length_of_the_period(since: str, step_s: int, grain: Grain) -> None:
    found = asked(since)

    assert (found.step_s, found.grain) == (step_s, grain)


def test_a_month_begins_with_a_whole_day_and_the_one_before_is_as_long() -> None:
    spans = asked("30d").spans

    begin, now = 1_761_177_600, math.nextafter(NOW, math.inf)
    assert spans == (Span("day", begin, now),)
    assert asked("30d", until="1h").spans == (
        Span("day", begin, 1_763_769_600),
        Span("hour", 1_763_769_600, NOW - 3_600),
    )
    before = asked("30d").before.spans
    assert [(span.grain, span.end - span.start) for span in before] == [("hour", 54_000), ("day", 30 * DAY)]


def test_what_nobody_asks_steps_of_is_read_from_the_fewest_rollups() -> None:
    before = asked("7d").before.sum_spans

    assert [(span.grain, span.end - span.start) for span in before] == [
        ("minute", 240),
        ("hour", 50_400),
        ("day", 6 * DAY),
        ("hour", 43_200),
    ]


@settings(max_examples=200, deadline=None)
@given(
    now=st.floats(1e6, 2e9),
    back_s=st.integers(61, 60 * DAY),
    step=st.sampled_from([None, "1h", "6h", "1d", "36h"]),
    kept=st.sampled_from([0.0, 1e12]),
)
def test_spans_follow_one_another_without_gap_or_overlap(
    now: float, back_s: int, step: str | None, kept: float
) -> None:
    text, back_s = (f"{back_s}s", back_s) if back_s < 10**6 else (f"{back_s // DAY}d", back_s // DAY * DAY)
    since = max(0, now - back_s)
    whole = period(since=text, until=None, step=step, now=now)

    for one in (whole.kept_since(kept), whole.before):
        for spans in (one.spans, one.sum_spans):
            ends = [one.start, *(span.end for span in spans)]
            assert [span.start for span in spans] == ends[:-1]
            assert ends[-1] == one.end
            assert all(span.start % GRAIN_S[span.grain] == 0 for span in spans)
            assert sum((span.end - span.start) / GRAIN_S[span.grain] for span in spans) <= MOST_CELLS + 200
    assert whole.start <= since < whole.start + whole.step_s
    assert whole.before.end == whole.start


def test_the_period_before_is_as_long() -> None:
    whole = asked("1h")

    assert whole.before.end == whole.start
    assert (whole.start - whole.before.start) - (whole.end - whole.start) == pytest.approx(0.0, abs=60.0)


def test_where_minutes_are_gone_the_same_period_goes_by_hours() -> None:
    whole = period(since="2025-09-01T10:20", until="2025-09-01T12:10", step=None, now=NOW)
    coarse = whole.kept_since(NOW - 30 * DAY)

    assert (whole.step_s, coarse.step_s) == (60, 3600)
    assert [span.grain for span in coarse.spans] == ["hour"]
    assert coarse.start % 3600 == 0
    assert whole.kept_since(0.0) is whole


@pytest.mark.parametrize(
    ("given_", "field", "words"),
    [
        ({"since": "soon"}, "since", "not 'soon'"),
        ({"since": "99999y"}, "since", "at most 3000 days"),
        ({"since": "1h", "until": "2h"}, "since", "begins before it ends"),
        ({"since": "2027-01-01"}, "since", "begins before it ends"),
        ({"since": "1d", "until": "yesterday"}, "until", "not 'yesterday'"),
        ({"since": "7d", "step": "1m"}, "step", "a step of 1h or more"),
        ({"since": "1y", "step": "1h"}, "step", "a step of 1d or more"),
        ({"since": "1d", "step": "90s"}, "step", "whole minutes"),
        ({"since": "1d", "step": "fast"}, "step", "not 'fast'"),
    ],
)
def test_a_period_that_cannot_be_had_says_what_it_takes(given_: dict[str, str], field: str, words: str) -> None:
    with pytest.raises(PeriodError, match=words) as caught:
        asked(**given_)

    assert caught.value.field == field


def test_a_period_ends_now_at_the_latest() -> None:
    assert asked("1d", until="2030-01-01").end == pytest.approx(NOW)
