"""What a command is, and the options that all of them take."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from provider_console.cli.loading import loading
from provider_console.cli.output import Output
from provider_console.console.access import PEOPLE, Role
from provider_console.console.console import Console
from provider_console.console.errors import BadRequest, ConsoleError
from provider_console.console.words import span_s


class Command(NamedTuple):
    """One command: its arguments, what it does, and an example for `--help`. `serves`: on the loop made for servers."""

    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Output], Awaitable[int]]
    example: str
    serves: bool = False


def common_options(*, again: bool = False, role: bool = True) -> argparse.ArgumentParser:
    """Options of every command. `again`: for the parser of an action, so that they may also stand behind it.

    `role` False: the action has a `--role` of another meaning.
    """
    # Without SUPPRESS the action's defaults would overwrite what stood before it.
    parser = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS if again else None)
    group = parser.add_argument_group("common options")
    group.add_argument("--json", action="store_true", help="data as JSON on stdout; messages stay on stderr")
    group.add_argument("--quiet", action="store_true", help="no progress on stderr")
    group.add_argument("--log-level", choices=("debug", "info", "warning"), help="the least that the log file holds")
    if role:
        group.add_argument("--role", choices=[role.value for role in PEOPLE], help="act with a lower role than yours")
    return parser


class Actions:
    """The actions of a command: each line of help also opens the action's own `--help`, which ends with an example."""

    def __init__(self, parser: argparse.ArgumentParser, *, required: bool = False) -> None:
        self._actions = parser.add_subparsers(dest="action", metavar="ACTION", required=required)
        self._command = parser.prog

    def __call__(self, name: str, example: str = "", *, help: str, role: bool = True) -> argparse.ArgumentParser:  # noqa: A002 - argparse's word
        """The parser of one more. `example` is what stands behind its name in one; `role` as in `common_options`."""
        return self._actions.add_parser(
            name,
            help=help,
            description=f"{sentence(help)}.",
            epilog=f"example:\n  {self._command} {name} {example}".rstrip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[common_options(again=True, role=role)],
        )


def sentence(line: str) -> str:
    """A line of help with a capital letter; names in capitals inside it stay."""
    return f"{line[0].upper()}{line[1:]}"


def span(text: str, *, option: str) -> float:
    """The seconds of a span that was typed for an option.

    Raises:
        BadRequest
    """
    seconds = span_s(text)
    if seconds is None:
        raise BadRequest(f"{option} takes a span such as 90s, 30m or 2h, not {text!r}", field=option.lstrip("-"))
    return seconds


@asynccontextmanager
async def console_for(
    arguments: argparse.Namespace, output: Output, *, repair: bool = False, local: bool = False
) -> AsyncIterator[Console]:
    """The console, held to the user's role, for a command that runs once: it does not probe by itself.

    What is wrong with the console itself is said at the end. `repair`: the command is there to mend a configuration
    that cannot be used. `local`: it needs no source that asks elsewhere, and waits for none.
    """
    # Only now: `--help` must not wait for the engine to load.
    with loading():
        from provider_console.bootstrap import Situation, open_front_end

    overrides = {} if arguments.log_level is None else {"log.level": arguments.log_level}
    async with open_front_end(
        "cli",
        Situation(overrides=overrides),
        role=None if arguments.role is None else Role(arguments.role),
        background=False,
        repair=repair,
        local=local,
    ) as console:
        said = ""
        try:
            yield console
        except ConsoleError as error:
            said = error.message
            raise
        finally:
            for notice in await console.notices():
                if not said or said not in notice:
                    output.say(notice)
