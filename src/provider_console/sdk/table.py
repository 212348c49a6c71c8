"""A provider as an administrator writes it down: the table that every plugin's section may use."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from provider_console.sdk.provider import Capability, Cost, Network, ProviderDescriptor, Tier

ProviderId = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,64}$")]
DisplayName = Annotated[str, Meta(min_length=1, max_length=80)]
CredentialName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z][A-Z0-9_]{0,127}$",
        description="the NAME of the credential in the keyring or the environment, never its value",
    ),
]
_Language = Annotated[str, Meta(min_length=2, max_length=35)]
_Capability = Annotated[Capability, Meta(max_length=100)]
_Model = Annotated[str, Meta(max_length=200)]


class ProviderTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[SECTION.providers.ID]`: one provider. What is unset follows the driver, or another source."""

    driver: Annotated[str, Meta(min_length=1, max_length=64, description="the protocol it speaks")]
    credential: CredentialName | None = None
    base_url: (
        Annotated[
            str,
            Meta(pattern=r"^https?://[^\s?#@]+$", max_length=2048, description="its address; unset: the vendor's own"),
        ]
        | None
    ) = None
    network: (
        Annotated[Network, Meta(description="where its address may be; loopback and private may be plain http")] | None
    ) = None
    tier: Annotated[Tier, Meta(description="who is asked first: primary, then secondary, then fallback")] | None = None
    enabled: Annotated[bool, Meta(description="whether it is used")] = True
    name: (
        Annotated[
            DisplayName | dict[_Language, DisplayName],
            Meta(description='how it is shown: one name, or one a language, like { en = "…", es = "…" }'),
        ]
        | None
    ) = None
    capabilities: (
        Annotated[tuple[_Capability, ...], Meta(max_length=5000, description="what it can do; unset or empty: ask it")]
        | None
    ) = None
    models: (
        Annotated[tuple[_Model, ...], Meta(max_length=1000, description="its models; unset or empty: ask it")] | None
    ) = None
    cost: Cost | None = None
    region: Annotated[str, Meta(max_length=64, description="where it is, as you call it")] | None = None
    max_characters: (
        Annotated[int, Meta(ge=100, le=10_000_000, description="the longest text of one request")] | None
    ) = None

    def descriptor(self, provider_id: str) -> ProviderDescriptor:
        """This table as a source tells it."""
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
            capabilities=self.capabilities or None,
            models=self.models or None,
            cost=self.cost,
            region=self.region,
            max_characters=self.max_characters,
        )
