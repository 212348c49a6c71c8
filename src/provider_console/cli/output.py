"""Prints: data on stdout, messages and progress on stderr, tables as wide as what is in them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from provider_console.console.views import AttemptView, ExecutionReport
from provider_console.console.words import clean_text

CELL: Final = 60

_UNSAFE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")
"""What a terminal would obey: control characters, a return that is no line's end, bidi overrides."""


def shown(text: str) -> str:
    """Text as a terminal may have it: the last filter, for what came in by an argument or a file name too.

    >>> shown("uno\\r\\n\\x1b[2Jdos\\rtres")
    'uno\\r\\n\ufffd[2Jdos\ufffdtres'
    """
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


class Output:
    """Where a command writes."""

    def __init__(self, *, json: bool, quiet: bool = False) -> None:
        self.json = json
        self._quiet = quiet

    def data(self, value: object) -> None:
        """A view, or views, as JSON."""
        text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
        # JSON may hold most of it as it is; escaped, it is the same value and harmless.
        self.line(_UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text))

    def line(self, text: str = "") -> None:
        """One line on stdout."""
        sys.stdout.write(shown(text) + "\n")
        sys.stdout.flush()

    def write(self, text: str) -> None:
        """A piece of text on stdout, at once."""
        sys.stdout.write(shown(text))
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """A message for the person, on stderr."""
        sys.stderr.write(f"provider-console: {shown(text)}\n")
        sys.stderr.flush()

    def progress(self, text: str) -> None:
        """What long work is doing, on stderr, unless it was asked to be quiet."""
        if not self._quiet:
            sys.stderr.write(f"{shown(text)}\n")
            sys.stderr.flush()

    def table(self, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table; cells are cleaned, and cut at 60 characters."""
        cells = [[_cell(value) for value in row] for row in rows]
        widths = [max([len(title), *(len(row[i]) for row in cells)]) for i, title in enumerate(header)]
        for row in [list(header), *cells]:
            self.line("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())

    def report(self, report: ExecutionReport, *, hint: bool = True) -> None:
        """What happened in an execution: as JSON, or as its story; `hint` False where a message says it."""
        if self.json:
            self.data(report)
            return
        for line in story(report if hint else msgspec.structs.replace(report, hint=None)):
            self.line(line)


def story(report: ExecutionReport) -> Iterable[str]:
    """An execution in lines: the plan, every attempt, why each provider was left, and the answer."""
    yield f"{report.operation} · {report.status} · {report.elapsed_ms / 1000:.2f} s · {report.execution_id}"
    left = {one.provider: one.reason for one in report.left}
    seen: list[str] = []
    for attempt in report.attempts:
        if attempt.provider not in seen:
            if seen and seen[-1] in left:
                yield f"    left: {left[seen[-1]]}"
            seen.append(attempt.provider)
            yield f"  {attempt.provider}"
        yield f"    {_attempt(attempt)}"
    if seen and seen[-1] in left:
        yield f"    left: {left[seen[-1]]}"
    for provider, reason in left.items():
        if provider not in seen:
            yield f"  {provider}: not called, {reason}"
    for out in report.excluded:
        yield f"  {out.provider}: left out, {out.reason}"
    if report.provider is not None and report.status == "ok":
        yield f"  answered by {report.provider}"
    if report.hint:
        yield f"  what to try: {report.hint}"
    if report.result is not None:
        yield ""
        yield _result(report.result)


def _attempt(attempt: AttemptView) -> str:
    waited = f"after {attempt.delay_before_ms / 1000:.2f} s, " if attempt.delay_before_ms else ""
    took = f"{attempt.duration_ms:.0f} ms"
    if attempt.status == "ok":
        return f"attempt {attempt.attempt}: {waited}ok in {took}"
    status = f" {attempt.http_status}" if attempt.http_status else ""
    # Drivers name the provider in their messages; here it stands above them already.
    words = f": {attempt.message.removeprefix(f'{attempt.provider}: ')}" if attempt.message else ""
    return f"attempt {attempt.attempt}: {waited}{attempt.error_class}{status} in {took}{words}"


def _result(result: Mapping[str, Any]) -> str:
    text = result.get("text")
    return text if isinstance(text, str) else msgspec.json.encode(result).decode()


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.1f}"
    return clean_text(str(value), CELL)
