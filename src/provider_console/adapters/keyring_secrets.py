"""Credentials in the system's keyring, with the environment as a read-only second place.

The keyring is other people's code on the far side of D-Bus: it may be missing, locked, or waiting for somebody
to type a password. Every touch runs in a daemon thread of its own under a time limit, so that neither the
event loop nor the end of the program ever waits for it. What was read is kept in memory until forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeVar

from provider_console.adapters.keyring_backend import Choice, chosen, failure_sentence
from provider_console.core.ports.secrets import SecretBackend, SecretIndex, SecretsUnavailable
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.time import Clock
from provider_console.sdk.context import CredentialInfo
from provider_console.sdk.secret import Secret

T = TypeVar("T")

NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,127}")
LONGEST: Final = 8192
"""Characters of a value: a service account's JSON fits, and so does every keyring's limit but Windows' (2,560)."""

AUDIT_KEY: Final = "audit-key"
"""The user name of the audit's signing key: in small letters, so that no credential can have it."""
AUDIT_KEY_BYTES: Final = 32
TOKEN_KEYS: Final = "token-keys"  # noqa: S105 - a name
"""The user name of the keys that sign access tokens."""
ACCESS_TOKEN: Final = "token-for {}"  # noqa: S105 - a name
"""The user name of a token for a console elsewhere, by its address."""

LIMIT_S: Final = 5.0
RETRY_S: Final = 30.0
"""After a call that did not return in time, calls fail at once for this long; then one tries again."""
MOST_STUCK: Final = 4
"""Threads left behind in calls that never return."""

_log = logging.getLogger(__name__)


class _Backend(Protocol):
    def get_password(self, service: str, username: str) -> str | None: ...
    def set_password(self, service: str, username: str, password: str) -> None: ...
    def delete_password(self, service: str, username: str) -> None: ...


