"""The peers as their own documentation uses them, around the same answer and without a network."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from importlib.metadata import version

# Read at import: otherwise LiteLLM fetches its price list from the network.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
import stamina
from litellm import Router
from tenacity import AsyncRetrying, stop_after_attempt

One = Callable[[], Awaitable[object]]

DEPLOYMENTS = 10
MESSAGES = [{"role": "user", "content": "hello"}]
VERSIONS = tuple(f"{name} {version(name)}" for name in ("tenacity", "stamina", "litellm"))

# Its advice on where to report bugs, printed at each failure.
litellm.suppress_debug_info = True


def tenacity_call(answer: One) -> One:
    """Three attempts with tenacity."""

    async def call() -> None:
        async for attempt in AsyncRetrying(stop=stop_after_attempt(3)):
            with attempt:
                await answer()

    return call


def stamina_call(answer: One) -> One:
    """Three attempts with stamina."""

    async def call() -> None:
        async for attempt in stamina.retry_context(on=Exception, attempts=3):
            with attempt:
                await answer()

    return call


async def litellm_alone() -> None:
    """LiteLLM without its Router: what of the Router's figure is not the Router."""
    await litellm.acompletion(model="openai/bench", messages=MESSAGES, api_key="none", mock_response="hello")


def router_call() -> One:
    """LiteLLM's Router over ten deployments; retries off, everything else as it comes."""
    router = Router(model_list=[_deployment("bench", number) for number in range(DEPLOYMENTS)], num_retries=0)

    async def call() -> None:
        await router.acompletion(model="bench", messages=MESSAGES)

    return call


def router_fallback(*, cooldown: bool) -> One:
    """LiteLLM's Router, a group that fails and one that answers; with its cooldown the first is soon left out."""
    # Two that fail: a group of one is never cooled down.
    failing = [_deployment("bench", number, "litellm.InternalServerError") for number in range(2)]
    spare = [_deployment("spare", number, "hello") for number in range(2, DEPLOYMENTS)]
    router = Router(
        model_list=[*failing, *spare],
        fallbacks=[{"bench": ["spare"]}],
        num_retries=0,
        disable_cooldowns=not cooldown,
    )

    async def call() -> None:
        answer = await router.acompletion(model="bench", messages=MESSAGES)
        if answer.choices[0].message.content != "hello":
            raise RuntimeError("LiteLLM did not fall back")

    return call


def _deployment(group: str, number: int, answer: str = "hello") -> dict[str, object]:
    parameters = {
        "model": f"openai/bench-{number}",
        "api_key": "none",
        "api_base": "http://127.0.0.1:9",
        "mock_response": answer,
    }
    return {"model_name": group, "litellm_params": parameters}
