"""The section `[dynamic_ai]` of `config.toml`."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from provider_console.sdk import Cost, Network, ProviderDescriptor, Tier

SECTION: Final = "dynamic_ai"

Id = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,64}$")]
Name = Annotated[str, Meta(min_length=1, max_length=80)]
CredentialName = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,127}$", description="a name, no value")]


class Catalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address that lists providers as JSON. `network` None is read off the address: loopback, else global."""

    url: Annotated[str, Meta(pattern=r"^https?://[^\s#@]+$", max_length=2048)]
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


class ProviderTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[dynamic_ai.providers.ID]`: one provider. What is unset follows the driver or another source."""

    driver: Annotated[str, Meta(min_length=1, max_length=64, description="the protocol it speaks")]
    credential: CredentialName | None = None
    base_url: Annotated[str, Meta(pattern=r"^https?://[^\s?#@]+$", max_length=2048)] | None = None
    network: Annotated[Network, Meta(description="where its address may be; loopback may be plain http")] | None = None
    tier: Tier | None = None
    enabled: bool = True
    name: Name | dict[Annotated[str, Meta(min_length=2, max_length=35)], Name] | None = None
    capabilities: Annotated[tuple[Annotated[str, Meta(max_length=100)], ...], Meta(max_length=5000)] | None = None
    models: Annotated[tuple[Annotated[str, Meta(max_length=200)], ...], Meta(max_length=1000)] | None = None
    cost: Cost | None = None
    region: Annotated[str, Meta(max_length=64)] | None = None
    max_characters: Annotated[int, Meta(ge=100, le=10_000_000, description="the longest text of one request")] | (
        None
    ) = None

    def descriptor(self, provider_id: str) -> ProviderDescriptor:
        """This table as its source tells it."""
        return ProviderDescriptor(
            id=provider_id,
            driver=self.driver,
            configured=True,
            enabled=self.enabled,
            names={"en": self.name} if isinstance(self.name, str) else self.name,
            base_url=self.base_url,
            credential=self.credential,
            network=self.network,
            tier=self.tier,
            # An empty list means "ask the provider", as in the example configuration.
            capabilities=self.capabilities or None,
            models=self.models or None,
            cost=self.cost,
            region=self.region,
            max_characters=self.max_characters,
        )


class DynamicAISettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[dynamic_ai]`. `discover_local` looks for model servers on this machine: shown, used once enabled."""

    catalogues: Annotated[tuple[Catalogue, ...], Meta(max_length=20)] = ()
    discover_local: bool = True
    providers: Mapping[Id, ProviderTable] = {}
