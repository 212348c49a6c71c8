import copy
import math
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from provider_console.core import breaker as rules
from provider_console.core.breaker import PANIC_PERMIT, Breaker, BreakerState, Hold

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


class Moves:
    def __init__(self) -> None:
        self.seen: list[tuple[BreakerState, BreakerState]] = []

    def __call__(self, old: BreakerState, new: BreakerState) -> None:
        self.seen.append((old, new))


def new_breaker(moves: Moves | None = None) -> Breaker:
    return Breaker(rng=Random(1), on_change=moves)


def fail(breaker: Breaker, now: float, times: int = 1, *, operation: str = "a", weight: float = 1.0) -> None:
    for _ in range(times):
        breaker.failed(now, breaker.enter(now) or 0, operation=operation, weight=weight)


def opened(now: float = 0.0, moves: Moves | None = None) -> Breaker:
    breaker = new_breaker(moves)
    fail(breaker, now, 4)
    fail(breaker, now, operation="b")
    assert breaker.state(now) is OPEN
    return breaker


def half_open(moves: Moves | None = None) -> Breaker:
    breaker = opened(moves=moves)
    breaker.probe_passed(1.0)
    return breaker


def test_a_new_one_admits_and_needs_no_permit() -> None:
    breaker = new_breaker()

    assert (breaker.state(0.0), breaker.refusal(0.0), breaker.enter(0.0)) == (CLOSED, None, 0)
    assert breaker.reopens_at(0.0) is None


def test_five_failures_in_a_row_of_two_operations_open_it() -> None:
    breaker = new_breaker()
    fail(breaker, 0.0, 4)
    assert breaker.state(0.0) is CLOSED

    fail(breaker, 0.0, operation="b")

    assert breaker.state(0.0) is OPEN
    assert breaker.refusal(0.0) == rules.BREAKER_OPEN
    assert breaker.enter(0.0) is None


def test_one_operation_does_not_trip_it_alone() -> None:
    breaker = new_breaker()

    fail(breaker, 0.0, 9)

    assert breaker.state(0.0) is CLOSED


@pytest.mark.parametrize("probe_first", [True, False])
def test_a_failed_probe_is_the_second_witness(probe_first: bool) -> None:
    breaker = new_breaker()
    if probe_first:
        breaker.probe_failed(0.0)
    fail(breaker, 0.0, 5)
    if not probe_first:
        assert breaker.state(0.0) is CLOSED
        breaker.probe_failed(0.0)

    assert breaker.state(0.0) is OPEN


def test_a_passed_probe_withdraws_the_witness() -> None:
    breaker = new_breaker()
    breaker.probe_failed(0.0)
    breaker.probe_passed(1.0)

    fail(breaker, 1.0, 5)

    assert breaker.state(1.0) is CLOSED


def test_failed_probes_alone_open_nothing() -> None:
    breaker = new_breaker()

    for now in range(50):
        breaker.probe_failed(float(now))

    assert breaker.state(50.0) is CLOSED


def test_a_success_breaks_the_row() -> None:
    breaker = new_breaker()
    fail(breaker, 0.0, 4)
    breaker.succeeded(0.0, 0)

    fail(breaker, 0.0, 4, operation="b")

    assert breaker.state(0.0) is CLOSED


def test_a_share_of_seven_in_ten_opens_it_without_any_row() -> None:
    breaker = new_breaker()
    breaker.succeeded(0.0, 0)
    fail(breaker, 0.0, 4)
    breaker.succeeded(0.0, 0)
    breaker.succeeded(0.0, 0)
    fail(breaker, 0.0, 2)
    assert breaker.state(0.0) is CLOSED

    fail(breaker, 0.0)

    assert breaker.state(0.0) is OPEN


def test_nine_events_are_no_share() -> None:
    breaker = new_breaker()

    fail(breaker, 0.0, 9)

    assert breaker.state(0.0) is CLOSED


def test_half_a_failure_is_half_an_event() -> None:
    breaker = new_breaker()
    fail(breaker, 0.0, 19, weight=0.5)
    assert breaker.state(0.0) is CLOSED

    fail(breaker, 0.0, weight=0.5)

    assert breaker.state(0.0) is OPEN


