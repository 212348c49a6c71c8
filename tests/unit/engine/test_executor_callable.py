"""A caller's own callable in place of the driver: what counts against a provider, and what is the caller's."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from tests.unit.engine.workbench import after, bench, chat, failing, play, provider, refused

from provider_console.console.errors import OperationFailed, OutcomeUnknown
from provider_console.sdk import ErrorClass, Result


async def _with_fallback(it: Any, work: Any, **more: Any) -> Any:
    return await it.console.execute_with_fallback(work, category="ai", **more)


def test_it_is_called_for_each_attempt_with_the_provider_and_the_number() -> None:
    async def history() -> None:
        async with bench(provider("a"), provider("b", tier="fallback")) as it:
            seen: list[tuple[str, int]] = []

            async def work(handle: Any, attempt: int) -> int:
                seen.append((handle.id, attempt))
                if handle.id == "a":
                    raise refused()
                return 42

            execution = await _with_fallback(it, work)

            assert seen == [("a", 1), ("a", 2), ("a", 3), ("a", 4), ("a", 5), ("b", 1)]
            assert (execution.result, execution.provider) == (42, "b")
            assert execution.report().result == {"value": 42}
            assert it.driver.calls == []

    play(history)


def test_what_an_execution_prints_of_itself_holds_nothing_that_people_wrote() -> None:
    async def history() -> None:
        async with bench(provider("a")) as it:
            it.driver.say("a", "the reply")
            printed: list[str] = []

            async def work(handle: Any, _attempt: int) -> Any:
                printed.append(repr(handle))
                return await handle.call(chat("the question"))

            execution = await _with_fallback(it, work)
            by_driver = await it.console.execute(chat("the question"))
            printed += [repr(execution), repr(execution.__rich_repr__()), repr(by_driver.attempts)]

            assert execution.id in printed[1]
            assert not [one for one in printed if "question" in one or "reply" in one]

    play(history)


def test_the_handle_calls_the_provider_through_its_driver() -> None:
    async def history() -> None:
        async with bench(provider("a")) as it:
            it.driver.say("a", failing(503), "hola")

            async def work(handle: Any, _attempt: int) -> str:
                result = await handle.call(chat("hello"))
                return str(result.value["text"])

            execution = await _with_fallback(it, work)

            assert execution.result == "hola"
            assert [a.failure.status if a.failure else None for a in execution.attempts] == [503, None]

    play(history)


def test_the_handle_shows_the_provider_and_no_secret() -> None:
    async def history() -> None:
        from tests.unit.engine.workbench import ScriptedDriver

        keyed = ScriptedDriver("keyed", credential="required")
        canary = "canary-4711-value"
        async with bench(
            provider("a", driver="keyed", credential="A_KEY"), others=[keyed], secrets={"A_KEY": canary}
        ) as it:

            async def work(handle: Any, _attempt: int) -> list[str]:
                await handle.call(chat())
                assert keyed.calls[0][1].credential.reveal() == canary
                public = [name for name in dir(handle) if not name.startswith("_")]
                return [*public, repr(handle), repr(handle.provider)]

            shown = (await _with_fallback(it, work)).result
            assert shown[:3] == ["call", "id", "provider"]
            assert canary not in "".join(shown)

    play(history)


class OwnError(Exception):
    """An exception of the caller's own code."""


def test_the_callers_own_exception_passes_unchanged_and_nobody_is_blamed() -> None:
    async def history() -> None:
        async with bench(provider("a"), provider("b", tier="fallback")) as it:
            mine = OwnError("mine")

            async def work(_handle: Any, _attempt: int) -> None:
                raise mine

            for _ in range(20):
                with pytest.raises(OwnError) as caught:
                    await _with_fallback(it, work)
                assert caught.value is mine

            now = it.clock.monotonic()
            lane = it.lanes["a"]
            assert lane.breaker.refusal(now) is None
            assert lane.stats.counts(now) == (0.0, 0.0)
            assert lane.window.figures(now).requests == 0
            assert not lane.last_failed
            await it.engine.recorder.flush()
            rows = await it.usage.attempts()
            assert {(row.counted, row.message) for row in rows} == {(0.0, "the caller's own code raised OwnError")}
            assert {row.status for row in await it.usage.executions()} == {"failed"}

    play(history, seeds=[1])


