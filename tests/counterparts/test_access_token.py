"""The terminal on an engine elsewhere keeps its token in the real Secret Service, and renews it there."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
from tests.api.far import certificate, running, token_of
from tests.api.served import situation
from tests.counterparts.secret_service import SecretServiceSession
from tests.e2e.home import PROGRAM

from provider_console.bootstrap import open_service
from provider_console.remote.tokens import expiry
from provider_console.sandbox import Sandbox, toml_text
from provider_console.sdk.secret import Secret

pytestmark = [pytest.mark.counterpart("secret-service"), pytest.mark.limit(90)]

ROOT = Path(__file__).parents[2]

TWICE = """
import json, sys, time
from tests.tui.pseudo_terminal import PseudoTerminal

url, ends = sys.argv[1], float(sys.argv[2])
command, told = [sys.argv[3], "--connect", url], {}
with PseudoTerminal(command) as first:
    first.until("token (it is not shown)", limit_s=30.0)
    first.type(sys.stdin.read() + "\\n")
    first.until("DeepL", limit_s=30.0)
    while time.time() < ends:
        first.read(0.1)
    first.settle()
    first.type("q")
    told["first"] = first.end()
with PseudoTerminal(command) as second:
    second.until("DeepL", limit_s=30.0)
    told["asked again"] = "not shown" in second.text()
    second.type("q")
    told["second"] = second.end()
print(json.dumps(told))
"""
"""Leaves once the token that was typed has ended, and comes back with what it was renewed to."""


async def test_a_typed_token_is_kept_and_renewed_in_the_keyring_and_serves_the_next_start(tmp_path: Path) -> None:
    session = SecretServiceSession(tmp_path / "home", environ={"PYTHONPATH": str(ROOT)})
    files = certificate(tmp_path)
    console = tmp_path / "home" / "console"
    console.mkdir()
    (console / "config.toml").write_text(toml_text({"network": {"ca_file": str(files.authority)}}), "utf-8")

    async with (
        Sandbox() as sandbox,
        open_service(situation(tmp_path / "engine", sandbox), grace_s=0.1) as service,
        running(service, files=files, grace_s=0.1) as url,
    ):
        token = await token_of(service, ttl_ms=12_000)
        ends = expiry(Secret(token))
        assert ends is not None
        command = [sys.executable, "-c", TWICE, url, str(ends), str(PROGRAM)]
        finished = await asyncio.to_thread(session.run, command, stdin=token, timeout_s=80.0)

    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout) == {"first": 0, "asked again": False, "second": 0}
    assert token not in finished.stdout + finished.stderr
    assert session.traces(token) == []