def test_events_of_long_ago_are_no_share() -> None:
    breaker = new_breaker()
    fail(breaker, 0.0, 9)

    fail(breaker, 300.0)

    assert breaker.state(300.0) is CLOSED


def test_a_weight_of_nothing_leaves_no_trace_but_gives_the_permit_back() -> None:
    breaker = half_open()
    permit = breaker.enter(1.0)

    breaker.failed(1.0, permit, operation="a", weight=0.0)

    assert (breaker.state(1.0), breaker.refusal(1.0)) == (HALF_OPEN, None)


def test_open_times_double_with_jitter_and_stay_under_five_minutes() -> None:
    breaker, now = opened(), 0.0
    for opening in range(1, 12):
        open_s = breaker.reopens_at(now) - now
        full_s = min(300.0, 10.0 * 2 ** (opening - 1))
        assert full_s / 2 <= open_s <= full_s
        assert breaker.openings == opening
        now += open_s
        fail(breaker, now)


def test_a_longer_retry_after_wins_up_to_an_hour() -> None:
    for asked_s, expected_s in ((120.0, 120.0), (1e6, 3600.0)):
        breaker = new_breaker()
        fail(breaker, 0.0, 4)
        breaker.failed(0.0, 0, operation="b", weight=1.0, retry_after_s=asked_s)

        assert breaker.reopens_at(0.0) == expected_s


def test_ten_minutes_closed_forgive_an_opening() -> None:
    breaker, now = opened(), 0.0
    for _ in range(2):
        now = breaker.reopens_at(now)
        fail(breaker, now)
    assert breaker.openings == 3
    now = breaker.reopens_at(now)
    for _ in range(2):
        breaker.succeeded(now, breaker.enter(now))

    fail(breaker, now + 1200.0, 4)
    fail(breaker, now + 1200.0, operation="b")

    assert breaker.openings == 2


def test_its_time_makes_it_half_open_and_two_successes_close_it() -> None:
    moves = Moves()
    breaker = opened(moves=moves)
    now = breaker.reopens_at(0.0)
    assert (breaker.state(now), breaker.refusal(now)) == (HALF_OPEN, None)

    breaker.succeeded(now, breaker.enter(now))
    assert breaker.state(now) is HALF_OPEN
    breaker.succeeded(now, breaker.enter(now))

    assert (breaker.state(now), breaker.enter(now)) == (CLOSED, 0)
    assert moves.seen == [(CLOSED, OPEN), (OPEN, HALF_OPEN), (HALF_OPEN, CLOSED)]


def test_what_opened_it_does_not_open_it_again_by_itself() -> None:
    breaker = half_open()
    for _ in range(2):
        breaker.succeeded(1.0, breaker.enter(1.0))

    fail(breaker, 1.0, operation="c")

    assert breaker.state(1.0) is CLOSED


def test_one_failure_opens_a_half_open_one_again() -> None:
    breaker = half_open()

    fail(breaker, 1.0, weight=0.5)

    assert (breaker.state(1.0), breaker.openings) == (OPEN, 2)


def test_there_is_one_permit_at_a_time() -> None:
    breaker = half_open()

    first, second = breaker.enter(1.0), breaker.enter(1.0)

    assert first > 0
    assert second is None
    assert breaker.refusal(1.0) == rules.PERMIT_TAKEN
    assert breaker.reopens_at(1.0) == 31.0


def test_a_permit_given_back_unjudged_can_be_taken_again() -> None:
    breaker = half_open()
    breaker.leave(breaker.enter(1.0))

    assert (breaker.state(1.0), breaker.refusal(1.0)) == (HALF_OPEN, None)


def test_a_permit_expires_and_its_late_result_is_not_anothers() -> None:
    breaker = half_open()
    late = breaker.enter(1.0)
    current = breaker.enter(31.0)
    assert current not in (None, late)

    breaker.failed(32.0, late, operation="a", weight=1.0)
    breaker.leave(late)

    assert (breaker.state(32.0), breaker.refusal(32.0)) == (HALF_OPEN, rules.PERMIT_TAKEN)


def test_a_passed_probe_opens_half_and_never_closes() -> None:
    breaker = opened()

    for _ in range(5):
        breaker.probe_passed(1.0)

    assert breaker.state(1.0) is HALF_OPEN


