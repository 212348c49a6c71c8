"""What a provider is: as one source describes it, and as the console knows it after unification."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

Network = Literal["global", "private", "loopback"]
"""Where a provider's address may be: the internet (https only), the company's network, this machine."""

Tier = Literal["primary", "secondary", "fallback"]

Capability = str
"""An ability, such as `text_generation`, or a language pair, `translate:en>es` (BCP 47; `*` is any, `auto` detects)."""

ID_PATTERN: Final = re.compile(r"[a-z0-9_-]{1,64}")


class Cost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Price per million units (tokens or characters), in the currency the administrator thinks in."""

    input: float = 0.0
    output: float = 0.0


class ProviderDescriptor(msgspec.Struct, frozen=True, kw_only=True):
    """What one source says of one provider. None means "this source does not say".

    `id` is the key in the configuration, or the vendor's canonical name. `configured` is True where the
    administrator wrote it down; whatever else was found is shown and not used until it is adopted.
    `names` maps a language to a display name. `credential` is a NAME, never a value.
    """

    id: str
    driver: str | None = None
    configured: bool = False
    enabled: bool | None = None
    names: Mapping[str, str] | None = None
    base_url: str | None = None
    credential: str | None = None
    network: Network | None = None
    tier: Tier | None = None
    capabilities: tuple[Capability, ...] | None = None
    models: tuple[str, ...] | None = None
    cost: Cost | None = None
    region: str | None = None
    max_characters: int | None = None


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One provider after unification.

    `provenance` maps a field's name to the source its value came from; `contradictions` are sentences about
    fields on which two sources disagree. `max_characters` None means no limit is known.
    """

    id: str
    driver: str
    configured: bool
    enabled: bool
    names: Mapping[str, str]
    base_url: str | None
    credential: str | None
    network: Network
    tier: Tier
    categories: tuple[str, ...]
    capabilities: tuple[Capability, ...]
    models: tuple[str, ...]
    cost: Cost | None
    region: str | None
    max_characters: int | None
    sources: tuple[str, ...]
    provenance: Mapping[str, str]
    contradictions: tuple[str, ...] = ()

    def name(self, language: str = "en") -> str:
        """The display name in a language, else in any, else the id."""
        return self.names.get(language) or next(iter(self.names.values()), self.id)


def serves(offered: Iterable[Capability], wanted: Capability) -> bool:
    """Whether a set of capabilities includes the wanted one.

    >>> serves(["translate:en>es"], "translate:en>es"), serves(["translate:*>es"], "translate:auto>es")
    (True, True)
    >>> serves(["translate:en>es"], "translate:en-GB>es"), serves(["translate:en>pt"], "translate:en>pt-BR")
    (True, False)
    >>> serves(["translate:en>es"], "translate:auto>es"), serves(["vision"], "text_generation")
    (False, False)
    """
    ability, separator, pair = wanted.partition(":")
    if not separator:
        return wanted in offered
    source, _, target = pair.partition(">")
    for capability in offered:
        known, _, known_pair = capability.partition(":")
        known_source, _, known_target = known_pair.partition(">")
        if (
            known == ability
            and known_target in ("*", target)
            # A service that reads English reads British English; one that writes Portuguese may not write Brazilian.
            and known_source in ("*", source, source.partition("-")[0])
        ):
            return True
    return False
