"""The simulation loop: virtual time, seeded schedules, and what it refuses to let pass."""

import asyncio
import concurrent.futures
import contextlib
import gc
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from provider_console.testing import simulation
from provider_console.testing.simulation import (
    Deadlock,
    Forbidden,
    Leaked,
    LimitExceeded,
    SimClock,
    SimLoop,
    ThreadForbidden,
    Unhandled,
    run,
)

# --- virtual time


def test_a_day_of_sleep_takes_one_jump():
    async def main():
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time()

    result = run(main, seed=1)

    assert result.value == 86_400.0
    assert result.time_s == 86_400.0
    assert result.steps < 10


def test_time_stands_still_while_anything_can_run():
    async def main():
        loop = asyncio.get_running_loop()
        later = loop.create_task(asyncio.sleep(0.001))
        for _ in range(100):
            await asyncio.sleep(0)
        seen = loop.time()
        await later
        return seen

    assert run(main, seed=1).value == 0.0


def test_timers_run_in_the_order_of_their_times():
    async def main():
        loop = asyncio.get_running_loop()
        seen = []
        for delay in (3, 1, 2, 0.5):
            loop.call_later(delay, seen.append, delay)
        await asyncio.sleep(10)
        return seen

    assert run(main, seed=5).value == [0.5, 1, 2, 3]


def test_a_timer_that_is_due_already_is_not_starved_by_a_busy_task():
    async def main():
        fired = []
        asyncio.get_running_loop().call_later(0, fired.append, 1)
        while not fired:  # noqa: ASYNC110  the busy task is the point
            await asyncio.sleep(0)

    run(main, seed=1, max_steps=10_000)


def test_a_cancelled_timer_never_runs_and_moves_no_time():
    async def main():
        loop = asyncio.get_running_loop()
        handles = [loop.call_later(100 + n, pytest.fail, "ran") for n in range(500)]
        assert handles[3].when() == 103
        for handle in handles:
            handle.cancel()
        assert all(handle.cancelled() for handle in handles)
        await asyncio.sleep(1)

    assert run(main, seed=1).time_s == 1.0


def test_timers_armed_among_many_cancelled_ones_still_run():
    async def main():
        loop = asyncio.get_running_loop()
        chance, seen, expected = random.Random(4), [], []
        for _ in range(2_000):
            when = chance.uniform(0, 50)
            handle = loop.call_at(when, seen.append, when)
            if chance.random() < 0.9:
                handle.cancel()
            else:
                expected.append(when)
        await asyncio.sleep(60)
        assert seen == sorted(expected)

    run(main, seed=1)


def test_the_clock_follows_the_loop_and_its_wall_time_can_jump():
    async def main():
        clock = SimClock(epoch_s=1_000.0)
        await clock.sleep(5)
        before = (clock.monotonic(), clock.wall())
        clock.jump(-3_600)
        return before, (clock.monotonic(), clock.wall())

    assert run(main, seed=1).value == ((5.0, 1_005.0), (5.0, -2_595.0))


# --- schedules


async def workers(seen):
    async def work(name):
        for step in range(5):
            await asyncio.sleep(0)
            seen.append((name, step))

    async with asyncio.TaskGroup() as group:
        for name in "abcd":
            group.create_task(work(name))


def schedule(seed):
    seen = []
    return run(lambda: workers(seen), seed=seed), seen


def test_the_same_seed_gives_the_same_schedule_and_trace():
    first, first_seen = schedule(7)
    second, second_seen = schedule(7)

    assert first_seen == second_seen
    assert first.trace == second.trace


def test_different_seeds_give_different_schedules():
    seen = {tuple(schedule(seed)[1]) for seed in range(50)}
    traces = {schedule(seed)[0].trace for seed in range(50)}

    assert len(seen) == 50
    assert len(traces) == 50


def test_two_ready_tasks_run_in_either_order():
    def order(seed):
        seen = []

        async def main():
            async def note(name):
                seen.append(name)

            async with asyncio.TaskGroup() as group:
                group.create_task(note("a"))
                group.create_task(note("b"))

        run(main, seed=seed)
        return "".join(seen)

    orders = [order(seed) for seed in range(200)]

    assert 60 < orders.count("ab") < 140
    assert set(orders) == {"ab", "ba"}


def test_timers_due_together_run_in_any_order():
    def order(seed):
        async def main():
            seen = []
            for name in "ab":
                asyncio.get_running_loop().call_later(1, seen.append, name)
            await asyncio.sleep(2)
            return "".join(seen)

        return run(main, seed=seed).value

    assert {order(seed) for seed in range(50)} == {"ab", "ba"}