def test_results_that_arrive_while_open_change_nothing() -> None:
    breaker = opened()
    reopens = breaker.reopens_at(0.0)

    for _ in range(5):
        breaker.succeeded(1.0, 0)
        breaker.failed(1.0, 0, operation="c", weight=1.0, retry_after_s=3000.0)
        breaker.succeeded(1.0, PANIC_PERMIT)

    assert (breaker.state(1.0), breaker.reopens_at(1.0), breaker.openings) == (OPEN, reopens, 1)


def test_a_result_from_before_the_opening_does_not_judge_a_half_open_one() -> None:
    breaker = half_open()

    for _ in range(5):
        breaker.succeeded(1.0, 0)
        breaker.failed(1.0, 0, operation="c", weight=1.0)

    assert breaker.state(1.0) is HALF_OPEN


def test_a_panic_attempt_enters_an_open_one_without_its_permit() -> None:
    breaker = opened()

    assert breaker.enter_panic(0.0) == PANIC_PERMIT
    assert breaker.state(0.0) is OPEN


def test_a_panic_attempt_on_one_that_is_half_open_by_now_takes_the_permit() -> None:
    breaker = half_open()

    assert breaker.enter_panic(1.0) > 0
    assert breaker.refusal(1.0) == rules.PERMIT_TAKEN


def test_a_held_one_is_not_called_even_in_panic() -> None:
    breaker = new_breaker()
    breaker.hold(Hold.NEEDS_AUTH)

    with pytest.raises(ValueError, match="choose another"):
        breaker.enter_panic(0.0)


def test_a_hold_waits_for_a_person() -> None:
    breaker = new_breaker()
    breaker.hold(Hold.NEEDS_AUTH)
    assert breaker.refusal(1e9) == rules.NEEDS_KEY
    assert breaker.reopens_at(1e9) is None

    breaker.release()

    assert breaker.refusal(0.0) is None


def test_a_used_quota_comes_back_by_itself_at_its_time() -> None:
    breaker = new_breaker()
    breaker.hold(Hold.QUOTA, until=100.0)
    assert (breaker.refusal(99.0), breaker.reopens_at(99.0)) == (rules.QUOTA_USED, 100.0)

    assert breaker.refusal(100.0) is None
    assert breaker.held is None


def test_a_used_quota_does_not_hide_a_missing_key() -> None:
    breaker = new_breaker()
    breaker.hold(Hold.NEEDS_AUTH)

    breaker.hold(Hold.QUOTA, until=1.0)

    assert breaker.refusal(2.0) == rules.NEEDS_KEY


def test_a_cooldown_is_never_shortened() -> None:
    breaker = new_breaker()
    breaker.cool(100.0)

    breaker.cool(50.0)

    assert (breaker.refusal(99.0), breaker.reopens_at(99.0)) == (rules.COOLING, 100.0)
    assert breaker.refusal(100.0) is None


def test_five_unknown_failures_in_ten_minutes_suspend_for_ten() -> None:
    breaker = new_breaker()
    answers = [breaker.unknown_failure(now) for now in (0.0, 100.0, 200.0, 300.0, 400.0)]

    assert answers == [False, False, False, False, True]
    assert breaker.refusal(400.0) == rules.SUSPENDED
    assert breaker.reopens_at(400.0) == 1000.0
    assert breaker.refusal(1000.0) is None


def test_unknown_failures_further_apart_suspend_nobody() -> None:
    breaker = new_breaker()

    assert not any(breaker.unknown_failure(now * 151.0) for now in range(20))


def test_the_latest_reason_to_wait_says_when_it_admits() -> None:
    breaker = opened()
    breaker.cool(50.0)
    breaker.hold(Hold.QUOTA, until=500.0)

    assert breaker.reopens_at(0.0) == 500.0
    assert breaker.refusal(500.0) is None


