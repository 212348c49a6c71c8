"""Which plugins are new, or have another version, since the console was last started."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from provider_console.console.views import PluginView
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.usage import UsageStore
from provider_console.engine.plugin_entry import OWN_PACKAGE

log = logging.getLogger(__name__)


async def plugin_news(store: UsageStore, plugins: Sequence[PluginView]) -> Mapping[str, str]:
    """A word for each plugin of somebody else's that is other than at the last start; then remember this one.

    The very first start has nothing to compare with. Code that comes with the console came with its own update.
    """
    now = {plugin.name: (plugin.package, plugin.version) for plugin in plugins}
    try:
        before = await store.plugins_seen()
        if before != now:
            await store.see_plugins(now)
    except StoreUnavailable as error:
        log.warning("which plugins are new cannot be said: %s", error)
        return {}
    if not before:
        return {}
    return {name: _word(before.get(name), seen) for name, seen in now.items() if _other(before.get(name), seen)}


def sentences(news: Mapping[str, str], plugins: Sequence[PluginView]) -> list[str]:
    """What people are told of it."""
    return [
        f"the plugin {plugin.name} ({plugin.package} {plugin.version}) {news[plugin.name]}; "
        f"provider-console plugins check {plugin.name} shows what it brings"
        for plugin in plugins
        if plugin.name in news
    ]


def _other(before: tuple[str, str] | None, now: tuple[str, str]) -> bool:
    return now[0] != OWN_PACKAGE and before != now


def _word(before: tuple[str, str] | None, now: tuple[str, str]) -> str:
    if before is None:
        return "is new since the last start"
    return f"was {before[1]} at the last start" if before[0] == now[0] else f"came from {before[0]} at the last start"