@pytest.mark.parametrize("seed", range(20))
def test_plain_callbacks_keep_the_order_in_which_they_were_given(seed):
    async def main():
        loop, seen = asyncio.get_running_loop(), []
        handles = [loop.call_soon(seen.append, number) for number in range(20)]
        handles[5].cancel()
        await asyncio.sleep(1)
        return seen

    assert run(main, seed=seed).value == [number for number in range(20) if number != 5]


@pytest.mark.parametrize("seed", range(20))
def test_whoever_waits_for_one_future_is_told_in_the_order_of_asking(seed):
    async def main():
        future, seen = asyncio.get_running_loop().create_future(), []
        future.add_done_callback(lambda _: seen.append("first"))

        async def wait():
            await future
            seen.append("task")

        async with asyncio.TaskGroup() as group:
            group.create_task(wait())
            await asyncio.sleep(1)
            future.add_done_callback(lambda _: seen.append("last"))
            future.set_result(None)
            await asyncio.sleep(1)
        return seen

    assert run(main, seed=seed).value == ["first", "task", "last"]


HISTORY = """
import asyncio, random, sys
from provider_console.testing.simulation import SimClock, run

async def main():
    clock, chance, gate = SimClock(), random.Random(3), asyncio.Semaphore(3)
    async def work(name):
        for _ in range(30):
            try:
                async with asyncio.timeout(chance.uniform(0, 2)), gate:
                    await clock.sleep(chance.uniform(0, 1))
            except TimeoutError:
                asyncio.get_running_loop().note(f"{name} late at {clock.wall()}")
    async with asyncio.TaskGroup() as group:
        for name in "abcdefgh":
            group.create_task(work(name))

print(run(main, seed=int(sys.argv[1])).trace)
"""


def test_a_trace_is_the_same_under_any_hash_seed_and_in_any_process():
    source = Path(simulation.__file__).parents[2]

    def trace(hash_seed, seed):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(source)}
        command = [sys.executable, "-c", HISTORY, str(seed)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=20).stdout

    assert len({trace(hash_seed, 11) for hash_seed in ("0", "1", "4242")}) == 1
    assert trace("0", 12) != trace("0", 11)


def test_a_note_is_part_of_the_trace():
    def trace(text):
        async def main():
            asyncio.get_running_loop().note(text)

        return run(main, seed=1).trace

    assert trace("one") == trace("one") != trace("two")


# --- asyncio's own tools


def test_a_timeout_cancels_what_is_inside_and_only_that():
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await asyncio.sleep(10)
        assert loop.time() == 3.0
        async with asyncio.timeout(3):
            await asyncio.sleep(2)
        assert asyncio.current_task().cancelling() == 0
        return loop.time()

    assert run(main, seed=1).value == 5.0


def test_a_cancel_and_a_timeout_of_the_same_instant_meet_in_either_order():
    def outcome(seed):
        async def main():
            seen = []

            async def work():
                try:
                    async with asyncio.timeout(1):
                        await asyncio.Event().wait()
                except TimeoutError:
                    seen.append("timeout")
                    await asyncio.sleep(0)

            task = asyncio.get_running_loop().create_task(work())
            asyncio.get_running_loop().call_later(1, task.cancel)
            with contextlib.suppress(asyncio.CancelledError):
                await task
            return (*seen, "cancelled") if task.cancelled() else tuple(seen)

        return run(main, seed=seed).value

    outcomes = {outcome(seed) for seed in range(60)}

    assert outcomes >= {("cancelled",), ("timeout",)}
    assert outcomes <= {("cancelled",), ("timeout",), ("timeout", "cancelled")}


def test_a_cancelled_task_runs_its_finally_block():
    async def main():
        seen = []

        async def work():
            try:
                await asyncio.sleep(100)
            finally:
                await asyncio.sleep(1)
                seen.append("cleaned")

        task = asyncio.get_running_loop().create_task(work())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return seen

    result = run(main, seed=1)

    assert result.value == ["cleaned"]
    assert result.time_s == 2.0


def test_a_task_group_ends_its_other_tasks_when_one_fails():
    async def main():
        seen = []

        async def fail():
            await asyncio.sleep(1)
            raise ValueError("broken")

        async def wait():
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012  the group raises at its end
            async with asyncio.TaskGroup() as group:
                group.create_task(wait())
                group.create_task(fail())
        assert caught.group_contains(ValueError, match="broken")
        return seen

    result = run(main, seed=1)

    assert result.value == ["cancelled"]
    assert result.time_s == 1.0


