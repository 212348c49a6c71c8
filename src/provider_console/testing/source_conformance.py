"""What every source has to keep, tried against a wire double and in virtual time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import ClassVar, Final

import msgspec
import pytest

from provider_console.sdk import HttpClient, ProviderDescriptor, SdkError, Source, TransportError
from provider_console.sdk.provider import ID_PATTERN
from provider_console.testing import simulation
from provider_console.testing.fakes import HANG, FakeContext, FakeCredentials, Reply, WireDouble
from provider_console.testing.observation import STALL_S, Plugin, longest_stall_s

CREDENTIAL_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
DISCOVERY_S: Final = 10.0
"""What the engine gives a source."""


class SourceConformance:
    """Checks for one source. `configures`: it reads the configuration, so its providers may be `configured`."""

    entry_point: ClassVar[str]
    source_name: ClassVar[str]
    configures: ClassVar[bool] = False

    def tables(self) -> Mapping[str, object]:
        """The plugin's tables, as in `config.toml`."""
        return {}

    def wire(self) -> HttpClient:
        """What answers the source's requests."""
        return WireDouble()

    def credentials(self) -> FakeCredentials:
        """The names that this console knows."""
        return FakeCredentials()

    def source(self, context: FakeContext) -> Source:
        """The source as the console finds it."""
        found = [source for source in Plugin(self.entry_point).sources(context) if source.name == self.source_name]
        assert len(found) == 1, f"the plugin has {len(found)} sources called {self.source_name}"
        return found[0]

    def context(self, http: HttpClient | None = None) -> FakeContext:
        """The console as the source sees it."""
        return FakeContext(
            plugin=self.entry_point,
            settings=Plugin(self.entry_point).settings(self.tables()),
            http=http if http is not None else self.wire(),
            credentials=self.credentials(),
        )

    def test_is_found_by_its_entry_point(self) -> None:
        source = self.source(self.context())
        assert ID_PATTERN.fullmatch(source.name)

    @pytest.mark.asyncio
    async def test_finds_something_and_in_the_right_types(self) -> None:
        found = await self.source(self.context()).discover()
        assert found, "give the conformance class tables, credentials or a wire with which there is something to find"
        for descriptor in found:
            assert isinstance(descriptor, ProviderDescriptor)
            assert msgspec.convert(msgspec.to_builtins(descriptor), ProviderDescriptor) == descriptor

    @pytest.mark.asyncio
    async def test_ids_are_valid_and_each_is_there_once(self) -> None:
        ids = [descriptor.id for descriptor in await self.source(self.context()).discover()]
        assert all(ID_PATTERN.fullmatch(item) for item in ids)
        assert len(ids) == len(set(ids))

    @pytest.mark.asyncio
    async def test_looking_twice_finds_the_same(self) -> None:
        source = self.source(self.context())
        assert await source.discover() == await source.discover()

    @pytest.mark.asyncio
    async def test_another_instance_finds_the_same(self) -> None:
        first, second = self.source(self.context()), self.source(self.context())
        assert await first.discover() == await second.discover()

    @pytest.mark.asyncio
    async def test_a_credential_is_a_name(self) -> None:
        for descriptor in await self.source(self.context()).discover():
            assert descriptor.credential is None or CREDENTIAL_NAME.fullmatch(descriptor.credential)

    @pytest.mark.asyncio
    async def test_an_address_is_plain(self) -> None:
        for descriptor in await self.source(self.context()).discover():
            assert descriptor.base_url is None or re.fullmatch(r"https?://[^\s?#@]+", descriptor.base_url)

    @pytest.mark.asyncio
    async def test_only_the_configuration_configures(self) -> None:
        found = await self.source(self.context()).discover()
        assert self.configures or not any(descriptor.configured for descriptor in found)

    @pytest.mark.asyncio
    async def test_empty_settings_are_no_failure(self) -> None:
        context = FakeContext(plugin=self.entry_point, settings=Plugin(self.entry_point).settings({}))
        context.http = lambda **_: WireDouble(always=Reply(status=404))  # type: ignore[method-assign]  # of this context alone
        await self.source(context).discover()

    @pytest.mark.asyncio
    async def test_a_broken_network_is_an_error_from_the_tree_or_an_empty_list(self) -> None:
        for broken in (
            Reply(error=TransportError("no route", kind="connect", never_left=True)),
            Reply(status=500),
            Reply(body=b"<html>"),
            Reply(body=b"[1,2]"),
            Reply(body=b'{"providers":[null,{},{"id":7}],"data":[null],"models":[{}]}'),
        ):
            try:
                await self.source(self.context(WireDouble(always=broken))).discover()
            except SdkError:
                continue

    def test_a_network_that_hangs_does_not_outlast_the_time_of_a_source(self) -> None:
        async def look() -> None:
            try:
                async with asyncio.timeout(DISCOVERY_S):
                    await self.source(self.context(WireDouble(always=HANG))).discover()
            except SdkError:
                return

        simulation.run(look, seed=1)

    def test_a_cancelled_look_leaves_nothing(self) -> None:
        wire = WireDouble(always=HANG)

        async def look() -> None:
            try:
                async with asyncio.timeout(0.01):
                    await self.source(self.context(wire)).discover()
            except TimeoutError:
                return

        # The simulation itself fails where tasks outlive it.
        simulation.run(look, seed=1)
        assert wire.in_flight == 0

    @pytest.mark.asyncio
    async def test_nothing_stops_the_loop(self) -> None:
        source = self.source(self.context())
        assert await longest_stall_s(source.discover) < STALL_S
