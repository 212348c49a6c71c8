"""`secrets`: list, set, test and delete credentials. A value comes from a hidden prompt or stdin, never an argument."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from provider_console.cli.command import Actions, Command, console_for
from provider_console.cli.exits import ACCESS, DONE, FAILED
from provider_console.cli.output import Output
from provider_console.cli.question import hidden, is_anybody_there
from provider_console.console.errors import BadRequest
from provider_console.console.views import HealthState
from provider_console.sdk.secret import Secret

VALUE_BYTES: Final = 16 * 1024


def _arguments(parser: argparse.ArgumentParser) -> None:
    action = Actions(parser, required=True)
    action("list", help="stored credentials by name")
    for name, example, words in (
        ("set", "DEEPL_AUTH_KEY < key.txt", "store one; the value is asked for, or read from standard input"),
        ("test", "DEEPL_AUTH_KEY", "check the providers that use one"),
        ("delete", "DEEPL_AUTH_KEY", "remove one"),
    ):
        action(name, example, help=words).add_argument("name", metavar="NAME")
    action("backend", help="where credentials are stored")


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    value = await _read_value(arguments.name) if arguments.action == "set" else None
    async with console_for(arguments, output, local=True) as console:
        match arguments.action:
            case "list":
                secrets = await console.secrets()
                if output.json:
                    output.data(secrets)
                elif not secrets:
                    output.say("no credential is stored; provider-console secrets set NAME stores one")
                else:
                    output.table(
                        ("NAME", "PRESENT", "BACKEND", "AGE", "USED BY"),
                        [
                            (s.name, "yes" if s.present else "no", s.backend, _age(s.age_ms), ", ".join(s.used_by))
                            for s in secrets
                        ],
                    )
            case "backend":
                backend = await console.secret_backend()
                output.data(backend) if output.json else output.line(f"{backend.name}: {backend.reason or 'usable'}")
                return DONE if backend.usable else ACCESS
            case "set" if value is not None:
                view = await console.set_secret(arguments.name, value)
                output.data(view) if output.json else output.line(f"{view.name} is stored in {view.backend}")
            case "test":
                checks = await console.test_secret(arguments.name)
                if output.json:
                    output.data(checks)
                else:
                    output.table(
                        ("PROVIDER", "STATE", "WHAT IT SAID"), [(c.provider, c.state.value, c.message) for c in checks]
                    )
                good = all(c.state in (HealthState.HEALTHY, HealthState.DEGRADED) for c in checks)
                return DONE if good else FAILED
            case "delete":
                deleted = await console.delete_secret(arguments.name)
                if output.json:
                    output.data({"name": arguments.name, "deleted": deleted})
                else:
                    output.line(f"{arguments.name} is deleted" if deleted else f"{arguments.name} was not stored")
                return DONE if deleted else FAILED
    return DONE


async def _read_value(name: str) -> Secret:
    if is_anybody_there():
        value = await hidden(f"Value of {name} (not shown): ")
    else:
        value = sys.stdin.read(VALUE_BYTES + 1)
        if len(value) > VALUE_BYTES:
            raise BadRequest(f"the value is over {VALUE_BYTES:,} characters; is it the right file?", field="value")
    value = value.rstrip("\r\n")
    if not value:
        raise BadRequest("the value is empty; nothing was stored", field="value")
    return Secret(value)


def _age(age_ms: float | None) -> str:
    if age_ms is None:
        return "–"
    days = age_ms / 86_400_000
    return f"{days:.0f} d" if days >= 1 else "today"


COMMAND = Command(_arguments, _run, "provider-console secrets set DEEPL_AUTH_KEY < key.txt")
