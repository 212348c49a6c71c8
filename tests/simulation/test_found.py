"""Mistakes that the histories found, each as the smallest example of it."""

from __future__ import annotations

import asyncio
import warnings
from contextlib import suppress

import pytest
from tests.simulation.small import ask, small

from provider_console.console.errors import Draining, NoProvider, OperationFailed
from provider_console.engine.slots import Slots
from provider_console.sdk import ErrorClass
from provider_console.testing import simulation
from provider_console.testing.scripted import Act, act_of

GOOD = Act(after_s=0.1)


def play(main):
    """Under three schedules: none of these depends on one."""
    for seed in (1, 2, 3):
        simulation.run(main, seed=seed)


def test_heartbeats_without_content_do_not_keep_a_stream_waiting_past_its_timeout():
    async def main():
        async with small([Act(silent=60, gap_s=1.0)], [GOOD], response_time_threshold=2_000, max_retries=1) as it:
            async for _ in it.console.execute_stream(ask(stream=True)):
                pass
            first = it.wire.calls[0]
            assert first.provider == "p0"
            assert first.ended_s - first.begun_s == pytest.approx(2.0)

    play(main)


def test_a_stream_that_nobody_reads_leaves_later_providers_their_reserve():
    async def main():
        bounds = {"response_time_threshold": 1_000, "deadline": 4_000, "max_providers": 2, "max_retries": 1}
        async with small([Act(chunks=1, idles=True)], [GOOD], **bounds) as it:
            report = await it.console.execute(ask(stream=True))
            assert report.provider == "p1"

    play(main)


def test_nothing_is_called_after_a_cancel_that_a_driver_turned_into_an_error():
    async def main():
        async with small([Act(hangs=True, rude=True)], [GOOD]) as it:
            running = asyncio.get_running_loop().create_task(it.console.execute(ask()))
            await it.clock.sleep(1.0)
            (execution_id,) = it.engine.executor.running
            it.engine.executor.cancel(execution_id)
            with pytest.raises(OperationFailed) as failed:
                await running
            assert failed.value.report.status == "cancelled"
            assert (it.calls("p0"), it.calls("p1")) == (1, 0)

    play(main)


@pytest.mark.parametrize("failing", ["value_error", "system_exit", "grouped"])
def test_a_drivers_own_exception_through_a_callers_callable_falls_back(failing):
    async def main():
        async with small([act_of(failing)], [GOOD], max_retries=1) as it:

            async def work(provider, _attempt):
                return await provider.call(ask())

            execution = await it.console.execute_with_fallback(work, category="test")
            assert execution.provider == "p1"
            assert execution.attempts[0].weight == 0.5

    play(main)


def test_a_fault_of_the_callers_own_code_still_ends_the_operation():
    async def main():
        async with small([GOOD], [GOOD]) as it:

            async def work(provider, _attempt):
                raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                await it.console.execute_with_fallback(work, category="test")
            assert it.engine.catalog.lanes["p0"].last_failed is False

    play(main)


def test_panic_leaves_a_provider_alone_that_asked_for_time():
    async def main():
        busy = act_of("unavailable", after_s=0.0, retry_after_s=20.0)
        others = [act_of("server_error", after_s=0.0)] * 6
        async with small([*others, busy], max_retries=3, base_delay=0) as it:
            lane = it.engine.catalog.lanes["p0"]
            while lane.breaker.refusal(it.clock.monotonic()) is None:
                with suppress(OperationFailed):
                    await it.console.execute(ask())
            lane.breaker.cool(it.clock.monotonic() + 60.0)
            calls = it.calls("p0")
            with pytest.raises(NoProvider):
                await it.console.execute(ask())
            assert it.calls("p0") == calls

    play(main)


def test_a_stream_asked_for_after_the_engine_stopped_is_refused():
    async def main():
        async with small([GOOD]) as it:
            pass
        with pytest.raises(Draining):
            async for _ in it.console.execute_stream(ask(stream=True)):
                pass

    play(main)


def test_a_reader_that_leaves_before_its_stream_began_leaves_nothing_behind():
    async def main():
        async with small([GOOD]) as it:

            async def read():
                async for _ in it.console.execute_stream(ask(stream=True)):
                    pass

            reading = asyncio.get_running_loop().create_task(read())
            while not it.engine.lifecycle._tasks - before(it):  # noqa: ASYNC110 - nothing tells that it was started
                await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait([reading])

    def before(it):
        return {task for task in it.engine.lifecycle._tasks if task.get_name() != "stream"}

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for seed in range(40):
            simulation.run(main, seed=seed)
    assert [str(one.message) for one in warned] == [], "a coroutine was never awaited"


def test_a_slot_passes_over_a_waiter_whose_cancel_is_still_on_its_way():
    async def main():
        slots = Slots(1)
        assert slots.take()
        waiting = asyncio.get_running_loop().create_task(slots.within(1.0))
        await it_waits(slots)
        waiting.cancel()
        slots.give()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert slots.free == 1

    async def it_waits(slots):
        while not slots.waiting:  # noqa: ASYNC110 - nothing tells that somebody queues
            await asyncio.sleep(0)

    play(main)


def test_a_hang_counts_where_deadline_and_timeout_are_equal():
    async def main():
        async with small([Act(hangs=True)], deadline=5_000, response_time_threshold=5_000) as it:
            # A moment at which the floats make the time left a hair less than the timeout.
            await it.clock.sleep(next(moment for n in range(1, 99) if ((moment := n / 7) + 5.0) - moment < 5.0))
            with pytest.raises(OperationFailed):
                await it.console.execute(ask())
            lane = it.engine.catalog.lanes["p0"]
            assert lane.stats.counts(it.clock.monotonic())[1] == pytest.approx(1.0)

    play(main)


def test_a_keyring_that_takes_too_long_is_no_fault_of_the_provider():
    async def main():
        async with small([GOOD], credential="KEY", response_time_threshold=1_000, max_retries=1) as it:
            it.secrets.forget()
            it.secrets.after_s = 3.0
            with pytest.raises(OperationFailed) as failed:
                await it.console.execute(ask(idempotent=False))
            assert failed.value.report.status == "failed", "it never left, so it cannot have taken effect"
            assert failed.value.report.attempts[0].error_class == ErrorClass.TIMEOUT
            assert it.engine.catalog.lanes["p0"].stats.counts(it.clock.monotonic())[1] == 0.0

    play(main)