@pytest.mark.parametrize("seed", range(30))
def test_locks_queues_events_and_semaphores_hold_under_any_schedule(seed):
    async def main():
        lock, queue, slots, ready = asyncio.Lock(), asyncio.Queue(3), asyncio.Semaphore(2), asyncio.Event()
        inside = most = 0
        got = []

        async def produce(name):
            nonlocal inside, most
            await ready.wait()
            for number in range(5):
                async with slots:
                    inside += 1
                    most = max(most, inside)
                    async with lock:
                        await queue.put((name, number))
                    await asyncio.sleep(0.1)
                    inside -= 1

        async def consume():
            while len(got) < 15:
                got.append(await queue.get())

        async with asyncio.TaskGroup() as group:
            for name in "abc":
                group.create_task(produce(name))
            group.create_task(consume())
            ready.set()
        assert most <= 2
        assert sorted(got) == [(name, number) for name in "abc" for number in range(5)]
        assert all([n for m, n in got if m == name] == list(range(5)) for name in "abc")

    run(main, seed=seed)


def test_gather_wait_and_shield_work():
    async def main():
        loop = asyncio.get_running_loop()

        async def give(value, delay):
            await asyncio.sleep(delay)
            return value

        assert await asyncio.gather(give(1, 2), give(2, 1)) == [1, 2]
        kept = loop.create_task(give(3, 5))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.shield(kept)
        done, pending = await asyncio.wait([kept, loop.create_task(give(4, 1))], return_when="FIRST_COMPLETED")
        assert ([task.result() for task in done], pending) == ([4], {kept})
        assert await kept == 3

    run(main, seed=3)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are new in 3.12")
def test_an_eager_task_factory_works():
    async def main():
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)
        assert loop.get_task_factory() is asyncio.eager_task_factory
        seen = []

        async def work():
            seen.append("began")
            await asyncio.sleep(1)

        task = loop.create_task(work())
        assert seen == ["began"]
        await task

    run(main, seed=1)


def test_an_abandoned_generator_is_closed_on_the_loop():
    closed = []

    async def numbers():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(1)
            closed.append("closed")

    async def main():
        async for _ in numbers():
            break

    run(main, seed=1)

    assert closed == ["closed"]


# --- what fails a history


def test_a_deadlock_names_the_tasks_and_where_they_wait():
    async def main():
        first, second = asyncio.Lock(), asyncio.Lock()

        async def hold(mine, other):
            async with mine:
                await asyncio.sleep(1)
                async with other:
                    pass

        async with asyncio.TaskGroup() as group:
            group.create_task(hold(first, second), name="left")
            group.create_task(hold(second, first), name="right")

    with pytest.raises(Deadlock) as caught:
        run(main, seed=9)

    message = str(caught.value)
    assert "left: " in message
    assert "right: " in message
    assert "main: " in message
    assert "hold at locks.py:" in message
    assert caught.value.__notes__[0].startswith("simulation: seed 9, step ")


def test_a_timer_that_never_comes_is_a_deadlock():
    async def main():
        await asyncio.sleep(float("inf"))

    with pytest.raises(Deadlock):
        run(main, seed=1)


def test_too_many_steps_end_the_history():
    async def main():
        while True:  # noqa: ASYNC110  never ends
            await asyncio.sleep(0)

    with pytest.raises(LimitExceeded, match="more than 1000 steps"):
        run(main, seed=1, max_steps=1_000)


def test_too_much_virtual_time_ends_the_history():
    async def main():
        while True:  # noqa: ASYNC110  never ends
            await asyncio.sleep(60)

    with pytest.raises(LimitExceeded, match="more than 3600 virtual seconds"):
        run(main, seed=1, max_time_s=3_600)


def test_a_thread_is_refused_even_when_the_code_catches_it():
    async def main():
        with contextlib.suppress(Exception):
            await asyncio.to_thread(print, "never")
        return "carried on"

    with pytest.raises(ThreadForbidden, match="run_in_executor"):
        run(main, seed=1)


def test_another_thread_may_not_call_the_loop():
    async def main():
        loop, seen = asyncio.get_running_loop(), []
        loop.call_soon_threadsafe(seen.append, "same thread")
        await asyncio.sleep(0)

        def call():
            with contextlib.suppress(ThreadForbidden):
                loop.call_soon_threadsafe(seen.append, "other thread")

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        await asyncio.sleep(1)
        assert seen == ["same thread"]

    with pytest.raises(ThreadForbidden, match="another thread called the loop"):
        run(main, seed=1)


@pytest.mark.parametrize(
    "reach",
    [
        lambda loop: asyncio.open_connection("127.0.0.1", 1),
        lambda loop: loop.create_server(asyncio.Protocol, "127.0.0.1", 0),
        lambda loop: loop.getaddrinfo("localhost", 80),
        lambda loop: loop.sock_recv(None, 1),
        lambda loop: asyncio.create_subprocess_exec("true"),
        lambda loop: loop.add_signal_handler(signal.SIGTERM, print),
        lambda loop: loop.add_reader(0, print),
        lambda loop: loop.set_default_executor(concurrent.futures.ThreadPoolExecutor()),
    ],
    ids=["connection", "server", "dns", "socket", "process", "signal", "reader", "executor"],
)
def test_the_outside_is_refused_by_name(reach):
    async def main():
        await reach(asyncio.get_running_loop())

    with pytest.raises(Forbidden, match="is not available in a simulation") as caught:
        run(main, seed=1)
    gc.collect()
    assert len(caught.value.__notes__) == 1


