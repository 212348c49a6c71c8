"""Slots: given in order, waited for no longer than somebody wants to."""

import asyncio

from provider_console.engine.slots import Slots
from provider_console.testing.simulation import run


def test_each_waits_for_as_long_as_it_said_though_all_share_one_timer():
    async def main():
        slots, now = Slots(1), asyncio.get_running_loop().time
        assert slots.take()

        async def waited(limit_s):
            began = now()
            given = await slots.within(limit_s)
            return given, round(now() - began, 3)

        return await asyncio.gather(*(waited(limit_s) for limit_s in (3.0, 1.0, 2.0)))

    assert run(main, seed=1).value == [(False, 3.0), (False, 1.0), (False, 2.0)]


def test_a_slot_goes_to_whoever_waits_longest_and_past_those_who_gave_up():
    async def main():
        slots = Slots(1)
        order = []
        assert slots.take()

        async def takes(name, came_s, limit_s):
            await asyncio.sleep(came_s)
            if await slots.within(limit_s):
                order.append(name)
                await asyncio.sleep(1.0)
                slots.give()

        async def gives():
            await asyncio.sleep(2.0)
            slots.give()

        await asyncio.gather(takes("impatient", 0.1, 1.0), takes("first", 0.2, 9.0), takes("second", 0.3, 9.0), gives())
        return order, slots.free

    assert run(main, seed=1).value == (["first", "second"], 1)
