"""`execute`: run an operation with fallback, or show what would happen."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from provider_console.cli.command import Command, console_for
from provider_console.cli.exits import DONE
from provider_console.cli.output import Output
from provider_console.cli.progress import followed
from provider_console.console.console import Console
from provider_console.console.errors import BadRequest
from provider_console.console.views import ExecutionReport, Explanation
from provider_console.sdk.operation import Operation

NOT_ASKED: Final = "not among the providers asked for"
"""Who the user left out by --provider needs no line of its own."""

OPTIONS: Final = {"text": "--text", "texts": "--text", "from": "--from", "to": "--to", "model": "--model"}
"""Fields that have an option of their own."""

TEXT_BYTES: Final = 64 * 1024 * 1024
"""More than any kind takes is not even read into memory."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", help="translate, chat, embed, or a kind that a plugin brings")
    parser.add_argument("source", nargs="?", choices=("-",), metavar="-", help="read the text from standard input")
    text = parser.add_mutually_exclusive_group()
    text.add_argument("--text", metavar="T", help="the text")
    text.add_argument("--file", metavar="F", type=Path, help="a file with the text (UTF-8)")
    parser.add_argument("--from", dest="from_", metavar="L", help="the language it is in, such as en; else detected")
    parser.add_argument("--to", metavar="L", help="the language it shall be in, such as es")
    parser.add_argument("--model", metavar="M", help="the model to use")
    parser.add_argument("--set", metavar="FIELD=VALUE", action="append", default=[], help="any other field of the kind")
    parser.add_argument("--category", metavar="C", help="ask providers of another category than the kind's own")
    parser.add_argument("--require", metavar="X", action="append", default=[], help="a capability that is required")
    parser.add_argument("--provider", metavar="ID", action="append", default=[], help="ask only this provider")
    parser.add_argument("--max-providers", metavar="N", type=int, help="ask at most so many providers")
    parser.add_argument("--deadline", metavar="S", type=float, help="give up after so many seconds")
    parser.add_argument("--wait", action="store_true", help="wait, within the deadline, for a provider to come back")
    parser.add_argument("--dry-run", action="store_true", help="show the plan and call nobody")
    parser.add_argument(
        "--explain", action="store_true", help="also print every attempt and why the order is what it is"
    )
    parser.add_argument("--stream", action="store_true", help="print the answer as it arrives")


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    payload = _payload(arguments)
    async with console_for(arguments, output) as console:
        operation = await _operation(console, arguments, payload)
        if arguments.dry_run or arguments.explain:
            explanation = await console.explain(operation)
            if arguments.dry_run and output.json:
                output.data(explanation)
            elif not output.json:
                _show(explanation, output)
            if arguments.dry_run:
                return DONE
        if arguments.stream:
            report = await followed(_streamed(console, operation, output), console, output)
        else:
            report = await followed(console.execute(operation), console, output)
            if not output.json and not arguments.explain:
                output.line(_text(report))
        if output.json or arguments.explain:
            output.report(report, excluded=not arguments.explain)
        return DONE


async def _streamed(console: Console, operation: Operation, output: Output) -> ExecutionReport:
    report: ExecutionReport | None = None
    async for item in console.execute_stream(operation):
        if isinstance(item, ExecutionReport):
            report = item
        elif not output.json:
            output.write(item.text)
    if not output.json:
        output.line()
    if report is None:
        raise RuntimeError("the stream ended without a report")
    return report


async def _operation(console: Console, arguments: argparse.Namespace, payload: dict[str, Any]) -> Operation:
    kinds = {kind.name: kind for kind in await console.kinds()}
    kind = kinds.get(arguments.kind)
    fields = set() if kind is None else {field.name for field in kind.fields}
    if "text" in payload and "text" not in fields and "texts" in fields:
        payload["texts"] = [payload.pop("text")]
    if kind is not None and {"from", "to"} <= {field.name for field in kind.fields} and "to" not in payload:
        source, _, target = await _default_pair(console)
        if target and payload.get("from") in (None, source):
            payload |= {"from": source, "to": target}
    options = {
        "category": arguments.category,
        "capabilities": tuple(arguments.require) or None,
        "providers": tuple(arguments.provider) or None,
        "max_providers": arguments.max_providers,
        "deadline_s": arguments.deadline,
        "wait": arguments.wait or None,
    }
    known = {key: value for key, value in options.items() if value is not None}
    try:
        return await console.operation(arguments.kind, payload, options=known)
    except BadRequest as error:
        if error.field is None or not error.message.startswith(f"{error.field} is missing"):
            raise
        way = OPTIONS.get(error.field, f"--set {error.field}=VALUE")
        raise BadRequest(f"{error.message}; {way} gives it", field=error.field) from error


async def _default_pair(console: Console) -> tuple[str, str, str]:
    settings = (await console.config()).settings
    pair = next((s.value for s in settings if s.key.endswith(".default_pair") and isinstance(s.value, str)), "")
    return pair.partition(">")


def _payload(arguments: argparse.Namespace) -> dict[str, Any]:
    payload: dict[str, Any] = {"from": arguments.from_, "to": arguments.to, "model": arguments.model}
    for entry in arguments.set:
        name, separator, value = entry.partition("=")
        if not separator:
            raise BadRequest(f"--set takes FIELD=VALUE, not {entry!r}", field="set")
        payload[name] = _value(value)
    text = _source_text(arguments)
    if text is not None:
        payload["text"] = text
    return {key: value for key, value in payload.items() if value is not None}


def _value(text: str) -> object:
    """A field's value: JSON where it reads as JSON, else the text itself."""
    import msgspec

    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _source_text(arguments: argparse.Namespace) -> str | None:
    if arguments.text is not None:
        return str(arguments.text)
    if arguments.file is not None:
        try:
            with arguments.file.open("rb") as file:
                content: bytes = file.read(TEXT_BYTES + 1)
        except OSError as error:
            raise BadRequest(f"{arguments.file} cannot be read: {error.strerror}", field="file") from error
    elif arguments.source == "-":
        content = sys.stdin.buffer.read(TEXT_BYTES + 1)
    else:
        return None
    if len(content) > TEXT_BYTES:
        raise BadRequest(f"the text is over {TEXT_BYTES // 1024 // 1024} MiB; split it", field="text")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest(f"the text is not UTF-8 (byte {error.start}); convert it first", field="text") from error


def _text(report: ExecutionReport) -> str:
    import msgspec

    result = report.result or {}
    text = result.get("text")
    return text if isinstance(text, str) else msgspec.json.format(msgspec.json.encode(result), indent=2).decode()


def _show(explanation: Explanation, output: Output) -> None:
    if explanation.plan:
        _show_plan(explanation, output)
    for out in explanation.excluded:
        if out.reason == NOT_ASKED:
            continue
        output.line(f"left out: {out.provider}, {out.reason}")
    for note in explanation.notes:
        output.line(note)
    if not explanation.plan:
        known = "" if explanation.excluded else "; provider-console providers --include-inactive shows who is known"
        output.line(f"nobody can serve this now{known}")


def _show_plan(explanation: Explanation, output: Output) -> None:
    output.table(
        ("RANK", "PROVIDER", "SCORE", "BASE", "RESPONSE", "RELIABILITY", "BREAKER", "WHY"),
        [
            (e.rank, e.provider, e.score.total, e.score.base, e.score.response, e.score.reliability, e.breaker, e.why)
            for e in explanation.plan
        ],
    )


COMMAND = Command(
    _arguments, _run, 'provider-console execute translate --from en --to es --text "The house is red." --explain'
)
