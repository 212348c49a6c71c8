"""Schemathesis over the OpenAPI document with every check on: no defect, and no answer that is not documented."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Final

import pytest
from tests.api.served import served

PROGRAM: Final = Path(sys.executable).with_name("schemathesis")
EXAMPLES: Final = 6
"""For each of sixty operations, beside the systematic ones: enough to meet what is wrong, and soon done."""

LEFT_OUT: Final = ("/events", "/tokens/rotate", "/tokens/{token_id}")
"""A stream that does not end, and what ends the token of the run; they have tests of their own."""


CONFIGURATION: Final = """
[checks]
missing_required_header.expected-statuses = [401, 428]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 409, 413, 415, 421, 422, 428, 429, 431]
positive_data_acceptance.expected-statuses = ["2xx", 304, 400, 404, 409, 412, 422, 429, 502, 503]
"""
"""What the checks could not know: a missing If-Match is 428 (RFC 6585), a body over 1 MiB is 413 before it is read, and
what fits the schema may still mean nothing, such as a provider that nobody configured."""


@pytest.mark.limit(150)
async def test_whatever_fits_the_document_or_does_not_is_answered_as_documented(tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    # As behind a proxy: otherwise the figures would be given to this machine without a token.
    async with served(tmp_path, behind_proxy=True) as it:
        words = [
            str(PROGRAM),
            "--config-file",
            str(tmp_path / "schemathesis.toml"),
            "run",
            f"{it.url}/openapi.json",
            "--phases",
            "examples,coverage,fuzzing",
        ]
        words += ["--checks", "all", "--max-examples", str(EXAMPLES), "--seed", "4711", "--workers", "2", "--no-shrink"]
        words += [
            "--exclude-path-regex",
            "|".join(map(re.escape, LEFT_OUT)),
            "--request-timeout",
            "15",
            "--warnings",
            "off",
        ]
        words += ["--header", f"Authorization: {it.headers()['Authorization']}"]
        process = await asyncio.create_subprocess_exec(
            *words,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await process.communicate()

    assert process.returncode == 0, told.decode(errors="replace")[-12_000:]
