"""An execution, and what the doctor found, told in lines of plain text, the same in every front end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from provider_console.console.views import AttemptView, ExecutionReport, Finding


def diagnosis(findings: Iterable[Finding]) -> Iterable[str]:
    """What the doctor found in lines: each thing with its evidence, and the command that mends it."""
    for finding in findings:
        yield f"{'ok ' if finding.ok else 'BAD'}  {finding.check}: {finding.evidence}"
        if finding.mend:
            yield f"     do: {finding.mend}"


def story(report: ExecutionReport, *, excluded: bool = True) -> Iterable[str]:
    """An execution in lines: every attempt, why each provider was left, and the answer.

    `excluded` False leaves out who was not considered, where that has been shown already.
    """
    yield f"{report.operation} · {report.status} · {report.elapsed_ms / 1000:.2f} s · {report.execution_id}"
    left = {one.provider: one.reason for one in report.left}
    seen: list[str] = []
    said = ""
    for attempt in report.attempts:
        if attempt.provider not in seen:
            if seen and seen[-1] in left:
                yield f"    left: {left[seen[-1]]}"
            seen.append(attempt.provider)
            said = ""
            yield f"  {attempt.provider}"
        # The same words five times over are noise: what differs is the wait.
        words = attempt.message or ""
        yield f"    {_attempt(attempt, words='' if words == said else words)}"
        said = words
    if seen and seen[-1] in left:
        yield f"    left: {left[seen[-1]]}"
    for provider, reason in left.items():
        if provider not in seen:
            yield f"  {provider}: not called, {reason}"
    for out in report.excluded if excluded else ():
        if out.reason == "not among the providers asked for":
            continue
        yield f"  {out.provider}: left out, {out.reason}"
    if report.provider is not None and report.status == "ok":
        yield f"  answered by {report.provider}"
    if report.hint:
        yield f"  what to try: {report.hint}"
    if report.result is not None:
        yield ""
        yield _result(report.result)


def _attempt(attempt: AttemptView, *, words: str) -> str:
    waited = f"after {attempt.delay_before_ms / 1000:.2f} s, " if attempt.delay_before_ms else ""
    took = f"{attempt.duration_ms:.0f} ms"
    if attempt.status == "ok":
        return f"attempt {attempt.attempt}: {waited}ok in {took}"
    status = f" {attempt.http_status}" if attempt.http_status else ""
    # Drivers name the provider in their messages; here it stands above them already.
    said = f": {words.removeprefix(f'{attempt.provider}: ')}" if words else ""
    return f"attempt {attempt.attempt}: {waited}{attempt.error_class}{status} in {took}{said}"


def _result(result: Mapping[str, Any]) -> str:
    text = result.get("text")
    return text if isinstance(text, str) else msgspec.json.encode(result).decode()
