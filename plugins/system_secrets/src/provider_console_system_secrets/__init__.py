"""System secrets: the providers that the keys on this machine would unlock.

Names come from the keyring's index and from well-known environment variables; values are never seen. Vendors whose
protocols no driver speaks yet are left out, since nothing could call them: Anthropic, Gemini, Azure OpenAI, Google
Translate, Azure Translator.
"""

from __future__ import annotations

from collections.abc import Sequence

from provider_console.sdk import PluginContext, Source, hookimpl
from provider_console_system_secrets.source import UnlockedProviders


@hookimpl
def provider_console_sources(context: PluginContext) -> Sequence[Source]:
    """What the credentials of this machine unlock."""
    return (UnlockedProviders(context),)
