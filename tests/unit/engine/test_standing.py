"""How a provider stands: the first word that applies, and the share of the whole."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.engine.workbench import ScriptedDriver

from provider_console.console.views import HealthState
from provider_console.core.breaker import Hold
from provider_console.core.scoring import Standing
from provider_console.core.settings import HealthSettings, Settings
from provider_console.engine.lane import Lane
from provider_console.engine.portraits import overall_health
from provider_console.engine.standing import category_medians, standing, state_of
from provider_console.testing.fakes import provider as provider_of

NOW = 1_000.0
SETTINGS = Settings()

Change = Callable[[Lane], object]


def lane(*changes: Change, **fields: Any) -> Lane:
    driver = ScriptedDriver()
    made = Lane(provider_of(driver, id="a", **fields), driver, settings=SETTINGS, rng=random.Random(1), now=0.0)
    for change in changes:
        change(made)
    return made


def checked(one: Lane) -> None:
    one.up, one.seen_at = True, NOW


def down(one: Lane) -> None:
    one.up, one.seen_at = False, NOW


def opened(one: Lane) -> None:
    for number in range(5):
        one.breaker.failed(NOW, one.breaker.enter(NOW) or 0, operation=str(number), weight=1.0)


def half_open(one: Lane) -> None:
    opened(one)
    one.breaker.probe_passed(NOW)


def suspended(one: Lane) -> None:
    for _ in range(5):
        one.breaker.unknown_failure(NOW)


def slow(one: Lane) -> None:
    one.history_p95_s = 0.2
    for _ in range(10):
        one.window.record(NOW, 0.5, ok=True)


def keyless(one: Lane) -> None:
    one.missing = "A_KEY"


TABLE: list[tuple[str, Lane, HealthState, str, float]] = [
    ("off", lane(checked, enabled=False), HealthState.OFF, "disabled", 90),
    ("found", lane(checked, enabled=False, configured=False), HealthState.OFF, "found, not adopted", 90),
    ("no key", lane(checked, keyless), HealthState.HELD, "credential missing: A_KEY", 90),
    ("a bad key", lane(checked, lambda one: one.breaker.hold(Hold.NEEDS_AUTH)), HealthState.HELD, "needs a key", 90),
    ("quota", lane(checked, lambda one: one.breaker.hold(Hold.QUOTA)), HealthState.HELD, "quota used", 90),
    (
        "quota with a reset",
        lane(checked, lambda one: one.breaker.hold(Hold.QUOTA, until=NOW + 126)),
        HealthState.HELD,
        "quota used · back in 2 m 06 s",
        90,
    ),
    ("probes say down", lane(down), HealthState.UNHEALTHY, "down", 90),
    (
        "down for a while",
        lane(down, lambda one: setattr(one, "down_since", NOW - 14)),
        HealthState.UNHEALTHY,
        "down 14 s",
        90,
    ),
    ("the breaker is open", lane(checked, opened), HealthState.UNHEALTHY, "down · retry in", 90),
    ("the breaker opened before any probe", lane(opened), HealthState.UNHEALTHY, "down · retry in", 90),
    ("nobody has looked", lane(), HealthState.UNKNOWN, "not checked yet", 65),
    (
        "no news for long",
        lane(checked, lambda one: setattr(one, "seen_at", NOW - 91)),
        HealthState.UNKNOWN,
        "no news",
        65,
    ),
    ("on trial", lane(checked, half_open), HealthState.DEGRADED, "on trial", 90),
    ("suspended", lane(checked, suspended), HealthState.DEGRADED, "suspended · back in 10 m 00 s", 90),
    (
        "cooling",
        lane(checked, lambda one: one.breaker.cool(NOW + 42)),
        HealthState.DEGRADED,
        "cooling · back in 42 s",
        90,
    ),
    ("a low score", lane(checked), HealthState.DEGRADED, "score 70", 69.9),
    ("twice as slow as usual", lane(checked, slow), HealthState.DEGRADED, "slow, p95 up 2.5×", 90),
    ("well", lane(checked), HealthState.HEALTHY, "healthy", 70.0),
]


@pytest.mark.parametrize(("one", "state", "words", "total"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_each_state_has_its_evidence_and_its_words(one: Lane, state: HealthState, words: str, total: float) -> None:
    found, why = state_of(one, now=NOW, settings=SETTINGS, total=total)

    assert found is state
    assert why.startswith(words)


EVIDENCE: list[tuple[HealthState, Change]] = [
    (HealthState.HELD, keyless),
    (HealthState.HELD, lambda one: one.breaker.hold(Hold.QUOTA)),
    (HealthState.UNHEALTHY, down),
    (HealthState.UNKNOWN, lambda one: setattr(one, "seen_at", NOW - 91)),
    (HealthState.DEGRADED, lambda one: one.breaker.cool(NOW + 42)),
]


@pytest.mark.parametrize("first", range(len(EVIDENCE)))
def test_the_first_that_applies_wins_over_all_that_follow(first: int) -> None:
    state, change = EVIDENCE[first]
    # Applied from the weakest to the strongest: `down` says when it was seen, so staleness must not come after it.
    one = lane(checked, *[later for _, later in reversed(EVIDENCE[first + 1 :])], change)

    assert state_of(one, now=NOW, settings=SETTINGS, total=10.0)[0] is state


def test_off_wins_over_everything() -> None:
    one = lane(*[change for _, change in EVIDENCE], enabled=False)

    assert state_of(one, now=NOW, settings=SETTINGS, total=10.0)[0] is HealthState.OFF


def test_a_hold_whose_time_has_passed_holds_no_more() -> None:
    one = lane(checked, lambda it: it.breaker.hold(Hold.QUOTA, until=NOW - 1))
    one.breaker.refusal(NOW)

    assert state_of(one, now=NOW, settings=SETTINGS, total=90.0)[0] is HealthState.HEALTHY


def test_a_hold_whose_time_has_passed_is_not_shown_before_anybody_else_looked() -> None:
    one = lane(checked, lambda it: it.breaker.hold(Hold.QUOTA, until=NOW - 1))

    assert state_of(one, now=NOW, settings=SETTINGS, total=90.0)[0] is HealthState.HEALTHY


def test_an_ordinary_long_tail_is_no_sign() -> None:
    # Against the median of the day, every provider with a tail was degraded for good.
    one = lane(checked)
    one.history_median_s, one.history_p95_s = 0.1, 0.4
    for number in range(100):
        one.window.record(NOW, 0.4 if number % 10 == 0 else 0.1, ok=True)

    assert state_of(one, now=NOW, settings=SETTINGS, total=90.0)[0] is HealthState.HEALTHY


def test_few_slow_answers_are_no_sign() -> None:
    one = lane(checked)
    one.history_p95_s = 0.2
    for _ in range(9):
        one.window.record(NOW, 5.0, ok=True)

    assert state_of(one, now=NOW, settings=SETTINGS, total=90.0)[0] is HealthState.HEALTHY


@pytest.mark.parametrize(
    ("age_s", "expected"), [(0, Standing.HEALTHY), (90, Standing.HEALTHY), (90.1, Standing.UNKNOWN)]
)
def test_three_intervals_without_a_word_and_nothing_is_known(age_s: float, expected: Standing) -> None:
    one = lane(checked)
    one.seen_at = NOW - age_s

    assert standing(one, now=NOW, settings=SETTINGS) is expected


def test_the_interval_of_the_settings_counts() -> None:
    one = lane(checked)
    one.seen_at = NOW - 91
    slow_checks = Settings(health=HealthSettings(health_check_interval=60_000))

    assert standing(one, now=NOW, settings=slow_checks) is Standing.HEALTHY


@pytest.mark.parametrize(
    ("healthy", "degraded", "known", "expected"),
    [(0, 0, 0, 0.0), (3, 0, 3, 100.0), (0, 2, 2, 50.0), (1, 1, 3, 50.0), (0, 0, 4, 0.0), (2, 0, 3, 66.7)],
)
def test_a_degraded_provider_counts_half(healthy: int, degraded: int, known: int, expected: float) -> None:
    assert overall_health(healthy=healthy, degraded=degraded, known=known) == expected


def test_the_median_of_a_category_is_of_those_that_have_answered() -> None:
    lanes = [lane() for _ in range(4)]
    for one, latency_s in zip(lanes, (0.5, 1.0, 4.0), strict=False):
        one.stats.observe(NOW, ok=True, latency_s=latency_s)

    assert category_medians(lanes, now=NOW) == {"ai": pytest.approx(1.0)}
