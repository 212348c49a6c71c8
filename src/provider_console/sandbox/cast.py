"""Who plays in the living sandbox: providers by the names people know, speaking protocols that have a driver."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

Protocol = Literal["openai", "openai_compatible", "openrouter", "ollama", "deepl", "libretranslate", "apertium"]

PREFER: Final = {
    "en>es": ("deepl", "google_translate"),
    "en>fr": ("deepl", "google_translate"),
    "en>de": ("deepl", "azure_translator"),
    "en>sr": ("libretranslate",),
}
"""Who is asked first for the language pairs of the cast; Serbian is spoken by LibreTranslate alone."""

FOUND: Final = "together"
"""A catalogue names this one, and nobody has adopted it."""

SPREAD: Final = 0.22
"""How far latencies lie apart: the standard deviation of their logarithm."""
PROBE_SHARE: Final = 0.25
"""A list of models takes that much of the time of an answer."""


class Player(msgspec.Struct, frozen=True, kw_only=True):
    """One pretend provider. `latency_s` is its usual answer, half of them faster.

    `key`: whether its credential is there, is missing, or is not asked for. `cost` is per million units.
    """

    id: str
    name: str
    protocol: Protocol
    latency_s: float
    key: Literal["there", "missing", "none"] = "there"
    tier: Literal["primary", "secondary", "fallback"] = "primary"
    models: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    cost: tuple[float, float] | None = None
    region: str | None = None

    @property
    def section(self) -> str:
        """The table of the configuration that it stands in."""
        return "translation" if self.protocol in ("deepl", "libretranslate", "apertium") else "dynamic_ai"

    @property
    def driver(self) -> str:
        """The driver that speaks its protocol."""
        return "openai" if self.protocol == "openrouter" else self.protocol

    @property
    def credential(self) -> str | None:
        """The name of its credential: no vendor's own, so that no real key is ever looked for."""
        return None if self.key == "none" else f"SANDBOX_{self.id.upper()}_KEY"

    def table(self, base_url: str) -> dict[str, Any]:
        """Its table in `config.toml`, for a server at `base_url`."""
        known: dict[str, Any] = {
            "driver": self.driver,
            "name": self.name,
            "credential": self.credential,
            "base_url": base_url,
            "network": "loopback",
            "tier": self.tier,
            "models": list(self.models),
            "capabilities": list(self.capabilities),
            "region": self.region,
        }
        if self.cost is not None:
            known["cost"] = dict(zip(("input", "output"), self.cost, strict=True))
        return {key: value for key, value in known.items() if value not in (None, [])}


# A chat model whose table lists no pairs translates them all, and Serbian shall hang on one provider.
_CHAT: Final = ("text_generation", "translate:en>es", "translate:en>fr", "translate:en>de")
_SEES: Final = (*_CHAT, "vision")

CAST: Final = (
    Player(id="deepl", name="DeepL", protocol="deepl", latency_s=0.24, cost=(20.0, 0.0), region="eu"),
    Player(id="google_translate", name="Google Translate", protocol="libretranslate", latency_s=0.22, cost=(20.0, 0.0)),
    Player(
        id="azure_translator",
        name="Azure Translator",
        protocol="deepl",
        latency_s=0.26,
        tier="secondary",
        cost=(10.0, 0.0),
    ),
    Player(
        id="libretranslate",
        name="LibreTranslate",
        protocol="libretranslate",
        latency_s=0.31,
        key="none",
        tier="secondary",
    ),
    Player(id="apertium", name="Apertium", protocol="apertium", latency_s=0.06, key="none", tier="fallback"),
    Player(
        id="openai",
        name="OpenAI",
        protocol="openai",
        latency_s=0.52,
        models=("gpt-5-mini", "gpt-5", "text-embedding-3-small"),
        capabilities=(*_SEES, "embeddings"),
        cost=(0.25, 2.0),
        region="us",
    ),
    Player(
        id="azure_openai",
        name="Azure OpenAI",
        protocol="openai",
        latency_s=0.6,
        key="missing",
        models=("gpt-5-mini",),
        capabilities=_CHAT,
        region="eu",
    ),
    Player(
        id="anthropic",
        name="Anthropic",
        protocol="openai",
        latency_s=0.71,
        models=("claude-sonnet-4-5",),
        capabilities=_SEES,
        cost=(3.0, 15.0),
        region="us",
    ),
    Player(
        id="gemini",
        name="Gemini",
        protocol="openai",
        latency_s=0.44,
        models=("gemini-2.5-flash",),
        capabilities=_SEES,
        cost=(0.3, 2.5),
        region="us",
    ),
    Player(
        id="groq",
        name="Groq",
        protocol="openai",
        latency_s=0.19,
        models=("llama-3.3-70b-versatile",),
        capabilities=_CHAT,
        cost=(0.59, 0.79),
        region="us",
    ),
    Player(
        id="mistral",
        name="Mistral",
        protocol="openai",
        latency_s=0.82,
        models=("mistral-large-latest", "mistral-embed"),
        capabilities=(*_CHAT, "embeddings"),
        cost=(2.0, 6.0),
        region="eu",
    ),
    Player(
        id="openrouter",
        name="OpenRouter",
        protocol="openrouter",
        latency_s=1.22,
        tier="secondary",
        models=("auto",),
        capabilities=_CHAT,
        cost=(1.0, 3.0),
    ),
    Player(
        id="acme",
        name="acme gateway",
        protocol="openai_compatible",
        latency_s=0.55,
        tier="secondary",
        models=("acme-chat",),
        capabilities=_CHAT,
        region="office",
    ),
    Player(
        id="ollama",
        name="Ollama",
        protocol="ollama",
        latency_s=2.1,
        key="none",
        tier="fallback",
        models=("llama3.2:3b",),
        capabilities=_CHAT,
        region="this machine",
    ),
)
"""In the order of their ports."""
