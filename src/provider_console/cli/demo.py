"""`demo`: the console on sandbox providers in a temporary home, with failures and fallback on the way."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any, Final

from provider_console.bootstrap import Situation, open_front_end
from provider_console.cli.command import Command
from provider_console.cli.exits import DONE
from provider_console.cli.output import Output
from provider_console.console.console import Console

_ENGINE: Final = {"engine": {"base_delay": 100, "max_delay": 800}}
"""Delays a tenth as long as usual: a demo is watched, not waited for."""

_ACTS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    (
        "A translation while DeepL answers 503 and OpenAI limits the rate",
        "translate",
        {"text": "The house is red.", "from": "en", "to": "es"},
    ),
    ("A chat while OpenAI limits the rate", "chat", {"text": "Why is the sky blue?"}),
)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--headless", action="store_true", help="run the main job once and print its report")


async def _run(_arguments: argparse.Namespace, output: Output) -> int:
    from provider_console.sandbox import Fault, Sandbox, toml_text

    with tempfile.TemporaryDirectory(prefix="provider-console-demo-") as home:
        async with Sandbox() as sandbox:
            sandbox["deepl"].faults.set(Fault("status", status=503), on="work")
            sandbox["openai"].faults.set(Fault("status", status=429, retry_after="200ms"), on="work")
            (Path(home) / "config.toml").write_text(toml_text({**_ENGINE, **sandbox.tables}), "utf-8")
            environ = {**os.environ, **sandbox.credentials, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
            situation = Situation(home=Path(home), environ=environ)
            async with open_front_end("cli", situation, background=False) as console:
                await _play(console, output)
    return DONE


async def _play(console: Console, output: Output) -> None:
    reports = []
    for title, kind, payload in _ACTS:
        output.progress(f"{title} …")
        operation = await console.operation(kind, payload)
        report = await console.execute(operation)
        reports.append(report)
        if not output.json:
            output.line(f"{title}.")
            output.report(report)
            output.line()
    if output.json:
        output.data(reports)
    output.progress("This ran on sandbox providers in a temporary home: nothing of yours was read or written.")


COMMAND = Command(_arguments, _run, "provider-console demo --headless")