class BreakerMachine(RuleBasedStateMachine):
    """Any history of attempts, probes, holds and waits; a shadow keeps what must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.moves: list[tuple[BreakerState, BreakerState]] = []
        self.breaker = Breaker(rng=Random(1), on_change=lambda old, new: self.moves.append((old, new)))
        self.out: list[tuple[int, float]] = []
        self.held_until = -math.inf
        self.cool_until = -math.inf

    @rule(seconds=st.sampled_from([0.0, 0.5, 4.0, 12.0, 40.0, 310.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def enter(self) -> None:
        refusal, state = self.breaker.refusal(self.now), self.breaker.state(self.now)
        permit = self.breaker.enter(self.now)
        assert (permit is None) is (refusal is not None)
        if permit is None:
            return
        assert self.now >= self.held_until
        assert self.now >= self.cool_until
        assert state is not OPEN
        assert (permit > 0) is (state is HALF_OPEN)
        if permit > 0:
            assert not [one for one, until in self.out if one > 0 and self.now < until], "one permit at a time"
        self.out.append((permit, self.now + 30.0))

    @precondition(lambda self: self.out)
    @rule(
        index=st.integers(0, 99),
        result=st.sampled_from(["ok", "failed", "half", "left"]),
        operation=st.sampled_from("ab"),
    )
    def leave(self, index: int, result: str, operation: str) -> None:
        permit, _ = self.out.pop(index % len(self.out))
        before = self.breaker.state(self.now), self.breaker.openings, len(self.moves)
        if result == "ok":
            self.breaker.succeeded(self.now, permit)
        elif result == "left":
            self.breaker.leave(permit)
            assert (self.breaker.state(self.now), self.breaker.openings, len(self.moves)) == before
        else:
            self.breaker.failed(self.now, permit, operation=operation, weight=1.0 if result == "failed" else 0.5)
        if before[0] is OPEN:
            assert (self.breaker.state(self.now), self.breaker.openings, len(self.moves)) == before
        # The executor's `finally` gives back whatever was judged: it must be harmless.
        self.breaker.leave(permit)
        if self.breaker.state(self.now) is not HALF_OPEN:
            self.out = [(0, until) for _, until in self.out]

    @rule(passed=st.booleans())
    def probe(self, passed: bool) -> None:
        before = self.breaker.state(self.now)
        if passed:
            self.breaker.probe_passed(self.now)
            assert self.breaker.state(self.now) is (HALF_OPEN if before is OPEN else before)
        else:
            self.breaker.probe_failed(self.now)

    @rule(hold=st.sampled_from(Hold), seconds=st.none() | st.floats(0, 500))
    def hold(self, hold: Hold, seconds: float | None) -> None:
        self.breaker.hold(hold, until=None if seconds is None else self.now + seconds)
        assert self.breaker.held is not None
        self.held_until = math.inf if self.breaker.held_until is None else self.breaker.held_until

    @rule()
    def release(self) -> None:
        self.breaker.release()
        self.held_until = -math.inf

    @rule(seconds=st.floats(0, 500))
    def cool(self, seconds: float) -> None:
        self.breaker.cool(self.now + seconds)
        self.cool_until = max(self.cool_until, self.now + seconds)

    @rule()
    def unknown(self) -> None:
        if self.breaker.unknown_failure(self.now):
            assert self.breaker.refusal(self.now) is not None

    @invariant()
    def it_says_when_it_admits(self) -> None:
        at = self.breaker.reopens_at(self.now)
        if self.breaker.refusal(self.now) is None:
            assert at is None
        elif at is None:
            assert self.held_until == math.inf
        else:
            assert at > self.now
            assert at - self.now <= 3600.0
            # A copy: looking ahead lets a hold lapse.
            assert copy.copy(self.breaker).refusal(at) is None

    @invariant()
    def moves_are_those_of_the_drawing(self) -> None:
        allowed = {(CLOSED, OPEN), (OPEN, HALF_OPEN), (HALF_OPEN, CLOSED), (HALF_OPEN, OPEN)}
        assert set(self.moves) <= allowed
        for earlier, later in zip(self.moves, self.moves[1:], strict=False):
            assert earlier[1] is later[0]

    def teardown(self) -> None:
        """After the faults, under traffic, it closes: no permit was lost."""
        self.breaker.release()
        self.now += 3700.0
        for _ in range(2):
            permit = self.breaker.enter(self.now)
            assert permit is not None
            self.breaker.succeeded(self.now, permit)
        assert self.breaker.state(self.now) is CLOSED


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
