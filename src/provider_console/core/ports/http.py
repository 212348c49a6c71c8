"""HTTP clients."""

from __future__ import annotations

from typing import Protocol

from provider_console.sdk.http import HttpClient
from provider_console.sdk.provider import Network


class HttpFactory(Protocol):
    """Makes clients. Nothing is imported or connected before the first request."""

    def client(self, *, network: Network, bearer: str | None = None) -> HttpClient:
        """A client held to a network; `bearer` names a credential for a source's own requests."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...
