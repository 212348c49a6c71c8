"""What is read of a console: an answer that is only good to know may be late, the providers may not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from tests.tui.scene import PROVIDERS, health

from provider_console.console.console import Console
from provider_console.console.errors import StorageUnavailable
from provider_console.testing.frozen import FrozenClock, FrozenConsole
from provider_console.tui.pump import Pump
from provider_console.tui.state import Change, Read, Unanswered

HEALTH = health(PROVIDERS)


async def never(*_args: Any, **_named: Any) -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def pumped(console: FrozenConsole, **limits: float) -> AsyncIterator[tuple[list[Change], FrozenClock]]:
    told: list[Change] = []
    clock = FrozenClock()
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
