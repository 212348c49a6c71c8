"""The language of the rules, and when they fire and clear."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.core.alerts import (
    QUANTITIES,
    SHIPPED,
    Comparison,
    RuleInvalid,
    Watch,
    advance,
    parse,
    rules_of,
)
from provider_console.core.settings import AlertRule, AlertsSettings


def rule(when: str, name: str = "mine") -> AlertRule:
    return AlertRule(name=name, when=when)


@pytest.mark.parametrize(
    ("when", "comparisons", "for_s", "target"),
    [
        ("failure_rate > 20", [Comparison("failure_rate", ">", 20.0)], 0.0, None),
        ("failure_rate>20%for 1m", None, None, None),
        (
            "failure_rate > 20 for 60s and requests >= 10",
            [Comparison("failure_rate", ">", 20.0), Comparison("requests", ">=", 10.0)],
            60.0,
            None,
        ),
        ("p95 > 2s", [Comparison("p95", ">", 2000.0)], 0.0, None),
        ("p95 > 250ms", [Comparison("p95", ">", 250.0)], 0.0, None),
        ("state of deepl != healthy for 5m", [Comparison("state", "!=", "healthy")], 300.0, "deepl"),
        ("state = unhealthy", [Comparison("state", "=", "down")], 0.0, None),
        ("coverage of translate:en>es < 2", [Comparison("coverage", "<", 2.0)], 0.0, "translate:en>es"),
        ("healthy_providers of translation <= 1", [Comparison("healthy_providers", "<=", 1.0)], 0.0, "translation"),
        (
            "  score<40  and   cost  >=  1.5 ",
            [Comparison("score", "<", 40.0), Comparison("cost", ">=", 1.5)],
            0.0,
            None,
        ),
    ],
)
def test_a_rule_means_what_it_says(
    when: str, comparisons: list[Comparison] | None, for_s: float | None, target: str | None
) -> None:
    if comparisons is None:
        with pytest.raises(RuleInvalid, match="expected a number"):
            parse(rule(when))
        return
    parsed = parse(rule(when))

    assert (list(parsed.comparisons), parsed.for_s, parsed.target) == (comparisons, for_s, target)


@pytest.mark.parametrize(
    ("when", "column", "expected"),
    [
        ("", 1, "expected a quantity, not the end"),
        ("failure_rat > 20", 1, "did you mean 'failure_rate'"),
        ("zzz > 20", 1, "known: failure_rate, p95"),
        ("failure_rate", 13, "expected one of > >= < <= = !=, not the end"),
        ("failure_rate ~ 20", 14, "not '~'"),
        ("failure_rate ! 20", 14, "not '!'"),
        ("failure_rate > ", 15, "expected a number (units: %) for failure_rate, not the end"),
        ("failure_rate > much", 16, "expected a number"),
        ("failure_rate > 20ms", 16, "not '20ms'"),
        ("score > 20%", 9, "expected a number for score, not '20%'"),
        ("state = broken", 9, "expected healthy, degraded, down, held, unknown or off, not 'broken'"),
        ("state > down", 7, "expected = or !=, not '>'"),
        ("state of", 9, "expected the name of a provider after of, not the end"),
        ("state of deepl", 15, "expected = or !=, not the end"),
        ("state = down for", 17, "expected a span after for, such as 60s or 5m"),
        ("state = down for ever", 18, "not 'ever'"),
        ("state = down for 31d", 18, "at most 30d"),
        ("state = down for 5m for 5m", 21, "expected and, or the end, not 'for'"),
        ("state = down for 5m and score < 3 for 5m", 35, "for is given twice"),
        ("state = down or score < 3", 14, "expected and, for, or the end, not 'or'"),
        ("state = down and", 17, "expected a quantity, not the end"),
        ("state = down and coverage = 0", 18, "coverage is a figure of a capability, state one of a provider"),
        ("state of a = down and score of b < 3", 32, "names a already"),
        ("failure_rate >> 20", 15, "expected a number"),
    ],
)
def test_a_rule_that_cannot_be_understood_says_where_and_what_was_expected(
    when: str, column: int, expected: str
) -> None:
    with pytest.raises(RuleInvalid) as caught:
        parse(rule(when))

    assert (caught.value.column, expected in str(caught.value)) == (column, True), caught.value


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=" adefors5m%<>=!.0129_né\x00", max_size=60) | st.text(max_size=60))
def test_whatever_is_written_is_a_rule_or_says_where_it_is_not(when: str) -> None:
    columns = [1]
    try:
        parse(rule(when))
    except RuleInvalid as error:
        columns.append(error.column)

    assert 1 <= columns[-1] <= len(when) + 1


def test_what_was_not_measured_fires_nothing() -> None:
    for name, quantity in QUANTITIES.items():
        bound = quantity.words[0] if quantity.words else "0"
        for sign in ("=", "!=") if quantity.words else ("=", "!=", "<", ">", "<=", ">="):
            assert not parse(rule(f"{name} {sign} {bound}")).holds({name: None})


@pytest.mark.parametrize(
    ("when", "subject", "watched"),
    [
        ("state = down", "deepl", True),
        ("state of deepl = down", "deepl", True),
        ("state of deepl = down", "deepl2", False),
        ("coverage of translate:en>es = 0", "translation translate:en>es", True),
        ("coverage of translate:en>es = 0", "translation translate:en>de", False),
    ],
)
def test_a_rule_watches_what_it_names(when: str, subject: str, watched: bool) -> None:
    assert parse(rule(when)).watches(subject) is watched


def test_a_bad_rule_leaves_the_others_watched() -> None:
    rules, problems = rules_of(
        AlertsSettings(rules=(rule("score < 40", "good"), rule("scor < 40", "bad"), rule("p95 > 1s", "good")))
    )

    assert [one.name for one in rules] == [*(one.name for one in SHIPPED), "good"]
    assert "column 1" in problems[1]
    assert "another rule named 'good'" in problems[2]


def test_a_shipped_rule_can_be_replaced_and_switched_off() -> None:
    rules, problems = rules_of(
        AlertsSettings(
            rules=(
                rule("state = down for 10m", "provider down"),
                AlertRule(name="not served", enabled=False),
                AlertRule(name="off", when="score < 1", enabled=False),
            )
        )
    )

    assert {one.name: one.for_s for one in rules} == {"provider down": 600.0, "credential missing": 0.0}
    assert not problems


def history(*stretches: tuple[bool, float], for_s: float = 60.0, step_s: float = 5.0) -> list[float]:
    """When an alert changed its mind: at even places it fired, at odd ones it cleared."""
    watch, now, moments = Watch(), 0.0, []
    for holds, seconds in stretches:
        for _ in range(int(seconds / step_s)):
            before = watch.firing
            watch = advance(watch, holds=holds, now=now, for_s=for_s, window_s=60.0)
            if watch.firing is not before:
                moments.append(now)
            now += step_s
    return moments


def test_it_fires_once_the_condition_held_for_as_long_as_the_rule_says() -> None:
    assert history((False, 100), (True, 200)) == [160.0]


def test_a_condition_that_breaks_off_begins_anew() -> None:
    assert history((True, 55), (False, 5), (True, 60)) == []


def test_it_clears_after_two_windows_and_not_before() -> None:
    assert history((True, 100), (False, 110), (True, 5), (False, 200)) == [60.0, 335.0]


def test_a_window_is_the_rules_own_span_where_that_is_longer() -> None:
    assert history((True, 400), (False, 1000), for_s=300.0) == [300.0, 1000.0]


def test_a_flapping_condition_is_one_alert() -> None:
    flapping = [(True, 65.0), (False, 65.0)] * 20

    assert history(*flapping, (False, 200)) == [60.0, 2655.0]


def test_a_stretch_in_which_nobody_looked_counts_for_nothing() -> None:
    watch = advance(Watch(), holds=True, now=0.0, for_s=300.0, window_s=60.0)
    watch = advance(watch, holds=True, now=4_000.0, for_s=300.0, window_s=60.0)

    assert (watch.firing, watch.since) == (False, 4_000.0)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0.1, 90.0)), max_size=60), st.floats(0.0, 120.0))
def test_between_two_fires_of_one_rule_lies_a_clear_and_two_windows_of_quiet(
    looks: list[tuple[bool, float]], for_s: float
) -> None:
    watch, now, last_true = Watch(), 0.0, 0.0
    for holds, pause in looks:
        before, now = watch, now + pause
        watch = advance(watch, holds=holds, now=now, for_s=for_s, window_s=60.0)
        if holds:
            last_true = now
        if before.firing and not watch.firing:
            assert now - last_true >= 2 * max(for_s, 60.0)
