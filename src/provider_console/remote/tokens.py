"""The token that a console elsewhere is shown: where it comes from, where it is kept, and how it stays valid."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from provider_console.adapters.clock import SystemClock
from provider_console.adapters.keyring_secrets import KeyringSecrets
from provider_console.adapters.memory_secrets import MemoryIndex
from provider_console.adapters.private_file import read_private
from provider_console.console.console import Console
from provider_console.console.errors import (
    BadRequest,
    ConsoleError,
    Forbidden,
    SecretRefused,
    Unauthenticated,
)
from provider_console.core.ports.secrets import SecretsUnavailable
from provider_console.core.ports.time import Clock
from provider_console.remote.address import Address
from provider_console.remote.connection import Connection
from provider_console.sdk.secret import Secret

VARIABLE: Final = "PROVIDER_CONSOLE_TOKEN"
FILE_VARIABLE: Final = "PROVIDER_CONSOLE_TOKEN_FILE"
LONGEST: Final = 8_192
LEAST_S: Final = 1.0

log = logging.getLogger(__name__)


class _Claims(msgspec.Struct, frozen=True):
    exp: float


def expiry(token: Secret) -> float | None:
    """When a token ends, in wall seconds, by what it says itself; None where it says nothing that can be read."""
    part = token.reveal().split(".")[1:2]
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(f"{part[0]}==="), type=_Claims).exp
    except (IndexError, ValueError, msgspec.DecodeError):
        return None


def checked(text: str, *, place: str) -> Secret:
    """A token as it was typed or read.

    Raises:
        BadRequest: it is none. It is not repeated.
    """
    token = text.strip()
    if not 0 < len(token) <= LONGEST or not token.isascii() or not token.isprintable() or " " in token:
        raise BadRequest(
            f"{place} is no token; provider-console token issue --role admin prints one, on the machine of the engine",
            field="token",
        )
    return Secret(token)


class Tokens:
    """The token for one address: from the environment or a file that it names, else from the keyring or a person.

    One of the environment is renewed in memory only; one of a person is kept in the keyring where there is one, and
    renewed there.
    """

    def __init__(
        self,
        address: Address,
        *,
        environ: Mapping[str, str],
        clock: Clock | None = None,
        on_loaded: Callable[[Secret], object] = lambda _token: None,
    ) -> None:
        self._address = address
        self._environ = environ
        self._clock = clock or SystemClock()
        self._on_loaded = on_loaded
        self._keyring = KeyringSecrets(index=MemoryIndex(), clock=self._clock, environ={}, on_loaded=on_loaded)
        self._held: Secret | None = None

    async def find(self) -> Secret | None:
        """The token; None where a person has to be asked for one.

        Raises:
            BadRequest, SecretRefused: what the environment names cannot be used.
            Unauthenticated: the token that it gives has ended.
        """
        if self._held is not None and self._counts(self._held):
            return self._held
        given = await self._given()
        if given is not None:
            if not self._counts(given):
                raise Unauthenticated(
                    f"the token of {VARIABLE} or {FILE_VARIABLE} has ended; have a new one issued on the machine of "
                    "the engine with provider-console token issue --role admin"
                )
            self._held = given
            return given
        try:
            kept = await self._keyring.access_token(self._address.url)
        except SecretsUnavailable as error:
            log.info("no token is looked for in the keyring: %s", error)
            return None
        self._held = kept if kept is not None and self._counts(kept) else None
        return self._held

    def tell(self, on_loaded: Callable[[Secret], object]) -> None:
        """Call this with every token from now on: with what the one at hand is renewed to."""
        self._on_loaded = on_loaded

    async def keep(self, token: Secret) -> str | None:
        """Use a token from now on; why it is not kept for the next start, or None.

        Only one that a person gave is kept, and what it was renewed to.
        """
        self._held = token
        self._on_loaded(token)
        if VARIABLE in self._environ or FILE_VARIABLE in self._environ:
            return None
        try:
            await self._keyring.keep_access_token(self._address.url, token)
        except SecretsUnavailable as error:
            return str(error)
        return None

    async def forget(self, token: Secret) -> None:
        """It is refused: the next start asks for another."""
        self._held = None
        try:
            kept = await self._keyring.access_token(self._address.url)
            if kept is not None and kept.reveal() == token.reveal():
                await self._keyring.keep_access_token(self._address.url, None)
        except SecretsUnavailable as error:
            log.info("the token that was refused is not removed: %s", error)

    def _counts(self, token: Secret) -> bool:
        ends = expiry(token)
        return ends is None or ends > self._clock.wall()

    async def _given(self) -> Secret | None:
        if text := self._environ.get(VARIABLE):
            token = checked(text, place=VARIABLE)
        elif file := self._environ.get(FILE_VARIABLE):
            try:
                text = await asyncio.to_thread(
                    read_private,
                    Path(file),
                    what="access tokens",
                    most=LONGEST,
                    remedy=f"{FILE_VARIABLE} names a file of mode 0600 with the token in it",
                )
            except SecretsUnavailable as error:
                raise SecretRefused(str(error)) from error
            token = checked(text, place=file)
        else:
            return None
        self._on_loaded(token)
        return token


async def keep_valid(
    console: Console, connection: Connection, tokens: Tokens, clock: Clock, *, spread: Callable[[], float]
) -> None:
    """Renew the token of a connection each time that half of what is left of it has gone, until it cannot be."""
    while (ends := expiry(connection.token)) is not None and (left_s := ends - clock.wall()) > 0:
        await clock.sleep(max(LEAST_S, left_s / 2 * (0.9 + spread() / 10)))
        try:
            issued = await console.renew_token(connection.token)
        except (Unauthenticated, Forbidden, BadRequest) as error:
            log.warning("the token for %s is not renewed: %s", connection.address.url, error.message)
            return
        except ConsoleError as error:
            # Half of what is left then, and so on.
            log.info("the token for %s is not renewed yet: %s", connection.address.url, error.message)
            continue
        connection.token = Secret(issued.token)
        await tokens.keep(connection.token)
