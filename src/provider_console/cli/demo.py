"""`demo`: the console on sandbox providers in a temporary home, with failures and fallback on the way.

In a terminal it opens the console on the living sandbox; headless it runs the main job once and prints the report.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from provider_console.cli.command import Command
from provider_console.cli.exits import DONE, USAGE
from provider_console.cli.output import Output
from provider_console.cli.terminal import is_terminal, sandbox_for, show
from provider_console.console.console import Console
from provider_console.console.views import ExecutionReport

if TYPE_CHECKING:
    from provider_console.sandbox import Sandbox

_ENGINE: Final = {"engine": {"base_delay": 100, "max_delay": 800}}
"""Delays a tenth as long as usual: a demo is watched, not waited for."""


class _Act(NamedTuple):
    """One operation, and the provider that fails while it runs."""

    title: str
    kind: str
    payload: dict[str, Any]
    failing: str
    status: int
    retry_after: str = ""


_ACTS: Final = (
    _Act(
        title="A translation while DeepL answers 503",
        kind="translate",
        payload={"text": "The house is red.", "from": "en", "to": "es"},
        failing="deepl",
        status=503,
    ),
    _Act(
        title="A chat while OpenAI limits the rate",
        kind="chat",
        payload={"text": "Why is the sky blue?"},
        failing="openai",
        status=429,
        retry_after="200ms",
    ),
)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--headless", action="store_true", help="run the main job once and print its report")
    parser.add_argument("--theme", help="a theme by name; the user's own otherwise")


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    if arguments.headless or output.json:
        return await _headless(output)
    if not is_terminal():
        output.say("demo opens the terminal console, and this is no terminal; add --headless to see it work in words")
        return USAGE
    return await _live(arguments)


async def _live(arguments: argparse.Namespace) -> int:
    living = sandbox_for(arguments.role)
    return await show(
        lambda _crash: living.opener(),
        theme=arguments.theme,
        sandbox=living,
        names=living.names(),
        environment="sandbox",
    )


async def _headless(output: Output) -> int:
    from provider_console.bootstrap import Situation, open_front_end
    from provider_console.sandbox import Sandbox, toml_text
    from provider_console.sandbox.home import temporary_home

    with temporary_home() as home:
        async with Sandbox() as sandbox:
            (home / "config.toml").write_text(toml_text({**_ENGINE, **sandbox.tables}), "utf-8")
            environ = {**os.environ, **sandbox.credentials, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
            situation = Situation(home=home, environ=environ)
            async with open_front_end("cli", situation, background=False) as console:
                reports = [await _play(act, console, sandbox, output) for act in _ACTS]
    if output.json:
        output.data(reports)
    output.progress("This ran on sandbox providers in a temporary home: nothing of yours was read or written.")
    return DONE


async def _play(act: _Act, console: Console, sandbox: Sandbox, output: Output) -> ExecutionReport:
    from provider_console.sandbox import Fault

    output.progress(f"{act.title} …")
    sandbox[act.failing].faults.set(Fault("status", status=act.status, retry_after=act.retry_after), on="work")
    report = await console.execute(await console.operation(act.kind, act.payload))
    if not output.json:
        output.line(f"{act.title}.")
        output.report(report)
        output.line()
    return report


COMMAND = Command(_arguments, _run, "provider-console demo")
