"""The section `[dynamic_ai]` of `config.toml`."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from provider_console.sdk import CredentialName, Network, ProviderId, ProviderTable

SECTION: Final = "dynamic_ai"


class Catalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address that lists providers as JSON. `network` None is read off the address: loopback, else global."""

    url: Annotated[str, Meta(pattern=r"^https?://[^\s#@]+$", max_length=2048, description="where it is")]
    credential: CredentialName | None = None
    network: Network | None = None

    @property
    def reach(self) -> Network:
        """Where this catalogue is, and where at most the providers are that it may name.

        >>> Catalogue(url="http://127.0.0.1:8750/x").reach, Catalogue(url="https://platform.example/x").reach
        ('loopback', 'global')
        """
        if self.network is not None:
            return self.network
        host = urlsplit(self.url).hostname or ""
        try:
            return "loopback" if ipaddress.ip_address(host).is_loopback else "global"
        except ValueError:
            return "loopback" if host == "localhost" else "global"


class DynamicAISettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[dynamic_ai]`. `discover_local` looks for model servers on this machine: shown, used once enabled."""

    catalogues: Annotated[tuple[Catalogue, ...], Meta(max_length=20)] = ()
    discover_local: Annotated[bool, Meta(description="look for model servers on this machine")] = True
    providers: Mapping[ProviderId, ProviderTable] = {}
