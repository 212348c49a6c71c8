"""What drivers tell of the vendors' own ways, over real HTTP against the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from provider_console.adapters.clock import SystemClock
from provider_console.adapters.http import HttpClients
from provider_console.sandbox import OllamaSandbox, Server, serve
from provider_console.sdk import Driver
from provider_console.testing.fakes import call, chat, embed
from provider_console_dynamic_ai.ollama import COLD_S, Ollama


async def _called(driver: Driver, server: Server, **fields: Any) -> Any:
    http = HttpClients(clock=SystemClock())
    try:
        return await driver.call(call(driver, http.client(network="loopback"), base_url=server.base_url, **fields))
    finally:
        await http.aclose()


@pytest.mark.parametrize("kind", [chat, embed])
async def test_the_time_in_which_ollama_loads_a_model_is_told_apart(kind: Any) -> None:
    async with serve(OllamaSandbox(load_s=COLD_S)) as server:
        cold = await _called(Ollama(), server, operation=kind(), model="llama3.2:3b")
        warm = await _called(Ollama(), server, operation=kind(), model="llama3.2:3b")

    assert (cold.warm_up_s, warm.warm_up_s) == (COLD_S, 0.0)


async def test_a_streamed_answer_of_a_cold_model_tells_it_too() -> None:
    async with serve(OllamaSandbox(load_s=COLD_S)) as server:
        http = HttpClients(clock=SystemClock())
        asked = call(
            Ollama(),
            http.client(network="loopback"),
            base_url=server.base_url,
            operation=chat(stream=True),
            model="llama3.2:3b",
        )
        stream: Any = await Ollama().call(asked)
        results = [chunk.result async for chunk in stream if chunk.result is not None]
        await http.aclose()

    assert [result.warm_up_s for result in results] == [COLD_S]
