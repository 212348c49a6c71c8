"""Translation: the settings of translation providers, the kind `translate`, and drivers for three protocols.

DeepL, LibreTranslate and Apertium. Chat models translate too; their drivers live in the plugin `dynamic_ai`.
"""

from __future__ import annotations

from collections.abc import Sequence

from provider_console.sdk import Driver, OperationKind, PluginContext, SettingsSection, Source, hookimpl
from provider_console_translation.apertium import Apertium
from provider_console_translation.deepl import DeepL
from provider_console_translation.kind import Translate
from provider_console_translation.libretranslate import LibreTranslate
from provider_console_translation.settings import SECTION, TranslationSettings
from provider_console_translation.source import ConfiguredTranslators


@hookimpl
def provider_console_sources(context: PluginContext) -> Sequence[Source]:
    """The providers of `[translation.providers]`."""
    return (ConfiguredTranslators(context),)


@hookimpl
def provider_console_drivers() -> Sequence[Driver]:
    """One driver a protocol."""
    return (DeepL(), LibreTranslate(), Apertium())


@hookimpl
def provider_console_operations() -> Sequence[OperationKind]:
    """The kind `translate`."""
    return (Translate(),)


@hookimpl
def provider_console_settings() -> Sequence[SettingsSection]:
    """The section `[translation]`."""
    return (SettingsSection(name=SECTION, type=TranslationSettings),)
