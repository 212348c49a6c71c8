"""`providers`: the unified map; `providers enable`, `providers disable`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from provider_console.cli.command import Command, console_for
from provider_console.cli.exits import DONE, FAILED
from provider_console.cli.output import Output
from provider_console.cli.question import asked, is_anybody_there
from provider_console.console.console import Console
from provider_console.console.errors import BadRequest
from provider_console.console.views import ProviderView


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        choices=("list", "enable", "disable"),
        default="list",
        help="what is done; without it, list",
    )
    parser.add_argument("id", nargs="?", help="the provider to enable or disable")
    parser.add_argument("--category", metavar="C", help="only providers of this category, such as translation")
    parser.add_argument("--capability", metavar="X", help="only providers with this capability")
    parser.add_argument(
        "--sort", metavar="KEY", default="health_score", help="health_score, id, name, tier or state (health_score)"
    )
    parser.add_argument("--include-inactive", action="store_true", help="also what is disabled or not adopted")
    parser.add_argument("--yes", action="store_true", help="adopt what was found without being asked")


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    async with console_for(arguments, output) as console:
        if arguments.action == "list":
            if arguments.id is not None:
                raise BadRequest("providers list takes no ID; --json has all of each provider", field="id")
            views = await console.providers(
                category=arguments.category,
                capability=arguments.capability,
                sort_by=arguments.sort,
                include_inactive=arguments.include_inactive,
            )
            if output.json:
                output.data(views)
            elif not views:
                output.say(
                    "no provider is active; --include-inactive shows what was found, "
                    "provider-console demo shows how it works"
                )
            else:
                output.table(
                    ("PROVIDER", "STATE", "SCORE", "P50 MS", "OK %", "TIER", "DRIVER", "CREDENTIAL", "SOURCES"),
                    [_row(view) for view in views],
                )
            return DONE
        if arguments.id is None:
            raise BadRequest(f"providers {arguments.action} needs the ID of a provider", field="id")
        view = await console.provider(arguments.id)
        if arguments.action == "enable" and not view.configured:
            if not await _agreed(console, view, output, yes=arguments.yes):
                output.say("nothing was adopted")
                return FAILED
            credential = None if view.credential is None else view.credential.name
            view = await console.adopt_provider(arguments.id, base_url=view.base_url, credential=credential)
            word = f"adopted: {_whereto(view)}"
        else:
            view = await console.set_provider_enabled(arguments.id, enabled=arguments.action == "enable")
            word = f"{arguments.action}d"
        if output.json:
            output.data(view)
        else:
            output.line(f"{view.id} is {word}")
        return DONE


async def _agreed(console: Console, view: ProviderView, output: Output, *, yes: bool) -> bool:
    """Show where requests and the credential would go before anything goes there, and ask.

    Raises:
        BadRequest: there is nobody to ask, and no `--yes`.
    """
    said = [
        f"{view.id} is not in use yet; adopted, {_whereto(view)}",
        *_elsewhere(view, await console.providers(include_inactive=True)),
    ]
    if not yes and not is_anybody_there():
        raise BadRequest(f"{'; '.join(said)}; --yes adopts it", field="yes")
    for sentence in said:
        output.say(sentence)
    if yes:
        return True
    return await asked("adopt? [y/N] ") in ("y", "yes")


def _whereto(view: ProviderView) -> str:
    key = "no credential" if view.credential is None else f"the credential {view.credential.name}"
    return f"requests go to {view.base_url or 'its usual address'} (network {view.network}) with {key}"


def _elsewhere(view: ProviderView, others: Sequence[ProviderView]) -> list[str]:
    """Who else uses the credential, at another address."""
    if view.credential is None:
        return []
    return [
        f"{view.credential.name} is also the key of {other.id} at {other.base_url or 'its usual address'}"
        for other in sorted(others, key=lambda other: other.id)
        if other.credential is not None
        and other.id != view.id
        and other.credential.name == view.credential.name
        and other.base_url != view.base_url
    ]


def _row(view: ProviderView) -> tuple[object, ...]:
    credential = "–" if view.credential is None else view.credential.name + ("" if view.credential.present else " ✗")
    health = view.health
    return (
        view.id,
        health.why,
        health.score,
        health.p50_ms,
        health.success_rate,
        view.tier,
        view.driver,
        credential,
        ", ".join(view.sources),
    )


COMMAND = Command(_arguments, _run, "provider-console providers --category translation --sort health_score")
