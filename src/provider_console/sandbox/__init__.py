"""Loopback servers that speak the providers' real protocols, with faults on request.

    async with serve(DeepLSandbox(key="key:fx")) as server:
        server.faults.script([Fault("status", status=503), Fault("reset")], on="work")
        ...  # a client at server.base_url
        assert server.count("/v2/translate") == 3

`Sandbox` is one of each with a configuration that fits, `serve_in_thread` is for callers without an event loop. While
a server runs, `PUT /_sandbox/fault` sets a fault and `GET /_sandbox/log` shows what it has seen.
"""

from provider_console.sandbox.catalogue import CatalogueSandbox, Listing
from provider_console.sandbox.deepl import DeepLSandbox
from provider_console.sandbox.fault import KINDS, LANES, OK, Fault, Faults, Kind, Lane
from provider_console.sandbox.fleet import CREDENTIALS, NAMES, Sandbox, run, tables, toml_text
from provider_console.sandbox.libretranslate import LibreTranslateSandbox
from provider_console.sandbox.listener import PortInUseError
from provider_console.sandbox.ollama import OllamaSandbox
from provider_console.sandbox.openai import OpenAISandbox
from provider_console.sandbox.record import Seen
from provider_console.sandbox.server import Server, serve
from provider_console.sandbox.thread import in_thread, serve_in_thread
from provider_console.sandbox.vendor import Vendor

__all__ = [
    "CREDENTIALS",
    "KINDS",
    "LANES",
    "NAMES",
    "OK",
    "CatalogueSandbox",
    "DeepLSandbox",
    "Fault",
    "Faults",
    "Kind",
    "Lane",
    "LibreTranslateSandbox",
    "Listing",
    "OllamaSandbox",
    "OpenAISandbox",
    "PortInUseError",
    "Sandbox",
    "Seen",
    "Server",
    "Vendor",
    "in_thread",
    "run",
    "serve",
    "serve_in_thread",
    "tables",
    "toml_text",
]