def test_tasks_that_outlive_main_are_named_and_ended():
    ended = []

    async def linger():
        try:
            await asyncio.sleep(1_000)
        finally:
            await asyncio.sleep(1)
            ended.append("ended")

    async def main():
        kept = asyncio.get_running_loop().create_task(linger(), name="lingerer")
        await asyncio.sleep(1)
        return kept

    with pytest.raises(Leaked, match=r"lingerer: .*linger at "):
        run(main, seed=1)
    assert ended == ["ended"]


def test_a_cancel_that_nobody_awaits_is_a_leak():
    async def main():
        task = asyncio.get_running_loop().create_task(asyncio.sleep(10))
        await asyncio.sleep(1)
        task.cancel()
        return task

    with pytest.raises(Leaked):
        run(main, seed=1)


def test_a_task_that_refuses_to_end_is_told_apart():
    async def stubborn():
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()

    async def main():
        kept = asyncio.get_running_loop().create_task(stubborn(), name="stubborn")
        await asyncio.sleep(1)
        return kept

    with pytest.raises(Leaked) as caught:
        run(main, seed=1)
    assert any("refused to end when cancelled" in note for note in caught.value.__notes__)


async def broken():
    raise ValueError("nobody looks")


def test_a_task_exception_that_nobody_retrieved_fails_the_history():
    async def main():
        asyncio.get_running_loop().create_task(broken())
        await asyncio.sleep(1)

    with pytest.raises(Unhandled, match=r"never retrieved.*nobody looks") as caught:
        run(main, seed=1)
    assert isinstance(caught.value.__cause__, ValueError)


def test_it_does_so_while_somebody_still_holds_the_task():
    kept = []

    async def main():
        kept.append(asyncio.get_running_loop().create_task(broken()))
        await asyncio.sleep(1)

    with pytest.raises(Unhandled, match=r"never retrieved.*nobody looks"):
        run(main, seed=1)


def test_a_future_exception_that_nobody_retrieved_fails_the_history():
    async def main():
        asyncio.get_running_loop().create_future().set_exception(ValueError("nobody looks"))

    with pytest.raises(Unhandled, match=r"never retrieved.*nobody looks"):
        run(main, seed=1)


def test_an_exception_of_a_callback_ends_the_history():
    async def main():
        asyncio.get_running_loop().call_later(1, lambda: 1 / 0)
        await asyncio.sleep(2)

    with pytest.raises(ZeroDivisionError) as caught:
        run(main, seed=1)
    assert caught.value.__notes__ == ["simulation: seed 1, step 1, at 1.000000 s"]


def test_an_exception_of_main_comes_out_as_it_is():
    async def main():
        kept = asyncio.get_running_loop().create_task(asyncio.sleep(100))
        await asyncio.sleep(1)
        raise KeyError(kept.get_name())

    with pytest.raises(KeyError, match="task-2"):
        run(main, seed=1)


def test_on_step_sees_every_step_and_can_end_the_history():
    steps, balance = [], [0]

    def check():
        steps.append(1)
        assert balance[0] < 3

    async def spend():
        while True:
            balance[0] += 1
            await asyncio.sleep(1)

    with pytest.raises(AssertionError) as caught:
        run(spend, seed=1, on_step=check)
    assert balance == [3]
    assert caught.value.__notes__[0].endswith(" at 2.000000 s")

    steps.clear()
    assert run(
        lambda: workers([]), seed=1, on_step=check if not balance.clear() and balance.append(0) is None else None
    )
    assert len(steps) == run(lambda: workers([]), seed=1).steps


def test_the_collector_is_put_back_as_it_was():
    async def main():
        return gc.isenabled()

    assert gc.isenabled()
    assert run(main, seed=1).value is False
    assert gc.isenabled()


def test_a_running_loop_refuses_a_simulation_within():
    async def outer():
        with pytest.raises(RuntimeError, match="an event loop runs"):
            run(lambda: asyncio.sleep(0), seed=1)
        with pytest.raises(RuntimeError, match="an event loop runs"):
            SimLoop(1).run_until_complete(asyncio.sleep(0))

    run(outer, seed=1)


def test_it_serves_as_the_loop_of_a_runner():
    async def main():
        await asyncio.sleep(3_600)
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=lambda: SimLoop(4)) as runner:
        assert runner.run(main()) == 3_600.0
