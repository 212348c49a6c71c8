"""`health`: the state of everything, from what is known."""

from __future__ import annotations

import argparse

from provider_console.cli.command import Command, console_for
from provider_console.cli.exits import DONE
from provider_console.cli.output import Output
from provider_console.console.views import ProviderView


def _arguments(_parser: argparse.ArgumentParser) -> None:
    pass


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    async with console_for(arguments, output) as console:
        health = await console.health()
    if output.json:
        output.data(health)
        return DONE
    known = health.healthy + health.degraded + health.unhealthy
    overall = f"{health.overall_health:.1f} %" if known else "–"
    held = f" (held {health.held})" if health.held else ""
    output.line(
        f"overall {overall} · healthy {health.healthy} · degraded {health.degraded} · "
        f"unhealthy {health.unhealthy}{held} · unknown {health.unknown}"
    )
    output.line(f"last check {health.last_health_check or 'never'}")
    rows = [_row(view) for view in health.providers if view.enabled]
    if rows:
        output.line()
        output.table(("PROVIDER", "STATE", "WHY", "SCORE", "LAST ERROR"), rows)
    else:
        output.say("no provider is enabled; provider-console providers --include-inactive shows what was found")
    return DONE


def _row(view: ProviderView) -> tuple[object, ...]:
    health = view.health
    why = None if health.why == health.state.value else health.why
    return view.id, health.state.value, why, health.score, health.last_error


COMMAND = Command(_arguments, _run, "provider-console health --json")
