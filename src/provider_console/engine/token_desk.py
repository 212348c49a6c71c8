"""Access tokens: issued, renewed, ended, and known again. The roles are in the table, never taken from a token."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from provider_console.console.access import Bearer, Identity, Role
from provider_console.console.errors import BadRequest, SecretRefused, StorageUnavailable, Unauthenticated
from provider_console.console.views import IssuedToken, TokenView, iso
from provider_console.core.nearest import did_you_mean
from provider_console.core.ports.secrets import SecretsUnavailable
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.time import Clock, Ids
from provider_console.core.ports.tokens import Claims, TokenInvalid, TokenRow, TokenSigner, TokenStore
from provider_console.core.settings import ApiSettings

FRONT_END: Final = "api"
LOOK_S: Final = 1.0
"""The table is read again this often: another process may have ended a token."""

RECENT: Final = 1_024
"""Tokens known again without a look, within that second."""

LEAST_MS: Final = 1_000
LONGEST_MS: Final = 86_400_000
LONGEST_METRICS_MS: Final = 366 * 86_400_000
"""A scraper's token reads figures only, and nobody is there to renew it."""
RENEWABLE_S: Final = 30 * 86_400.0
"""From the first of a line of renewals: after that somebody has to be asked again."""

REFUSAL: Final = "the token is missing, or is none that counts; get one with: provider-console token issue"
"""The same words for every token that is refused: the difference would teach a forger."""

_SUBJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Trusted(Protocol):
    """Tokens of somebody else's issuer."""

    def speaks_of(self, token: str) -> bool:
        """Whether a token says that it is of that issuer."""
        ...

    async def verify(self, token: str) -> Claims:
        """What a token says. Raises: TokenInvalid."""
        ...


