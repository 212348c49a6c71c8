"""`sandbox`: the sandbox providers alone, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio

from provider_console.cli.command import Command
from provider_console.cli.exits import DONE, FAILED, USAGE
from provider_console.cli.output import Output


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port-base", type=int, default=8760, metavar="N", help="the first of five ports (8760)")


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    from provider_console.sandbox import PortInUseError, run

    if not 1 <= arguments.port_base <= 65_530:
        output.say(f"--port-base must be from 1 to 65530, not {arguments.port_base}")
        return USAGE
    try:
        if output.json:
            await _run_for_programs(arguments.port_base, output)
        else:
            await run(arguments.port_base, announce=output.line)
    except PortInUseError as error:
        output.say(str(error))
        return FAILED
    return DONE


async def _run_for_programs(port_base: int, output: Output) -> None:
    from provider_console.sandbox import Sandbox, toml_text

    async with Sandbox(port_base=port_base) as sandbox:
        output.data(
            {
                "servers": {name: server.base_url for name, server in sandbox.servers.items()},
                "credentials": sandbox.credentials,
                "config": toml_text(sandbox.tables),
            }
        )
        await asyncio.Event().wait()


COMMAND = Command(_arguments, _run, "provider-console sandbox --port-base 8760")
