"""The machine's clock and the ids that are ordered by it."""

from __future__ import annotations

import asyncio
import random

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.adapters.hand_clock import HandClock

from provider_console.adapters.clock import CROCKFORD, SystemClock, UlidIds
from provider_console.adapters.memory import FixedIds


def ids_at(wall_s: float, seed: int = 1) -> tuple[HandClock, UlidIds]:
    clock = HandClock(wall_s)
    return clock, UlidIds(clock, random.Random(seed))


async def test_the_monotonic_clock_is_the_loops_own() -> None:
    clock = SystemClock()

    before = asyncio.get_running_loop().time()
    between = clock.monotonic()
    after = asyncio.get_running_loop().time()

    assert before <= between <= after


async def test_sleeping_no_time_lets_others_run() -> None:
    ran: list[int] = []
    asyncio.get_running_loop().call_soon(ran.append, 1)

    await SystemClock().sleep(0)

    assert ran == [1]


def test_an_id_is_26_letters_that_begin_with_its_time() -> None:
    # The time of the ULID specification's example: 1469918176385 is 01ARYZ6S41.
    _, ids = ids_at(1469918176.385)

    name = ids.new()

    assert len(name) == 26
    assert set(name) <= set(CROCKFORD)
    assert name.startswith("01ARYZ6S41")


@given(st.lists(st.integers(0, 5_000), max_size=12), st.integers(0, 2**48 - 1 - 60_000))
def test_an_id_begins_with_the_millisecond_it_was_made_in(steps_ms: list[int], start_ms: int) -> None:
    clock, ids = ids_at(start_ms / 1000)
    wall_ms = start_ms
    for step_ms in steps_ms:
        # In the middle of the millisecond: what a fraction in binary makes of its border is nobody's concern.
        wall_ms += step_ms
        clock.now = (wall_ms + 0.5) / 1000
        name = ids.new()

        assert sum(CROCKFORD.index(letter) << 5 * (9 - place) for place, letter in enumerate(name[:10])) == wall_ms


def test_ids_of_one_millisecond_ascend() -> None:
    _, ids = ids_at(1_800_000_000.0)

    names = [ids.new() for _ in range(5000)]

    assert names == sorted(names)
    assert len(set(names)) == 5000
    assert len({name[:10] for name in names}) == 1


def test_ids_ascend_when_the_wall_clock_is_set_back() -> None:
    clock, ids = ids_at(1_800_000_000.0)
    first = ids.new()
    clock.now -= 3600
    second = ids.new()
    clock.now += 7200
    third = ids.new()

    assert first < second < third
    assert first[:10] == second[:10] != third[:10]


def test_a_millisecond_that_is_used_up_borrows_the_next() -> None:
    _, ids = ids_at(1_800_000_000.0)
    last = ids.new()
    ids._counter = (1 << 20) - 1

    name = ids.new()

    assert name > last
    assert name[:10] > last[:10]


def test_two_sources_of_chance_make_different_ids_and_one_seed_the_same() -> None:
    assert ids_at(1.0, seed=1)[1].new() != ids_at(1.0, seed=2)[1].new()
    assert ids_at(1.0, seed=7)[1].new() == ids_at(1.0, seed=7)[1].new()


def test_ids_of_many_milliseconds_are_all_different() -> None:
    clock, ids = ids_at(1_800_000_000.0)
    names = []
    for _ in range(1000):
        clock.now += 0.001
        names += [ids.new(), ids.new()]

    assert names == sorted(set(names))
    assert len({name[10:22] for name in names}) > 900


def test_fixed_ids_are_ordered_and_repeat() -> None:
    one, other = FixedIds(), FixedIds()

    names = [one.new() for _ in range(20)]

    assert names == sorted(names) == [other.new() for _ in range(20)]
    assert {len(name) for name in names} == {26}
