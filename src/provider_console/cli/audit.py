"""`audit`: who did what; `audit verify`: whether the trail is intact."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime
from typing import Final

from provider_console.adapters.clock import SystemClock
from provider_console.cli.command import Command, console_for
from provider_console.cli.exits import DONE, FAILED
from provider_console.cli.output import Output
from provider_console.console.errors import BadRequest

_UNIT_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("list", "verify"), default="list")
    parser.add_argument("--since", metavar="WHEN", help="a span such as 2h or 7d, or a time such as 2026-01-31T10:00")
    parser.add_argument("--limit", type=int, default=50, help="at most so many rows (50)")


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    since = 0.0 if arguments.since is None else parse_since(arguments.since, now=SystemClock().wall())
    async with console_for(arguments) as console:
        if arguments.action == "verify":
            verdict = await console.verify_audit()
            if output.json:
                output.data(verdict)
            elif verdict.ok:
                signed = "unsigned" if verdict.signed_up_to is None else f"signed up to row {verdict.signed_up_to}"
                output.line(f"intact: {verdict.rows} rows, {signed}")
            else:
                output.line(f"NOT intact at row {verdict.broken_at}: {verdict.reason}")
            return DONE if verdict.ok else FAILED
        rows = await console.audit(since=since, limit=arguments.limit)
    if output.json:
        output.data(rows)
    else:
        output.table(
            ("ROW", "AT", "WHO", "ROLE", "FROM", "ACTION", "SUBJECT", "PHASE", "RESULT"),
            [(r.seq, r.at, r.actor, r.role, r.front_end, r.action, r.subject, r.phase, r.result) for r in rows],
        )
    return DONE


def parse_since(text: str, *, now: float) -> float:
    """Wall seconds of a span back from `now`, or of a time (UTC where it names no zone).

    >>> parse_since("2h", now=10_000.0), parse_since("1970-01-01T00:01", now=0.0)
    (2800.0, 60.0)

    Raises:
        BadRequest: it is neither.
    """
    match = re.fullmatch(r"([0-9]{1,6})([smhdw])", text)
    if match:
        return now - int(match[1]) * _UNIT_S[match[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRequest(
            f"--since takes a span such as 2h or 7d, or a time such as 2026-01-31T10:00, not {text!r}", field="since"
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


COMMAND = Command(_arguments, _run, "provider-console audit verify")
