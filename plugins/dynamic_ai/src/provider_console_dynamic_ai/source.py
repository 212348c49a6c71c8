"""The AI providers that the administrator wrote down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from provider_console.sdk import PluginContext, ProviderDescriptor, Source
from provider_console_dynamic_ai.settings import SECTION, DynamicAISettings


class ConfiguredModels(Source):
    """Yields a provider for each table in `[dynamic_ai.providers]`."""

    name: Final = "dynamic_ai"
    local = True

    def __init__(self, context: PluginContext) -> None:
        self._context = context

    async def discover(self) -> Sequence[ProviderDescriptor]:
        """Every table, in the order of its id."""
        settings = section(self._context)
        return [table.descriptor(key) for key, table in sorted(settings.providers.items())]


def section(context: PluginContext) -> DynamicAISettings:
    """This plugin's settings of the moment; the defaults where the configuration has no such table."""
    found = context.settings().get(SECTION)
    return found if isinstance(found, DynamicAISettings) else DynamicAISettings()
