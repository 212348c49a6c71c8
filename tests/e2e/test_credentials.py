"""A credential in a real Secret Service: named, used, nowhere else on the disk, and missed once it is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.counterparts.secret_service import SecretServiceSession
from tests.e2e.home import PROGRAM, Finished, deepl, translation

from provider_console.sandbox import DeepLSandbox, Server, serve_in_thread, toml_text

pytestmark = [pytest.mark.counterpart("secret-service"), pytest.mark.limit(60)]

VALUE = "canary-4711/Zuerich+&=" + "k" * 40 + ":fx"


@pytest.fixture
def strict_deepl() -> Iterator[Server]:
    with serve_in_thread(DeepLSandbox(key=VALUE)) as server:
        yield server


@pytest.fixture
def session(tmp_path: Path, strict_deepl: Server) -> SecretServiceSession:
    session = SecretServiceSession(tmp_path / "home")
    folder = session.home / "console"
    folder.mkdir(mode=0o700)
    providers = {"deepl": {**deepl(strict_deepl.base_url), "credential": "DEEPL_KEY"}}
    (folder / "config.toml").write_text(toml_text(translation(providers, log={"level": "debug"})), "utf-8")
    return session


def run(session: SecretServiceSession, *arguments: str, stdin: str = "") -> Finished:
    finished = session.run([str(PROGRAM), *arguments], stdin=stdin)
    assert VALUE not in finished.stdout + finished.stderr
    return Finished(finished.returncode, finished.stdout, finished.stderr)


def check(session: SecretServiceSession) -> tuple[int, dict[str, Any]]:
    finished = run(session, "check", "--json")
    return finished.code, json.loads(finished.out)[0]


def test_a_stored_credential_is_named_used_and_missed_once_deleted(
    session: SecretServiceSession, strict_deepl: Server
) -> None:
    before = check(session)
    stored = run(session, "secrets", "set", "DEEPL_KEY", "--json", stdin=VALUE + "\n")
    listed = run(session, "secrets", "list", "--json")
    healthy = check(session)
    translated = run(session, "execute", "translate", "--to", "es", "--from", "en", "--text", "Good morning.", "--json")
    verified = run(session, "audit", "verify", "--json")
    traces = session.traces(VALUE)
    deleted = run(session, "secrets", "delete", "DEEPL_KEY", "--json")
    after = check(session)

    assert (before[0], before[1]["state"], before[1]["message"]) == (1, "held", "credential DEEPL_KEY is missing")
    assert stored.code == 0, stored
    [secret] = listed.json()
    assert (secret["name"], secret["present"], secret["usedBy"]) == ("DEEPL_KEY", True, ["deepl"])
    assert secret["backend"] == "keyring"
    assert (healthy[0], healthy[1]["state"]) == (0, "healthy")
    assert translated.code == 0, translated
    assert strict_deepl.count("/v2/translate", status=200) == 1
    assert verified.json()["ok"] is True
    assert verified.json()["signedUpTo"] is not None
    assert traces == []
    assert deleted.json() == {"name": "DEEPL_KEY", "deleted": True}
    assert (after[0], after[1]["state"], after[1]["message"]) == (1, "held", "credential DEEPL_KEY is missing")


def test_the_providers_map_says_which_credential_is_missing(session: SecretServiceSession) -> None:
    finished = run(session, "providers", "--json")

    [view] = json.loads(finished.out)
    assert (view["credential"]["name"], view["credential"]["present"]) == ("DEEPL_KEY", False)
    assert "credential" in view["health"]["why"]
