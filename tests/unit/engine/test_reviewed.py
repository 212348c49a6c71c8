"""Faults that a review proved, each by the name of what went wrong."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.engine.workbench import ScriptedDriver, bench, chat, failing, play, provider

from provider_console.adapters.memory import MemoryDisk
from provider_console.console.errors import Conflict
from provider_console.core.ports.usage import AttemptRow, ExecutionEnded
from provider_console.sdk import Cost, Description, Result
from provider_console.testing.simulation import SimClock


def test_units_that_are_no_numbers_are_a_bad_result_and_recording_goes_on() -> None:
    async def history() -> None:
        disk = MemoryDisk()
        async with bench(provider("a", cost=Cost(input=1.0)), provider("b", tier="fallback"), disk=disk) as it:
            it.driver.say("a", Result(value={"text": "x"}, units={"characters": "17"}))  # type: ignore[dict-item]

            execution = await it.engine.executor.execute(chat())
            await it.engine.recorder.flush()

            assert execution.provider == "b"
            assert [row.error_class for row in disk.attempts] == ["bad_result", None]
            assert it.engine.recorder.problem is None

    play(history)


@pytest.mark.parametrize("nonsense", [None, Description(models=(1, 2))])  # type: ignore[arg-type]
def test_a_description_of_the_wrong_shape_never_stops_a_later_start(nonsense: Any) -> None:
    async def history() -> None:
        disk = MemoryDisk()
        for _ in range(2):
            driver = ScriptedDriver(describes=True)
            driver.descriptions["a"] = nonsense
            async with bench(provider("a"), driver=driver, disk=disk) as it:
                assert "a" in it.lanes
                assert any("did not say what it can do" in problem for problem in it.engine.catalog.problems)

    play(history)


def test_a_flush_that_is_cancelled_writes_its_rows_once() -> None:
    async def history() -> None:
        disk = MemoryDisk()
        async with bench(provider("a"), disk=disk) as it:
            write = it.usage.write

            async def slowly(rows: Any) -> None:
                await it.clock.sleep(0.5)
                await write(rows)

            it.usage.write = slowly  # type: ignore[method-assign]
            await it.engine.executor.execute(chat())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await it.engine.recorder.flush()
            await it.engine.recorder.flush()

            assert len(disk.attempts) == 1

    play(history)


def test_a_store_that_fails_in_an_unknown_way_does_not_end_the_recording() -> None:
    async def history() -> list[str]:
        async with bench(provider("a")) as it:
            write = it.usage.write
            seen: list[str] = []
            failures = [RuntimeError("a defect")]

            async def once(rows: Any) -> None:
                if failures:
                    raise failures.pop()
                seen.extend(type(row).__name__ for row in rows)
                await write(rows)

            it.usage.write = once  # type: ignore[method-assign]
            await it.engine.executor.execute(chat())
            await it.clock.sleep(3.0)
            return seen

    seen = play(history)
    assert seen.count(AttemptRow.__name__) == 1
    assert seen.count(ExecutionEnded.__name__) == 1


def test_two_calls_of_one_attempt_have_two_keys_and_the_next_attempt_the_same_two() -> None:
    async def history() -> list[str]:
        async with bench(provider("a")) as it:
            it.driver.say("a", "one", failing(503), "one", "two")

            async def work(handle: Any, _attempt: int) -> None:
                await handle.call(chat("one"))
                await handle.call(chat("two"))

            await it.console.execute_with_fallback(work, category="ai")
            return [call.idempotency_key for _, call in it.driver.calls]

    first, second, *again = play(history)
    assert first != second
    assert again == [first, second]


@pytest.mark.parametrize("status", [504, 408, 429, 503])
def test_whoever_says_when_to_come_back_is_not_called_before(status: int) -> None:
    async def history() -> None:
        async with bench(provider("a"), provider("b", tier="fallback")) as it:
            it.driver.say("a", failing(status, retry_after_s=120.0))

            first = await it.engine.executor.execute(chat())
            second = await it.engine.executor.execute(chat())

            assert first.left == [("a", "cooling")]
            assert it.driver.asked == ["a", "b", "b"]
            assert second.provider == "b"

    play(history)


def test_who_waits_for_a_provider_is_served_when_a_probe_brings_it_back_early() -> None:
    async def history() -> float:
        async with bench(provider("a")) as it:
            breaker = it.lanes["a"].breaker
            for number in range(5):
                breaker.failed(it.clock.monotonic(), 0, operation=str(number), weight=1.0, retry_after_s=90.0)
            assert breaker.refusal(it.clock.monotonic()) == "breaker"
            it.engine.planner.invalidate()
            begun = it.clock.monotonic()
            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(it.engine.executor.execute(chat(wait=True)))
                await it.clock.sleep(2.0)
                breaker.probe_passed(it.clock.monotonic())
            assert waiting.result().status == "ok"
            return it.clock.monotonic() - begun

    assert play(history) <= 4.0


def test_a_cancel_from_outside_is_not_swallowed_by_one_from_the_console() -> None:
    async def history() -> None:
        async with bench(provider("a")) as it:

            async def hang(_call: Any) -> None:
                await it.clock.sleep(60.0)

            it.driver.say("a", hang)
            async with asyncio.TaskGroup() as group:
                task = group.create_task(it.engine.executor.execute(chat()))
                await it.clock.sleep(1.0)
                it.engine.executor.cancel_all()
                task.cancel()
            assert task.cancelled()

    play(history)


def test_what_runs_in_another_console_is_not_told_as_crashed() -> None:
    async def history() -> None:
        disk = MemoryDisk()
        clock = SimClock()
        async with bench(provider("a"), disk=disk, clock=clock) as one:

            async def hang(_call: Any) -> str:
                await clock.sleep(30.0)
                return "done"

            one.driver.say("a", hang)
            async with asyncio.TaskGroup() as group:
                group.create_task(one.engine.executor.execute(chat(deadline_s=60.0)))
                await clock.sleep(3.0)
                running = next(iter(one.engine.executor.running))
                async with bench(provider("a"), disk=disk, clock=clock) as other:
                    with pytest.raises(Conflict, match="still running"):
                        await other.console.execution(running)

    play(history)


def test_explaining_moves_no_leader() -> None:
    async def history() -> None:
        async with bench(provider("a"), provider("b")) as it:
            leader = (await it.console.explain(chat())).plan[0].provider
            loser = "b" if leader == "a" else "a"
            for _ in range(20):
                it.lanes[loser].succeeded(it.clock.monotonic(), 0.3)
                it.lanes[leader].succeeded(it.clock.monotonic(), 6.0)
            await it.engine.executor.execute(chat(providers=None))
            first = (await it.console.explain(chat())).plan[0].provider
            for _ in range(5):
                await it.clock.sleep(1.0)
                assert (await it.console.explain(chat())).plan[0].provider == first

    play(history)


def test_a_later_start_knows_what_the_last_minutes_met() -> None:
    async def history() -> None:
        disk, clock = MemoryDisk(), SimClock()
        async with bench(provider("a"), provider("b", tier="fallback"), disk=disk, clock=clock) as it:
            it.driver.say("a", *[failing(503)] * 5)
            await it.engine.executor.execute(chat())
        await clock.sleep(60.0)
        async with bench(provider("a"), provider("b", tier="fallback"), disk=disk, clock=clock) as it:
            worse, better = [(await it.console.analytics(name)).recent for name in ("a", "b")]
            assert (worse.total_requests, worse.success_rate, worse.error_classes) == (5, 0.0, {"server_error": 5})
            assert (better.total_requests, better.success_rate) == (1, 100.0)
            assert it.lanes["a"].stats.counts(clock.monotonic())[0] == 0.0
        await clock.sleep(600.0)
        async with bench(provider("a"), disk=disk, clock=clock) as it:
            figures = await it.console.analytics("a")
            assert (figures.total_requests, figures.recent.total_requests) == (5, 0)

    play(history)


def test_what_cannot_be_closed_keeps_nothing_after_it_from_being_closed(caplog: pytest.LogCaptureFixture) -> None:
    async def history() -> None:
        async with bench(provider("a")) as it:
            parts = it.engine.parts

            async def stuck() -> None:
                raise RuntimeError("a connection hangs")

            parts.http.aclose = stuck  # type: ignore[method-assign]
        assert not await parts.audit.writable()

    play(history)
    assert "something could not be closed" in caplog.text
