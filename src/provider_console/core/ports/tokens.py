"""Access tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from provider_console.sdk.secret import Secret


class TokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `tokens`: for whom, as what, until when; never the token itself. Times are wall seconds.

    `family` is the id of the first token of a line of renewals, `begun_at` when that one was issued. `key` names the
    key that signed it.
    """

    id: str
    family: str
    subject: str
    role: str
    key: str
    begun_at: float
    issued_at: float
    expires_at: float
    revoked_at: float | None = None


class TokenStore(Protocol):
    """The table of issued tokens. Methods raise `StoreUnavailable` where the database will not have it."""

    async def add(self, row: TokenRow) -> bool:
        """Keep a token that was issued, unless its line was ended meanwhile: False, and nothing is kept.

        Those that ended over a day ago are dropped.
        """
        ...

    async def rows(self) -> Sequence[TokenRow]:
        """Newest first."""
        ...

    async def revoke(self, family: str, at: float) -> int:
        """End a line of renewals; how many tokens of it nobody had revoked yet."""
        ...

    async def revoke_others(self, keys: Sequence[str], at: float) -> int:
        """End every token that none of these keys signed; how many had not ended yet."""
        ...


class TokenInvalid(Exception):
    """A token is none of ours, or none that counts; the reason is for the log and never for who sent it."""


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says of itself, its signature checked. `id` None: it is not from the table."""

    subject: str
    id: str | None
    expires_at: float


class TokenSigner(Protocol):
    """Makes tokens and knows its own again."""

    async def key(self) -> str:
        """The name of the key that signs now.

        Raises:
            SecretsUnavailable: there is no key, and no place for one.
        """
        ...

    async def sign(self, row: TokenRow) -> Secret:
        """The token of a row.

        Raises:
            SecretsUnavailable
        """
        ...

    async def verify(self, token: str) -> Claims:
        """What a token says.

        Raises:
            TokenInvalid: the form, the signature or a time is wrong. SecretsUnavailable: there is no key to ask.
        """
        ...

    async def rotate(self) -> Sequence[str]:
        """Sign with a new key from now on; the names of the keys that still count, the new one first.

        Raises:
            SecretsUnavailable: it cannot be stored.
        """
        ...
