"""A listening socket that can stop and start again on its port, which it keeps meanwhile."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

HOST = "127.0.0.1"
_BACKLOG = 128


class PortInUseError(OSError):
    """A port that the sandbox was told to use is taken."""


class Listener:
    """Listens on one loopback port; `port` 0 takes a free one.

    Raises: PortInUseError.
    """

    def __init__(self, protocol: Callable[[], asyncio.BaseProtocol], *, port: int, name: str) -> None:
        self._protocol = protocol
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._socket = self._bind(port)
        self._server: asyncio.Server | None = None
        self._attaching: list[asyncio.Task[None]] = []
        self.port: int = self._socket.getsockname()[1]
        self.listening = False

    def open(self) -> None:
        """Listen; from here on the kernel accepts connections, and the loop takes them on its next round."""
        if self.listening:
            return
        self._socket.listen(_BACKLOG)
        self.listening = True
        self._attaching = [task for task in self._attaching if not task.done()]
        self._attaching.append(self._loop.create_task(self._attach(self._socket)))

    def refuse(self) -> None:
        """Stop listening; a socket bound and not listening keeps the port, and the kernel refuses connections."""
        if not self.listening:
            return
        self._stop()
        self._socket = self._bind(self.port)

    async def close(self) -> None:
        """Stop listening and give the port back."""
        self._stop()
        await asyncio.gather(*self._attaching, return_exceptions=True)

    def _stop(self) -> None:
        self.listening = False
        for task in self._attaching:
            task.cancel()
        if self._server is not None:
            self._server.close()
            self._server = None
        self._socket.close()

    async def _attach(self, listening: socket.socket) -> None:
        # Without `start_serving` there is no point at which a cancellation could lose the server.
        server = await self._loop.create_server(self._protocol, sock=listening, start_serving=False)
        self._server = server
        await server.start_serving()

    def _bind(self, port: int) -> socket.socket:
        # Only a socket that names its protocol gets TCP_NODELAY from asyncio; without it an answer takes 40 ms more.
        held = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        held.settimeout(0)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind((HOST, port))
        except OSError as error:
            held.close()
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                why = "is in use" if error.errno == errno.EADDRINUSE else "needs more rights"
                raise PortInUseError(
                    f"the sandbox cannot start {self._name}: port {port} on {HOST} {why}; choose another port base"
                ) from error
            raise
        return held
