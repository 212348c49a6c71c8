"""`doctor`: what is wrong and what to do."""

from __future__ import annotations

import argparse

from provider_console.cli.command import Command, console_for
from provider_console.cli.exits import DONE, FAILED
from provider_console.cli.output import Output
from provider_console.console.story import diagnosis


def _arguments(_parser: argparse.ArgumentParser) -> None:
    pass


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    async with console_for(arguments, output, repair=True) as console:
        output.progress("looking at files, keyring, plugins and every enabled provider …")
        findings = await console.doctor()
    if output.json:
        output.data(findings)
    else:
        for line in diagnosis(findings):
            output.line(line)
    return DONE if all(finding.ok for finding in findings) else FAILED


COMMAND = Command(_arguments, _run, "provider-console doctor")
