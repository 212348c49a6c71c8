"""Tells systemd how the server stands (sd_notify), where systemd has started it and wants to know."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

from provider_console.console.service import Clock

log = logging.getLogger(__name__)


class Supervisor:
    """Says `READY=1` and its like to the socket of `NOTIFY_SOCKET`; without that variable, nothing to nobody.

    `watchdog_s` is how often it wants to hear that the server still works, None for never.
    """

    def __init__(self, environ: Mapping[str, str], clock: Clock) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._clock = clock
        self.watchdog_s = _watchdog_s(environ) if self._address else None

    def ready(self, status: str) -> None:
        """Requests are taken."""
        self._say("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """The configuration and the certificate are read again; `ready` follows."""
        # Type=notify-reload goes by the time: an answer to an older signal does not count.
        self._say("RELOADING=1", f"MONOTONIC_USEC={int(self._clock.monotonic() * 1e6)}")

    def stopping(self) -> None:
        """Nothing new is taken."""
        self._say("STOPPING=1", "STATUS=ending; what runs is finished first")

    async def keep_alive(self) -> None:
        """Say that the server works, for as long as it does: nothing is said while the loop hangs."""
        if self.watchdog_s is None:
            return
        while True:
            self._say("WATCHDOG=1")
            await self._clock.sleep(self.watchdog_s / 2)

    def _say(self, *lines: str) -> None:
        if not self._address:
            return
        # A socket without a file begins with a zero byte, which a variable cannot hold.
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
                speaker.settimeout(0.0)
                speaker.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            log.warning("systemd was not told %s at NOTIFY_SOCKET: %s", lines[0], error)


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """How often systemd wants to hear from this process; None where it does not."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        return max(1.0, int(environ["WATCHDOG_USEC"]) / 1e6)
    except (KeyError, ValueError):
        return None
