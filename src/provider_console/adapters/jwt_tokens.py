"""Access tokens as JWTs (RFC 7519): one algorithm, every claim required, keys by name.

What is checked here beyond PyJWT: it takes a token without `exp`, with another `typ`, and a signature whose last
letter has stray bits. Times are read from the console's own clock.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
from collections.abc import Sequence
from typing import Any, Final, Literal

import jwt
import msgspec
from jwt.utils import base64url_decode, base64url_encode

from provider_console.adapters.token_keys import TokenKey, TokenKeys
from provider_console.core.ports.time import Clock
from provider_console.core.ports.tokens import Claims, TokenInvalid, TokenRow
from provider_console.sdk.secret import Secret

ALGORITHM: Final = "HS256"
ISSUER: Final = "provider-console"
TYPE: Final = "access"
LEEWAY_S: Final = 30.0
"""By how much two clocks may differ."""
LONGEST: Final = 4096
REMEMBERED: Final = 1_024
"""Tokens whose signature has been checked already, by their hash: a check costs ten times the look-up."""
LOOK_S: Final = 1.0
"""A name that is not known has the keys read again, at most this often: another process may have rotated them."""

_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: Literal["HS256"]
    typ: Literal["JWT"]
    kid: str


class _Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    iss: Literal["provider-console"]
    aud: Literal["provider-console"]
    typ: Literal["access"]
    sub: str
    jti: str
    iat: float
    nbf: float
    exp: float


class JwtTokens:
    """A `TokenSigner`."""

    def __init__(self, keys: TokenKeys, *, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._known: tuple[TokenKey, ...] = ()
        self._read_at = -math.inf
        self._reading = asyncio.Lock()
        self._checked: dict[bytes, _Payload] = {}

    async def key(self) -> str:
        """The name of the key that signs now."""
        self._known = await self._keys.read()
        return self._known[0].name

    async def sign(self, row: TokenRow) -> Secret:
        """The token of a row."""
        key = await self._named(row.key)
        payload = {
            "iss": ISSUER,
            "aud": ISSUER,
            "typ": TYPE,
            "sub": row.subject,
            "jti": row.id,
            "iat": int(row.issued_at),
            "nbf": int(row.issued_at),
            "exp": int(row.expires_at),
        }
        return Secret(jwt.encode(payload, key.value, algorithm=ALGORITHM, headers={"kid": key.name}))

    async def verify(self, token: str) -> Claims:
        """What a token says. Raises: TokenInvalid, SecretsUnavailable."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        payload = self._checked.get(digest)
        if payload is None:
            payload = await self._checked_payload(token)
            if len(self._checked) >= REMEMBERED:
                del self._checked[next(iter(self._checked))]
            self._checked[digest] = payload
        now = self._clock.wall()
        if now > payload.exp + LEEWAY_S:
            raise TokenInvalid("it has ended")
        if now < max(payload.nbf, payload.iat) - LEEWAY_S:
            raise TokenInvalid("it does not count yet")
        return Claims(subject=payload.sub, id=payload.jti, expires_at=payload.exp)

    async def rotate(self) -> Sequence[str]:
        """Sign with a new key from now on; the names of the keys that still count."""
        self._known = await self._keys.rotate()
        self._checked.clear()
        return [key.name for key in self._known]

    async def _checked_payload(self, token: str) -> _Payload:
        if len(token) > LONGEST or not _FORM.fullmatch(token):
            raise TokenInvalid("it is no token")
        try:
            header = msgspec.convert(jwt.get_unverified_header(token), _Header)
            key = await self._named(header.kid)
            decoded: dict[str, Any] = jwt.decode(
                token,
                key.value,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=ISSUER,
                # Times are compared with the console's clock, by `verify`.
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
            payload = msgspec.convert(decoded, _Payload)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, RecursionError) as error:
            raise TokenInvalid(type(error).__name__) from None
        if not all(canonical(part) for part in token.split(".")):
            raise TokenInvalid("it is not written as it was signed")
        if not all(map(math.isfinite, (payload.iat, payload.nbf, payload.exp))):
            raise TokenInvalid("its times are none")
        return payload

    async def _named(self, name: str) -> TokenKey:
        found = self._find(name)
        if found is None:
            # One reads, and whoever came meanwhile looks again: a key that is being read is no key that is not known.
            async with self._reading:
                found = self._find(name)
                now = self._clock.monotonic()
                if found is None and now - self._read_at >= LOOK_S:
                    self._known = await self._keys.read()
                    self._read_at = now
                    found = self._find(name)
        if found is None:
            raise TokenInvalid("its key is not known")
        return found

    def _find(self, name: str) -> TokenKey | None:
        return next((key for key in self._known if key.name == name), None)


def canonical(part: str) -> bool:
    """Whether a piece of base64url is written the only way its bytes can be.

    >>> canonical("YQ"), canonical("YR")
    (True, False)
    """
    return base64url_encode(base64url_decode(part)).decode("ascii") == part
