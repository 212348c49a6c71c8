"""Finds the command, runs it, and turns what went wrong into one sentence and an exit code."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final, NoReturn

import provider_console
from provider_console.cli.command import Command, common_options, sentence
from provider_console.cli.exits import INTERRUPTED, USAGE, failure
from provider_console.cli.output import Output, put, settle_streams, shown
from provider_console.cli.terminal import is_terminal, open_terminal
from provider_console.console.errors import ConsoleError
from provider_console.console.words import did_you_mean

COMMANDS: Final = {
    "demo": "the console on sandbox providers that slow down, fail and recover",
    "providers": "the unified map of providers with their health; enable, disable",
    "execute": "run an operation with fallback",
    "health": "the state of everything, from what is known",
    "check": "probe one provider, or all of them, now",
    "analytics": "figures of any period, providers side by side, outages; CSV and JSON",
    "coverage": "who could serve what, and what breaks if one dies",
    "alerts": "what rings and what rang; ack, snooze",
    "config": "show, set, edit, confirm, validate and restore settings",
    "secrets": "credentials in the system's secret store",
    "cache": "forget discovered providers",
    "audit": "who did what, and whether the trail is intact",
    "plugins": "what is loaded, what is not, and why; check, new, enable, disable",
    "themes": "the colours of the terminal: which there are, and what is wrong with a file",
    "serve": "the HTTP API with the engine, no terminal",
    "token": "access tokens of the HTTP API: issue, renew, revoke, list; rotate-keys",
    "sandbox": "run the sandbox providers alone",
    "doctor": "what is wrong and what to do",
}
"""Every command and its line of help. Each is a module of this package with a `COMMAND`."""


def run(argv: Sequence[str] | None) -> int:
    """Run the command that the arguments name."""
    settle_streams()
    _leave_no_core()
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
        put("")
    except BrokenPipeError:
        return 0
    except ConsoleError as error:
        return failure(error, Output(json=False))
    return code


def _run(words: list[str]) -> int:
    # Without a handler of its own, what is logged before the log file is open would be printed.
    logging.getLogger("provider_console").addHandler(logging.NullHandler())
    name = _command(words)
    if name is None and not {"-h", "--help", "--version"} & set(words) and is_terminal():
        return _terminal(words)
    if name is None or name not in COMMANDS or words[0] in ("-h", "--help", "--version"):
        return _top_level(words, name)
    command: Command = import_module(f"provider_console.cli.{name}").COMMAND
    parser = _Parser(
        prog=f"provider-console {name}",
        description=f"{sentence(COMMANDS[name])}.",
        epilog=f"example:\n  {command.example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common_options()],
    )
    command.arguments(parser)
    words.remove(name)
    try:
        try:
            # So that the `-` of `execute translate --to es -` may stand behind options.
            arguments = parser.parse_intermixed_args(words)
        except TypeError:
            # Commands with actions of their own cannot be read that way.
            arguments = parser.parse_args(words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else USAGE
    return _carry_out(command, arguments)


def _leave_no_core() -> None:
    """See that a crash of the interpreter does not write its memory, and so credentials, to the disk."""
    with contextlib.suppress(ImportError):  # Windows writes none
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


class _Parser(argparse.ArgumentParser):
    """A parser whose messages are one sentence, safe to show: they repeat what was typed."""

    def error(self, message: str) -> NoReturn:
        # argparse would put the usage before it, ten rows of some commands.
        self.exit(USAGE, f"{self.prog}: {shown(message)}\n{self.prog} --help explains it\n")


def _command(words: Sequence[str]) -> str | None:
    """The first word that is neither an option nor an option's value."""
    values = {"--connect", "--log-level", "--role", "--theme"}
    return next(
        (word for before, word in zip(("", *words), words, strict=False) if word[:1] != "-" and before not in values),
        None,
    )


def _top_level(words: Sequence[str], name: str | None) -> int:
    output = Output(json=False)
    if words and words[0] == "--version":
        output.line(f"provider-console {provider_console.__version__}")
        return 0
    if name is not None and name not in COMMANDS:
        output.say(f"unknown command {name!r}{did_you_mean(name, COMMANDS)}")
        output.progress("provider-console --help lists the commands")
        return USAGE
    asked = not words or words[0] in ("-h", "--help")
    if not asked:
        output.say(f"{shown(words[0])} names no command, and there is no terminal to open")
        output.progress("provider-console --help lists the commands")
        return USAGE
    width = max(map(len, COMMANDS))
    output.line("usage: provider-console [COMMAND] [options]\n\nKeeps AI and translation providers working.")
    output.line(
        "Without a command it opens the terminal console: --theme NAME, --role admin, --log-level LEVEL;\n"
        "with --connect https://HOST:PORT, that of an engine elsewhere.\n\ncommands:"
    )
    for command, line in COMMANDS.items():
        output.line(f"  {command:<{width}}  {line}")
    output.line("\nprovider-console COMMAND --help explains one of them, with an example.")
    return 0


def _terminal(words: Sequence[str]) -> int:
    """Open the terminal console."""
    parser = _Parser(prog="provider-console", parents=[common_options()])
    parser.add_argument(
        "--connect", metavar="ADDRESS", help="an engine elsewhere, such as https://console.example:8750"
    )
    parser.add_argument("--theme", help="a theme by name; `provider-console themes list` names them")
    try:
        arguments = parser.parse_args(words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else USAGE

    async def opened(arguments: argparse.Namespace, output: Output) -> int:
        if arguments.connect is None:
            return await open_terminal(arguments)
        from provider_console.cli.connect import open_remote_terminal

        return await open_remote_terminal(arguments, output)

    return _carry_out(Command(lambda _parser: None, opened, "provider-console"), arguments)


def _carry_out(command: Command, arguments: argparse.Namespace) -> int:
    output = Output(json=arguments.json, quiet=arguments.quiet)
    try:
        with asyncio.Runner(loop_factory=_server_loop() if command.serves else None) as runner:
            return runner.run(_interruptible(command, arguments, output))
    except (KeyboardInterrupt, asyncio.CancelledError):
        output.say("interrupted; what had happened is on record")
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    except Exception as error:  # noqa: BLE001 - the edge: every error becomes one sentence and a code
        return failure(error, output)


def _server_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop, where there is one: it halves the cost of a request."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _interruptible(command: Command, arguments: argparse.Namespace, output: Output) -> int:
    """The command, cancelled by Ctrl-C, SIGTERM or a terminal that is gone, in a way that lets it write its records."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a command runs in a task")
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        with contextlib.suppress(NotImplementedError, AttributeError):  # Windows has its own way
            loop.add_signal_handler(getattr(signal, name), task.cancel)
    return await command.run(arguments, output)
