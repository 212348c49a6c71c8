"""The default fleet: one server of each protocol, and the configuration that uses them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from provider_console.sandbox.catalogue import PATH, CatalogueSandbox, Listing
from provider_console.sandbox.deepl import DeepLSandbox
from provider_console.sandbox.libretranslate import LibreTranslateSandbox
from provider_console.sandbox.ollama import OllamaSandbox
from provider_console.sandbox.openai import OpenAISandbox
from provider_console.sandbox.server import Server, serve
from provider_console.sandbox.vendor import Vendor

NAMES = ("openai", "ollama", "deepl", "libretranslate", "catalogue")
"""The servers in the order of their ports."""

CREDENTIALS: Mapping[str, str] = {
    "SANDBOX_OPENAI_KEY": "sk-sandbox-0000000000000000",
    "SANDBOX_DEEPL_KEY": "00000000-0000-0000-0000-000000000000:fx",
    "SANDBOX_CATALOGUE_TOKEN": "sandbox-catalogue-token",
}
"""Names and values of the keys that the fleet asks for: not secrets, they open nothing but a sandbox."""

Tables = dict[str, Any]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Sandbox:
    """The fleet in the running loop, as an async context manager.

    `port_base` 0 takes free ports, else the servers listen on `port_base` and the four after it. `check_keys`: only
    `CREDENTIALS` are let in. `gap_s` and `load_s` make streams and the first local answer as slow as real ones.
    Entering raises PortInUseError.
    """

    def __init__(self, *, port_base: int = 0, check_keys: bool = True, gap_s: float = 0.0, load_s: float = 0.0) -> None:
        self._port_base = port_base
        self._check_keys = check_keys
        self._gap_s = gap_s
        self._load_s = load_s
        self._stack = AsyncExitStack()
        self.servers: dict[str, Server] = {}

    async def __aenter__(self) -> Self:
        keys = CREDENTIALS if self._check_keys else {}
        catalogue = CatalogueSandbox(key=keys.get("SANDBOX_CATALOGUE_TOKEN"))
        vendors: tuple[Vendor, ...] = (
            OpenAISandbox(key=keys.get("SANDBOX_OPENAI_KEY"), gap_s=self._gap_s),
            OllamaSandbox(gap_s=self._gap_s, load_s=self._load_s),
            DeepLSandbox(key=keys.get("SANDBOX_DEEPL_KEY")),
            LibreTranslateSandbox(),
            catalogue,
        )
        async with self._stack:
            for offset, vendor in enumerate(vendors):
                port = self._port_base + offset if self._port_base else 0
                self.servers[vendor.name] = await self._stack.enter_async_context(serve(vendor, port=port))
            # All have started: the servers outlive this block.
            self._stack = self._stack.pop_all()
        for server in self.servers.values():
            server.siblings = self.servers
        catalogue.providers = self._listings()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def __getitem__(self, name: str) -> Server:
        """Return the server called `name`, one of `NAMES`."""
        return self.servers[name]

    @property
    def credentials(self) -> Mapping[str, str]:
        """The values of the credentials that the configuration names."""
        return CREDENTIALS

    @property
    def tables(self) -> Tables:
        """The configuration that uses this fleet, as the tables of `config.toml`."""
        return tables({name: server.base_url for name, server in self.servers.items()})

    def _listings(self) -> tuple[Listing, ...]:
        """List OpenAI and Ollama again, as another source that names them, and one provider that nobody configured."""
        text = ("text_generation",)
        openai, ollama = self["openai"].base_url, self["ollama"].base_url
        key = "SANDBOX_OPENAI_KEY"
        return (
            Listing("openai", "OpenAI", "openai", openai, ("gpt-5", "gpt-5-mini"), text, key, "us", "loopback"),
            Listing("ollama", "Ollama", "ollama", ollama, ("llama3.2:3b",), text, network="loopback"),
            Listing("mistral", "Mistral", "openai", openai, ("gpt-5-mini",), text, key, "eu", "loopback"),
        )


def tables(base_urls: Mapping[str, str]) -> Tables:
    """Return the tables of `config.toml` for servers at `base_urls`, by the names in `NAMES`."""
    return {
        "translation": {
            "default_pair": "en>es",
            "providers": {
                "deepl": {
                    "driver": "deepl",
                    "credential": "SANDBOX_DEEPL_KEY",
                    "base_url": base_urls["deepl"],
                    "network": "loopback",
                    "tier": "primary",
                },
                "libretranslate": {
                    "driver": "libretranslate",
                    "base_url": base_urls["libretranslate"],
                    "network": "loopback",
                    "tier": "secondary",
                },
            },
        },
        "dynamic_ai": {
            "catalogues": [{"url": base_urls["catalogue"] + PATH, "credential": "SANDBOX_CATALOGUE_TOKEN"}],
            "discover_local": False,
            "providers": {
                "openai": {
                    "driver": "openai",
                    "credential": "SANDBOX_OPENAI_KEY",
                    "base_url": base_urls["openai"],
                    "network": "loopback",
                    "models": ["gpt-5-mini"],
                    "capabilities": ["text_generation"],
                    "tier": "primary",
                },
                "ollama": {
                    "driver": "ollama",
                    "base_url": base_urls["ollama"],
                    "network": "loopback",
                    "models": ["llama3.2:3b"],
                    "capabilities": ["text_generation"],
                    "tier": "fallback",
                },
            },
        },
    }


def toml_text(shown: Tables) -> str:
    """Return tables as the text of a `config.toml`.

    >>> print(toml_text({"api": {"hosts": ["a"], "on": True, "deep": {"n": 1}}}), end="")
    [api]
    hosts = ["a"]
    on = true
    <BLANKLINE>
    [api.deep]
    n = 1
    """
    return "\n".join(_sections(shown, "")).lstrip("\n")


def _sections(table: Tables, path: str) -> list[str]:
    values = {key: value for key, value in table.items() if not isinstance(value, dict)}
    sections = []
    if values:
        lines = [f"{_key(key)} = {_value(value)}\n" for key, value in values.items()]
        sections.append(f"[{path}]\n" + "".join(lines))
    for key, value in table.items():
        if isinstance(value, dict):
            sections.extend(_sections(value, f"{path}.{_key(key)}" if path else _key(key)))
    return sections


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(inner) for inner in value) + "]"
    # JSON's strings, numbers and booleans are TOML's too.
    return json.dumps(value)


async def run(port_base: int, *, announce: Callable[[str], None]) -> None:
    """Run the fleet until cancelled, telling where its servers are and how to use them.

    Raises: PortInUseError.
    """
    async with Sandbox(port_base=port_base) as sandbox:
        for name, server in sandbox.servers.items():
            announce(f"{name:<15} {server.base_url}{PATH if name == 'catalogue' else ''}")
        announce("\nCredentials, which open only this sandbox:")
        for name, value in sandbox.credentials.items():
            announce(f"export {name}={value}")
        announce("\nFor config.toml:\n")
        announce(toml_text(sandbox.tables))
        announce(
            'Try a fault: curl -X PUT -d \'{"kind":"status","status":429,"retry_after":"2"}\' '
            f"{sandbox['openai'].origin}/_sandbox/fault"
        )
        await asyncio.Event().wait()
