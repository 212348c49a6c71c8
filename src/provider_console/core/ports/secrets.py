"""Credentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from provider_console.sdk.context import CredentialInfo
from provider_console.sdk.secret import Secret


class SecretsUnavailable(Exception):
    """The keyring cannot do what was asked; the message says why and what to do."""


class SecretBackend(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where secrets are stored. `usable` False comes with a reason and what to do."""

    name: str
    usable: bool
    reason: str = ""


class SecretIndex(Protocol):
    """Names of stored credentials, their backend and ages: the `system_secrets` table. Never values."""

    async def secret_names(self) -> Mapping[str, tuple[str, float, float | None]]:
        """Name -> backend, stored at, last success at (wall seconds)."""
        ...

    async def secret_stored(self, name: str, backend: str, at: float) -> None:
        """Remember that a name was stored."""
        ...

    async def secret_used(self, name: str, at: float) -> None:
        """Remember a success with it."""
        ...

    async def secret_removed(self, name: str) -> None:
        """Forget a name."""
        ...


class SecretStore(Protocol):
    """Credentials by name: the keyring first, then the environment (read-only)."""

    def cached(self, name: str) -> Secret | None:
        """The value, if it is in memory already; never touches the keyring."""
        ...

    async def get(self, name: str) -> Secret | None:
        """The value, or None. At most 5 s; an unreachable keyring counts as absent."""
        ...

    async def names(self) -> tuple[str, ...]:
        """Names in the index, sorted."""
        ...

    async def info(self, name: str) -> CredentialInfo:
        """Presence, place and age."""
        ...

    async def set(self, name: str, value: Secret) -> None:
        """Store in the keyring.

        Raises:
            SecretsUnavailable: there is no keyring fit for it.
        """
        ...

    async def delete(self, name: str) -> bool:
        """Remove from the keyring and the index; False if it was not there.

        Raises:
            SecretsUnavailable: there is no keyring.
        """
        ...

    def used(self, name: str) -> None:
        """A call with it succeeded: noted in memory, written by `flush`."""
        ...

    async def flush(self) -> None:
        """Write what `used` noted to the index."""
        ...

    def forget(self, name: str | None = None) -> None:
        """Drop one value, or all of them, from memory."""
        ...

    async def backend(self) -> SecretBackend:
        """Where `set` would store."""
        ...
