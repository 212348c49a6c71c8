"""`coverage`: who could serve what, and what breaks if one dies."""

from __future__ import annotations

import argparse

from provider_console.cli.command import Command, console_for
from provider_console.cli.exits import DONE
from provider_console.cli.output import Output


def _arguments(_parser: argparse.ArgumentParser) -> None:
    pass


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    async with console_for(arguments, output) as console:
        entries = await console.coverage()
    if output.json:
        output.data(entries)
        return DONE
    output.table(
        ("CATEGORY", "CAPABILITY", "STATUS", "PROVIDERS", "TAKES OVER", "AT MS", "COST PER M"),
        [
            (
                e.category,
                e.capability.replace(">", "›"),
                e.status,
                ", ".join(e.providers) or None,
                e.takes_over,
                e.latency_ms,
                None if e.cost is None else f"{e.cost.input:g} in, {e.cost.output:g} out",
            )
            for e in entries
        ],
    )
    return DONE


COMMAND = Command(_arguments, _run, "provider-console coverage")
