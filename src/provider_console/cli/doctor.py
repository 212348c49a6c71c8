"""`doctor`: what is wrong and what to do."""

from __future__ import annotations

import argparse

from provider_console.cli.command import Command, console_for
from provider_console.cli.exits import DONE, FAILED
from provider_console.cli.output import Output


def _arguments(_parser: argparse.ArgumentParser) -> None:
    pass


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    async with console_for(arguments, output, repair=True) as console:
        output.progress("looking at files, keyring, plugins and every enabled provider …")
        findings = await console.doctor()
    if output.json:
        output.data(findings)
    else:
        for finding in findings:
            output.line(f"{'ok ' if finding.ok else 'BAD'}  {finding.check}: {finding.evidence}")
            if finding.mend:
                output.line(f"     do: {finding.mend}")
    return DONE if all(finding.ok for finding in findings) else FAILED


COMMAND = Command(_arguments, _run, "provider-console doctor")
