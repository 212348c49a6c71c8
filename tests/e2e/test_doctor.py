"""What the doctor finds on a real machine: each trouble is planted, found, mended by the command it names, and gone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.home import GUARD, KEY, Home, deepl, translation

from provider_console.sandbox import DeepLSandbox, Fault, Server, serve_in_thread

pytestmark = pytest.mark.limit(120)

HOLDS = """
import fcntl, sys, time
with open(sys.argv[1], "w") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    print("held", flush=True)
    time.sleep(600)
"""


def findings(home: Home, environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What the doctor says, by the name of the check."""
    finished = home.run("doctor", "--json", environ=environ)
    assert finished.code in (0, 1), finished
    return {finding["check"]: finding for finding in finished.json()}


def mended(home: Home, command: str, environ: Mapping[str, str]) -> None:
    """Run what the doctor said, as it is."""
    path = f"{Path(sys.executable).parent}:{home.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command],
        env={**home.environ, **environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def changed(home: Home, sql: str, file: str = "console.db") -> None:
    with closing(sqlite3.connect(home.path / file)) as database:
        database.executescript(sql)


@contextmanager
def stuck(home: Home) -> Iterator[int]:
    """A process that holds the prober's lock and checks nothing; its id."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(home.path / "prober.lock")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def broken_plugin(folder: Path) -> None:
    about = folder / "broken-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[provider_console.plugins]\nbroken = broken_plugin\n")
    (folder / "broken_plugin.py").write_text("raise RuntimeError('not today')\n")


def test_twelve_troubles_at_once_are_found_and_each_is_gone_after_its_command(home: Home, tmp_path: Path) -> None:
    broken_plugin(tmp_path / "site")
    environ = {"PYTHONPATH": f"{GUARD}:{tmp_path / 'site'}", "BAD_KEY": "not-the-key:fx"}
    with serve_in_thread(DeepLSandbox(key=KEY)) as good, serve_in_thread(DeepLSandbox(key=KEY)) as late:
        providers = {
            "good": deepl(good.base_url, tier="secondary"),
            "slow": deepl(late.base_url),
            "gone": deepl("http://127.0.0.1:9"),
            "nokey": {**deepl(good.base_url), "credential": "SECOND_KEY"},
            "badkey": {**deepl(good.base_url), "credential": "BAD_KEY"},
            "typo": {**deepl(good.base_url), "driver": "depl"},
        }
        file = home.configure(
            translation(
                providers,
                engine={"response_time_threshold": 4_000, "max_retries": 1},
                health={"health_check_interval": 86_400_000},
                alerts={"on_alert": ["/no/such/program", "{title}"]},
            )
        )
        late.faults.set(Fault("slow", seconds=1.5), on="work")
        words = ("--from", "en", "--to", "es", "--text", "Good morning.")
        for _ in range(3):
            assert home.run("execute", "translate", *words, "--provider", "slow", environ=environ).code == 0
        file.chmod(0o666)
        changed(
            home, "DROP TRIGGER audit_log_no_update; UPDATE audit_log SET actor = 'mallory' WHERE seq = 1;", "audit.db"
        )
        home.run("check", "good", environ=environ)
        changed(home, "UPDATE system_health_checks SET at = at - 864000, manual = 0;")

        with stuck(home) as pid:
            planted = {
                "files are private": f"chmod go-w {file}",
                "audit trail": f"mv {home.path}/audit.db {home.path}/audit.db.row-1",
                "gone answers": "provider-console providers disable gone",
                "nokey answers": "export SECOND_KEY=VALUE",
                "badkey answers": "export BAD_KEY=VALUE",
                "keyring": "export SECOND_KEY=VALUE",
                "providers are found": "provider-console config set translation.providers.typo.driver deepl",
                "health checks run": "provider-console config set health.health_check_interval --unset",
                "plugins": "provider-console plugins disable broken",
                "alerts": "provider-console config set alerts.on_alert --unset",
                "answers are quick": "provider-console providers disable slow",
                "one console checks": f"kill {pid}",
            }
            found = findings(home, environ)
            assert {name: one["mend"] for name, one in found.items() if not one["ok"]} == planted
            assert all(one["evidence"] for one in found.values())
            for command in planted.values():
                if command.startswith("export "):
                    environ[command.removeprefix("export ").partition("=")[0]] = KEY
                else:
                    mended(home, command, environ)
            after = findings(home, environ)

    assert [name for name, one in after.items() if not one["ok"]] == []
    assert set(planted) - set(after) <= {"gone answers"}, "what is switched off is not looked at"
    assert (home.path / "audit.db.row-1").exists()


def test_a_configuration_that_cannot_be_used_is_mended_by_its_last_good_version(
    home: Home, deepl_server: Server
) -> None:
    home.configure(translation({"only": deepl(deepl_server.base_url)}))
    home.run("config", "set", "engine.max_retries", "3")
    with (home.path / "config.toml").open("a") as file:
        file.write("\n[engine.categories.translation]\nmax_retries = 99\n")

    found = findings(home, {})["configuration"]
    mended(home, found["mend"], {})

    assert (found["ok"], "max_retries" in found["evidence"]) == (False, True)
    assert found["mend"] == "provider-console config restore 2"
    assert findings(home, {})["configuration"]["ok"]
    assert home.run("config", "get", "engine.max_retries").out.strip() == "3"


def test_where_everybody_fails_somebody_who_is_off_is_named_and_mends_it(home: Home, deepl_server: Server) -> None:
    home.configure(
        translation(
            {"down": deepl("http://127.0.0.1:9"), "spare": deepl(deepl_server.base_url)},
            plugins={"disabled": ["nope"]},
            network={"ca_file": "/no/such/authorities.pem"},
        )
    )
    home.run("providers", "disable", "spare")
    home.run("config", "set", "network.ca_file", "/no/such/authorities.pem")

    found = {name: one["mend"] for name, one in findings(home, {}).items() if not one["ok"]}
    for command in found.values():
        mended(home, command.replace("ADDRESS", deepl_server.base_url), {})
    after = findings(home, {})

    assert found == {
        "plugins": "provider-console plugins enable nope",
        "authorities": "provider-console config set network.ca_file --unset",
        "down answers": "provider-console config set translation.providers.down.base_url ADDRESS",
        "somebody answers": "provider-console providers enable spare",
    }
    assert [name for name, one in after.items() if not one["ok"]] == []


def test_where_nobody_is_enabled_the_command_enables_one(home: Home, deepl_server: Server) -> None:
    home.configure(translation({"only": deepl(deepl_server.base_url)}))
    home.run("providers", "disable", "only")

    found = findings(home, {})["providers are found"]
    mended(home, found["mend"], {})

    assert (found["ok"], found["mend"]) == (False, "provider-console providers enable only")
    assert findings(home, {})["providers are found"]["ok"]


def test_a_provider_that_is_slow_and_alone_gets_more_time(home: Home) -> None:
    with serve_in_thread(DeepLSandbox(key=KEY)) as late:
        late.faults.set(Fault("slow", seconds=1.5), on="work")
        home.configure(translation({"only": deepl(late.base_url)}, engine={"response_time_threshold": 4_000}))
        words = ("--from", "en", "--to", "es", "--text", "Good morning.")
        for _ in range(3):
            assert home.run("execute", "translate", *words).code == 0

        found = findings(home, {})["answers are quick"]
        mended(home, found["mend"], {})

        assert (found["ok"], "response_time_threshold" in found["mend"]) == (False, True)
        assert findings(home, {})["answers are quick"]["ok"]
