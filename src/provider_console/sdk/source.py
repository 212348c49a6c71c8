"""Where providers come from: a source names them and never calls one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from provider_console.sdk.provider import ProviderDescriptor


class Source(Protocol):
    """Finds providers. `name` is unique; the second plugin that claims one is refused.

    `unlocks` maps names of credentials to titles: this source finds the provider of that title once there is such a
    credential. People are offered them when they add one.

    `local` says that it answers at once, from the configuration and the names of credentials: commands about
    credentials and tokens ask no other source.
    """

    name: str
    unlocks: Mapping[str, str] = {}
    local: bool = False

    async def discover(self) -> Sequence[ProviderDescriptor]:
        """Every provider this source knows now; asked again after the cache expiry, within 10 s.

        Raises:
            SdkError: it cannot look at the moment; the last good answer is kept and the reason shown.
            Incomplete: it can look in some of its places; what it found counts and the reason is shown.
        """
        ...
