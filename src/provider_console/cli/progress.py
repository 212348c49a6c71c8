"""Tells on stderr what an execution is doing while it takes its time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from provider_console.cli.output import Output
from provider_console.console.console import Console
from provider_console.console.errors import ConsoleError
from provider_console.console.events import AttemptEnded, AttemptStarted, ProviderLeft

T = TypeVar("T")


async def followed(work: Awaitable[T], console: Console, output: Output) -> T:
    """The result of `work`, with each failed attempt, wait and hop said as it happens."""
    failed: ConsoleError | None = None
    async with asyncio.TaskGroup() as group:
        follower = group.create_task(_follow(console, output))
        # The follower must be listening before anything can happen.
        await asyncio.sleep(0)  # noqa: TID251 - one turn of the loop, no time
        try:
            result = await work
        except ConsoleError as error:
            failed = error
        finally:
            follower.cancel()
    if failed is not None:
        raise failed
    return result


async def _follow(console: Console, output: Output) -> None:
    async for event in console.events():
        match event:
            case AttemptStarted() if event.delay_before_ms >= 1:
                output.progress(
                    f"  {event.provider}: attempt {event.attempt} after a wait of {event.delay_before_ms / 1000:.1f} s"
                )
            case AttemptEnded() if event.attempt.status == "error":
                status = f" {event.attempt.http_status}" if event.attempt.http_status else ""
                output.progress(f"  {event.attempt.provider}: {event.attempt.error_class}{status}")
            case ProviderLeft():
                output.progress(f"  {event.provider}: left, {event.reason}")
