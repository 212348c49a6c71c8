"""The section `[translation]` of `config.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from provider_console.sdk import ProviderId, ProviderTable
from provider_console_translation.language import normalise

SECTION: Final = "translation"

Pair = Annotated[str, Meta(min_length=5, max_length=71, description="source>target, like en>es")]


class TranslationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[translation]`. `prefer` maps a pair to provider ids, the first one first."""

    default_pair: Pair = "en>es"
    prefer: Annotated[
        Mapping[Pair, Annotated[tuple[ProviderId, ...], Meta(max_length=100)]],
        Meta(description="for a pair, the providers to ask first, in order"),
    ] = {}
    providers: Mapping[ProviderId, ProviderTable] = {}

    def __post_init__(self) -> None:
        # `en-gb>es` and `en-GB>es` are one pair: operations and preferences have to meet in one spelling.
        msgspec.structs.force_setattr(self, "default_pair", _pair(self.default_pair))
        msgspec.structs.force_setattr(self, "prefer", {_pair(pair): ids for pair, ids in self.prefer.items()})


def _pair(text: str) -> str:
    source, separator, target = text.partition(">")
    if not separator:
        raise ValueError(f"{text!r} is not a pair of languages; write it like en>es")
    return f"{source if source == 'auto' else normalise(source)}>{normalise(target)}"
