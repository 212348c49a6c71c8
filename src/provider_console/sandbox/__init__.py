"""Loopback servers that speak the providers' real protocols, with faults on request.

    async with serve(DeepLSandbox(key="key:fx")) as server:
        server.faults.script([Fault("status", status=503), Fault("reset")], on="work")
        ...  # a client at server.base_url
        assert server.count("/v2/translate") == 3

`Sandbox` is one of each with a configuration that fits, `living_sandbox` a console on a cast of providers that slow
down, fail and recover, `serve_in_thread` is for callers without an event loop. While a server runs,
`PUT /_sandbox/fault` sets a fault and `GET /_sandbox/log` shows what it has seen.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from provider_console.sandbox.apertium import ApertiumSandbox
    from provider_console.sandbox.catalogue import CatalogueSandbox, Listing
    from provider_console.sandbox.deepl import DeepLSandbox
    from provider_console.sandbox.fault import KINDS, LANES, OK, Fault, Faults, Kind, Lane
    from provider_console.sandbox.fleet import CREDENTIALS, NAMES, Sandbox, run, tables, toml_text
    from provider_console.sandbox.libretranslate import LibreTranslateSandbox
    from provider_console.sandbox.listener import PortInUseError
    from provider_console.sandbox.living import Living, living_sandbox
    from provider_console.sandbox.ollama import OllamaSandbox
    from provider_console.sandbox.openai import OpenAISandbox
    from provider_console.sandbox.record import Seen
    from provider_console.sandbox.server import Server, serve
    from provider_console.sandbox.thread import in_thread, serve_in_thread
    from provider_console.sandbox.vendor import Vendor

_PLACES: Final = {
    "apertium": ("ApertiumSandbox",),
    "catalogue": (
        "CatalogueSandbox",
        "Listing",
    ),
    "deepl": ("DeepLSandbox",),
    "fault": (
        "KINDS",
        "LANES",
        "OK",
        "Fault",
        "Faults",
        "Kind",
        "Lane",
    ),
    "fleet": (
        "CREDENTIALS",
        "NAMES",
        "Sandbox",
        "run",
        "tables",
        "toml_text",
    ),
    "libretranslate": ("LibreTranslateSandbox",),
    "listener": ("PortInUseError",),
    "living": (
        "Living",
        "living_sandbox",
    ),
    "ollama": ("OllamaSandbox",),
    "openai": ("OpenAISandbox",),
    "record": ("Seen",),
    "server": (
        "Server",
        "serve",
    ),
    "thread": (
        "in_thread",
        "serve_in_thread",
    ),
    "vendor": ("Vendor",),
}
"""Lazy, a module at a time: the names of the cast are wanted before a server is."""

__all__ = [
    "CREDENTIALS",
    "KINDS",
    "LANES",
    "NAMES",
    "OK",
    "ApertiumSandbox",
    "CatalogueSandbox",
    "DeepLSandbox",
    "Fault",
    "Faults",
    "Kind",
    "Lane",
    "LibreTranslateSandbox",
    "Listing",
    "Living",
    "OllamaSandbox",
    "OpenAISandbox",
    "PortInUseError",
    "Sandbox",
    "Seen",
    "Server",
    "Vendor",
    "in_thread",
    "living_sandbox",
    "run",
    "serve",
    "serve_in_thread",
    "tables",
    "toml_text",
]


def __getattr__(name: str) -> Any:
    for module, names in _PLACES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
