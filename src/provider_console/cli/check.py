"""`check`: probe one provider, or all of them, now."""

from __future__ import annotations

import argparse

from provider_console.cli.command import Command, console_for
from provider_console.cli.exits import DONE, FAILED
from provider_console.cli.output import Output
from provider_console.console.views import HealthState


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("provider", nargs="?", help="the provider to probe; without it, every enabled one")


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    async with console_for(arguments, output) as console:
        output.progress(f"checking {arguments.provider or 'every enabled provider'} …")
        checks = await console.check(arguments.provider)
    if output.json:
        output.data(checks)
    elif not checks:
        output.say("no provider is enabled; provider-console providers --include-inactive shows what was found")
    else:
        output.table(
            ("PROVIDER", "STATE", "PROVED", "MS", "SCORE", "WHAT IT SAID"),
            [(c.provider, c.state.value, c.rung, c.latency_ms, c.score, c.message) for c in checks],
        )
    return DONE if checks and all(c.state in (HealthState.HEALTHY, HealthState.DEGRADED) for c in checks) else FAILED


COMMAND = Command(_arguments, _run, "provider-console check deepl")
