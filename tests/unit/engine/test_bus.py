"""Events in order to whoever listens, and a Gap in place of what a slow listener missed."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from provider_console.console.events import Event, Gap, SettingsReloaded
from provider_console.engine.bus import QUEUE_EVENTS, Bus
from provider_console.testing import simulation
from provider_console.testing.simulation import SimClock


def event(number: int) -> SettingsReloaded:
    return SettingsReloaded(at=float(number), revision=str(number))


class Listener:
    """Listens from the moment it is made, and reads only when told."""

    def __init__(self, bus: Bus) -> None:
        self._events = bus.listen()
        self._first: asyncio.Future[Event] | None = asyncio.ensure_future(anext(self._events))

    async def read(self) -> Event:
        """The next event."""
        if self._first is not None:
            first, self._first = self._first, None
            return await first
        return await anext(self._events)

    async def rest(self) -> list[Event]:
        """Everything until the bus closes."""
        return [await self.read(), *[event async for event in self._events]]


async def listening(bus: Bus) -> Listener:
    """A listener that has begun."""
    listener = Listener(bus)
    await asyncio.sleep(0)
    return listener


@pytest.mark.parametrize("more", [0, 1, QUEUE_EVENTS, QUEUE_EVENTS + 1, 2 * QUEUE_EVENTS, 5 * QUEUE_EVENTS + 17])
async def test_every_event_is_received_or_counted_as_missed(more: int) -> None:
    bus = Bus()
    listener = await listening(bus)
    for number in range(1 + more):
        bus.publish(event(number))
    bus.close()

    received = await listener.rest()

    missed = sum(one.missed for one in received if isinstance(one, Gap))
    seen = sum(not isinstance(one, Gap) for one in received)
    assert missed + seen == 1 + more
    assert len(received) <= QUEUE_EVENTS


async def test_a_gap_stands_before_everything_that_is_still_true() -> None:
    bus = Bus()
    listener = await listening(bus)
    for number in range(QUEUE_EVENTS + 3):
        bus.publish(event(number))
    bus.close()

    gap, *others = await listener.rest()

    assert gap == Gap(at=float(QUEUE_EVENTS), missed=QUEUE_EVENTS + 1)
    assert [one.at for one in others] == [QUEUE_EVENTS + 1.0, QUEUE_EVENTS + 2.0]


async def test_a_gap_that_was_read_is_not_counted_again() -> None:
    bus = Bus()
    listener = await listening(bus)
    for number in range(QUEUE_EVENTS + 2):
        bus.publish(event(number))
    first = await listener.read()
    for number in range(QUEUE_EVENTS):
        bus.publish(event(number))
    second = await listener.read()

    assert isinstance(first, Gap)
    assert isinstance(second, Gap)
    assert (first.missed, second.missed) == (QUEUE_EVENTS + 1, QUEUE_EVENTS + 1)


async def test_a_quick_listener_misses_nothing_because_of_a_slow_one() -> None:
    bus = Bus()
    slow, quick = await listening(bus), await listening(bus)
    seen = []
    for number in range(2 * QUEUE_EVENTS):
        bus.publish(event(number))
        seen.append((await quick.read()).at)

    assert seen == [float(number) for number in range(2 * QUEUE_EVENTS)]
    assert isinstance(await slow.read(), SettingsReloaded | Gap)


def test_a_listener_waits_for_what_comes() -> None:
    async def history() -> list[float]:
        clock, bus = SimClock(), Bus()
        seen: list[float] = []

        async def listen() -> None:
            async with aclosing(bus.listen()) as events:
                seen.extend([clock.monotonic() async for _ in events])

        async with asyncio.TaskGroup() as group:
            group.create_task(listen())
            for number in (1, 2):
                await clock.sleep(1.0)
                bus.publish(event(number))
            await clock.sleep(1.0)
            bus.close()
        return seen

    assert simulation.run(history, seed=1).value == [1.0, 2.0]


async def test_a_tap_hears_everything_and_publishing_costs_nothing_without_anybody() -> None:
    bus = Bus()
    assert not bus.listening
    heard: list[Event] = []
    bus.tap(heard.append)

    bus.publish(event(1))

    assert bus.listening
    assert [one.at for one in heard] == [1.0]


async def test_who_taps_for_a_while_hears_what_happens_meanwhile_and_no_more() -> None:
    bus = Bus()
    heard: list[Event] = []
    bus.tell(event, 0)
    with bus.tapped(lambda _: None):
        bus.tell(event, 1)
        with bus.tapped(heard.append):
            bus.publish(event(2))
            bus.tell(event, 3)
        bus.publish(event(4))
        assert bus.listening

    assert [one.at for one in heard] == [2.0, 3.0]
    assert not bus.listening


async def test_what_is_told_is_made_once_for_all_after_the_caller_has_given_way() -> None:
    bus = Bus()
    heard: list[Event] = []
    made: list[int] = []
    bus.tap(heard.append)
    listener = await listening(bus)

    def make(number: int) -> Event:
        made.append(number)
        return event(number)

    bus.tell(make, 1)
    bus.tell(make, 2)
    assert made == []
    first, second = await listener.read(), await listener.read()

    assert made == [1, 2]
    assert heard == [first, second] == [event(1), event(2)]


async def test_what_is_told_keeps_its_place_among_what_is_published() -> None:
    bus = Bus()
    listener = await listening(bus)

    bus.tell(event, 1)
    bus.publish(event(2))
    bus.tell(event, 3)
    bus.close()

    assert [one.at for one in await listener.rest()] == [1.0, 2.0, 3.0]


async def test_who_comes_later_hears_nothing_of_what_was_told_before() -> None:
    bus = Bus()
    bus.tap(lambda _event: None)
    bus.tell(event, 1)
    listener = Listener(bus)
    await asyncio.sleep(0)

    bus.tell(event, 2)
    bus.close()

    assert [one.at for one in await listener.rest()] == [2.0]


async def test_who_tells_without_giving_way_keeps_no_more_than_a_queue_holds() -> None:
    bus = Bus()
    heard: list[Event] = []
    bus.tap(heard.append)

    for number in range(QUEUE_EVENTS + 1):
        bus.tell(event, number)

    assert [one.at for one in heard] == [float(number) for number in range(QUEUE_EVENTS)]
    bus.close()
    assert len(heard) == QUEUE_EVENTS + 1


async def test_who_left_is_forgotten() -> None:
    bus = Bus()
    async with aclosing(bus.listen()) as events:
        first = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        assert bus.listening
        bus.publish(event(1))
        await first

    assert not bus.listening


async def test_a_bus_that_is_closed_ends_who_comes_late() -> None:
    bus = Bus()
    bus.close()

    assert [one async for one in bus.listen()] == []
