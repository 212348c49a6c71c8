"""The section `[template]` of `config.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from provider_console.sdk import Network, Tier

SECTION: Final = "template"


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[template.providers.ID]`: one provider. `credential` is a name in the keyring or the environment."""

    driver: str = "template"
    base_url: Annotated[str, Meta(pattern=r"^https?://[^\s?#@]+$", max_length=2048)] | None = None
    credential: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,127}$")] | None = None
    network: Network | None = None
    tier: Tier | None = None
    enabled: bool = True


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[template]`. Every field has a default, because the section may be absent."""

    providers: Mapping[Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,64}$")], Table] = {}
