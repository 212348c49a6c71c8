import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.core.budget import PER_OPERATION, TokenBucket, take_both

steps = st.lists(st.tuples(st.sampled_from(["earn", "take", "wait"]), st.floats(0, 30)), max_size=80)


@settings(max_examples=150, deadline=None)
@given(steps=steps)
def test_a_bucket_is_the_naive_one_cut_at_every_step(steps: list[tuple[str, float]]) -> None:
    now, expected = 100.0, 40.0
    bucket = TokenBucket(now=now)
    for step, amount in steps:
        if step == "wait":
            now += amount
            expected = min(40.0, expected + 2 * amount)
        elif step == "earn":
            bucket.tokens += PER_OPERATION
            expected = min(40.0, expected + 0.2)
        else:
            granted = bucket.take(now)
            if abs(expected - 1) > 1e-6:
                assert granted is (expected > 1)
            expected = max(0.0, expected - granted)
        if step != "earn":
            assert 0 <= bucket.level(now) <= 40
            assert bucket.level(now) == pytest.approx(expected, abs=1e-6)


def test_time_that_runs_backwards_gives_nothing() -> None:
    bucket = TokenBucket(now=100.0)
    while bucket.take(100.0):
        pass

    assert not bucket.take(50.0)
    assert bucket.take(100.5)


def test_five_operations_earn_a_token() -> None:
    bucket = TokenBucket(per_second=0.0, now=0.0)
    while bucket.take(0.0):
        pass
    for _ in range(5):
        assert not bucket.take(0.0)
        bucket.tokens += PER_OPERATION

    assert bucket.take(0.0)


@pytest.mark.parametrize(("engine_burst", "provider_burst"), [(0, 5), (5, 0), (0, 0)])
def test_a_refusal_by_one_costs_the_other_nothing(engine_burst: int, provider_burst: int) -> None:
    engine = TokenBucket(burst=engine_burst, now=0.0)
    provider = TokenBucket(burst=provider_burst, now=0.0)

    assert not take_both(engine, provider, 0.0)
    assert (engine.level(0.0), provider.level(0.0)) == (engine_burst, provider_burst)


def test_a_total_outage_is_bounded_by_what_operations_and_seconds_earn() -> None:
    """10 operations a second: 0.2 + 2/10 tokens each is the rate that the budget alone lets through."""
    bucket = TokenBucket(now=0.0)
    retries = 0
    for operation in range(10_000):
        now = operation / 10
        bucket.tokens += PER_OPERATION
        retries += sum(bucket.take(now) for _ in range(14))

    assert retries == pytest.approx(40 + 0.4 * 10_000, rel=0.01)
