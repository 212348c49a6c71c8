"""`GET /events`: what happens, resumed where somebody left, with a `Gap` where something is missing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.api.served import Served, frames, served, situation, tokens_of

from provider_console.adapters.clock import SystemClock
from provider_console.api import handlers
from provider_console.api.events import KEEP, Hub
from provider_console.console.access import Role
from provider_console.console.events import BreakerChanged, Event
from provider_console.console.routes import PREFIX


@asynccontextmanager
async def listening(it: Served, *, after: str | None = None, role: Role = Role.ADMIN) -> AsyncIterator[Any]:
    """The frames of one listener."""
    headers: dict[str, Any] = dict(it.headers(role))
    if after is not None:
        headers["Last-Event-ID"] = after.encode("latin-1")
    async with it.client.stream("GET", f"{it.url}{PREFIX}/events", headers=headers) as response:
        assert response.status_code == 200
        yield frames(response)


async def _until(found: Any, kind: str) -> dict[str, str]:
    async for frame in found:
        if frame["event"] == kind:
            return frame  # type: ignore[no-any-return]
    raise AssertionError(f"the stream ended without {kind}")


async def test_an_execution_is_told_of_from_its_start_to_its_end(tmp_path: Path) -> None:
    async with served(tmp_path) as it, listening(it) as found:
        report = (await it.execute()).json()

        ended = await _until(found, "ExecutionEnded")

        told = json.loads(ended["data"])["report"]
        assert told["executionId"] == report["executionId"]
        assert told["result"] is None


async def test_who_comes_back_gets_what_happened_meanwhile_and_nothing_twice(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        async with listening(it) as found:
            first = (await it.execute()).json()["executionId"]
            last = (await _until(found, "ExecutionEnded"))["id"]
        second = (await it.execute()).json()["executionId"]

        async with listening(it, after=last) as found:
            ended = json.loads((await _until(found, "ExecutionEnded"))["data"])["report"]["executionId"]

        assert ended == second != first


async def test_an_id_of_another_life_is_a_gap(tmp_path: Path) -> None:
    async with served(tmp_path) as it, listening(it, after="0badcafe-17") as found:
        frame = await anext(found)

        assert frame["event"] == "Gap"


@pytest.mark.parametrize("number", ["\xb2", "9" * 5_000, "-1", "1.0", ""])
async def test_an_id_that_is_no_number_is_a_gap_and_no_defect(tmp_path: Path, number: str) -> None:
    async with served(tmp_path) as it:
        async with listening(it, after="0badcafe-1") as found:
            epoch = (await anext(found))["id"].partition("-")[0]
        async with listening(it, after=f"{epoch}-{number}") as found:
            assert (await anext(found))["event"] == "Gap"


async def test_a_stream_ends_when_its_token_does(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        short = await tokens_of(situation(it.home, it.sandbox), ttl_ms=1_000)
        it.tokens = short
        async with asyncio.timeout(15.0), listening(it) as found:
            it.tokens = await tokens_of(situation(it.home, it.sandbox))
            async with asyncio.TaskGroup() as tasks:

                async def busy() -> None:
                    while not reading.done():
                        await it.execute()
                        await asyncio.sleep(0.1)

                async def read() -> None:
                    async for _ in found:
                        pass

                reading = tasks.create_task(read())
                tasks.create_task(busy())


async def test_a_stream_ends_when_its_token_is_revoked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "LOOK_S", 0.1)
    async with served(tmp_path) as it, asyncio.timeout(15.0), listening(it, role=Role.ADMIN) as found:
        listed = (await it.get("/tokens")).json()
        (own,) = [row["id"] for row in listed if row["role"] == "admin"]
        assert (await it.send("DELETE", f"/tokens/{own}")).json() == {"revoked": True}
        async with asyncio.TaskGroup() as tasks:

            async def read() -> None:
                async for _ in found:
                    pass

            reading = tasks.create_task(read())
            while not reading.done():
                await it.execute()
                await asyncio.wait([reading], timeout=0.1)


# --- the hub ---------------------------------------------------------------------------------------------------


def _event(number: int) -> Event:
    return BreakerChanged(at=float(number), provider="a", before="closed", after="open")


def _feed(hub: Hub, count: int) -> None:
    for number in range(count):
        hub.heard(_event(number))


async def test_a_slow_listener_is_told_how_much_it_missed_and_holds_up_nobody() -> None:
    hub = Hub(SystemClock())
    slow, quick = hub.listen(hub.place(None)), hub.listen(hub.place(None))
    _feed(hub, 1)
    assert b"BreakerChanged" in await anext(slow)
    assert b"BreakerChanged" in await anext(quick)

    _feed(hub, KEEP + 7)

    gap = (await anext(slow)).decode()
    assert "event: Gap" in gap
    assert '"missed":7' in gap
    assert (await anext(slow)).count(b"event: BreakerChanged") == KEEP
    await slow.aclose()
    await quick.aclose()


@pytest.mark.parametrize("listeners", [100])
async def test_a_hundred_listeners_get_every_event_in_order(listeners: int) -> None:
    hub = Hub(SystemClock())
    found = [hub.listen(hub.place(None)) for _ in range(listeners)]

    async def read(frames_: AsyncIterator[bytes]) -> list[float]:
        seen: list[float] = []
        async for piece in frames_:
            seen += [
                json.loads(line.removeprefix("data: "))["at"]
                for line in piece.decode().splitlines()
                if line.startswith("data: ")
            ]
            if len(seen) == 50:
                break
        return seen

    async with asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(read(one)) for one in found]
        await asyncio.sleep(0)
        _feed(hub, 50)

    assert all(reader.result() == [float(number) for number in range(50)] for reader in readers)
