"""What every driver has to keep, tried over real HTTP against a sandbox vendor and its faults."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Final, NamedTuple

import msgspec
import pytest

from provider_console.adapters.clock import SystemClock
from provider_console.adapters.http import HttpClients
from provider_console.core.classify import classify
from provider_console.sandbox import Fault, Server, Vendor, serve_in_thread
from provider_console.sdk import (
    Call,
    Chunk,
    Description,
    Driver,
    ErrorClass,
    Operation,
    ProbeResult,
    ProviderError,
    Result,
    Rung,
    SdkError,
    TransportError,
)
from provider_console.sdk.provider import ID_PATTERN
from provider_console.testing.fakes import FakeContext, call
from provider_console.testing.observation import (
    STALL_S,
    CountingHttp,
    Plugin,
    installed_kinds,
    longest_stall_s,
    reveals,
    shown,
)

STATUSES: Final = (400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529)
FAULTS: Final = (
    *(Fault("status", status=status) for status in STATUSES),
    Fault("escape", status=500),
    Fault("bad_json"),
    Fault("error_in_200"),
    Fault("half"),
    Fault("reset"),
    Fault("redirect"),
    Fault("huge", mebibytes=12),
)
STREAM_FAULTS: Final = (*FAULTS, Fault("cut_stream"), Fault("error_in_stream"))


def _named(fault: Fault) -> str:
    return f"{fault.kind}-{fault.status}" if fault.status else fault.kind


class Setting(NamedTuple):
    """A driver with everything around it, for one test."""

    driver: Driver
    server: Server
    http: CountingHttp


class DriverConformance:
    """Checks for one driver.

    `models` are the provider's. `secret` has to be what the vendor accepts, where it wants a key.
    """

    entry_point: ClassVar[str]
    driver_name: ClassVar[str]
    models: ClassVar[tuple[str, ...]] = ()
    secret: ClassVar[str] = "conformance/7f3a+canary=0b"  # noqa: S105  opens a sandbox
    text: ClassVar[str] = "The house is red."

    def vendor(self) -> Vendor:
        """The sandbox that speaks the driver's protocol."""
        raise NotImplementedError

    def operations(self) -> Sequence[Operation]:
        """At least one operation of each kind that the driver serves."""
        raise NotImplementedError

    def driver(self) -> Driver:
        """The driver as the console finds it."""
        plugin = Plugin(self.entry_point)
        context = FakeContext(plugin=self.entry_point, settings=plugin.settings({}))
        found = [driver for driver in plugin.drivers(context) if driver.name == self.driver_name]
        assert len(found) == 1, f"the plugin has {len(found)} drivers called {self.driver_name}"
        return found[0]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Setting]:
        """The vendor in a thread, so that this loop holds nothing but the driver's and the client's work."""
        clients = HttpClients(clock=SystemClock())
        with serve_in_thread(self.vendor()) as server:
            try:
                yield Setting(self.driver(), server, CountingHttp(clients.client(network="loopback")))
            finally:
                await clients.aclose()

    def make_call(self, setting: Setting, operation: Operation | None = None, **changes: Any) -> Call:
        """What the engine would hand to the driver."""
        fields = {"base_url": setting.server.base_url, "network": "loopback", "models": self.models, **changes}
        needs = setting.driver.credential != "none"
        return call(setting.driver, setting.http, operation=operation, secret=self.secret if needs else None, **fields)

    async def collect(self, setting: Setting, operation: Operation) -> tuple[list[Chunk], Result]:
        """Run a streamed operation to its end."""
        answer = await setting.driver.call(self.make_call(setting, operation))
        assert not isinstance(answer, Result), "a streamed operation is answered by an iterator of chunks"
        chunks = [chunk async for chunk in answer]
        assert chunks, "the stream was empty"
        assert chunks[-1].result is not None, "the last chunk carries the result"
        assert all(chunk.result is None for chunk in chunks[:-1]), "only the last chunk carries the result"
        return chunks, chunks[-1].result

    async def failing(self, setting: Setting, operation: Operation) -> SdkError:
        """The error of a call that has to fail."""
        with pytest.raises(SdkError) as caught:
            await self.drain(setting, operation)
        return caught.value

    async def drain(self, setting: Setting, operation: Operation) -> None:
        """Run an operation to its end, streamed or not."""
        answer = await setting.driver.call(self.make_call(setting, operation))
        if not isinstance(answer, Result):
            _ = [chunk async for chunk in answer]

    def streamed(self) -> list[Operation]:
        """The operations as streams, where their result is text."""
        return [msgspec.structs.replace(item, stream=True) for item in self.operations() if "texts" not in item.payload]

    def test_is_found_by_its_entry_point(self) -> None:
        assert self.driver().name == self.driver_name

    def test_says_what_it_is_in_the_right_types(self) -> None:
        driver = self.driver()
        assert ID_PATTERN.fullmatch(driver.name)
        assert isinstance(driver.title, str)
        assert driver.title.strip()
        assert msgspec.convert(driver.categories, tuple[str, ...])
        assert driver.credential in ("none", "optional", "required")
        assert all(isinstance(item, str) and item for item in driver.capabilities)
        assert driver.rungs
        assert all(isinstance(rung, Rung) and rung.proves for rung in driver.rungs)
        assert driver.default_network in ("global", "private", "loopback")
        assert driver.default_base_url is None or re.fullmatch(r"https?://[^\s?#]+", driver.default_base_url)
        assert driver.default_network == "loopback" or not (driver.default_base_url or "").startswith("http://")
        assert driver.max_characters is None or driver.max_characters > 0

    def test_offers_a_free_rung(self) -> None:
        assert any(rung.free for rung in self.driver().rungs)

    @pytest.mark.asyncio
    async def test_every_operation_gives_a_result_that_its_kind_accepts(self) -> None:
        kinds = installed_kinds()
        async with self.running() as setting:
            for operation in self.operations():
                result = await setting.driver.call(self.make_call(setting, operation))
                assert isinstance(result, Result)
                kinds[operation.kind].check(operation.payload, result)
                msgspec.json.encode(result.value)
                assert all(isinstance(key, str) and value >= 0 for key, value in result.units.items())

    @pytest.mark.asyncio
    async def test_one_call_is_one_request(self) -> None:
        async with self.running() as setting:
            for number, operation in enumerate(self.operations(), 1):
                await setting.driver.call(self.make_call(setting, operation))
                assert (setting.http.total, setting.server.count(lane="work")) == (number, number)

    @pytest.mark.asyncio
    async def test_one_call_is_one_request_when_kept_connections_are_dropped(self) -> None:
        async with self.running() as setting:
            setting.server.faults.set(Fault("drop_keepalive"))
            for number in range(1, 5):
                # A dropped connection is a failure, and the engine's to retry.
                with contextlib.suppress(TransportError):
                    await setting.driver.call(self.make_call(setting, self.operations()[0]))
                assert setting.server.count(lane="work") == number

    @pytest.mark.asyncio
    async def test_one_failing_call_is_one_request(self) -> None:
        async with self.running() as setting:
            setting.server.faults.set(Fault("status", status=503, retry_after="0"))
            await self.failing(setting, self.operations()[0])
            assert setting.server.count() == 1

    @pytest.mark.asyncio
    async def test_calls_at_the_same_time_do_not_mix(self) -> None:
        async with self.running() as setting:
            wanted = [await setting.driver.call(self.make_call(setting, item)) for item in self.operations()]
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(_awaited(setting.driver, self.make_call(setting, item)))
                    for item in (*self.operations(),) * 3
                ]
            found = [task.result() for task in tasks]
            assert [_content(item) for item in found] == [_content(item) for item in wanted * 3]

    @pytest.mark.asyncio
    async def test_a_probe_is_one_free_request_and_says_what_answered(self) -> None:
        async with self.running() as setting:
            result = await setting.driver.probe(self.make_call(setting))
            assert isinstance(result, ProbeResult)
            assert result.rung in ("configuration", "reach", "authentication", "quota")
            assert (setting.server.count(), setting.server.count(lane="work")) == (1, 0)

    @pytest.mark.asyncio
    async def test_a_probe_ends_when_its_deadline_does(self) -> None:
        async with self.running() as setting:
            setting.server.faults.set(Fault("hang"))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await setting.driver.probe(self.make_call(setting))
            assert setting.http.in_flight == 0

    @pytest.mark.asyncio
    @pytest.mark.parametrize("fault", FAULTS, ids=_named)
    async def test_a_probe_fails_from_the_tree_of_errors(self, fault: Fault) -> None:
        async with self.running() as setting:
            setting.server.faults.set(fault)
            with pytest.raises(SdkError) as caught:
                await setting.driver.probe(self.make_call(setting))
            assert not reveals(shown(caught.value), self.secret)

    @pytest.mark.asyncio
    async def test_a_description_stays_the_same(self) -> None:
        async with self.running() as setting:
            first = await setting.driver.describe(self.make_call(setting))
            second = await setting.driver.describe(self.make_call(setting))
            assert first == second
            assert msgspec.convert(msgspec.to_builtins(first), Description) == first
            if not setting.driver.describes:
                assert setting.server.count() == 0, "describes is False, so nothing may be asked"

    @pytest.mark.asyncio
    async def test_a_cancelled_call_leaves_nothing(self) -> None:
        async with self.running() as setting:
            await setting.driver.probe(self.make_call(setting))
            before = asyncio.all_tasks()
            setting.server.faults.set(Fault("hang"))
            for operation in (*self.operations(), *self.streamed()):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await self.drain(setting, operation)
                assert setting.http.in_flight == 0
                assert asyncio.all_tasks() == before

    @pytest.mark.asyncio
    async def test_a_stream_ends_with_the_result_of_all_its_chunks(self) -> None:
        kinds = installed_kinds()
        async with self.running() as setting:
            for operation in self.streamed():
                chunks, result = await self.collect(setting, operation)
                assert "".join(chunk.text for chunk in chunks).strip() == str(result.value["text"]).strip()
                kinds[operation.kind].check(operation.payload, result)
                assert setting.http.in_flight == 0

    @pytest.mark.asyncio
    async def test_a_stream_that_is_left_leaves_nothing(self) -> None:
        async with self.running() as setting:
            await setting.driver.probe(self.make_call(setting))
            before = asyncio.all_tasks()
            for operation in self.streamed():
                answer = await setting.driver.call(self.make_call(setting, operation))
                assert not isinstance(answer, Result)
                await anext(aiter(answer))
                await answer.aclose()  # type: ignore[attr-defined]  # what the engine does, where there is one
                assert setting.http.in_flight == 0
                assert asyncio.all_tasks() == before

    @pytest.mark.asyncio
    @pytest.mark.parametrize("fault", FAULTS, ids=_named)
    async def test_a_failure_comes_from_the_tree_of_errors_and_gives_nothing_away(
        self, fault: Fault, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with self.running() as setting:
            setting.server.faults.set(fault)
            for operation in self.operations():
                error = await self.failing(setting, operation)
                said = f"{shown(error)}\n{caplog.text}\n{setting.driver!r}\n{vars(setting.driver)!r}"
                assert not reveals(said, self.secret)
                assert self.text not in str(error)
            assert setting.server.count("/_elsewhere") == 0, "a redirect must not be followed"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("fault", STREAM_FAULTS, ids=_named)
    async def test_a_failing_stream_comes_from_the_tree_of_errors(self, fault: Fault) -> None:
        async with self.running() as setting:
            setting.server.faults.set(fault)
            for operation in self.streamed():
                error = await self.failing(setting, operation)
                assert not reveals(shown(error), self.secret)
                assert setting.http.in_flight == 0

    @pytest.mark.asyncio
    @pytest.mark.parametrize(
        ("status", "wanted"),
        [
            (401, ErrorClass.AUTHENTICATION),
            (429, ErrorClass.RATE_LIMITED),
            (500, ErrorClass.SERVER_ERROR),
            (503, ErrorClass.SERVER_ERROR),
        ],
    )
    async def test_a_status_is_understood_and_retry_after_is_kept(self, status: int, wanted: ErrorClass) -> None:
        async with self.running() as setting:
            setting.server.faults.set(Fault("status", status=status, retry_after="2"))
            failure = classify(await self.failing(setting, self.operations()[0]))
            assert (failure.error_class, failure.retry_after_s) == (wanted, 2.0)

    @pytest.mark.asyncio
    async def test_a_missing_key_is_said_before_anything_is_sent(self) -> None:
        async with self.running() as setting:
            if setting.driver.credential != "required":
                return
            bare = msgspec.structs.replace(self.make_call(setting, self.operations()[0]), credential=None)
            with pytest.raises(ProviderError) as caught:
                await setting.driver.call(bare)
            assert classify(caught.value).error_class is ErrorClass.AUTHENTICATION
            assert setting.server.count() == 0

    @pytest.mark.asyncio
    async def test_an_unknown_kind_goes_to_the_next_provider(self) -> None:
        async with self.running() as setting:
            operation = Operation(kind="unknown_to_everyone", category="ai")
            error = await self.failing(setting, operation)
            assert isinstance(error, ProviderError)
            assert error.provider_specific
            assert setting.server.count() == 0

    @pytest.mark.asyncio
    async def test_nothing_stops_the_loop(self) -> None:
        async with self.running() as setting:
            for operation in self.operations():
                request = self.make_call(setting, operation)

                async def ask(request: Call = request) -> None:
                    await setting.driver.call(request)

                assert await longest_stall_s(ask) < STALL_S


async def _awaited(driver: Driver, request: Call) -> Any:
    return await driver.call(request)


def _content(result: Any) -> Any:
    return result.value
