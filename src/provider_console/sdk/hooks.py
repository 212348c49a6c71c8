"""The hooks a plugin may implement: synchronous, typed and few. All of them are optional."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pluggy

from provider_console.sdk.context import PluginContext, SettingsSection
from provider_console.sdk.driver import Driver
from provider_console.sdk.errors import ErrorClass
from provider_console.sdk.operation import OperationKind
from provider_console.sdk.provider import Provider
from provider_console.sdk.source import Source

PROJECT = "provider_console"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Ranker(Protocol):
    """An order of providers, chosen in the settings by its name (`engine.order`)."""

    def __call__(self, provider: Provider, *, score: float) -> tuple[float, ...]:
        """The sort key: the smallest goes first; equal ones by id."""


@hookspec
def provider_console_sources(context: PluginContext) -> Sequence[Source]:
    """Where providers come from."""
    raise NotImplementedError


@hookspec
def provider_console_drivers(context: PluginContext) -> Sequence[Driver]:
    """The protocols this plugin speaks."""
    raise NotImplementedError


@hookspec
def provider_console_operations() -> Sequence[OperationKind]:
    """Kinds of operation, with the fields of their forms."""
    raise NotImplementedError


@hookspec
def provider_console_settings() -> Sequence[SettingsSection]:
    """The tables of `config.toml` that this plugin reads."""
    raise NotImplementedError


@hookspec
def provider_console_themes() -> Sequence[Path]:
    """Theme files (TOML)."""
    raise NotImplementedError


@hookspec
def provider_console_rankers() -> Mapping[str, Ranker]:
    """Orders of providers by name."""
    raise NotImplementedError


@hookspec
def provider_console_classify(error: Exception) -> ErrorClass | None:
    """The class of an exception that only this plugin understands; None leaves it to the others."""
    raise NotImplementedError


@hookspec
def provider_console_on_event(event: Any) -> None:
    """Something happened; return at once. Events are frozen values that hold no content and no secret."""
    raise NotImplementedError
