"""What is read of a console: an answer that is only good to know may be late, the providers may not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from tests.tui.scene import NOW, PROVIDERS, check, health, provider

from provider_console.console.console import Console
from provider_console.console.errors import StorageUnavailable
from provider_console.console.events import HealthChecked, ProviderStateChanged
from provider_console.testing.frozen import FrozenClock, FrozenConsole
from provider_console.tui.changes import Change, Checked, ProvidersRead, Read, Unanswered
from provider_console.tui.pump import Pump

HEALTH = health(PROVIDERS)


async def never(*_args: Any, **_named: Any) -> None:
    await asyncio.Event().wait()


class CountingClock(FrozenClock):
    """How long somebody slept, each time."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await super().sleep(seconds)


@asynccontextmanager
async def pumped(
    console: FrozenConsole, *, clock: FrozenClock | None = None, **limits: float
) -> AsyncIterator[tuple[list[Change], FrozenClock]]:
    told: list[Change] = []
    clock = clock or FrozenClock()
    running = asyncio.ensure_future(Pump(cast(Console, console), clock=clock, tell=told.append, **limits).run())
    yield told, clock
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def until(claim: Callable[[], bool], clock: FrozenClock) -> None:
    while not claim():
        await asyncio.sleep(0.01)
        clock.advance(0.05)


def read(told: list[Change], field: str) -> bool:
    return any(isinstance(change, Read) and field in change.fields for change in told)


@pytest.mark.parametrize(
    ("method", "field"),
    [("recent_checks", "checks"), ("trends", "trends"), ("executions", "recent"), ("figures", "figures")],
)
async def test_a_slow_answer_that_is_only_good_to_know_is_asked_for_again_and_makes_nothing_stale(
    method: str, field: str
) -> None:
    console = FrozenConsole({"health": HEALTH, method: never})
    async with pumped(console, beside_s=0.05) as (told, clock):
        await until(lambda: read(told, "health") and read(told, "coverage"), clock)
        assert not read(told, field)
        console.answers = {**FrozenConsole().answers, "health": HEALTH}
        await until(lambda: read(told, field), clock)

    assert not any(isinstance(change, Unanswered) for change in told)


async def test_providers_that_do_not_come_are_no_answer() -> None:
    async with pumped(FrozenConsole({"health": never}), patience_s=0.05) as (told, clock):
        await until(lambda: any(isinstance(change, Unanswered) for change in told), clock)


async def test_what_is_refused_is_said_whatever_it_is_good_for() -> None:
    console = FrozenConsole({"health": HEALTH, "executions": StorageUnavailable("the database is locked")})
    async with pumped(console) as (told, clock):
        await until(lambda: any(isinstance(change, Unanswered) for change in told), clock)

    assert next(change.failure for change in told if isinstance(change, Unanswered)) == "the database is locked"


async def test_a_provider_with_news_is_read_alone() -> None:
    console = FrozenConsole({"health": HEALTH})
    async with pumped(console) as (told, clock):
        await until(lambda: read(told, "health") and read(told, "plugins"), clock)
        whole = console.times("config")
        console.happen(ProviderStateChanged(at=NOW, provider="deepl", before="healthy", after="degraded", why="slow"))
        await until(lambda: any(isinstance(change, ProvidersRead) for change in told), clock)

    views = next(change.providers for change in told if isinstance(change, ProvidersRead))
    assert [view.id for view in views] == ["deepl"]
    assert console.times("config") == whole


async def test_a_thousand_checks_a_second_cost_one_read_of_all_a_second_and_none_of_anything_else() -> None:
    many = [provider(f"p{number:04}") for number in range(1_000)]
    console = FrozenConsole({"health": health(tuple(many))})
    async with pumped(console) as (told, clock):
        await until(lambda: read(told, "health") and read(told, "plugins"), clock)
        before = {method: console.times(method) for method in ("health", "config", "provider", "plugins", "alerts")}
        begun, told_of = clock.wall(), len(told)
        while clock.wall() - begun < 10:
            console.happen(*(HealthChecked(at=NOW, check=check(view.id, NOW)) for view in many[:50]))
            await asyncio.sleep(0.001)
            clock.advance(0.05)

    after = {method: console.times(method) - count for method, count in before.items()}
    assert 8 <= after.pop("health") <= 15
    assert after == {"config": 0, "provider": 0, "plugins": 0, "alerts": 0}
    checks = [change for change in told[told_of:] if isinstance(change, Checked)]
    assert 30 <= len(checks) <= 60, "checks are told four times a second, together"
    assert sum(len(change.checks) for change in checks) >= 9_000


async def test_a_state_that_changes_in_a_flood_of_checks_does_not_wait_for_the_others() -> None:
    many = [provider(f"p{number:04}") for number in range(1_000)]
    console = FrozenConsole({"health": health(tuple(many))})
    async with pumped(console) as (told, clock):
        await until(lambda: read(told, "health") and read(told, "plugins"), clock)
        console.happen(*(HealthChecked(at=NOW, check=check(view.id, NOW)) for view in many[:500]))
        console.happen(ProviderStateChanged(at=NOW, provider="p0900", before="healthy", after="unhealthy", why="down"))
        begun = clock.wall()
        await until(lambda: any(isinstance(change, ProvidersRead) for change in told), clock)

    views = next(change.providers for change in told if isinstance(change, ProvidersRead))
    assert [view.id for view in views] == ["p0900"]
    assert clock.wall() - begun < 0.6


async def test_fifty_providers_that_are_checked_in_turn_are_all_read_every_ten_seconds() -> None:
    many = [provider(f"p{number:02}") for number in range(50)]
    console = FrozenConsole({"health": health(tuple(many)), "provider": many[0]})
    async with pumped(console) as (told, clock):
        await until(lambda: read(told, "health") and read(told, "plugins"), clock)
        begun, before = clock.wall(), console.times("health")
        while clock.wall() - begun < 60:
            console.happen(HealthChecked(at=NOW, check=check("p00", NOW)))
            await asyncio.sleep(0.001)
            clock.advance(0.2)

    assert 5 <= console.times("health") - before <= 7


async def test_while_nothing_happens_figures_are_read_every_ten_seconds() -> None:
    # They are of the last minutes; and that an engine elsewhere has gone would not be seen for half a minute.
    console = FrozenConsole({"health": HEALTH})
    async with pumped(console) as (told, clock):
        await until(lambda: read(told, "figures"), clock)
        begun, before = clock.wall(), console.times("figures")
        while clock.wall() - begun < 60:
            await asyncio.sleep(0.001)
            clock.advance(0.2)

    assert 5 <= console.times("figures") - before <= 7


async def test_while_nothing_happens_nothing_looks_for_it_and_what_happens_then_is_read_at_once() -> None:
    console, clock = FrozenConsole({"health": HEALTH, "provider": PROVIDERS[0]}), CountingClock()
    async with pumped(console, clock=clock) as (told, _clock):
        await until(lambda: read(told, "health") and read(told, "plugins"), clock)
        clock.slept.clear()
        begun = clock.wall()
        while clock.wall() - begun < 20:
            await asyncio.sleep(0.001)
            clock.advance(0.1)
        looks = len(clock.slept)
        begun = clock.wall()
        console.happen(HealthChecked(at=NOW, check=check("deepl", NOW)))
        await until(lambda: any(isinstance(change, ProvidersRead) for change in told), clock)

    assert looks <= 2 * 20 / 2, "a slow read each two seconds, and the pause behind it"
    assert clock.wall() - begun <= 0.3
