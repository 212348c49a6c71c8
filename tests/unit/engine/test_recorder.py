"""What is written, when, and what happens while the database will not have it."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.unit.engine.workbench import after, bench, chat, failing, play, provider

from provider_console.adapters.memory import MemoryUsage
from provider_console.console.events import Event, StoreRecovered, StoreTroubled
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.usage import Absorbed, AttemptRow, CheckRow, ExecutionBegun, ExecutionEnded
from provider_console.engine.bus import Bus
from provider_console.engine.recorder import FLUSH_ROWS, RING_ROWS, Recorder
from provider_console.testing import simulation
from provider_console.testing.simulation import SimClock


class Watched(MemoryUsage):
    """A store that remembers each transaction and when it came."""

    def __init__(self, clock: SimClock) -> None:
        super().__init__()
        self._clock = clock
        self.batches: list[tuple[float, tuple[Any, ...]]] = []

    async def write(self, rows: Any) -> None:
        await super().write(rows)
        self.batches.append((self._clock.monotonic(), tuple(rows)))


class Desk:
    """A recorder at work."""

    def __init__(self) -> None:
        self.clock = SimClock()
        self.store = Watched(self.clock)
        self.bus = Bus()
        self.events: list[Event] = []
        self.bus.tap(self.events.append)
        self.recorder = Recorder(self.store, clock=self.clock, bus=self.bus)

    async def __aenter__(self) -> Desk:
        self._task = asyncio.ensure_future(self.recorder.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def check(number: int) -> CheckRow:
    return CheckRow(provider=f"p{number}", at=float(number), state="healthy", passed=True)


def test_rows_are_written_within_a_second() -> None:
    async def history() -> list[float]:
        async with Desk() as desk:
            await desk.clock.sleep(10.25)
            desk.recorder.note(check(1))
            await desk.clock.sleep(1.0)
            return [at - 10.25 for at, _ in desk.store.batches]

    (waited_s,) = play(history)
    assert waited_s <= 1.0


def test_much_is_written_at_once_and_never_over_200_rows_wait() -> None:
    async def history() -> list[float]:
        async with Desk() as desk:
            await desk.clock.sleep(0.1)
            for number in range(FLUSH_ROWS):
                desk.recorder.note(check(number))
            await desk.clock.sleep(0.001)
            return [at for at, _ in desk.store.batches]

    assert play(history) == [0.1]


def test_nothing_is_written_while_there_is_nothing() -> None:
    async def history() -> int:
        async with Desk() as desk:
            await desk.clock.sleep(60.0)
            return len(desk.store.batches)

    assert play(history) == 0


def test_the_order_is_kept_through_a_store_that_failed() -> None:
    async def history() -> list[str]:
        async with Desk() as desk:
            desk.store.failure = "console.db: the disk is full"
            for number in range(500):
                desk.recorder.note(check(number))
                await desk.clock.sleep(0.02)
            desk.store.failure = None
            for number in range(500, 700):
                desk.recorder.note(check(number))
            await desk.clock.sleep(2.0)
            return [row.provider for row in desk.store.disk.checks]

    assert play(history) == [f"p{number}" for number in range(700)]


def test_a_failing_store_is_said_and_the_trouble_is_forgotten_once_it_has_passed() -> None:
    async def history() -> tuple[str | None, str | None, set[str], int]:
        async with Desk() as desk:
            desk.store.failure = "console.db: the disk is full"
            desk.recorder.note(check(1))
            await desk.clock.sleep(3.0)
            during = desk.recorder.problem
            desk.store.failure = None
            await desk.clock.sleep(2.0)
            told = {event.problem for event in desk.events if isinstance(event, StoreTroubled)}
            over = sum(isinstance(event, StoreRecovered) for event in desk.events)
            return during, desk.recorder.problem, told, over

    full = "console.db: the disk is full"
    assert play(history) == (full, None, {full}, 1)


def test_beyond_the_ring_the_oldest_rows_are_dropped_and_counted() -> None:
    async def history() -> tuple[int, str, int, int]:
        async with Desk() as desk:
            desk.store.failure = "console.db: the disk is full"
            for number in range(RING_ROWS + 1234):
                desk.recorder.note(check(number))
                if number % 500 == 0:
                    await desk.recorder.flush()
            await desk.recorder.flush()
            said = [event.dropped for event in desk.events if isinstance(event, StoreTroubled)]
            desk.store.failure = None
            await desk.recorder.flush()
            kept = desk.store.disk.checks
            return desk.recorder.dropped, kept[0].provider, len(kept), said[-1]

    assert simulation.run(history, seed=1).value == (1234, "p1234", RING_ROWS, 1234)


def test_what_comes_while_a_batch_is_being_written_is_neither_lost_nor_written_twice() -> None:
    class Slow(Watched):
        async def write(self, rows: Any) -> None:
            await self._clock.sleep(0.7)
            await super().write(rows)

    async def history() -> list[str]:
        clock = SimClock()
        store = Slow(clock)
        recorder = Recorder(store, clock=clock, bus=Bus())
        async with asyncio.TaskGroup() as group:
            task = group.create_task(recorder.run())
            for number in range(40):
                recorder.note(check(number))
                await clock.sleep(0.1)
            await recorder.flush()
            await recorder.flush()
            task.cancel()
        return [row.provider for row in store.disk.checks]

    assert play(history) == [f"p{number}" for number in range(40)]


def test_a_batch_the_store_refused_half_way_is_written_whole_later() -> None:
    class Once(Watched):
        refusals = 1

        async def write(self, rows: Any) -> None:
            if self.refusals:
                self.refusals -= 1
                raise StoreUnavailable("busy")
            await super().write(rows)

    async def history() -> list[str]:
        clock = SimClock()
        store = Once(clock)
        recorder = Recorder(store, clock=clock, bus=Bus())
        for number in range(3):
            recorder.note(check(number))
        await recorder.flush()
        recorder.note(check(3))
        await recorder.flush()
        return [row.provider for row in store.disk.checks]

    assert play(history) == ["p0", "p1", "p2", "p3"]


# --- executions --------------------------------------------------------------------------------------------------


def test_an_execution_is_one_begin_its_attempts_and_one_end_in_this_order() -> None:
    async def history() -> list[str]:
        async with bench(provider("a"), provider("b", tier="fallback")) as it:
            seen: list[Any] = []
            write = it.usage.write

            async def watched(rows: Any) -> None:
                seen.extend(rows)
                await write(rows)

            it.usage.write = watched  # type: ignore[method-assign]
            it.driver.always["a"] = failing(503)
            await it.engine.executor.execute(chat())
            await it.engine.recorder.flush()
            # What was written as a failure before the end is marked as absorbed by a row of its own.
            return [type(row).__name__ for row in seen if not isinstance(row, Absorbed)]

    rows = play(history)
    assert rows[0] == ExecutionBegun.__name__
    assert rows[-1] == ExecutionEnded.__name__
    assert rows[1:-1] == [AttemptRow.__name__] * 6


def test_an_execution_under_way_is_on_the_disk_within_a_second_with_what_it_has_tried() -> None:
    async def history() -> tuple[list[str | None], list[bool]]:
        async with bench(provider("a")) as it:
            it.driver.say("a", failing(503), after(10.0, "done", lambda: it.clock))
            async with asyncio.TaskGroup() as group:
                group.create_task(it.engine.executor.execute(chat()))
                await it.clock.sleep(3.0)
                status = [row.status for row in await it.usage.executions()]
                tried = [row.ok for row in await it.usage.attempts()]
            return status, tried

    assert play(history) == ([None], [False])


def test_a_failure_written_before_the_end_is_absorbed_by_the_success_that_follows() -> None:
    async def history() -> list[tuple[bool, bool]]:
        async with bench(provider("a")) as it:
            it.driver.say("a", failing(503), after(5.0, "done", lambda: it.clock))
            await it.engine.executor.execute(chat())
            await it.engine.recorder.flush()
            return [(row.ok, row.absorbed) for row in await it.usage.attempts()]

    assert play(history) == [(True, False), (False, True)]


def test_the_payload_and_the_result_are_never_written() -> None:
    async def history() -> str:
        async with bench(provider("a")) as it:
            it.driver.say("a", "canary-result")
            await it.engine.executor.execute(chat("canary-prompt"))
            await it.engine.recorder.flush()
            disk = it.usage.disk
            return repr((disk.attempts, disk.executions, disk.checks))

    assert "canary" not in play(history)
