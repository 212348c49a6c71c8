"""The conformance kit notices what it says it does: each driver here breaks one rule."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest

from provider_console.sandbox import Fault, OpenAISandbox, Vendor
from provider_console.sdk import (
    Call,
    Chunk,
    Description,
    Driver,
    Operation,
    ProbeResult,
    ProviderDescriptor,
    ProviderError,
    Result,
    SdkError,
    Source,
    TransportError,
)
from provider_console.testing import simulation
from provider_console.testing.conformance import DriverConformance, SourceConformance
from provider_console.testing.fakes import FakeContext, chat
from provider_console_dynamic_ai.openai import OpenAI

CAUGHT = (AssertionError, pytest.fail.Exception, ExceptionGroup, simulation.SimulationError)


class _Kit(DriverConformance):
    __test__ = False
    models = ("gpt-5-mini",)

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def driver(self) -> Driver:
        return self._driver

    def vendor(self) -> Vendor:
        return OpenAISandbox(key=self.secret)

    def operations(self) -> Sequence[Operation]:
        return (chat("The house is red."),)


class Retrying(OpenAI):
    async def call(self, call: Call) -> Any:
        try:
            return await super().call(call)
        except (ProviderError, TransportError):
            return await super().call(call)


class AskingTwice(OpenAI):
    async def call(self, call: Call) -> Any:
        await super().call(call)
        return await super().call(call)


class PayingToProbe(OpenAI):
    async def probe(self, call: Call) -> ProbeResult:
        await self.probe_by_call(call)
        return await super().probe(call)

    async def probe_by_call(self, call: Call) -> None:
        await call.http.request("POST", f"{call.provider.base_url}/chat/completions", json={})


class RaisingAnything(OpenAI):
    async def call(self, call: Call) -> Any:
        try:
            return await super().call(call)
        except SdkError as error:
            raise ValueError("broken") from error


class Telling(OpenAI):
    async def call(self, call: Call) -> Any:
        try:
            return await super().call(call)
        except SdkError as error:
            raise ProviderError(f"refused with {call.credential.reveal() if call.credential else ''}") from error


class Swallowing(OpenAI):
    async def probe(self, call: Call) -> ProbeResult:
        try:
            return await super().probe(call)
        except SdkError:
            return ProbeResult(rung="reach")


class Blocking(OpenAI):
    async def call(self, call: Call) -> Any:
        time.sleep(0.06)  # noqa: ASYNC251  what is to be caught
        return await super().call(call)


class Leaving(OpenAI):
    def __init__(self) -> None:
        self.left: list[asyncio.Task[Any]] = []

    async def call(self, call: Call) -> Any:
        self.left.append(asyncio.create_task(asyncio.Event().wait()))
        return await super().call(call)


class Endless(OpenAI):
    async def call(self, call: Call) -> Any:
        answer = await super().call(call)
        return answer if isinstance(answer, Result) else _without_result(answer)


async def _without_result(chunks: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
    async for chunk in chunks:
        if chunk.result is None:
            yield chunk


class Remembering(OpenAI):
    _last: Call | None = None

    async def call(self, call: Call) -> Any:
        self._last = call
        await asyncio.sleep(0)
        return Result(value={"text": str(id(self._last)), "model": "m", "finishReason": "stop"})


class Keyless(OpenAI):
    def _headers(self, call: Call) -> dict[str, str]:
        return {}


class Moody(OpenAI):
    _asked = 0

    async def describe(self, call: Call) -> Description:
        self._asked += 1
        return Description(models=(f"model-{self._asked}",))


class Nameless(OpenAI):
    name = "Open AI"


class Deaf(OpenAI):
    async def call(self, call: Call) -> Any:
        try:
            return await super().call(call)
        except ProviderError as error:
            raise ProviderError("no", status=500) from error


Check = Callable[[_Kit], Awaitable[None]]

BROKEN: list[tuple[type[OpenAI], Check]] = [
    (Retrying, lambda kit: kit.test_one_failing_call_is_one_request()),
    (Retrying, lambda kit: kit.test_one_call_is_one_request_when_kept_connections_are_dropped()),
    (AskingTwice, lambda kit: kit.test_one_call_is_one_request()),
    (PayingToProbe, lambda kit: kit.test_a_probe_is_one_free_request_and_says_what_answered()),
    (Swallowing, lambda kit: kit.test_a_probe_fails_from_the_tree_of_errors(Fault("status", status=500))),
    (Blocking, lambda kit: kit.test_nothing_stops_the_loop()),
    (Leaving, lambda kit: kit.test_a_cancelled_call_leaves_nothing()),
    (Endless, lambda kit: kit.test_a_stream_ends_with_the_result_of_all_its_chunks()),
    (Remembering, lambda kit: kit.test_calls_at_the_same_time_do_not_mix()),
    (Keyless, lambda kit: kit.test_a_missing_key_is_said_before_anything_is_sent()),
    (Moody, lambda kit: kit.test_a_description_stays_the_same()),
    (Deaf, lambda kit: kit.test_a_status_is_understood_and_retry_after_is_kept(429, "rate_limited")),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("driver", "check"), BROKEN, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_driver_that_breaks_a_rule_is_caught(driver: type[OpenAI], check: Check) -> None:
    made = driver()
    with pytest.raises(CAUGHT):
        await check(_Kit(made))
    for task in getattr(made, "left", ()):
        task.cancel()


@pytest.mark.parametrize("driver", [RaisingAnything, Telling])
async def test_a_driver_that_fails_badly_is_caught(driver: type[OpenAI], caplog: pytest.LogCaptureFixture) -> None:
    kit = _Kit(driver())
    with pytest.raises((*CAUGHT, ValueError)):
        await kit.test_a_failure_comes_from_the_tree_of_errors_and_gives_nothing_away(Fault("bad_json"), caplog)


def test_a_name_that_is_no_id_is_caught() -> None:
    with pytest.raises(CAUGHT):
        _Kit(Nameless()).test_says_what_it_is_in_the_right_types()


def test_a_driver_without_an_entry_point_is_caught() -> None:
    class Unknown(DriverConformance):
        entry_point = "nobody_has_this"
        driver_name = "x"

    with pytest.raises(AssertionError, match="no entry point"):
        Unknown().test_is_found_by_its_entry_point()


class _Source(Source):
    name = "broken"

    def __init__(self, *found: Any, error: Exception | None = None, hangs: bool = False) -> None:
        self._found = found
        self._error = error
        self._hangs = hangs
        self._looks = 0

    async def discover(self) -> Sequence[ProviderDescriptor]:
        self._looks += 1
        if self._hangs:
            await asyncio.Event().wait()
        if self._error:
            raise self._error
        return [item(self._looks) if callable(item) else item for item in self._found]


class _SourceKit(SourceConformance):
    __test__ = False
    entry_point = "dynamic_ai"
    source_name = "broken"

    def __init__(self, source: Source) -> None:
        self._source = source

    def source(self, context: FakeContext) -> Source:
        return self._source


SOURCES: list[tuple[Source, Callable[[_SourceKit], Awaitable[None]]]] = [
    (_Source(), lambda kit: kit.test_finds_something_and_in_the_right_types()),
    (_Source({"id": "x"}), lambda kit: kit.test_finds_something_and_in_the_right_types()),
    (
        _Source(ProviderDescriptor(id="x"), ProviderDescriptor(id="x")),
        lambda kit: kit.test_ids_are_valid_and_each_is_there_once(),
    ),
    (_Source(ProviderDescriptor(id="X Y")), lambda kit: kit.test_ids_are_valid_and_each_is_there_once()),
    (
        _Source(lambda looks: ProviderDescriptor(id=f"x{looks}")),
        lambda kit: kit.test_looking_twice_finds_the_same(),
    ),
    (_Source(ProviderDescriptor(id="x", credential="sk-a b")), lambda kit: kit.test_a_credential_is_a_name()),
    (_Source(ProviderDescriptor(id="x", base_url="https://u:p@x")), lambda kit: kit.test_an_address_is_plain()),
    (_Source(ProviderDescriptor(id="x", configured=True)), lambda kit: kit.test_only_the_configuration_configures()),
]


@pytest.mark.parametrize(("source", "check"), SOURCES)
async def test_a_source_that_breaks_a_rule_is_caught(
    source: Source, check: Callable[[_SourceKit], Awaitable[None]]
) -> None:
    with pytest.raises(CAUGHT):
        await check(_SourceKit(source))


async def test_a_source_that_raises_anything_is_caught() -> None:
    with pytest.raises(KeyError):
        await _SourceKit(
            _Source(error=KeyError("x"))
        ).test_a_broken_network_is_an_error_from_the_tree_or_an_empty_list()


def test_a_source_that_hangs_is_caught() -> None:
    with pytest.raises(TimeoutError):
        _SourceKit(_Source(hangs=True)).test_a_network_that_hangs_does_not_outlast_the_time_of_a_source()
