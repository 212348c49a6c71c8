"""`serve`: the HTTP API with the engine, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from provider_console.cli.command import Command
from provider_console.cli.exits import DONE
from provider_console.cli.output import Output
from provider_console.console.errors import BadRequest

if TYPE_CHECKING:
    from provider_console.api.serve import Stop

YOUNG: Final = 5_000
"""Objects more than there were before the collector looks: a request leaves none but what is remembered of it, and
700, as Python has it, are a few dozen of those."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="the address to serve on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8750, help="the port (8750); 0 takes a free one")
    parser.add_argument("--certfile", type=Path, metavar="FILE", help="serve TLS with this certificate (PEM)")
    parser.add_argument("--keyfile", type=Path, metavar="FILE", help="and its key (PEM)")
    parser.add_argument("--behind-proxy", action="store_true", help="a proxy in front of it does TLS")
    parser.add_argument("--key-file", type=Path, metavar="FILE", help="the keys that sign tokens (api.key_file)")
    parser.add_argument("--grace", type=float, default=30.0, metavar="S", help="seconds for what runs at the end (30)")


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    from provider_console.api.serve import Address, Stop, serve
    from provider_console.bootstrap import Situation, open_service

    if not 0 <= arguments.port <= 65_535:
        raise BadRequest(f"--port must be from 0 to 65535, not {arguments.port}", field="port")
    if not 0 <= arguments.grace <= 3_600:
        raise BadRequest(f"--grace must be from 0 to 3600 seconds, not {arguments.grace:g}", field="grace")
    address = Address(
        host=arguments.host,
        port=arguments.port,
        certfile=arguments.certfile,
        keyfile=arguments.keyfile,
        behind_proxy=arguments.behind_proxy,
    )
    address.check()
    overrides: dict[str, object] = {} if arguments.log_level is None else {"log.level": arguments.log_level}
    if arguments.key_file is not None:
        overrides["api.key_file"] = str(arguments.key_file.absolute())

    def started(port: int) -> None:
        # What is there now stays to the end: the collector need not look at it again with each few requests.
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG)
        url = address.at(port)
        if output.json:
            output.data({"url": url, "docs": f"{url}/docs"})
        else:
            output.line(f"serving {url} · documentation at {url}/docs · Ctrl-C or SIGTERM ends it")

    stop = Stop()
    _listen_to_signals(stop)
    async with open_service(Situation(overrides=overrides), grace_s=0.0) as service:
        await serve(service, address, stop, started=started, grace_s=arguments.grace, environ=os.environ)
    output.progress("ended; every request has its answer and its record")
    return DONE


def _listen_to_signals(stop: Stop) -> None:
    """SIGTERM and Ctrl-C end the server gently, a second one at once; SIGHUP has it read its settings again."""
    loop = asyncio.get_running_loop()
    for name, act in (("SIGINT", stop.end), ("SIGTERM", stop.end), ("SIGHUP", stop.reload)):
        with contextlib.suppress(NotImplementedError, AttributeError):  # Windows has its own way
            loop.add_signal_handler(getattr(signal, name), act)


COMMAND = Command(_arguments, _run, "provider-console serve --port 8750", serves=True)
