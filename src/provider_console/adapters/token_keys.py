"""The keys that sign access tokens: two at most, the newer one first, in the keyring or in a file of mode 0600."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from provider_console.adapters.private_file import read_private
from provider_console.core.ports.secrets import SecretsUnavailable

KEY_BYTES: Final = 32
MOST: Final = 2
"""The key that signs, and the one before it, whose tokens count until they end."""
FILE_BYTES: Final = 4096

_HEX: Final = re.compile(r"[0-9a-fA-F]{64,1024}")


class TokenKey(NamedTuple):
    """A key; `name` says which one it is and nothing about it."""

    name: str
    value: bytes

    def __repr__(self) -> str:
        return f"TokenKey({self.name})"


class TokenKeys(Protocol):
    """Where the keys are kept."""

    async def read(self) -> tuple[TokenKey, ...]:
        """The keys, the one that signs first; made at the first time.

        Raises:
            SecretsUnavailable: there are none, and no place for one.
        """
        ...

    async def rotate(self) -> tuple[TokenKey, ...]:
        """A new key in front; the one before stays.

        Raises:
            SecretsUnavailable
        """
        ...


class Keyring(Protocol):
    """Where a secret store keeps the keys, as text."""

    async def token_keys(self) -> str | None:
        """The text; None where there is none yet. Raises: SecretsUnavailable."""
        ...

    async def keep_token_keys(self, text: str) -> None:
        """Store the text. Raises: SecretsUnavailable."""
        ...


class KeyringTokenKeys:
    """`TokenKeys` in the system's keyring."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def read(self) -> tuple[TokenKey, ...]:
        """See `TokenKeys.read`."""
        text = await self._text()
        if text is None:
            await self._keyring.keep_token_keys(secrets.token_hex(KEY_BYTES))
            text = await self._text()  # another process may have been faster
        return parsed(text or "", place="the keyring's entry token-keys")

    async def rotate(self) -> tuple[TokenKey, ...]:
        """See `TokenKeys.rotate`."""
        kept = [key.value.hex() for key in await self.read()][: MOST - 1]
        await self._keyring.keep_token_keys("\n".join([secrets.token_hex(KEY_BYTES), *kept]))
        return await self.read()

    async def _text(self) -> str | None:
        try:
            return await self._keyring.token_keys()
        except SecretsUnavailable as error:
            raise SecretsUnavailable(
                f"access tokens need a key: {error}. Without a keyring, put one into a file of mode 0600 "
                "(openssl rand -hex 32) and name it with --key-file or as api.key_file"
            ) from error


class FileTokenKeys:
    """`TokenKeys` in a file of mode 0600 that the administrator made: each line 64 hexadecimal digits or more."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> tuple[TokenKey, ...]:
        """See `TokenKeys.read`."""
        return parsed(await asyncio.to_thread(self._read), place=str(self._path))

    async def rotate(self) -> tuple[TokenKey, ...]:
        """See `TokenKeys.rotate`."""
        kept = [key.value.hex() for key in await self.read()][: MOST - 1]
        await asyncio.to_thread(self._write, "\n".join([secrets.token_hex(KEY_BYTES), *kept]) + "\n")
        return await self.read()

    def _read(self) -> str:
        return read_private(
            self._path,
            what="the keys of access tokens",
            most=FILE_BYTES,
            remedy="make the file with: openssl rand -hex 32",
        )

    def _write(self, text: str) -> None:
        beside = self._path.with_name(f".{self._path.name}.new")
        try:
            beside.unlink(missing_ok=True)
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as error:
            raise SecretsUnavailable(
                f"{self._path}: the new key cannot be written ({error.strerror}); nothing was rotated"
            ) from error


def parsed(text: str, *, place: str) -> tuple[TokenKey, ...]:
    """The keys of a text.

    Raises:
        SecretsUnavailable: it holds none, or something else. What it holds is not repeated.
    """
    lines = text.split()
    if not lines or len(text) > FILE_BYTES or not all(_HEX.fullmatch(line) and len(line) % 2 == 0 for line in lines):
        raise SecretsUnavailable(
            f"{place} holds no key for access tokens: a line of 64 hexadecimal digits or more each, "
            f"which are {KEY_BYTES} bytes; openssl rand -hex 32 makes one"
        )
    values = [bytes.fromhex(line) for line in lines[:MOST]]
    return tuple(TokenKey(hashlib.sha256(b"name of " + value).hexdigest()[:12], value) for value in values)
