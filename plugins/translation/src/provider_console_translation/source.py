"""The translation providers that the administrator wrote down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from provider_console.sdk import PluginContext, ProviderDescriptor, Source
from provider_console_translation.settings import SECTION, TranslationSettings


class ConfiguredTranslators(Source):
    """Yields a provider for each table in `[translation.providers]`."""

    name: Final = "translation"
    local = True

    def __init__(self, context: PluginContext) -> None:
        self._context = context

    async def discover(self) -> Sequence[ProviderDescriptor]:
        """Every table, in the order of its id."""
        settings = self._context.settings().get(SECTION, TranslationSettings())
        return [table.descriptor(key) for key, table in sorted(settings.providers.items())]
