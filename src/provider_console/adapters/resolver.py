"""Resolves names for the connection itself, so that the address that was checked is the one connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address
from typing import Any, Final

from provider_console.adapters.addresses import check_address, parsed, refuse, target_of, unmapped
from provider_console.core.ports.time import Clock
from provider_console.sdk.provider import Network

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Resolves a host name and port to IP addresses as text; raises OSError where it cannot."""

LOOKUP_KEPT_S: Final = 10.0
"""How long a lookup is reused: one for a burst of new connections, short enough for a failover by DNS."""
LOOKUPS_KEPT: Final = 1024


class SystemLookup:
    """Asks the system's resolver, and keeps its answer for ten seconds. Failures are not kept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, int], tuple[float, tuple[str, ...]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host.

        Raises:
            OSError: it has none, or the resolver cannot be reached.
        """
        known = self._kept.get((host, port))
        if known is not None and self._clock.monotonic() < known[0]:
            return known[1]
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = tuple(dict.fromkeys(str(info[4][0]) for info in found))
        if len(self._kept) >= LOOKUPS_KEPT:
            self._kept.clear()
        self._kept[host, port] = (self._clock.monotonic() + LOOKUP_KEPT_S, addresses)
        return addresses


class PinnedResolver:
    """Resolves for the connection itself, so that what was checked is what is connected to.

    It has the shape of aiohttp's `AbstractResolver` without importing aiohttp. One address out of place
    refuses the whole name: a name with two kinds of address is how rebinding looks.
    """

    def __init__(self, network: Network, *, plain: bool, lookup: Lookup) -> None:
        self._network = network
        self._plain = plain
        self._lookup = lookup

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
        """The addresses of a host, each of them allowed.

        Raises:
            TransportError: one of them is not.
            OSError: there are none.
        """
        target = target_of(host, port)
        pinned = []
        for text in await self._lookup(host, port):
            address = parsed(text)
            if address is None:
                refuse(f"{target} leads to an address of one network interface only; correct base_url")
            check_address(address, self._network, target=target, plain=self._plain)
            reached = unmapped(address)
            own_family = socket.AF_INET if isinstance(reached, IPv4Address) else socket.AF_INET6
            if family in (0, own_family):
                pinned.append(
                    {
                        "hostname": host,
                        "host": str(reached),
                        "port": port,
                        "family": own_family,
                        "proto": 0,
                        "flags": socket.AI_NUMERICHOST,
                    }
                )
        if not pinned:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        return pinned

    async def close(self) -> None:
        """Nothing is held."""
