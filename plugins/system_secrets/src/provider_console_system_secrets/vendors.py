"""Which key unlocks which provider."""

from __future__ import annotations

from typing import Final

import msgspec


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """A provider that a key unlocks. `names` are the environment variables its users know, the usual one first.

    `base_url` None is the driver's own.
    """

    id: str
    title: str
    driver: str
    names: tuple[str, ...]
    base_url: str | None = None


def _openai(vendor: str, title: str, name: str, base_url: str | None = None) -> Vendor:
    return Vendor(id=vendor, title=title, driver="openai", names=(name,), base_url=base_url)


# The best known first. Ids are the vendors' canonical ones. Addresses are those of the vendors' own documentation.
VENDORS: Final = (
    _openai("openai", "OpenAI", "OPENAI_API_KEY"),
    Vendor(id="deepl", title="DeepL", driver="deepl", names=("DEEPL_AUTH_KEY", "DEEPL_API_KEY")),
    _openai("groq", "Groq", "GROQ_API_KEY", "https://api.groq.com/openai/v1"),
    _openai("cerebras", "Cerebras", "CEREBRAS_API_KEY", "https://api.cerebras.ai/v1"),
    _openai("deepseek", "DeepSeek", "DEEPSEEK_API_KEY", "https://api.deepseek.com/v1"),
    _openai("fireworks", "Fireworks AI", "FIREWORKS_API_KEY", "https://api.fireworks.ai/inference/v1"),
    _openai("mistral", "Mistral AI", "MISTRAL_API_KEY", "https://api.mistral.ai/v1"),
    _openai("openrouter", "OpenRouter", "OPENROUTER_API_KEY", "https://openrouter.ai/api/v1"),
    _openai("together", "Together AI", "TOGETHER_API_KEY", "https://api.together.xyz/v1"),
    _openai("xai", "xAI", "XAI_API_KEY", "https://api.x.ai/v1"),
    Vendor(
        id="libretranslate",
        title="LibreTranslate",
        driver="libretranslate",
        names=("LIBRETRANSLATE_API_KEY",),
        base_url="https://libretranslate.com",
    ),
)
