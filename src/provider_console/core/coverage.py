"""Who could serve what now, and what breaks if one dies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from provider_console.sdk.provider import Cost, Provider, serves

Status = Literal["served", "breaks if it dies", "not served"]


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as coverage sees it, in the order in which it would be asked. `eligible`: it could be called now."""

    provider: Provider
    eligible: bool
    latency_s: float | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Something that shall be served."""

    category: str
    capability: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing and who serves it, first first. `takes_over` is who would, at which latency and cost, None nobody."""

    wanted: Wanted
    status: Status
    providers: tuple[str, ...]
    takes_over: Server | None = None

    @property
    def cost(self) -> Cost | None:
        """What the one who takes over costs."""
        return None if self.takes_over is None else self.takes_over.provider.cost


def coverage(servers: Sequence[Server], wanted: Iterable[Wanted]) -> list[Entry]:
    """One entry for each thing wanted, in its order."""
    return [_entry(servers, one) for one in wanted]


def wanted_by(providers: Iterable[Provider], pairs: Iterable[str]) -> list[Wanted]:
    """What there is to serve: each ability of an enabled provider in its first category, and configured pairs.

    A pair belongs to translation; pairs that nobody configured are the providers' own business.
    """
    found: dict[tuple[str, str], None] = {}
    for provider in providers:
        if not provider.enabled:
            continue
        # A chat model translates as well: its pairs speak for that, its other abilities belong to its first category.
        for capability in provider.capabilities:
            if ":" not in capability and provider.categories:
                found[(provider.categories[0], capability)] = None
    entries = [Wanted(category=category, capability=capability) for category, capability in sorted(found)]
    return entries + [Wanted(category="translation", capability=f"translate:{pair}") for pair in sorted(set(pairs))]


def _entry(servers: Sequence[Server], wanted: Wanted) -> Entry:
    able = [
        server
        for server in servers
        if server.eligible
        and wanted.category in server.provider.categories
        and serves(server.provider.capabilities, wanted.capability)
    ]
    status: Status = "not served" if not able else "breaks if it dies" if len(able) == 1 else "served"
    return Entry(
        wanted=wanted,
        status=status,
        providers=tuple(server.provider.id for server in able),
        takes_over=able[1] if len(able) > 1 else None,
    )
