"""Summaries from services that speak a small JSON protocol: a source, a driver and a kind of operation."""

from __future__ import annotations

from collections.abc import Sequence

from provider_console.sdk import Driver, OperationKind, PluginContext, SettingsSection, Source, hookimpl
from provider_console_template.driver import SummaryService
from provider_console_template.kind import Summarise
from provider_console_template.settings import SECTION, Section
from provider_console_template.source import ConfiguredServices


@hookimpl
def provider_console_settings() -> Sequence[SettingsSection]:
    """The table of `config.toml` that belongs to this plugin."""
    return (SettingsSection(name=SECTION, type=Section),)


@hookimpl
def provider_console_sources(context: PluginContext) -> Sequence[Source]:
    """Where providers come from."""
    return (ConfiguredServices(context),)


@hookimpl
def provider_console_drivers() -> Sequence[Driver]:
    """The protocols this plugin speaks. A hook may leave out arguments that it does not need."""
    return (SummaryService(),)


@hookimpl
def provider_console_operations() -> Sequence[OperationKind]:
    """What can be done with such a provider."""
    return (Summarise(),)
