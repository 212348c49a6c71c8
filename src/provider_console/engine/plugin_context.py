"""What a plugin sees of the console: its own settings, HTTP, a logger, and credentials by name only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from provider_console.core.ports.http import HttpFactory
from provider_console.core.ports.secrets import SecretStore
from provider_console.sdk.context import CredentialInfo, PluginContext
from provider_console.sdk.http import HttpClient
from provider_console.sdk.provider import Network


def plugin_logger(plugin: str) -> logging.Logger:
    """The logger of a plugin."""
    return logging.getLogger(f"provider_console.plugin.{plugin}")


class CredentialNames:
    """Credentials without their values. The store itself is held in closures, not in attributes."""

    __slots__ = ("_info", "_names")

    def __init__(self, secrets: SecretStore) -> None:
        async def names() -> tuple[str, ...]:
            return await secrets.names()

        async def info(name: str) -> CredentialInfo:
            return await secrets.info(name)

        self._names = names
        self._info = info

    async def names(self) -> tuple[str, ...]:
        """Names in the keyring's index, sorted."""
        return await self._names()

    async def info(self, name: str) -> CredentialInfo:
        """Presence, place and age of one name."""
        return await self._info(name)


class Context(PluginContext):
    """The context of one plugin. `own` names its settings sections; `current` gives all sections of this moment."""

    def __init__(
        self,
        plugin: str,
        *,
        own: Collection[str],
        current: Callable[[], Mapping[str, Any]],
        secrets: SecretStore,
        http: HttpFactory,
    ) -> None:
        self.plugin = plugin
        self.credentials = CredentialNames(secrets)
        self.logger = plugin_logger(plugin)
        self._own = frozenset(own)
        self._current = current
        self._client = http.client

    def settings(self) -> Mapping[str, Any]:
        """This plugin's own sections by name, as they are now; one that is not in force is left out."""
        current = self._current()
        return MappingProxyType({name: current[name] for name in sorted(self._own) if name in current})

    def http(self, *, network: Network = "global", bearer: str | None = None) -> HttpClient:
        """A client held to a network; `bearer` names a credential."""
        return self._client(network=network, bearer=bearer)
