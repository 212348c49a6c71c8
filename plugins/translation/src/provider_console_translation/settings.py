"""The section `[translation]` of `config.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from provider_console.sdk import Cost, Network, ProviderDescriptor, Tier
from provider_console_translation.language import normalise

SECTION: Final = "translation"

Id = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,64}$")]
Pair = Annotated[str, Meta(min_length=5, max_length=71, description="source>target, like en>es")]
Name = Annotated[str, Meta(min_length=1, max_length=80)]


class ProviderTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[translation.providers.ID]`: one provider. What is unset follows the driver or another source."""

    driver: Annotated[str, Meta(min_length=1, max_length=64, description="the protocol it speaks")]
    credential: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,127}$", description="a name, no value")] | (
        None
    ) = None
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


class TranslationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[translation]`. `prefer` maps a pair to provider ids, the first one first."""

    default_pair: Pair = "en>es"
    prefer: Mapping[Pair, Annotated[tuple[Id, ...], Meta(max_length=100)]] = {}
    providers: Mapping[Id, ProviderTable] = {}

    def __post_init__(self) -> None:
        # `en-gb>es` and `en-GB>es` are one pair: operations and preferences have to meet in one spelling.
        msgspec.structs.force_setattr(self, "default_pair", _pair(self.default_pair))
        msgspec.structs.force_setattr(self, "prefer", {_pair(pair): ids for pair, ids in self.prefer.items()})


def _pair(text: str) -> str:
    source, separator, target = text.partition(">")
    if not separator:
        raise ValueError(f"{text!r} is not a pair of languages; write it like en>es")
    return f"{source if source == 'auto' else normalise(source)}>{normalise(target)}"
