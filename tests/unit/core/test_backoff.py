from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.core.backoff import COOLDOWN_MAX_S, attempt_timeout_s, ceiling_s, cooldown_s, delay_s
from provider_console.core.classify import RULES, Failure
from provider_console.sdk import ErrorClass

classes = st.sampled_from(ErrorClass)
seconds = st.floats(0, 600)
attempts = st.integers(1, 2000)


def failure(error_class: ErrorClass, retry_after_s: float | None = None) -> Failure:
    return Failure(error_class=error_class, message="no", retry_after_s=retry_after_s)


@settings(max_examples=150, deadline=None)
@given(error_class=classes, attempt=attempts, base_s=seconds, max_s=seconds, seed=st.integers(0, 1000))
def test_a_delay_stays_within_its_jitter(error_class, attempt, base_s, max_s, seed) -> None:
    ceiling = ceiling_s(attempt, base_s=base_s, max_s=max_s)
    delay = delay_s(failure(error_class), attempt, base_s=base_s, max_s=max_s, rng=Random(seed))

    low, high = {"none": (0.0, 0.0), "full": (0.0, ceiling), "equal": (ceiling / 2, ceiling)}[RULES[error_class].jitter]
    assert low <= delay <= high <= max_s


@settings(max_examples=150, deadline=None)
@given(error_class=classes, attempt=attempts, asked_s=st.floats(0.001, 1e6), seed=st.integers(0, 1000))
def test_a_retry_after_is_a_floor_up_to_an_hour(error_class, attempt, asked_s, seed) -> None:
    delay = delay_s(failure(error_class, asked_s), attempt, base_s=1, max_s=10, rng=Random(seed))

    floor = min(asked_s, COOLDOWN_MAX_S)
    assert floor <= delay <= floor * 1.1 + 1e-9


@settings(max_examples=50, deadline=None)
@given(base_s=seconds, max_s=seconds)
def test_a_ceiling_never_falls(base_s, max_s) -> None:
    ceilings = [ceiling_s(attempt, base_s=base_s, max_s=max_s) for attempt in range(1, 100)]

    assert ceilings == sorted(ceilings)


def test_the_same_seed_gives_the_same_delays() -> None:
    def delays(seed: int) -> list[float]:
        rng = Random(seed)
        return [delay_s(failure(one), 3, base_s=1, max_s=10, rng=rng) for one in ErrorClass]

    assert delays(7) == delays(7) != delays(8)


def test_a_retry_after_of_zero_still_keeps_the_attempts_apart() -> None:
    delay = delay_s(failure(ErrorClass.RATE_LIMITED, 0.0), 1, base_s=1, max_s=10, rng=Random(1))

    assert 0.5 <= delay <= 1.0


@settings(max_examples=50, deadline=None)
@given(asked_s=st.none() | st.floats(0, 1e9))
def test_a_cooldown_is_longer_than_any_wait_and_at_most_an_hour(asked_s) -> None:
    cooldown = cooldown_s(asked_s)

    assert cooldown is None or 30 < cooldown <= 3600


@settings(max_examples=50, deadline=None)
@given(base_s=st.floats(0.001, 600), timeouts=st.integers(0, 5000))
def test_a_timeout_grows_to_its_limit_and_never_below_its_base(base_s, timeouts) -> None:
    timeout_s = attempt_timeout_s(base_s, timeouts)

    assert base_s <= timeout_s <= max(30.0, base_s)
    assert timeout_s <= attempt_timeout_s(base_s, timeouts + 1)
