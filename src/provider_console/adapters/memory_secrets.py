"""Credentials in RAM: for the sandbox, tests and simulations."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from provider_console.adapters.keyring_secrets import AUDIT_KEY_BYTES, check_name, check_value
from provider_console.core.ports.secrets import SecretBackend, SecretIndex, SecretsUnavailable
from provider_console.core.ports.time import Clock
from provider_console.sdk.context import CredentialInfo
from provider_console.sdk.secret import Secret

_Entry = tuple[str, float, float | None]


class MemorySecrets:
    """`SecretStore` in RAM: `values` is the keyring, `environment` what can only be read.

    `unusable` is a reason why nothing can be stored, or None. `on_loaded` is called with every value before anybody
    else has it.
    """

    def __init__(
        self,
        values: Mapping[str, str] | None = None,
        *,
        clock: Clock,
        environment: Mapping[str, str] | None = None,
        index: SecretIndex | None = None,
        unusable: str | None = None,
        on_loaded: Callable[[Secret], object] = lambda _value: None,
    ) -> None:
        self._clock = clock
        self._on_loaded = on_loaded
        self._audit_key = secrets.token_bytes(AUDIT_KEY_BYTES)
        self._token_keys: str | None = None
        self._index: SecretIndex = MemoryIndex() if index is None else index
        self._keyring = {name: Secret(value) for name, value in (values or {}).items()}
        self._unnamed = set(self._keyring)
        self._environment = {name: Secret(value) for name, value in (environment or {}).items() if value}
        self._cache: dict[str, Secret] = {}
        self._used: dict[str, float] = {}
        self.unusable = unusable

    async def _named(self) -> Mapping[str, _Entry]:
        """The index, with what was there from the start."""
        while self._unnamed:
            name = min(self._unnamed)
            await self._index.secret_stored(name, "memory", self._clock.wall())
            self._unnamed.discard(name)
        return await self._index.secret_names()

    def cached(self, name: str) -> Secret | None:
        """The value, if it was asked for before."""
        return self._cache.get(name)

    async def get(self, name: str) -> Secret | None:
        """The value, or None."""
        value = None if self.unusable is not None else self._keyring.get(name)
        value = self._environment.get(name) if value is None else value
        if value is not None:
            self._on_loaded(value)
            self._cache[name] = value
        return value

    async def names(self) -> tuple[str, ...]:
        """Names in the index, sorted."""
        return tuple(sorted(await self._named()))

    async def info(self, name: str) -> CredentialInfo:
        """Presence, place and age."""
        entry = (await self._named()).get(name)
        kept = self.unusable is None and name in self._keyring
        if not kept:
            present = name in self._environment
            return CredentialInfo(name=name, present=present, backend="environment" if present else None)
        _, stored_at, last = entry if entry is not None else ("", None, None)
        last = self._used.get(name, last)
        now = self._clock.wall()
        return CredentialInfo(
            name=name,
            present=True,
            backend="keyring",
            age_s=None if stored_at is None else max(0.0, now - stored_at),
            last_success_age_s=None if last is None else max(0.0, now - last),
        )

    async def set(self, name: str, value: Secret) -> None:
        """Store.

        Raises:
            ValueError: the name or the value is not one; the value is not repeated.
            SecretsUnavailable: `unusable` says why.
        """
        check_name(name)
        check_value(value)
        self._require()
        self._on_loaded(value)
        self._keyring[name] = self._cache[name] = value
        self._unnamed.discard(name)
        await self._index.secret_stored(name, "memory", self._clock.wall())

    async def delete(self, name: str) -> bool:
        """Remove; False if it was not there.

        Raises:
            SecretsUnavailable: `unusable` says why.
        """
        self._require()
        there = self._keyring.pop(name, None) is not None
        self._cache.pop(name, None)
        self._unnamed.discard(name)
        await self._index.secret_removed(name)
        return there

    def used(self, name: str) -> None:
        """A call with it succeeded: noted in memory, written by `flush`."""
        self._used[name] = self._clock.wall()

    async def flush(self) -> None:
        """Write what `used` noted to the index."""
        await self._named()
        while self._used:
            name = min(self._used)
            at = self._used[name]
            await self._index.secret_used(name, at)
            if self._used.get(name) == at:
                del self._used[name]

    def forget(self, name: str | None = None) -> None:
        """Drop one value, or all of them, from memory; the keyring keeps them."""
        if name is None:
            self._cache.clear()
        else:
            self._cache.pop(name, None)

    async def backend(self) -> SecretBackend:
        """Where `set` would store."""
        return SecretBackend(name="memory", usable=self.unusable is None, reason=self.unusable or "")

    async def audit_key(self) -> bytes | None:
        """What signs the audit trail: it ends with this store, as the trail of a sandbox does."""
        return self._audit_key

    async def token_keys(self) -> str | None:
        """The keys that sign access tokens."""
        return self._token_keys

    async def keep_token_keys(self, text: str) -> None:
        """Keep the keys that sign access tokens, for as long as this is there."""
        self._token_keys = text

    def _require(self) -> None:
        if self.unusable is not None:
            raise SecretsUnavailable(self.unusable)


class MemoryIndex:
    """`SecretIndex` where no usage store is at hand."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    async def secret_names(self) -> Mapping[str, _Entry]:
        return dict(self._entries)

    async def secret_stored(self, name: str, backend: str, at: float) -> None:
        self._entries[name] = (backend, at, None)

    async def secret_used(self, name: str, at: float) -> None:
        if name in self._entries:
            self._entries[name] = (*self._entries[name][:2], at)

    async def secret_removed(self, name: str) -> None:
        self._entries.pop(name, None)
