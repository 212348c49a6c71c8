"""What all requests share: who may come in, how often, and what is counted."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from provider_console.api.exchange import Exchange
from provider_console.console.access import Bearer, Identity, Role
from provider_console.console.errors import Busy, ConsoleError, Unauthenticated
from provider_console.console.service import Service
from provider_console.console.words import clean_text

log = logging.getLogger(__name__)

NOBODY: Final = Identity(actor="unknown", role=Role.METRICS, front_end="api")
"""Who was refused before it was known who asks."""

TOKENS: Final = 4_096
"""Tokens whose rate is remembered."""
REFUSALS_PER_MINUTE: Final = 60
"""Refusals without a token that counts get a row each up to here; a flood must not fill the audit trail."""

UNKNOWN: Final = "there is no token that counts; send Authorization: Bearer TOKEN, from: provider-console token issue"
"""One body for every refused token: a difference would teach a forger."""


class Desk:
    """Checks tokens and rates."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._now = service.clock.monotonic
        self._rates: dict[str, tuple[float, float]] = {}
        """What is left of each line of tokens, and since when."""
        self._refused_since = 0.0
        self._refused = 0
        self.draining = asyncio.Event()
        self.executing = 0

    async def bearer(self, exchange: Exchange) -> Bearer:
        """Who asks.

        Raises:
            Unauthenticated: there is no token, or none that counts. Busy: too many requests with it.
        """
        try:
            bearer = await self._service.bearer(_token(exchange))
        except Unauthenticated as error:
            await self._note(exchange)
            raise Unauthenticated(UNKNOWN) from error
        self._take(bearer)
        return bearer

    async def still_counts(self, exchange: Exchange) -> bool:
        """Whether the token of a request that goes on has neither ended nor been revoked."""
        try:
            await self._service.bearer(_token(exchange))
        except ConsoleError:
            return False
        return True

    def _take(self, bearer: Bearer) -> None:
        """Count one request: a bucket of a minute's worth, refilled all the time.

        A token and what it was renewed to have one: who renews has no more for it.
        """
        a_minute = self._service.settings().requests_per_minute
        now = self._now()
        left, at = self._rates.pop(bearer.line, (float(a_minute), now))
        left = min(float(a_minute), left + (now - at) * a_minute / 60.0)
        if len(self._rates) >= TOKENS:
            del self._rates[next(iter(self._rates))]
        if left < 1.0:
            self._rates[bearer.line] = (left, now)
            raise Busy(
                f"this token has made {a_minute} requests within a minute (api.requests_per_minute); come back",
                retry_after_ms=(1.0 - left) * 60_000 / a_minute,
            )
        self._rates[bearer.line] = (left - 1.0, now)

    async def _note(self, exchange: Exchange) -> None:
        """Leave a trace of a token that was refused; of a flood, the first of each minute and how many came."""
        now = self._now()
        if now - self._refused_since >= 60.0:
            self._refused_since, before, self._refused = now, self._refused, 0
            if before > REFUSALS_PER_MINUTE:
                await self._service.refused(
                    NOBODY,
                    action="authenticate",
                    subject="",
                    reason=f"{before - REFUSALS_PER_MINUTE} more were refused",
                )
        self._refused += 1
        if self._refused <= REFUSALS_PER_MINUTE:
            place = clean_text(f"{exchange.scope['method']} {exchange.scope['path']}", 200)
            await self._service.refused(NOBODY, action="authenticate", subject=place, reason="no token that counts")


def _token(exchange: Exchange) -> str:
    """The token that a request came with. Raises: Unauthenticated."""
    scheme, _, token = (exchange.header(b"authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or exchange.repeated(b"authorization"):
        raise Unauthenticated(UNKNOWN)
    return token
