"""Keeps a process of the tests on loopback: with this folder in PYTHONPATH, connecting elsewhere is an error.

The tests' own process loads it too; what it refused is in `refused`. A command that is started with
`PROVIDER_CONSOLE_TESTS_INTERRUPT_AT` gets a Ctrl-C at the moment when it imports the module of that name.
"""

from __future__ import annotations

import ipaddress
import os
import signal
import sys
from typing import Any, Final

refused: Final[list[str]] = []
"""Addresses that something tried to reach, beside loopback."""


class OutsideLoopback(RuntimeError):
    """A test, or what it tests, tried to reach another machine."""


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("socket.connect", "socket.sendto"):
        return
    address = arguments[1]
    if isinstance(address, tuple) and not _loopback(str(address[0])):
        refused.append(f"{address[0]}:{address[1]}")
        raise OutsideLoopback(f"tests stay on loopback, but something reaches for {address[0]}:{address[1]}")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def _interrupt(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "import" and arguments[0] == _moment:
        os.kill(os.getpid(), signal.SIGINT)


_moment: Final = os.environ.get("PROVIDER_CONSOLE_TESTS_INTERRUPT_AT")
sys.addaudithook(_guard)
if _moment:
    sys.addaudithook(_interrupt)
