"""What a front end holds that serves many people at once: who shows a token, and a console for each of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from provider_console.console.access import Bearer, Identity
from provider_console.console.console import Console
from provider_console.console.events import Event
from provider_console.core.ports.time import Clock, Ids
from provider_console.core.settings import ApiSettings

__all__ = ["ApiSettings", "Bearer", "Clock", "Ids", "Service"]


class Service(Protocol):
    """The engine in this process, for a server."""

    clock: Clock
    ids: Ids

    def settings(self) -> ApiSettings:
        """`[api]` of this moment."""
        ...

    async def bearer(self, token: str) -> Bearer:
        """Who shows this token.

        Raises:
            Unauthenticated: it is none that counts. StorageUnavailable: that cannot be looked up.
        """
        ...

    def console(self, identity: Identity) -> Console:
        """The console as this somebody may use it: held to the role, and audited."""
        ...

    async def refused(self, identity: Identity, *, action: str, subject: str, reason: str) -> None:
        """Leave a trace of somebody who was refused before an action of the console began."""
        ...

    def tapped(self, listener: Callable[[Event], None]) -> AbstractContextManager[None]:
        """Have a function called with each event, in order, for as long as this is open.

        It is called in the turn of the loop after the event at the latest, must return at once, and must not raise.
        Nobody's role is asked: whoever hands events on asks for it.
        """
        ...

    async def reload(self) -> None:
        """Take the configuration as it is on the disk now."""
        ...

    async def drain(self, grace_s: float) -> None:
        """Take nothing new, let what runs finish for so long, then end it. Returns once all has ended."""
        ...

    def hurry(self) -> None:
        """End what runs now: somebody does not want to wait for the grace."""
        ...
