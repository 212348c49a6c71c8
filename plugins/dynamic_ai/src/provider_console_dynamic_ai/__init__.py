"""AI providers: from the configuration, from catalogues, and from this machine; OpenAI's and Ollama's protocols.

The drivers translate too, which makes every chat model a translation provider.
"""

from __future__ import annotations

from collections.abc import Sequence

from provider_console.sdk import Driver, OperationKind, PluginContext, SettingsSection, Source, hookimpl
from provider_console_dynamic_ai.catalogue import Catalogues
from provider_console_dynamic_ai.kinds import Chat, Embed
from provider_console_dynamic_ai.local import LocalServers
from provider_console_dynamic_ai.ollama import Ollama
from provider_console_dynamic_ai.openai import OpenAI, OpenAICompatible
from provider_console_dynamic_ai.settings import SECTION, DynamicAISettings
from provider_console_dynamic_ai.source import ConfiguredModels


@hookimpl
def provider_console_sources(context: PluginContext) -> Sequence[Source]:
    """The configuration, the catalogues, and the servers on this machine."""
    return (ConfiguredModels(context), Catalogues(context), LocalServers(context))


@hookimpl
def provider_console_drivers() -> Sequence[Driver]:
    """OpenAI's protocol with and without a key, and Ollama's."""
    return (OpenAI(), OpenAICompatible(), Ollama())


@hookimpl
def provider_console_operations() -> Sequence[OperationKind]:
    """The kinds `chat` and `embed`."""
    return (Chat(), Embed())


@hookimpl
def provider_console_settings() -> Sequence[SettingsSection]:
    """The section `[dynamic_ai]`."""
    return (SettingsSection(name=SECTION, type=DynamicAISettings),)
