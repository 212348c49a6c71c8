"""What one execution does after each kind of failure, in virtual time."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
from tests.unit.engine.workbench import (
    Kind,
    ScriptedDriver,
    after,
    bench,
    chat,
    classed,
    engine_settings,
    failing,
    play,
    provider,
    refused,
    reset,
)

from provider_console.console.errors import Draining, NoProvider, OperationFailed, OutcomeUnknown
from provider_console.core.breaker import BreakerState, Hold
from provider_console.sdk import ErrorClass, Result, RetryPolicy

# --- after a failure -------------------------------------------------------------------------------------------


def test_a_failure_that_may_pass_is_tried_five_times_and_then_the_next_provider_is_asked() -> None:
    async def history() -> tuple[list[str], str | None]:
        async with bench(provider("a", tier="primary"), provider("b", tier="fallback")) as it:
            it.driver.always["a"] = failing(503)
            execution = await it.engine.executor.execute(chat())
            return it.driver.asked, execution.provider

    assert play(history) == (["a"] * 5 + ["b"], "b")


@pytest.mark.parametrize(
    "error_class",
    [ErrorClass.AUTHENTICATION, ErrorClass.PERMISSION, ErrorClass.QUOTA, ErrorClass.BAD_RESULT],
)
def test_a_failure_that_repeating_cannot_mend_goes_on_at_once(error_class: ErrorClass) -> None:
    async def history() -> tuple[list[str], list[tuple[str, str]]]:
        async with bench(provider("a"), provider("b", tier="fallback")) as it:
            it.driver.say("a", classed(error_class))
            execution = await it.engine.executor.execute(chat())
            return it.driver.asked, execution.left

    assert play(history) == (["a", "b"], [("a", "no retry for class")])


def test_what_a_driver_did_not_expect_is_tried_once_more() -> None:
    async def history() -> list[str]:
        async with bench(provider("a"), provider("b", tier="fallback")) as it:
            it.driver.always["a"] = ValueError("a fault of the driver's own")
            await it.engine.executor.execute(chat())
            return it.driver.asked

    assert play(history) == ["a", "a", "b"]


def test_the_swift_preset_asks_each_once_and_the_last_one_as_often_as_allowed() -> None:
    async def history() -> list[str]:
        async with bench(provider("a"), provider("b", tier="fallback"), settings=engine_settings(retry="swift")) as it:
            it.driver.always |= {"a": failing(503), "b": failing(503)}
            with pytest.raises(OperationFailed):
                await it.engine.executor.execute(chat())
            return it.driver.asked

    assert play(history) == ["a"] + ["b"] * 5


def test_a_callers_own_policy_says_how_often_and_after_which_classes() -> None:
    async def history() -> list[str]:
        async with bench(provider("a")) as it:
            it.driver.say("a", failing(503), refused(), refused())
            policy = RetryPolicy(attempts=3, classes=frozenset({ErrorClass.SERVER_ERROR}))
            with pytest.raises(OperationFailed):
                await it.engine.executor.execute(chat(policy=policy))
            return it.driver.asked

    assert play(history) == ["a", "a"]


@pytest.mark.parametrize(("specific", "asked"), [(False, ["a"]), (True, ["a", "b"])])
def test_a_wrong_request_goes_on_only_where_it_is_wrong_for_this_provider(specific: bool, asked: list[str]) -> None:
    async def history() -> list[str]:
        async with bench(provider("a"), provider("b", tier="fallback")) as it:
            it.driver.say("a", failing(400, provider_specific=specific))
            if specific:
                await it.engine.executor.execute(chat())
            else:
                with pytest.raises(OperationFailed, match="the request is wrong"):
                    await it.engine.executor.execute(chat())
            return it.driver.asked

    assert play(history) == asked


@pytest.mark.parametrize(("on_refusal", "asked"), [("stop", ["a"]), ("next", ["a", "b"])])
def test_a_refusal_by_a_safety_filter_goes_on_only_where_the_setting_says_so(on_refusal: str, asked: list[str]) -> None:
    async def history() -> list[str]:
        settings = engine_settings(on_refusal=on_refusal)
        async with bench(provider("a"), provider("b", tier="fallback"), settings=settings) as it:
            it.driver.say("a", classed(ErrorClass.CONTENT_REFUSED))
            if on_refusal == "next":
                await it.engine.executor.execute(chat())
            else:
                with pytest.raises(OperationFailed, match=r"engine\.on_refusal"):
                    await it.engine.executor.execute(chat())
            return it.driver.asked

    assert play(history) == asked


def test_a_text_too_long_goes_only_to_a_larger_declared_context() -> None:
    async def history() -> tuple[list[str], list[tuple[str, str]]]:
        async with bench(
            provider("a", max_characters=100),
            provider("b", max_characters=100, tier="secondary"),
            provider("c", tier="secondary"),
            provider("d", max_characters=200, tier="fallback"),
            settings=engine_settings(max_providers=4),
        ) as it:
            it.driver.say("a", classed(ErrorClass.CONTEXT_TOO_LONG))
            execution = await it.engine.executor.execute(chat())
            return it.driver.asked, execution.left

    asked, left = play(history)
    assert asked == ["a", "d"]
    assert left == [("a", "no retry for class"), ("b", "no larger context"), ("c", "no larger context")]


def test_a_text_too_long_for_everybody_ends_with_what_to_do() -> None:
    async def history() -> None:
        async with bench(provider("a", max_characters=10), provider("b", max_characters=10, tier="fallback")) as it:
            it.driver.always |= {name: classed(ErrorClass.CONTEXT_TOO_LONG) for name in "ab"}
            with pytest.raises(OperationFailed, match="shorten it"):
                await it.engine.executor.execute(chat())
            assert it.driver.asked == ["a"]

    play(history)


# --- what must not happen twice ----------------------------------------------------------------------------------


REPEATS = [
    ("it never left", refused(), True),
    ("the answer was 503 with Retry-After", failing(503, retry_after_s=1.0), True),
    ("the answer was 429 with Retry-After", failing(429, retry_after_s=1.0), True),
    ("the answer was 503", failing(503), False),
    ("the connection broke", reset(), False),
    ("the answer was unreadable", classed(ErrorClass.BAD_RESULT), False),
    ("the driver failed", ValueError("?"), False),
]


@pytest.mark.parametrize(("failure", "again"), [c[1:] for c in REPEATS], ids=[c[0] for c in REPEATS])
def test_an_operation_that_must_not_be_repeated_is_repeated_only_where_it_cannot_have_happened(
    failure: Exception, again: bool
) -> None:
    async def history() -> list[str]:
        async with bench(provider("a"), provider("b", tier="fallback")) as it:
            it.driver.say("a", failure)
            if again:
                await it.engine.executor.execute(chat(idempotent=False))
            else:
                with pytest.raises(OutcomeUnknown) as caught:
                    await it.engine.executor.execute(chat(idempotent=False))
                assert caught.value.report.status == "outcome_unknown"
            return it.driver.asked

    assert play(history) == (["a", "a"] if again else ["a"])


def test_a_timeout_of_an_operation_that_must_not_be_repeated_ends_it() -> None:
    async def history() -> list[str]:
        async with bench(provider("a"), provider("b", tier="fallback")) as it:
            it.driver.say("a", after(60.0, "late", lambda: it.clock))
            with pytest.raises(OutcomeUnknown):
                await it.engine.executor.execute(chat(idempotent=False))
            return it.driver.asked

    assert play(history) == ["a"]


def test_every_retry_carries_the_same_key_and_every_provider_one_of_its_own() -> None:
    async def history() -> list[str]:
        async with bench(provider("a"), provider("b", tier="fallback")) as it:
            it.driver.always["a"] = failing(503)
            await it.engine.executor.execute(chat())
            return [call.idempotency_key.rpartition(":")[2] + call.idempotency_key[-3:] for _, call in it.driver.calls]

    assert len(set(play(history))) == 2


# --- nobody to ask -----------------------------------------------------------------------------------------------


def test_no_provider_says_why_for_each() -> None:
    async def history() -> None:
        async with bench(
            provider("off", enabled=False),
            provider("keyless", credential="A_KEY", driver="keyed"),
            provider("found", configured=False, enabled=None),
            others=[_keyed()],
        ) as it:
            with pytest.raises(NoProvider) as caught:
                await it.engine.executor.execute(chat())
            report = caught.value.report
            assert {out.provider: out.reason for out in report.excluded} == {
                "off": "disabled",
                "keyless": "credential missing",
                "found": "found, not adopted",
            }
            assert "provider-console secrets set A_KEY" in caught.value.message
            assert report.attempts == ()

    play(history)


def test_no_provider_says_when_the_first_one_will_be_back() -> None:
    async def history() -> None:
        async with bench(provider("a")) as it:
            it.lanes["a"].breaker.cool(it.clock.monotonic() + 42.0)
            with pytest.raises(NoProvider) as caught:
                await it.engine.executor.execute(chat())
            assert caught.value.report.retry_after_ms == 42_000.0
            assert "wait, or enable another provider" in caught.value.message

    play(history)


def test_who_asks_to_wait_gets_the_first_provider_that_comes_back() -> None:
    async def history() -> tuple[str | None, float]:
        async with bench(provider("a"), provider("b")) as it:
            now = it.clock.monotonic()
            it.lanes["a"].breaker.cool(now + 42.0)
            it.lanes["b"].breaker.cool(now + 30.0)
            execution = await it.engine.executor.execute(chat(wait=True))
            return execution.provider, execution.elapsed_s

    name, elapsed_s = play(history)
    assert name == "b"
    assert elapsed_s == pytest.approx(30.0)


def test_waiting_past_the_deadline_is_not_begun() -> None:
    async def history() -> float:
        async with bench(provider("a")) as it:
            it.lanes["a"].breaker.cool(it.clock.monotonic() + 42.0)
            with pytest.raises(NoProvider):
                await it.engine.executor.execute(chat(wait=True, deadline_s=40.0))
            return it.clock.monotonic()

    assert play(history) == 0.0


def test_an_open_provider_is_asked_once_where_there_is_nobody_else() -> None:
    async def history() -> tuple[str | None, bool]:
        async with bench(provider("a")) as it:
            _open(it)
            execution = await it.engine.executor.execute(chat())
            return execution.provider, it.lanes["a"].breaker.state(it.clock.monotonic()) is BreakerState.OPEN

    assert play(history) == ("a", True)


def test_panic_has_a_bucket_of_its_own_and_never_asks_who_is_held() -> None:
    async def history() -> tuple[int, int]:
        async with bench(provider("a"), provider("held")) as it:
            _open(it)
            it.lanes["held"].breaker.hold(Hold.NEEDS_AUTH)
            it.driver.always["a"] = failing(503)
            for _ in range(9):
                with pytest.raises((NoProvider, OperationFailed)):
                    await it.engine.executor.execute(chat())
            return it.driver.asked.count("a"), it.driver.asked.count("held")

    assert play(history) == (5, 0)


# --- ends --------------------------------------------------------------------------------------------------------


def test_cancel_ends_a_running_execution_and_says_so() -> None:
    async def history() -> None:
        async with bench(provider("a")) as it:
            it.driver.always["a"] = after(10.0, "late", lambda: it.clock)
            async with asyncio.TaskGroup() as group:
                running = group.create_task(_failed(it, chat()))
                await it.clock.sleep(1.0)
                (execution_id,) = it.engine.executor.running
                assert it.engine.executor.cancel(execution_id)
                assert not it.engine.executor.cancel(execution_id)
            error = running.result()
            assert error.report.status == "cancelled"
            assert [a.status for a in error.report.attempts] == ["cancelled"]
            assert it.lanes["a"].window.figures(it.clock.monotonic()).requests == 0
            assert not it.engine.executor.cancel(execution_id)

    play(history)


def test_a_callers_own_cancel_passes_and_leaves_an_end() -> None:
    async def history() -> str | None:
        async with bench(provider("a")) as it:
            it.driver.always["a"] = after(10.0, "late", lambda: it.clock)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2.0):
                    await it.engine.executor.execute(chat())
            await it.engine.recorder.flush()
            (row,) = await it.usage.executions()
            return row.status

    assert play(history) == "cancelled"


def test_draining_takes_nothing_new_and_lets_what_runs_finish() -> None:
    async def history() -> str | None:
        async with bench(provider("a")) as it:
            it.driver.always["a"] = after(3.0, "done", lambda: it.clock)
            async with asyncio.TaskGroup() as group:
                running = group.create_task(it.engine.executor.execute(chat()))
                await it.clock.sleep(1.0)
                draining = group.create_task(it.engine.executor.drain(5.0))
                await it.clock.sleep(0.5)
                with pytest.raises(Draining):
                    await it.engine.executor.execute(chat())
                await draining
            return running.result().status

    assert play(history) == "ok"


def test_draining_cancels_what_does_not_end_in_its_grace() -> None:
    async def history() -> tuple[str, float]:
        async with bench(provider("a")) as it:
            it.driver.always["a"] = after(14.0, "late", lambda: it.clock)
            async with asyncio.TaskGroup() as group:
                running = group.create_task(_failed(it, chat()))
                await it.clock.sleep(1.0)
                await it.engine.executor.drain(5.0)
            return running.result().report.status, it.clock.monotonic()

    assert play(history) == ("cancelled", 6.0)


def test_draining_says_cancelled_of_an_operation_in_pieces_too() -> None:
    async def history() -> tuple[str, int]:
        async with bench(provider("a", max_characters=5), kinds=[Kind()]) as it:
            it.driver.always["a"] = after(14.0, "late", lambda: it.clock)
            async with asyncio.TaskGroup() as group:
                running = group.create_task(_failed(it, chat("0123456789")))
                await it.clock.sleep(1.0)
                await it.engine.executor.drain(5.0)
            return running.result().report.status, running.cancelling()

    assert play(history) == ("cancelled", 0)


# --- long text ---------------------------------------------------------------------------------------------------


def test_a_long_text_goes_in_pieces_and_comes_back_as_one() -> None:
    async def history() -> None:
        async with bench(provider("a", max_characters=5), kinds=[Kind()]) as it:
            it.driver.always["a"] = _echo
            execution = await it.engine.executor.execute(chat("0123456789ab"))
            assert execution.result.value == {"text": "0123456789AB"}
            assert len(execution.children) == 3
            await it.engine.recorder.flush()
            rows = {row.id: row for row in await it.usage.executions()}
            assert len(rows) == 4
            assert {rows[child].status for child in execution.children} == {"ok"}

    play(history)


def test_a_piece_that_fails_fails_the_whole_and_says_which() -> None:
    async def history() -> None:
        async with bench(provider("a", max_characters=5), kinds=[Kind()]) as it:
            it.driver.say("a", "01234", failing(400))
            error = await _failed(it, chat("0123456789ab"))
            assert "piece 2 of 3 failed" in error.message
            assert len(error.report.children) == 2

    play(history)


def test_a_piece_whose_outcome_is_unknown_makes_the_whole_unknown() -> None:
    async def history() -> None:
        async with bench(provider("a", max_characters=5), kinds=[Kind()]) as it:
            it.driver.say("a", "01234", reset())
            with pytest.raises(OutcomeUnknown) as caught:
                await it.engine.executor.execute(chat("0123456789ab", idempotent=False))
            assert len(caught.value.report.children) == 2
            assert caught.value.report.parent is None

    play(history)


async def _failed(it: Any, operation: Any) -> OperationFailed:
    with pytest.raises(OperationFailed) as caught:
        await it.engine.executor.execute(operation)
    return caught.value


async def _echo(call: Any) -> Any:
    return call.operation.payload["text"].upper()


def _open(it: Any) -> None:
    breaker, now = it.lanes["a"].breaker, it.clock.monotonic()
    for number in range(5):
        breaker.failed(now, breaker.enter(now) or 0, operation=f"before {number}", weight=1.0)


def _keyed() -> Any:
    return ScriptedDriver("keyed", credential="required")


def test_the_time_in_which_a_provider_made_itself_ready_is_no_latency_of_it() -> None:
    async def history() -> tuple[float | None, float | None, float]:
        async with bench(provider("a")) as it:
            cold = Result(value={"text": "done"}, warm_up_s=9.0)
            it.driver.say("a", after(10.0, cold, lambda: it.clock), after(1.0, "done", lambda: it.clock))
            report = await it.console.execute(chat())
            await it.console.execute(chat())
            health = (await it.console.provider("a")).health
            [trend] = (await it.console.trends()).values()
            rows = await it.engine.parts.usage.attempts()
            stored = [(row.duration_ms, row.first_content_ms, row.warm_up_ms, row.latency_ms) for row in rows]
            assert stored == [(1_000.0, None, 0.0, 1_000.0), (10_000.0, None, 9_000.0, 1_000.0)]
            return health.p50_ms, max(filter(None, trend.medians)), report.attempts[0].duration_ms

    p50_ms, slowest_ms, duration_ms = play(history)
    assert p50_ms == pytest.approx(1000.0, rel=0.05)
    assert slowest_ms == pytest.approx(1000.0, rel=0.05)
    assert duration_ms == 10_000.0


@pytest.mark.parametrize("said_s", [math.nan, math.inf, -5.0])
def test_a_warm_up_that_is_no_time_leaves_the_latency_as_it_is(said_s: float) -> None:
    async def history() -> list[float]:
        async with bench(provider("a")) as it:
            odd = Result(value={"text": "done"}, warm_up_s=said_s)
            it.driver.say("a", after(2.0, odd, lambda: it.clock))
            await it.console.execute(chat())
            await it.console.executions()
            return [row.latency_ms for row in await it.engine.parts.usage.attempts()]

    assert play(history) == [2_000.0]
