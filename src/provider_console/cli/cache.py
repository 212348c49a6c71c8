"""`cache clear`: forget discovered providers and look again."""

from __future__ import annotations

import argparse

from provider_console.cli.command import Command, console_for
from provider_console.cli.exits import DONE
from provider_console.cli.output import Output


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("clear",))


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    async with console_for(arguments, output) as console:
        count = await console.clear_cache()
    if output.json:
        output.data({"providers": count})
    else:
        output.line(f"forgotten and found again: {count} providers")
    return DONE


COMMAND = Command(_arguments, _run, "provider-console cache clear")