FOREIGN = [
    (httpx.ConnectError("no"), ErrorClass.NETWORK),
    (httpx.ReadTimeout("no"), ErrorClass.TIMEOUT),
    (ConnectionRefusedError(), ErrorClass.NETWORK),
    (OSError(110, "timed out"), ErrorClass.TIMEOUT),
]


@pytest.mark.parametrize(("error", "error_class"), FOREIGN, ids=lambda value: type(value).__name__)
def test_errors_of_http_and_of_the_system_count_against_the_provider(error: Exception, error_class: ErrorClass) -> None:
    async def history() -> None:
        async with bench(provider("a"), provider("b", tier="fallback")) as it:

            async def work(handle: Any, _attempt: int) -> str:
                if handle.id == "a":
                    raise error
                return "done"

            execution = await _with_fallback(it, work)

            failures = [a.failure for a in execution.attempts if a.failure]
            assert {failure.error_class for failure in failures} == {error_class}
            assert execution.provider == "b"
            assert {a.weight for a in execution.attempts if a.failure} == {1.0}

    play(history, seeds=[1])


def test_the_callers_own_short_timeout_counts_nothing_against_the_provider() -> None:
    async def history() -> None:
        async with bench(provider("a")) as it:
            it.driver.always["a"] = after(2.0, "slow", lambda: it.clock)

            async def work(handle: Any, _attempt: int) -> Result:
                async with asyncio.timeout(0.5):
                    return await handle.call(chat())  # type: ignore[no-any-return]

            for _ in range(3):
                with pytest.raises(OperationFailed):
                    await _with_fallback(it, work)

            now = it.clock.monotonic()
            assert it.lanes["a"].breaker.refusal(now) is None
            assert it.lanes["a"].stats.counts(now) == (0.0, 0.0)

    play(history, seeds=[1])


def test_an_attempt_that_the_deadline_cut_short_counts_nothing_against_the_provider() -> None:
    async def history() -> None:
        async with bench(provider("a")) as it:
            it.driver.always["a"] = after(20.0, "slow", lambda: it.clock)

            with pytest.raises(OperationFailed, match="deadline"):
                await it.engine.executor.execute(chat(deadline_s=3.0))

            assert it.lanes["a"].stats.counts(it.clock.monotonic()) == (0.0, 0.0)

    play(history, seeds=[1])


def test_an_attempt_that_took_its_whole_time_counts() -> None:
    async def history() -> tuple[ErrorClass, float, float]:
        async with bench(provider("a"), provider("b", tier="fallback")) as it:

            async def work(handle: Any, _attempt: int) -> str:
                if handle.id == "a":
                    await it.clock.sleep(100.0)
                return "done"

            execution = await _with_fallback(it, work)
            first = execution.attempts[0]
            assert first.failure is not None
            return first.failure.error_class, first.weight, first.duration_s

    assert play(history) == (ErrorClass.TIMEOUT, 1.0, 15.0)


def test_it_may_be_repeated_unless_the_caller_says_no() -> None:
    async def history() -> None:
        async with bench(provider("a")) as it:
            attempts: list[int] = []

            async def work(_handle: Any, attempt: int) -> str:
                attempts.append(attempt)
                raise httpx.ReadError("broke")

            with pytest.raises(OutcomeUnknown):
                await _with_fallback(it, work, idempotent=False)
            assert attempts == [1]

    play(history, seeds=[1])


def test_an_answer_that_json_does_not_know_still_makes_a_report() -> None:
    async def history() -> Any:
        async with bench(provider("a")) as it:

            async def work(_handle: Any, _attempt: int) -> object:
                return OwnError

            return (await _with_fallback(it, work)).report().result

    assert "OwnError" in play(history)["value"]
