"""`audit`: who did what; `audit verify`: whether the trail is intact."""

from __future__ import annotations

import argparse

from provider_console.cli.command import Command, console_for
from provider_console.cli.exits import DONE, FAILED
from provider_console.cli.output import Output


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        choices=("list", "verify"),
        default="list",
        help="rows, the newest first (list); verify: walk the chain",
    )
    parser.add_argument("--since", metavar="WHEN", help="a span such as 2h or 7d, or a time such as 2026-01-31T10:00")
    parser.add_argument("--limit", type=int, default=50, help="at most so many rows (50)")


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    async with console_for(arguments, output) as console:
        if arguments.action == "verify":
            verdict = await console.verify_audit()
            if output.json:
                output.data(verdict)
            elif verdict.ok:
                signed = (
                    "no signature could be checked, there is no key in a keyring"
                    if verdict.signed_up_to is None
                    else f"signed up to row {verdict.signed_up_to}"
                )
                output.line(f"intact: {verdict.rows} rows, {signed}")
            else:
                output.line(f"NOT intact at row {verdict.broken_at}: {verdict.reason}")
            return DONE if verdict.ok else FAILED
        rows = await console.audit(since=arguments.since, limit=arguments.limit)
    if output.json:
        output.data(rows)
    else:
        output.table(
            ("ROW", "AT", "WHO", "ROLE", "FROM", "ACTION", "SUBJECT", "PHASE", "RESULT"),
            [(r.seq, r.at, r.actor, r.role, r.front_end, r.action, r.subject, r.phase, r.result) for r in rows],
        )
    return DONE


COMMAND = Command(_arguments, _run, "provider-console audit verify")
