"""Streams: committed at the first content, bounded, and cancelled with their reader."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest
from tests.unit.engine.workbench import bench, chat, failing, play, provider, streamed

from provider_console.console.errors import OperationFailed, PartialResult
from provider_console.console.views import ExecutionReport
from provider_console.engine.streams import BUFFER_BYTES
from provider_console.sdk import Chunk


def _answer(make: Any) -> Any:
    async def answer(_call: Any) -> Any:
        return make()

    return answer


async def _read(it: Any, operation: Any) -> tuple[str, ExecutionReport]:
    text, report = "", None
    async with aclosing(it.console.execute_stream(operation)) as items:
        async for item in items:
            if isinstance(item, Chunk):
                text += item.text
            else:
                report = item
    assert report is not None
    return text, report


def test_content_comes_as_it_arrives_and_the_report_last() -> None:
    async def history() -> tuple[list[tuple[float, str]], str]:
        async with bench(provider("a")) as it:
            it.driver.say("a", _answer(lambda: streamed(it.clock, "ho", "la", every_s=1.0)))
            seen: list[tuple[float, str]] = []
            status = ""
            async with aclosing(it.console.execute_stream(chat())) as items:
                async for item in items:
                    if isinstance(item, Chunk):
                        seen.append((it.clock.monotonic(), item.text))
                    else:
                        status = item.status
            return seen, status

    assert play(history) == ([(1.0, "ho"), (2.0, "la")], "ok")


def test_before_its_first_content_a_stream_falls_back_like_everything_else() -> None:
    async def history() -> tuple[str, str | None]:
        async with bench(provider("a"), provider("b", tier="fallback")) as it:
            it.driver.always["a"] = failing(503)
            it.driver.say("b", _answer(lambda: streamed(it.clock, "hola")))
            text, report = await _read(it, chat())
            return text, report.provider

    assert play(history) == ("hola", "b")


def test_after_its_first_content_nobody_else_is_asked_and_what_arrived_is_kept() -> None:
    async def history() -> None:
        async with bench(provider("a"), provider("b", tier="fallback")) as it:
            it.driver.say("a", _answer(lambda: streamed(it.clock, "ho", end=failing(503))))
            with pytest.raises(PartialResult) as caught:
                await _read(it, chat())
            assert caught.value.text == "ho"
            assert caught.value.report.status == "partial"
            assert it.driver.asked == ["a"]

    play(history)


def test_a_stream_that_ends_without_its_result_is_no_answer() -> None:
    async def history() -> list[str]:
        async with bench(provider("a"), provider("b", tier="fallback")) as it:

            async def nothing() -> Any:
                for chunk in ():
                    yield chunk

            it.driver.say("a", _answer(nothing))
            it.driver.say("b", _answer(lambda: streamed(it.clock, "hola")))
            await _read(it, chat())
            return it.driver.asked

    assert play(history) == ["a", "b"]


def test_a_pause_after_the_first_content_may_last_20_seconds_and_no_longer() -> None:
    async def history() -> list[float]:
        async with bench(provider("a")) as it:
            it.driver.say(
                "a",
                _answer(lambda: streamed(it.clock, "a", "b", every_s=14.0)),
                _answer(lambda: _pausing(it.clock, 21.0)),
            )
            await _read(it, chat())
            begun = it.clock.monotonic()
            with pytest.raises(PartialResult) as caught:
                await _read(it, chat())
            assert caught.value.report.attempts[0].error_class == "timeout"
            return [begun, it.clock.monotonic() - begun]

    assert play(history) == [28.0, 20.0]


def test_a_reader_that_stops_holds_the_provider_at_256_kib() -> None:
    async def history() -> int:
        async with bench(provider("a")) as it:
            sent: list[int] = []
            it.driver.say("a", _answer(lambda: _flood(sent, 64 * 1024)))
            async with aclosing(it.console.execute_stream(chat())) as items:
                await anext(items)
                await it.clock.sleep(50.0)
            return sum(sent)

    # One piece has been read; the buffer takes pieces until it is full, and one more is on its way.
    assert BUFFER_BYTES < play(history) <= BUFFER_BYTES + 3 * 64 * 1024


def test_a_reader_that_stops_is_ended_by_the_deadline_and_the_provider_is_not_blamed() -> None:
    async def history() -> tuple[float, tuple[float, float], int]:
        async with bench(provider("a")) as it:
            it.driver.say("a", _answer(lambda: _flood([], 64 * 1024)))
            async with aclosing(it.console.execute_stream(chat())) as items:
                await anext(items)
                await it.clock.sleep(119.0)
                assert len(it.engine.executor.running) == 1
                await it.clock.sleep(2.0)
                running = len(it.engine.executor.running)
                with pytest.raises(PartialResult):
                    async for _ in items:
                        pass
            lane = it.lanes["a"]
            return it.clock.monotonic(), lane.stats.counts(it.clock.monotonic()), running

    assert play(history) == (121.0, (0.0, 0.0), 0)


def test_a_reader_that_leaves_cancels_the_execution_at_once() -> None:
    async def history() -> tuple[str | None, int]:
        async with bench(provider("a")) as it:
            it.driver.say("a", _answer(lambda: streamed(it.clock, *"abcdefgh", every_s=1.0)))
            items = it.console.execute_stream(chat())
            await anext(items)
            await items.aclose()
            await it.clock.sleep(0.001)
            running = len(it.engine.executor.running)
            await it.engine.recorder.flush()
            (row,) = await it.usage.executions()
            return row.status, running

    assert play(history, seeds=range(10)) == ("cancelled", 0)


def test_a_stream_that_fails_before_any_content_raises_what_an_execution_raises() -> None:
    async def history() -> None:
        async with bench(provider("a")) as it:
            it.driver.say("a", failing(400))
            with pytest.raises(OperationFailed):
                await _read(it, chat())

    play(history)


def test_the_driver_is_told_that_a_stream_is_wanted() -> None:
    async def history() -> bool:
        async with bench(provider("a")) as it:
            it.driver.say("a", _answer(lambda: streamed(it.clock, "hola")))
            await _read(it, chat())
            return bool(it.driver.calls[0][1].operation.stream)

    assert play(history)


def test_a_driver_that_streams_unasked_is_read_to_its_result() -> None:
    async def history() -> Any:
        async with bench(provider("a")) as it:
            it.driver.say("a", _answer(lambda: streamed(it.clock, "ho", "la", every_s=5.0)))
            return (await it.engine.executor.execute(chat())).result.value

    assert play(history) == {"text": "hola"}


async def _pausing(clock: Any, pause_s: float) -> Any:
    yield Chunk(text="a")
    await clock.sleep(pause_s)
    yield Chunk(text="b")


async def _flood(sent: list[int], size: int) -> Any:
    while True:
        sent.append(size)
        yield Chunk(text="x" * size)
