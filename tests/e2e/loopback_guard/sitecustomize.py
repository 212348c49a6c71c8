"""Keeps a process of the tests on loopback: with this folder in PYTHONPATH, connecting elsewhere is an error.

The tests' own process loads it too; what it refused is in `refused`.
"""

from __future__ import annotations

import ipaddress
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


sys.addaudithook(_guard)