class KeyringSecrets:
    """Credentials by name (a `SecretStore`).

    `on_loaded` is called with every value that enters memory, before anybody else has it: the redactor learns
    it there. `choose` says which keyring to use; it runs in a thread.
    """

    def __init__(
        self,
        *,
        index: SecretIndex,
        clock: Clock,
        environ: Mapping[str, str],
        on_loaded: Callable[[Secret], object],
        service: str = "provider-console",
        limit_s: float = LIMIT_S,
        choose: Callable[[], Choice] = chosen,
    ) -> None:
        self._index = index
        self._clock = clock
        self._environ = environ
        self._on_loaded = on_loaded
        self._service = service
        self._limit_s = limit_s
        self._choose = choose
        self._choice: Choice | None = None
        self._memory: dict[str, tuple[Secret, str]] = {}
        self._used: dict[str, float] = {}
        self._turn = asyncio.Lock()
        self._stuck: list[threading.Thread] = []
        self._stuck_at = 0.0

    def cached(self, name: str) -> Secret | None:
        """The value, if it is in memory already; never touches the keyring."""
        found = self._memory.get(name)
        return None if found is None else found[0]

    async def get(self, name: str) -> Secret | None:
        """The value, or None. At most 5 s; an unreachable keyring counts as absent.

        What the environment gave stays in memory too, until `forget`: a keyring unlocked later is not asked.
        """
        found = await self._found(name)
        return None if found is None else found[0]

    async def names(self) -> tuple[str, ...]:
        """Names in the index, sorted."""
        return tuple(sorted(await self._index.secret_names()))

    async def info(self, name: str) -> CredentialInfo:
        """Presence, place and age; ages are None for the environment and where the index cannot be read."""
        found = await self._found(name)
        try:
            row = (await self._index.secret_names()).get(name)
        except StoreUnavailable:
            row = None
        now = self._clock.wall()
        stored = row[1] if row is not None and found is not None and found[1] == "keyring" else None
        success = self._used.get(name, row[2] if row is not None else None)
        return CredentialInfo(
            name=name,
            present=found is not None,
            backend=None if found is None else found[1],
            age_s=None if stored is None else max(0.0, now - stored),
            last_success_age_s=None if success is None else max(0.0, now - success),
        )

    async def set(self, name: str, value: Secret) -> None:
        """Store in the keyring, read it back, and note the name in the index.

        Raises:
            ValueError: the name or the value is not one; the value is not repeated.
            SecretsUnavailable: there is no keyring fit for it. It is never written anywhere else.
        """
        check_name(name)
        check_value(value)
        backend = await self._keyring()
        self._on_loaded(value)

        def store(keyring: _Backend) -> bool:
            keyring.set_password(self._service, name, value.reveal())
            return keyring.get_password(self._service, name) == value.reveal()

        if not await self._call(store, doing=f"storing {name}"):
            raise SecretsUnavailable(
                f"{backend.name} took {name} but does not give it back; look at it with its own tool"
            )
        self._memory[name] = (value, "keyring")
        self._used.pop(name, None)  # a new value has not proved itself yet
        await self._index.secret_stored(name, backend.name, self._clock.wall())

    async def delete(self, name: str) -> bool:
        """Remove from the keyring and the index; False if it was not there.

        Raises:
            SecretsUnavailable: there is no keyring, or it refused.
        """
        await self._keyring()

        def remove(keyring: _Backend) -> bool:
            if keyring.get_password(self._service, name) is None:
                return False
            keyring.delete_password(self._service, name)
            return True

        there = await self._call(remove, doing=f"deleting {name}")
        self.forget(name)
        self._used.pop(name, None)
        await self._index.secret_removed(name)
        return there

    def used(self, name: str) -> None:
        """A call with it succeeded: noted in memory, written by `flush`."""
        self._used[name] = self._clock.wall()

    async def flush(self) -> None:
        """Write what `used` noted to the index; what could not be written stays noted.

        Raises:
            StoreUnavailable: the index cannot be written.
        """
        for name, at in list(self._used.items()):
            await self._index.secret_used(name, at)
            if self._used.get(name) == at:
                del self._used[name]

    def forget(self, name: str | None = None) -> None:
        """Drop one value, or all of them, from memory."""
        if name is None:
            self._memory.clear()
        else:
            self._memory.pop(name, None)

    async def backend(self) -> SecretBackend:
        """Where `set` would store."""
        try:
            choice = await self._chosen()
        except SecretsUnavailable as error:
            return SecretBackend(name="keyring", usable=False, reason=str(error))
        return SecretBackend(name=choice.name, usable=choice.keyring is not None, reason=choice.reason)

    async def audit_key(self) -> bytes | None:
        """The 32 bytes that sign the audit trail, created in the keyring the first time; None without a keyring."""

        def read(keyring: _Backend) -> str | None:
            return keyring.get_password(self._service, AUDIT_KEY)

        def create(keyring: _Backend) -> str | None:
            if keyring.get_password(self._service, AUDIT_KEY) is None:
                keyring.set_password(self._service, AUDIT_KEY, secrets.token_hex(AUDIT_KEY_BYTES))
            return keyring.get_password(self._service, AUDIT_KEY)  # another process may have been faster

        try:
            await self._keyring()
            text = await self._call(read, doing="reading the audit key")
            if text is None:
                text = await self._call(create, doing="creating the audit key")
        except SecretsUnavailable as error:
            _log.warning("the audit trail is not signed: %s", error)
            return None
        if text is None or not re.fullmatch(r"[0-9a-f]{64}", text):
            _log.warning("the audit trail is not signed: the keyring's entry %s holds no key", AUDIT_KEY)
            return None
        self._on_loaded(Secret(text))
        return bytes.fromhex(text)

    async def token_keys(self) -> str | None:
        """The keys that sign access tokens, as `keep_token_keys` stored them; None where there are none yet.

        Raises:
            SecretsUnavailable: there is no keyring, or it does not answer.
        """
        text = await self._call(
            lambda keyring: keyring.get_password(self._service, TOKEN_KEYS), doing="reading the keys of access tokens"
        )
        for key in (text or "").split():
            self._on_loaded(Secret(key))
        return text

    async def keep_token_keys(self, text: str) -> None:
        """Store the keys that sign access tokens.

        Raises:
            SecretsUnavailable: there is no keyring, or it refused.
        """
        for key in text.split():
            self._on_loaded(Secret(key))
        await self._call(
            lambda keyring: keyring.set_password(self._service, TOKEN_KEYS, text),
            doing="storing the keys of access tokens",
        )

    async def access_token(self, address: str) -> Secret | None:
        """The token that was kept for a console elsewhere; None where there is none.

        Raises:
            SecretsUnavailable: there is no keyring, or it does not answer.
        """
        name = ACCESS_TOKEN.format(address)
        text = await self._call(
            lambda keyring: keyring.get_password(self._service, name), doing=f"reading the token for {address}"
        )
        if not text:
            return None
        self._on_loaded(Secret(text))
        return Secret(text)

    async def keep_access_token(self, address: str, token: Secret | None) -> None:
        """Store the token for a console elsewhere; None removes it.

        Raises:
            SecretsUnavailable: there is no keyring, or it refused.
        """
        name = ACCESS_TOKEN.format(address)

        def keep(keyring: _Backend) -> None:
            if token is not None:
                keyring.set_password(self._service, name, token.reveal())
            elif keyring.get_password(self._service, name) is not None:
                keyring.delete_password(self._service, name)

        if token is not None:
            self._on_loaded(token)
        await self._call(keep, doing=f"keeping the token for {address}")

    # --- reading --------------------------------------------------------------------------------------------

    async def _found(self, name: str) -> tuple[Secret, str] | None:
        found = self._memory.get(name)
        if found is not None:
            return found
        found = await self._from_keyring(name) or self._from_environment(name)
        if found is not None:
            self._on_loaded(found[0])
            self._memory[name] = found
        return found

    async def _from_keyring(self, name: str) -> tuple[Secret, str] | None:
        try:
            if (await self._chosen()).keyring is None:
                return None
            value = await self._call(lambda keyring: keyring.get_password(self._service, name), doing=f"reading {name}")
        except SecretsUnavailable as error:
            _log.warning("%s is looked for in the environment: %s", name, error)
            return None
        return (Secret(value), "keyring") if value else None

    def _from_environment(self, name: str) -> tuple[Secret, str] | None:
        value = self._environ.get(name)
        if not value:
            return None
        secret = Secret(value)
        try:
            check_value(secret)
        except ValueError as error:
            _log.warning("%s in the environment is not used: %s", name, error)
            return None
        return secret, "environment"

    # --- the keyring ----------------------------------------------------------------------------------------

    async def _keyring(self) -> Choice:
        choice = await self._chosen()
        if choice.keyring is None:
            raise SecretsUnavailable(choice.reason)
        return choice

    async def _chosen(self) -> Choice:
        if self._choice is None:
            self._choice = await self._in_thread(self._choose, doing="looking for a keyring")
        return self._choice

    async def _call(self, work: Callable[[_Backend], T], *, doing: str) -> T:
        keyring = (await self._keyring()).keyring
        if keyring is None:
            raise SecretsUnavailable("there is no keyring")
        return await self._in_thread(lambda: work(keyring), doing=doing)

    async def _in_thread(self, work: Callable[[], T], *, doing: str) -> T:
        """Run in a daemon thread, one at a time, at most `limit_s`.

        Not `asyncio.to_thread`: the default executor is joined at shutdown, and a keyring that waits for a
        password would hold the program there.
        """
        async with self._turn:
            self._refuse_while_stuck(doing)
            loop = asyncio.get_running_loop()
            done: asyncio.Future[T] = loop.create_future()

            def deliver(result: Callable[[], None]) -> None:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(lambda: None if done.done() else result())

            def run() -> None:
                try:
                    value = work()
                except BaseException as error:  # noqa: BLE001  (carried to the caller, who names it)
                    failed = error
                    deliver(lambda: done.set_exception(_Failed(failed)))
                else:
                    deliver(lambda: done.set_result(value))

            thread = threading.Thread(target=run, name=f"keyring: {doing}", daemon=True)
            thread.start()
            try:
                async with asyncio.timeout(self._limit_s):
                    return await done
            except TimeoutError as error:
                raise SecretsUnavailable(
                    f"{doing}: the keyring did not answer within {self._limit_s:g} s; "
                    "it may be waiting for its password: unlock it and try again"
                ) from error
            except _Failed as error:
                raise SecretsUnavailable(f"{doing}: {failure_sentence(error.cause)}") from None
            finally:
                if not done.done() or done.cancelled():
                    self._stuck.append(thread)
                    self._stuck_at = self._clock.monotonic()

    def _refuse_while_stuck(self, doing: str) -> None:
        self._stuck = [thread for thread in self._stuck if thread.is_alive()]
        waited = self._clock.monotonic() - self._stuck_at
        if self._stuck and (waited < RETRY_S or len(self._stuck) >= MOST_STUCK):
            raise SecretsUnavailable(
                f"{doing}: the keyring has not answered an earlier call yet; "
                "it may be waiting for its password: unlock it and try again"
            )


class _Failed(Exception):
    """What a keyring raised, carried out of its thread; its text may hold anything and is never shown."""

    def __init__(self, cause: BaseException) -> None:
        self.cause = cause
        super().__init__(type(cause).__name__)


def check_name(name: str) -> None:
    """Raise ValueError where a name is not a credential's; it is not repeated, it may be a value."""
    if not NAME.fullmatch(name):
        raise ValueError(
            "a credential's name has capital letters, digits and _, begins with a letter and is at most 128 long, "
            "like OPENAI_API_KEY"
        )


def check_value(value: Secret) -> None:
    """Raise ValueError where a value is empty, too long or has control characters; it is not repeated."""
    text = value.reveal()
    if not 1 <= len(text) <= LONGEST:
        raise ValueError(f"a credential's value has 1 to {LONGEST} characters, not {len(text)}")
    if any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in text):
        raise ValueError("a credential's value has no control characters; check for a line end or a tab copied along")
    if any(0xD800 <= ord(character) < 0xE000 for character in text):
        raise ValueError("a credential's value is text; this one holds bytes that are not")