class TokenDesk:
    """Everything about access tokens; what is asked for while there is no key is refused with a sentence."""

    def __init__(
        self,
        *,
        store: TokenStore,
        signer: TokenSigner,
        trusted: Trusted,
        clock: Clock,
        ids: Ids,
        settings: Callable[[], ApiSettings],
    ) -> None:
        self._store = store
        self._signer = signer
        self._trusted = trusted
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._table: dict[str, TokenRow] = {}
        self._read_at = -math.inf
        self._reading = asyncio.Lock()
        self._recent: dict[str, Bearer] = {}
        """Who showed which token since the table was last read; forgotten with it, so a revocation is seen as soon."""

    async def issue(self, subject: str, *, role: str, ttl_ms: int) -> IssuedToken:
        """A token for somebody. Raises: BadRequest, SecretRefused, StorageUnavailable."""
        if not _SUBJECT.fullmatch(subject):
            raise BadRequest(
                "a token's subject is 1 to 64 letters, digits and . _ @ -, and begins with a letter or a digit",
                field="subject",
            )
        if role not in list(Role):
            raise BadRequest(f"there is no role {role!r}{did_you_mean(role, list(Role))}", field="role")
        most = LONGEST_METRICS_MS if role == Role.METRICS else LONGEST_MS
        if not LEAST_MS <= ttl_ms <= most:
            raise BadRequest(f"a token for {role} counts from 1 s to {most // 3_600_000} hours", field="ttl_ms")
        now, token_id = self._clock.wall(), self._ids.new()
        return await self._issued(subject, role, family=token_id, token_id=token_id, begun_at=now, ttl_s=ttl_ms / 1000)

    async def renew(self, token: str) -> IssuedToken:
        """A token like this one, with its whole time again. Raises: Unauthenticated, SecretRefused."""
        old = await self._row(token)
        if self._clock.wall() - old.begun_at > RENEWABLE_S:
            raise Unauthenticated("the token was first issued over 30 days ago; have a new one issued")
        return await self._issued(
            old.subject,
            old.role,
            family=old.family,
            token_id=self._ids.new(),
            begun_at=old.begun_at,
            ttl_s=old.expires_at - old.issued_at,
        )

    async def _issued(
        self, subject: str, role: str, *, family: str, token_id: str, begun_at: float, ttl_s: float
    ) -> IssuedToken:
        now = self._clock.wall()
        try:
            row = TokenRow(
                id=token_id,
                family=family,
                subject=subject,
                role=role,
                key=await self._signer.key(),
                begun_at=begun_at,
                issued_at=now,
                expires_at=now + ttl_s,
            )
            token = await self._signer.sign(row)
            if not await self._store.add(row):
                raise Unauthenticated(REFUSAL)
        except SecretsUnavailable as error:
            raise SecretRefused(str(error)) from error
        except StoreUnavailable as error:
            raise StorageUnavailable(str(error)) from error
        self._table[row.id] = row
        return IssuedToken(token=token.reveal(), id=row.id, subject=subject, role=role, expires_at=iso(row.expires_at))

    async def tokens(self) -> Sequence[TokenView]:
        """Newest first."""
        await self._look(anew=True)
        now = self._clock.wall()
        return [
            TokenView(
                id=row.id,
                subject=row.subject,
                role=row.role,
                issued_at=iso(row.issued_at),
                expires_at=iso(row.expires_at),
                valid=row.revoked_at is None and row.expires_at > now,
                revoked_at=None if row.revoked_at is None else iso(row.revoked_at),
                renewed_from=None if row.family == row.id else row.family,
            )
            for row in self._table.values()
        ]

    async def revoke(self, token_id: str) -> bool:
        """End a token and its line of renewals; False if there is none that counts."""
        await self._look(anew=True)
        row = self._table.get(token_id)
        if row is None:
            return False
        try:
            ended = await self._store.revoke(row.family, self._clock.wall())
        except StoreUnavailable as error:
            raise StorageUnavailable(str(error)) from error
        await self._look(anew=True)
        return ended > 0

    async def rotate(self) -> int:
        """Sign with a new key; how many tokens ended because theirs no longer counts."""
        self._recent.clear()
        try:
            ended = await self._store.revoke_others(await self._signer.rotate(), self._clock.wall())
        except SecretsUnavailable as error:
            raise SecretRefused(str(error)) from error
        except StoreUnavailable as error:
            raise StorageUnavailable(str(error)) from error
        await self._look(anew=True)
        return ended

    async def bearer(self, token: str) -> Bearer:
        """Who shows this token.

        Raises:
            Unauthenticated: it is none that counts. StorageUnavailable: the table cannot be read.
        """
        recent = self._recent.get(token)
        fresh = self._clock.monotonic() - self._read_at < LOOK_S
        # In the seconds of leeway after its end the signer decides.
        if recent is not None and fresh and self._clock.wall() < recent.expires_at:
            return recent
        if self._trusted.speaks_of(token):
            return await self._trusted_bearer(token)
        row = await self._row(token)
        identity = Identity(actor=row.subject, role=Role(row.role), front_end=FRONT_END)
        bearer = Bearer(identity=identity, line=row.family, expires_at=row.expires_at)
        if len(self._recent) >= RECENT:
            self._recent.clear()
        self._recent[token] = bearer
        return bearer

    async def _trusted_bearer(self, token: str) -> Bearer:
        try:
            claims = await self._trusted.verify(token)
        except TokenInvalid as error:
            raise Unauthenticated(REFUSAL) from error
        settings = self._settings()
        if claims.subject in settings.trusted_super_admins:
            role = Role.SUPER_ADMIN
        elif claims.subject in settings.trusted_admins:
            role = Role.ADMIN
        else:
            raise Unauthenticated(REFUSAL)
        identity = Identity(actor=claims.subject, role=role, front_end=FRONT_END)
        return Bearer(identity=identity, line=f"trusted:{claims.subject}", expires_at=claims.expires_at)

    async def _row(self, token: str) -> TokenRow:
        """The table's row of a token that counts. Raises: Unauthenticated, StorageUnavailable."""
        try:
            claims = await self._signer.verify(token)
        except (TokenInvalid, SecretsUnavailable) as error:
            raise Unauthenticated(REFUSAL) from error
        await self._look()
        row = self._table.get(claims.id or "")
        if row is None:
            # Signed by our key: a process beside this one issued it a moment ago.
            await self._look(anew=True)
            row = self._table.get(claims.id or "")
        if row is None or row.revoked_at is not None or row.subject != claims.subject:
            raise Unauthenticated(REFUSAL)
        return row

    async def _look(self, *, anew: bool = False) -> None:
        """Read the table, unless it was read within the last second."""
        asked = self._clock.monotonic()
        if not anew and asked - self._read_at < LOOK_S:
            return
        async with self._reading:
            if self._read_at > asked or (not anew and asked - self._read_at < LOOK_S):
                return
            now = self._clock.monotonic()
            try:
                table = {row.id: row for row in await self._store.rows()}
            except StoreUnavailable as error:
                raise StorageUnavailable(str(error)) from error
            self._table, self._read_at = table, now
            self._recent.clear()
