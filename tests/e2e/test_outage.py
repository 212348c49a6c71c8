"""A provider goes away and comes back while a console watches: noticed in time, and on record."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from tests.e2e.home import KEY, Home, deepl, translation

from provider_console import open_console
from provider_console.console.events import HealthChecked
from provider_console.console.views import CheckView
from provider_console.engine.engine_console import EngineConsole
from provider_console.sandbox import OK, DeepLSandbox, Fault, serve

REFUSE = Fault("refuse")


class Watch:
    """Every check that a console has told of, and a wait for the one that is looked for."""

    def __init__(self, console: EngineConsole) -> None:
        self.checks: list[CheckView] = []
        self._console = console
        self._heard = asyncio.Event()

    async def listen(self) -> None:
        """Hear until cancelled."""
        async for event in self._console.events():
            if isinstance(event, HealthChecked):
                self.checks.append(event.check)
                self._heard.set()

    async def first(self, provider: str, **like: object) -> CheckView:
        """The first check of a provider with these values, told already or still to come."""
        while True:
            for check in self.checks:
                if check.provider == provider and all(getattr(check, name) == value for name, value in like.items()):
                    return check
            self._heard.clear()
            await self._heard.wait()


def outages(home: Home, provider: str) -> Sequence[tuple[str, bool]]:
    """What the records say of a provider: each event, and whether a length of the outage is with it."""
    return [
        (row["event"], row["out_ms"] is not None)
        for row in home.checks()
        if row["provider"] == provider and row["event"] in ("went_down", "recovered")
    ]


@pytest.mark.limit(100)
async def test_an_idle_console_notices_within_35_seconds_and_admits_again_within_45(home: Home) -> None:
    async with serve(DeepLSandbox(key=KEY), name="a") as leaving, serve(DeepLSandbox(key=KEY), name="b") as returning:
        home.configure(translation({"leaving": deepl(leaving.base_url), "returning": deepl(returning.base_url)}))
        returning.faults.set(REFUSE)
        async with open_console(home.situation) as console, asyncio.TaskGroup() as group:
            watch = Watch(console)
            listening = group.create_task(watch.listen())

            async def leave() -> None:
                # The worst moment: just after a check that found it well.
                await watch.first("leaving", state="healthy")
                leaving.faults.set(REFUSE)
                async with asyncio.timeout(35):
                    await watch.first("leaving", event="went_down")

            async def come_back() -> None:
                # And just after one that found it down.
                await watch.first("returning", event="went_down")
                returning.faults.set(OK)
                async with asyncio.timeout(45):
                    await watch.first("returning", event="recovered")

            async with asyncio.TaskGroup() as both:
                both.create_task(leave())
                both.create_task(come_back())
            operation = await console.operation("translate", {"text": "Good morning.", "from": "en", "to": "es"})
            report = await console.execute(operation)
            listening.cancel()

    recovered = next(check for check in watch.checks if check.event == "recovered")
    assert recovered.out_ms is not None
    assert recovered.out_ms > 0
    assert outages(home, "leaving") == [("went_down", False)]
    assert outages(home, "returning") == [("went_down", False), ("recovered", True)]
    assert (report.provider, [a.provider for a in report.attempts]) == ("returning", ["returning"])


async def test_traffic_notices_a_refusing_provider_within_five_operations(home: Home) -> None:
    async with serve(DeepLSandbox(key=KEY), name="a") as first, serve(DeepLSandbox(key=KEY), name="b") as second:
        providers = {"first": deepl(first.base_url), "second": deepl(second.base_url, tier="secondary")}
        home.configure(translation(providers, engine={"base_delay": 1}))
        async with open_console(home.situation) as console, asyncio.TaskGroup() as group:
            watch = Watch(console)
            listening = group.create_task(watch.listen())
            await watch.first("first", state="healthy")
            await watch.first("second", state="healthy")
            first.faults.set(REFUSE)
            operation = await console.operation("translate", {"text": "Good morning.", "from": "en", "to": "es"})
            served = [await console.execute(operation) for _ in range(5)]
            state = (await console.provider("first")).health.state
            down = await watch.first("first", event="went_down")
            listening.cancel()

    assert [report.provider for report in served] == ["second"] * 5
    assert state == "unhealthy"
    assert (down.state, down.rung) == ("unhealthy", "traffic")
    assert outages(home, "first") == [("went_down", False)]


async def test_a_console_that_looks_every_second_records_a_whole_outage_and_serves_again(home: Home) -> None:
    async with serve(DeepLSandbox(key=KEY)) as server:
        home.configure(translation({"deepl": deepl(server.base_url)}, health={"health_check_interval": 1_000}))
        async with open_console(home.situation) as console, asyncio.TaskGroup() as group:
            watch = Watch(console)
            listening = group.create_task(watch.listen())
            await watch.first("deepl", state="healthy")
            server.faults.set(REFUSE)
            down = await watch.first("deepl", event="went_down")
            server.faults.set(OK)
            back = await watch.first("deepl", event="recovered")
            operation = await console.operation("translate", {"text": "Good morning.", "from": "en", "to": "es"})
            report = await console.execute(operation)
            listening.cancel()

    assert (down.state, down.error_class) == ("unhealthy", "network")
    assert back.out_ms is not None
    assert report.status == "ok"
    assert outages(home, "deepl") == [("went_down", False), ("recovered", True)]
