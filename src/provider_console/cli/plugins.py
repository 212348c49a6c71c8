"""`plugins list`: what is loaded, what is not, and why."""

from __future__ import annotations

import argparse

from provider_console.cli.command import Command, console_for
from provider_console.cli.exits import DONE
from provider_console.cli.output import Output


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("list",), default="list")


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    async with console_for(arguments, output) as console:
        plugins = await console.plugins()
    if output.json:
        output.data(plugins)
        return DONE
    output.table(
        ("PLUGIN", "VERSION", "STATE", "SOURCES", "DRIVERS", "OPERATIONS"),
        [
            (p.name, p.version, p.state, ", ".join(p.sources), ", ".join(p.drivers), ", ".join(p.operations))
            for p in plugins
        ],
    )
    for plugin in plugins:
        for problem in (*([plugin.reason] if plugin.reason else []), *plugin.problems):
            output.say(f"{plugin.name}: {problem}")
    return DONE


COMMAND = Command(_arguments, _run, "provider-console plugins list")
