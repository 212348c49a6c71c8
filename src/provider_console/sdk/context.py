"""What a plugin is handed when it starts: its own settings, HTTP, and credentials by name only."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from provider_console.sdk.http import HttpClient
from provider_console.sdk.provider import Network


class CredentialInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A credential without its value. `backend` is `keyring` or `environment`; ages are in seconds, None unknown."""

    name: str
    present: bool
    backend: str | None = None
    age_s: float | None = None
    last_success_age_s: float | None = None


class Credentials(Protocol):
    """Which credentials this console knows. No plugin sees a value outside a `Call`."""

    async def names(self) -> tuple[str, ...]:
        """Names in the keyring's index, sorted."""
        ...

    async def info(self, name: str) -> CredentialInfo:
        """Presence, place and age of one name, wherever it may be found."""
        ...


class SettingsSection(msgspec.Struct, frozen=True, kw_only=True):
    """A table of `config.toml` that belongs to a plugin.

    `type` is a `msgspec.Struct` (frozen, with defaults, unknown fields forbidden). Where it has a field
    `providers`, a mapping of id to table, adopting a found provider writes into it.
    """

    name: str
    type: type[Any]


class PluginContext(Protocol):
    """The console as one plugin sees it."""

    plugin: str
    credentials: Credentials
    logger: logging.Logger

    def settings(self) -> Mapping[str, Any]:
        """This plugin's settings sections by name, each an instance of its type: the snapshot of this moment."""
        ...

    def http(self, *, network: Network = "global", bearer: str | None = None) -> HttpClient:
        """A client for a source. `bearer` NAMES a credential, sent as a Bearer token without being shown."""
        ...
