"""The one place that reaches below HTTP: connections that can be reset, cut and watched."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

Conversation = Callable[["Wire", Any, Any, Any], Awaitable[None]]
"""An ASGI application that is also given the connection of its request."""

_LOGGER = logging.getLogger("provider_console.sandbox")
_LINGER_NOT = struct.pack("ii", 1, 0)
_IDLE_S = 600
"""A sandbox never closes an idle connection by itself; the client's own limit comes first."""


class Wire:
    """One client connection; `number` counts a server's connections, `requests` those that it has carried."""

    def __init__(self, transport: asyncio.Transport, *, number: int) -> None:
        self._transport = transport
        self.number = number
        self.requests = 0
        self.gone = asyncio.Event()
        """Set when the connection has ended, whoever ended it."""

    async def pause(self, seconds: float | None) -> bool:
        """Wait, None without an end, and return whether the connection has ended in the meantime."""
        try:
            async with asyncio.timeout(seconds):
                await self.gone.wait()
        except TimeoutError:
            return False
        return True

    async def reset(self) -> None:
        """End the connection with a TCP RST and return when it is gone."""
        held: socket.socket | None = self._transport.get_extra_info("socket")
        if held is not None and not self._transport.is_closing():
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._transport.abort()
        await self.gone.wait()

    async def cut(self) -> None:
        """End the connection in order (FIN) after what was written, and return when it is gone."""
        self._transport.close()
        await self.gone.wait()

    def drop(self) -> None:
        """End the connection at once, whatever is still to be written."""
        self._transport.abort()


class WireProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol on a `Wire`; no `uvicorn.Server` runs, so no signal handler is installed."""

    def __init__(self, config: Config, state: ServerState, conversation: Conversation, *, number: int) -> None:
        super().__init__(config, state, {}, asyncio.get_running_loop())
        self.logger = _LOGGER
        self.access_log = False
        self._conversation = conversation
        self._number = number
        self.wire: Wire | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # of a server it is no other
        """Put the connection into the application's hands."""
        super().connection_made(transport)
        wire = self.wire = Wire(transport, number=self._number)
        conversation = self._conversation

        async def converse(scope: Any, receive: Any, send: Any) -> None:
            await conversation(wire, scope, receive, send)

        self.app = converse

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits on the wire."""
        super().connection_lost(exc)
        if self.wire is not None:
            self.wire.gone.set()


class Wires:
    """All connections of one server."""

    def __init__(self, conversation: Conversation) -> None:
        self._state = ServerState()
        self._conversation = conversation
        self._config = Config(
            app=_nothing,
            interface="asgi3",
            http=WireProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=_IDLE_S,
        )
        self._config.load()
        self.accepted = 0

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._state.connections)

    def protocol(self) -> WireProtocol:
        """Return the protocol for a connection that has just been accepted."""
        self.accepted += 1
        return WireProtocol(self._config, self._state, self._conversation, number=self.accepted)

    def finish(self) -> None:
        """Close idle connections now and the others after the answer that they carry."""
        for connection in list(self._state.connections):
            connection.shutdown()

    async def close(self) -> None:
        """End every connection and return when all of them, and all their requests, have ended."""
        while self._state.connections or self._state.tasks:
            wires = [c.wire for c in self._state.connections if isinstance(c, WireProtocol) and c.wire is not None]
            for wire in wires:
                wire.drop()
            for wire in wires:
                await wire.gone.wait()
            if self._state.tasks:
                await asyncio.wait(list(self._state.tasks))


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    """Stand in for the application that uvicorn wants to be told of; every connection has its own."""
