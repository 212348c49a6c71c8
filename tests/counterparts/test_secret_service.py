"""The real Secret Service: what is stored is found again, and nowhere on the disk in the open."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.counterparts.secret_service import SecretServiceSession, written_forms

pytestmark = pytest.mark.counterpart("secret-service")

VALUE = "canary/4711+Zürich?&=" + "k" * 40

ROUND = """
import asyncio, json, os, sys, time
from provider_console.adapters.keyring_secrets import KeyringSecrets
from provider_console.sdk.secret import Secret

class Clock:
    def monotonic(self): return time.monotonic()
    def wall(self): return time.time()
    async def sleep(self, seconds): await asyncio.sleep(seconds)

class Index:
    def __init__(self): self.rows = {}
    async def secret_names(self): return self.rows
    async def secret_stored(self, name, backend, at): self.rows[name] = (backend, at, None)
    async def secret_used(self, name, at): pass
    async def secret_removed(self, name): self.rows.pop(name, None)

async def main(step, value):
    told = []
    store = KeyringSecrets(index=Index(), clock=Clock(), environ={}, on_loaded=told.append)
    said = {"backend": (await store.backend()).name, "usable": (await store.backend()).usable}
    if step == "store":
        await store.set("CANARY_KEY", Secret(value))
        said["names"] = await store.names()
        store.forget()
        said["same"] = (await store.get("CANARY_KEY")).reveal() == value
        said["told"] = all(secret.reveal() == value for secret in told) and bool(told)
        said["audit"] = (await store.audit_key()).hex()
    if step == "read":
        said["same"] = (await store.get("CANARY_KEY")).reveal() == value
        said["info"] = (await store.info("CANARY_KEY")).backend
        said["audit"] = (await store.audit_key()).hex()
    if step == "delete":
        said["deleted"] = await store.delete("CANARY_KEY")
        said["again"] = await store.delete("CANARY_KEY")
        said["left"] = (await store.get("CANARY_KEY")) is not None
    if step == "locked":
        said["got"] = await store.get("CANARY_KEY") is not None
        try:
            await store.set("CANARY_KEY", Secret(value))
        except Exception as error:
            said["error"] = type(error).__name__ + ": " + str(error)
    print(json.dumps(said))

asyncio.run(main(sys.argv[1], sys.stdin.read()))
"""


def step(session: SecretServiceSession, name: str, *, unlocked: bool = True) -> dict[str, object]:
    finished = session.run([sys.executable, "-c", ROUND, name], stdin=VALUE, unlocked=unlocked)
    assert finished.returncode == 0, finished.stderr
    assert VALUE not in finished.stdout + finished.stderr
    said: dict[str, object] = json.loads(finished.stdout.splitlines()[-1])
    return said


@pytest.fixture
def session(tmp_path: Path) -> SecretServiceSession:
    return SecretServiceSession(tmp_path / "home")


def test_a_credential_lives_in_the_keyring_across_sessions_and_nowhere_else(session: SecretServiceSession) -> None:
    stored = step(session, "store")
    traces_while_stored = session.traces(VALUE)
    read = step(session, "read")
    deleted = step(session, "delete")

    assert stored == {
        "backend": "SecretService",
        "usable": True,
        "names": ["CANARY_KEY"],
        "same": True,
        "told": True,
        "audit": stored["audit"],
    }
    assert read["same"] is True
    assert read["info"] == "keyring"
    assert read["audit"] == stored["audit"]
    assert (deleted["deleted"], deleted["again"], deleted["left"]) == (True, False, False)
    assert list((session.home / "data" / "keyrings").glob("*.keyring")), "the keyring's file is where we searched"
    assert traces_while_stored + session.traces(VALUE) == []


def test_a_locked_keyring_is_said_to_be_locked_and_reads_as_absent(session: SecretServiceSession) -> None:
    step(session, "store")

    said = step(session, "locked", unlocked=False)

    assert said["got"] is False
    assert str(said["error"]).startswith("SecretsUnavailable: ")


@pytest.mark.parametrize("before", ["", "x", "xy"])
def test_the_search_for_traces_finds_each_form(tmp_path: Path, before: str) -> None:
    forms = written_forms(VALUE)
    samples = {
        "plain": (before + VALUE).encode(),
        "base64": base64.b64encode((before + VALUE + "tail").encode()),
        "base64 url": base64.urlsafe_b64encode((before + VALUE + "tail").encode()),
        "hex": (before + VALUE).encode().hex().encode(),
        "quoted": quote(before + VALUE, safe="").encode(),
    }

    missed = [name for name, sample in samples.items() if not any(form in sample for form in forms.values())]

    assert missed == []
