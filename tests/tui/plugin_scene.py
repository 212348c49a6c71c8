"""Made-up plugins: one put aside, one that works in part, one new, one off; and what a doctor found."""

from __future__ import annotations

from typing import Any, Final

from provider_console.console.views import ConfigView, Finding, PluginView, SettingView

TRACEBACK: Final = """Traceback (most recent call last):
  File "/opt/console/lib/python3.12/site-packages/weather/__init__.py", line 31, in provider_console_sources
    return (Forecast(context, places=context.settings["weather"].places),)
            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/opt/console/lib/python3.12/site-packages/weather/forecast.py", line 88, in __init__
    self._days = self._read(places)
  File "/opt/console/lib/python3.12/site-packages/weather/forecast.py", line 104, in _read
    raise RuntimeError("the forecast is not what it was")
RuntimeError: the forecast is not what it was
"""


def plugin(name: str, **more: Any) -> PluginView:
    """A plugin that works, of the console's own package."""
    known: dict[str, Any] = {"package": "provider-console", "version": "0.1.0", "state": "loaded", "module": name}
    return PluginView(name=name, **{**known, **more})


WEATHER: Final = plugin(
    "weather",
    package="acme-weather",
    version="2.4.1",
    module="weather.plugin",
    state="quarantined",
    hooks=("provider_console_drivers", "provider_console_sources"),
    reason="provider_console_sources: RuntimeError: the forecast is not what it was",
    traceback=TRACEBACK,
    news="was 2.3.0 at the last start",
)
TRANSLATION: Final = plugin(
    "translation",
    hooks=("provider_console_drivers", "provider_console_operations", "provider_console_settings"),
    sources=("translation",),
    drivers=("deepl", "libretranslate", "apertium"),
    operations=("translate",),
    settings=("translation",),
)
AI: Final = plugin(
    "dynamic_ai",
    hooks=("provider_console_drivers", "provider_console_operations", "provider_console_sources"),
    sources=("dynamic_ai", "local_models"),
    drivers=("openai", "ollama"),
    operations=("chat", "embed"),
    settings=("dynamic_ai",),
)
PRICES: Final = plugin(
    "prices",
    package="acme-prices",
    version="0.3",
    module="acme_prices",
    hooks=("provider_console_classify", "provider_console_rankers"),
    orders=("cheapest",),
    problems=("ranker cheapest: KeyError: 'price'; it is not called again",),
)
LISTENER: Final = plugin(
    "pager",
    package="acme-pager",
    version="1.0",
    module="acme_pager",
    hooks=("provider_console_on_event",),
    news="is new since the last start",
)
ARCHIVE: Final = plugin(
    "archive",
    package="acme-archive",
    version="5.1",
    module="acme_archive",
    state="disabled",
    reason="switched off in [plugins] disabled",
)
PLUGINS: Final = (
    TRANSLATION,
    AI,
    plugin("system_secrets", sources=("system_secrets",)),
    ARCHIVE,
    LISTENER,
    PRICES,
    WEATHER,
)

FINDINGS: Final = (
    Finding(check="the configuration is valid", ok=True, evidence="config.toml, revision 41"),
    Finding(check="the keyring works", ok=True, evidence="GNOME Keyring, 6 credentials"),
    Finding(
        check="plugins are loaded",
        ok=False,
        evidence="weather: provider_console_sources: RuntimeError: the forecast is not what it was",
        mend="provider-console plugins disable weather",
    ),
    Finding(check="providers are found", ok=True, evidence="14 of 14 are enabled"),
    Finding(
        check="azure_openai answers",
        ok=False,
        evidence="credential missing: AZURE_OPENAI_KEY",
        mend="provider-console secrets set AZURE_OPENAI_KEY",
    ),
    Finding(check="deepl answers", ok=True, evidence="healthy"),
    Finding(check="answers are quick", ok=True, evidence="nobody is usually slow"),
    Finding(check="health checks run", ok=True, evidence="the last one was 8 s ago"),
)


def disabled(*names: str) -> ConfigView:
    """A configuration that keeps plugins out."""
    setting = SettingView(key="plugins.disabled", value=list(names), default=[], origin="file")
    return ConfigView(revision="1", file="config.toml", settings=(setting,))
