"""The providers that the administrator wrote down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from provider_console.sdk import PluginContext, ProviderDescriptor, Source
from provider_console_template.settings import SECTION, Section


class ConfiguredServices(Source):
    """One provider for each table in `[template.providers]`."""

    name: Final = "template"
    local = True

    def __init__(self, context: PluginContext) -> None:
        self._context = context

    async def discover(self) -> Sequence[ProviderDescriptor]:
        """Every table, in the order of its id. Settings are read each time, because they may have changed."""
        settings = self._context.settings().get(SECTION, Section())
        return [
            ProviderDescriptor(
                id=key,
                driver=table.driver,
                configured=True,
                enabled=table.enabled,
                base_url=table.base_url,
                credential=table.credential,
                network=table.network,
                tier=table.tier,
            )
            for key, table in sorted(settings.providers.items())
        ]
