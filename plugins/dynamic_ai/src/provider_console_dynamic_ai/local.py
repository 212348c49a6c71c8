"""Model servers on this machine, found on the ports they use by default."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from provider_console.sdk import PluginContext, ProviderDescriptor, SdkError, Source
from provider_console_dynamic_ai.source import section

TIMEOUTS_S: Final = (0.5, 2.0)
"""For one port, first try and second. On loopback a server that is there answers in a few milliseconds, but a
process's first request also loads the HTTP library, which alone may take longer."""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A server to look for. `path` lists its models under `list_key`, each with its name under `name_key`."""

    id: str
    title: str
    driver: str
    port: int
    base_path: str
    path: str
    list_key: str
    name_key: str


def _openai(service: str, title: str, port: int) -> Service:
    return Service(
        id=service,
        title=title,
        driver="openai_compatible",
        port=port,
        base_path="/v1",
        path="/v1/models",
        list_key="data",
        name_key="id",
    )


SERVICES: Final = (
    Service(
        id="ollama",
        title="Ollama",
        driver="ollama",
        port=11434,
        base_path="",
        path="/api/tags",
        list_key="models",
        name_key="name",
    ),
    _openai("lm_studio", "LM Studio", 1234),
    _openai("llama_cpp", "llama.cpp", 8080),
    _openai("vllm", "vLLM", 8000),
)


class LocalServers(Source):
    """Yields the model servers that answer on loopback; ids that are configured already are left to their tables."""

    name: Final = "dynamic_ai_local"

    def __init__(self, context: PluginContext, *, services: Sequence[Service] = SERVICES) -> None:
        self._context = context
        self._services = services

    async def discover(self) -> Sequence[ProviderDescriptor]:
        """All ports at once; none that answers is an empty list, not an error."""
        settings = section(self._context)
        if not settings.discover_local:
            return []
        wanted = [service for service in self._services if service.id not in settings.providers]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._look(service)) for service in wanted]
        found = [task.result() for task in tasks]
        return sorted((descriptor for descriptor in found if descriptor), key=lambda descriptor: descriptor.id)

    async def _look(self, service: Service) -> ProviderDescriptor | None:
        origin = f"http://127.0.0.1:{service.port}"
        models = None
        for timeout_s in TIMEOUTS_S:
            try:
                async with asyncio.timeout(timeout_s):
                    response = await self._context.http(network="loopback").request("GET", origin + service.path)
                models = _models(response.json(), service) if response.ok else None
            except SdkError:
                return None
            except TimeoutError:
                continue
            break
        if models is None:
            # Nothing, or something else: 8000 and 8080 are everybody's ports.
            return None
        return ProviderDescriptor(
            id=service.id,
            driver=service.driver,
            names={"en": service.title},
            base_url=origin + service.base_path,
            network="loopback",
            models=models or None,
        )


def _models(body: Any, service: Service) -> tuple[str, ...] | None:
    listed = body.get(service.list_key) if isinstance(body, dict) else None
    if not isinstance(listed, list):
        return None
    names = []
    for item in listed[:1000]:
        name = item.get(service.name_key) if isinstance(item, dict) else None
        if not isinstance(name, str) or len(name) > 200:
            return None
        names.append(name)
    return tuple(sorted(set(names)))
