"""Tokens of a platform's own issuer, checked by the keys that it publishes (RFC 7517)."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Any, Final

import jwt
import msgspec

from provider_console.adapters.jwt_tokens import LEEWAY_S, LONGEST, canonical
from provider_console.core.ports.http import HttpFactory
from provider_console.core.ports.time import Clock
from provider_console.core.ports.tokens import Claims, TokenInvalid
from provider_console.core.settings import ApiSettings
from provider_console.sdk.errors import BadResult, SdkError

log = logging.getLogger(__name__)

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Only such whose checking key can be public."""
KEEP_S: Final = 600.0
LONGEST_KEPT_S: Final = 3_600.0
"""How long keys count whose address does not answer: one that was withdrawn must not count for ever."""
AGAIN_S: Final = 30.0
"""A key that is not known has the address asked again, at most this often."""
TIMEOUT_S: Final = 5.0
MOST_KEYS: Final = 64


class _Payload(msgspec.Struct, frozen=True):
    sub: str
    exp: float
    iat: float
    nbf: float | None = None


class JwksTokens:
    """Knows the tokens of `api.trusted_issuer`. Without that setting there are none."""

    def __init__(self, settings: Callable[[], ApiSettings], *, http: HttpFactory, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._source = ""
        self._asked_at = self._read_at = -math.inf
        self._reading = asyncio.Lock()

    def speaks_of(self, token: str) -> bool:
        """Whether a token says that it is of that issuer; nothing is checked yet."""
        issuer = self._settings().trusted_issuer
        if not issuer or len(token) > LONGEST:
            return False
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, RecursionError):
            return False
        return claims.get("iss") == issuer

    async def verify(self, token: str) -> Claims:
        """What a token says. Raises: TokenInvalid."""
        settings = self._settings()
        try:
            header = jwt.get_unverified_header(token)
            key = await self._named(str(header.get("kid", "")), settings)
            decoded: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[name for name in ALGORITHMS if name == header.get("alg")],
                issuer=settings.trusted_issuer,
                audience=settings.audience,
                options={
                    "require": ["exp", "iat", "iss", "aud", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
            payload = msgspec.convert(decoded, _Payload)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, RecursionError) as error:
            raise TokenInvalid(type(error).__name__) from None
        now = self._clock.wall()
        if not all(canonical(part) for part in token.split(".")):
            raise TokenInvalid("it is not written as it was signed")
        if not now <= payload.exp + LEEWAY_S or not max(payload.iat, payload.nbf or 0.0) - LEEWAY_S <= now:
            raise TokenInvalid("it does not count at this time")
        return Claims(subject=payload.sub, id=None, expires_at=payload.exp)

    async def _named(self, name: str, settings: ApiSettings) -> jwt.PyJWK:
        async with self._reading:
            if self._source != settings.jwks_url:
                self._keys, self._source = {}, settings.jwks_url
                self._asked_at = self._read_at = -math.inf
            age_s = self._clock.monotonic() - self._asked_at
            if age_s >= KEEP_S or (age_s >= AGAIN_S and (name not in self._keys or self._asked_at != self._read_at)):
                await self._read(settings)
        found = self._keys.get(name)
        if found is None or self._clock.monotonic() - self._read_at > LONGEST_KEPT_S:
            raise TokenInvalid("its key is not published")
        return found

    async def _read(self, settings: ApiSettings) -> None:
        """Ask for the keys; those that are known stay where there is no answer."""
        self._asked_at = self._clock.monotonic()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                client = self._http.client(network=settings.jwks_network)
                answer = await client.request("GET", settings.jwks_url, headers={"Accept": "application/json"})
            if not answer.ok:
                raise BadResult(f"HTTP {answer.status}")
            usable = [key for key in map(_usable, answer.json()["keys"][:MOST_KEYS]) if key is not None]
        except (SdkError, TimeoutError, LookupError, TypeError) as error:
            log.warning("the keys of api.trusted_issuer cannot be read: %s", str(error) or type(error).__name__)
            return
        self._keys, self._read_at = {key.key_id or "": key for key in usable}, self._asked_at


def _usable(raw: Any) -> jwt.PyJWK | None:
    try:
        key = jwt.PyJWK.from_dict(raw)
    except (jwt.PyJWTError, AttributeError, TypeError, ValueError):
        return None
    # A symmetric key that somebody published would let everybody sign; one to encrypt with signs nothing.
    return key if key.algorithm_name in ALGORITHMS and raw.get("use", "sig") == "sig" else None
