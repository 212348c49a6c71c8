"""What conformance checks look at: requests under way, a loop that stands still, secrets in the open, plugins."""

from __future__ import annotations

import asyncio
import base64
import json
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import entry_points
from typing import Any, Final
from urllib.parse import quote

import msgspec
import pluggy

from provider_console.sdk import (
    Driver,
    HttpClient,
    HttpResponse,
    HttpStream,
    OperationKind,
    PluginContext,
    Source,
    hooks,
)

GROUP: Final = "provider_console.plugins"

STALL_S: Final = 0.05
"""A loop that stands still for longer is felt in the terminal: three frames are lost."""
TRIES: Final = 5
"""The best of so many counts, since on a busy machine any process is stopped now and then."""


class CountingHttp(HttpClient):
    """A client around another one that counts what is sent and what is still under way."""

    def __init__(self, inner: HttpClient) -> None:
        self._inner = inner
        self.total = 0
        self.in_flight = 0

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: object = None,
        content: bytes | None = None,
    ) -> HttpResponse:
        """Send it on."""
        self.total += 1
        self.in_flight += 1
        try:
            return await self._inner.request(method, url, headers=headers, params=params, json=json, content=content)
        finally:
            self.in_flight -= 1

    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: object = None,
    ) -> AbstractAsyncContextManager[HttpStream]:
        """Send it on."""
        return self._counted(self._inner.stream(method, url, headers=headers, params=params, json=json))

    @asynccontextmanager
    async def _counted(self, inner: AbstractAsyncContextManager[HttpStream]) -> AsyncIterator[HttpStream]:
        self.total += 1
        self.in_flight += 1
        try:
            async with inner as answer:
                yield answer
        finally:
            self.in_flight -= 1


async def longest_stall_s(action: Callable[[], Awaitable[object]]) -> float:
    """The longest time for which the loop did nothing else while `action` ran, in seconds; the best of some tries."""
    await action()  # the first run loads modules, which is not the plugin's doing
    return min([await _stall_s(action) for _ in range(TRIES)])


async def _stall_s(action: Callable[[], Awaitable[object]]) -> float:
    loop = asyncio.get_running_loop()
    longest, last = 0.0, loop.time()
    beating = True

    def beat() -> None:
        nonlocal longest, last
        now = loop.time()
        longest, last = max(longest, now - last), now
        if beating:
            # Through the selector each time, as everything that waits for the network does.
            loop.call_later(0, beat)

    beat()
    await action()
    beating = False
    return max(longest, loop.time() - last)


def shown(error: BaseException) -> str:
    """All that anybody could print of an exception: text, arguments, attributes, notes, causes."""
    texts = [*traceback.format_exception(error)]
    at: BaseException | None = error
    while at is not None:
        texts += [repr(at), str(at), repr(at.args), repr(vars(at))]
        at = at.__cause__ or at.__context__
    return "\n".join(texts)


def forms(secret: str) -> tuple[str, ...]:
    """The shapes in which a secret may come into the open: plain, base64, quoted for an address, as JSON."""
    return (
        secret,
        base64.b64encode(secret.encode()).decode().rstrip("="),
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
    )


def reveals(text: str, secret: str) -> bool:
    """Whether a text holds a secret in any of its forms."""
    return any(form in text for form in forms(secret))


class Plugin:
    """One plugin as the console finds it: by its entry point, its hooks called through pluggy."""

    def __init__(self, entry_point: str) -> None:
        found = [entry for entry in entry_points(group=GROUP) if entry.name == entry_point]
        if not found:
            raise AssertionError(
                f"no entry point {entry_point!r} in the group {GROUP}; declare it and install the plugin again"
            )
        self.name = entry_point
        self._manager = pluggy.PluginManager(hooks.PROJECT)
        self._manager.add_hookspecs(hooks)
        self._manager.register(found[0].load(), name=entry_point)
        # A misspelt hook would otherwise be silent for ever.
        self._manager.check_pending()

    def drivers(self, context: PluginContext) -> list[Driver]:
        """Its drivers."""
        return [item for part in self._manager.hook.provider_console_drivers(context=context) for item in part]

    def sources(self, context: PluginContext) -> list[Source]:
        """Its sources."""
        return [item for part in self._manager.hook.provider_console_sources(context=context) for item in part]

    def operations(self) -> list[OperationKind]:
        """Its kinds of operation."""
        return [item for part in self._manager.hook.provider_console_operations() for item in part]

    def settings(self, tables: Mapping[str, object]) -> dict[str, Any]:
        """Its sections, made from tables as they stand in `config.toml`."""
        sections = [item for part in self._manager.hook.provider_console_settings() for item in part]
        return {section.name: msgspec.convert(tables.get(section.name, {}), section.type) for section in sections}


def installed_kinds() -> dict[str, OperationKind]:
    """The kinds of all installed plugins by name."""
    names = [entry.name for entry in entry_points(group=GROUP)]
    return {kind.name: kind for name in names for kind in Plugin(name).operations()}
