"""The engine in this process as a `Service`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from provider_console.console.access import Bearer, Identity, guarded
from provider_console.console.console import Console
from provider_console.console.events import Event
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.settings import ApiSettings
from provider_console.engine.engine import Engine
from provider_console.engine.engine_console import EngineConsole

log = logging.getLogger(__name__)

GUARDS: Final = 1_024
"""Somebodies whose console is kept ready."""


class EngineService:
    """Implements `Service` on an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._console = EngineConsole(engine)
        self._guards: dict[Identity, Console] = {}
        self.clock = engine.parts.clock
        self.ids = engine.parts.ids

    def settings(self) -> ApiSettings:
        """See `Service.settings`."""
        return self._engine.settings().api

    async def bearer(self, token: str) -> Bearer:
        """See `Service.bearer`."""
        return await self._engine.token_desk().bearer(token)

    def console(self, identity: Identity) -> Console:
        """See `Service.console`."""
        guard = self._guards.get(identity)
        if guard is None:
            if len(self._guards) >= GUARDS:
                self._guards.clear()
            guard = self._guards[identity] = guarded(self._console, self._engine.parts.audit, identity)
        return guard

    async def refused(self, identity: Identity, *, action: str, subject: str, reason: str) -> None:
        """See `Service.refused`."""
        audit = self._engine.parts.audit
        try:
            intent = await audit.intend(
                actor=identity.actor,
                role=identity.role.value,
                front_end=identity.front_end,
                action=action,
                subject=subject,
                before=None,
                after=reason,
            )
            audit.conclude(intent, result="refused")
        except StoreUnavailable:
            # Nothing happened, so nothing is hidden; who asks again will be refused again.
            log.warning("a refusal (%s) could not be written to the audit trail", reason)

    def tapped(self, listener: Callable[[Event], None]) -> AbstractContextManager[None]:
        """See `Service.tapped`."""
        return self._engine.bus.tapped(listener)

    async def reload(self) -> None:
        """See `Service.reload`."""
        await self._engine.desk.reload()

    async def drain(self, grace_s: float) -> None:
        """See `Service.drain`."""
        await self._engine.executor.drain(grace_s)

    def hurry(self) -> None:
        """See `Service.hurry`."""
        self._engine.executor.cancel_all()
