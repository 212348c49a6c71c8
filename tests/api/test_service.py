"""`serve` as systemd runs it: what it is told, a certificate that is replaced, the journal, and the shipped unit."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.api.far import Certificate, certificate
from tests.api.served import KEY, TRANSLATION
from tests.e2e.home import PROGRAM, Home, Running, deepl, translation

from provider_console.console.routes import PREFIX
from provider_console.sandbox import DeepLSandbox, Fault, Server, serve_in_thread

pytestmark = pytest.mark.limit(60)

UNIT = Path(__file__).parents[2] / "docs" / "service" / "provider-console.service"


@pytest.fixture
def provider() -> Iterator[Server]:
    with serve_in_thread(DeepLSandbox(key="e2e-0000/1111+2222:fx")) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, provider: Server) -> Home:
    """A console with one provider and a key for tokens, but no keyring."""
    home = Home(tmp_path)
    home.configure(translation({"deepl": deepl(provider.base_url)}))
    key = home.path / "token.key"
    key.touch(mode=0o600)
    key.write_text(KEY)
    home.environ["PROVIDER_CONSOLE__API__KEY_FILE"] = str(key)
    return home


def url_of(running: Running) -> str:
    """Where it serves, once it does."""
    running.wait_until(lambda one: one.out.rstrip().endswith("}"))
    return str(json.loads(running.out)["url"])


# --- systemd ----------------------------------------------------------------------------------------------------------


@contextmanager
def systemd(address: str) -> Iterator[socket.socket]:
    """The socket on which systemd listens for what a service says of itself."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address.replace("@", "\0", 1))
        listening.settimeout(15.0)
        yield listening


def heard(listening: socket.socket) -> dict[str, str]:
    """The next thing that it says, but for a sign of life."""
    while True:
        said = dict(line.split("=", 1) for line in listening.recv(4096).decode().splitlines())
        if "WATCHDOG" not in said:
            return said


@pytest.mark.parametrize("named", ["a file", "no file"])
def test_systemd_hears_when_it_is_ready_reloads_and_stops(home: Home, tmp_path: Path, named: str) -> None:
    address = str(tmp_path / "notify") if named == "a file" else f"@provider-console-{os.getpid()}-{tmp_path.name}"
    home.environ["NOTIFY_SOCKET"] = address
    with systemd(address) as listening, home.started("serve", "--port", "0", "--json") as running:
        ready = heard(listening)
        url = url_of(running)
        running.process.send_signal(signal.SIGHUP)
        reloading, again = heard(listening), heard(listening)
        running.process.send_signal(signal.SIGTERM)
        stopping = heard(listening)
        running.process.wait(15.0)

    assert ready == {"READY": "1", "STATUS": f"serving {url}"}
    assert reloading["RELOADING"] == "1"
    assert int(reloading["MONOTONIC_USEC"]) > 0
    assert again == ready
    assert stopping["STOPPING"] == "1"
    assert running.process.returncode == 0, running.err


def test_systemd_hears_signs_of_life_where_it_wants_them(home: Home, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    home.environ |= {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"}
    with systemd(address) as listening, home.started("serve", "--port", "0", "--json"):
        said = [listening.recv(4096) for _ in range(4)]

    assert said.count(b"WATCHDOG=1") == 3


def test_a_socket_that_is_gone_costs_a_line_and_nothing_else(home: Home, tmp_path: Path) -> None:
    home.environ["NOTIFY_SOCKET"] = str(tmp_path / "nobody")
    with home.started("serve", "--port", "0", "--json") as running:
        assert httpx.get(f"{url_of(running)}/livez", trust_env=False).status_code == 200
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(15.0)

    assert running.process.returncode == 0, running.err
    assert "systemd was not told READY=1" in (home.path / "log" / "console.log").read_text()


# --- the end, and what a load balancer sees of it ---------------------------------------------------------------------


def test_while_it_drains_it_is_not_ready_takes_nothing_new_and_finishes_what_runs(home: Home, provider: Server) -> None:
    token = home.run("token", "issue", "--role", "admin", "--json").json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    provider.faults.set(Fault("slow", seconds=3.0), on="work")
    answers: list[httpx.Response] = []
    with home.started("serve", "--port", "0", "--json") as running:
        url = url_of(running)

        def ask() -> httpx.Response:
            return httpx.post(
                f"{url}{PREFIX}/execute", json=TRANSLATION, headers=headers, timeout=15.0, trust_env=False
            )

        before = provider.count(lane="work")
        asking = threading.Thread(target=lambda: answers.append(ask()))
        asking.start()
        running.wait_until(lambda _: provider.count(lane="work") == before + 1)
        running.process.send_signal(signal.SIGTERM)
        running.wait_until(lambda _: not httpx.get(f"{url}/readyz", trust_env=False).json()["ready"])
        readiness = httpx.get(f"{url}/readyz", trust_env=False)
        refused = ask()
        asking.join()
        running.process.wait(15.0)

    assert (readiness.status_code, readiness.json()["draining"]) == (503, True)
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "draining", "5")
    assert answers[0].json()["status"] == "ok"
    assert running.process.returncode == 0, running.err


def test_it_is_not_ready_while_the_audit_trail_cannot_be_written(home: Home) -> None:
    with home.started("serve", "--port", "0", "--json") as running:
        url = url_of(running)
        with closing(sqlite3.connect(home.path / "audit.db", isolation_level=None)) as somebody:
            somebody.execute("BEGIN IMMEDIATE")
            held = httpx.get(f"{url}/readyz", timeout=30.0, trust_env=False)
            alive = httpx.get(f"{url}/livez", trust_env=False)
            somebody.execute("ROLLBACK")
        free = httpx.get(f"{url}/readyz", timeout=30.0, trust_env=False)

    assert held.status_code == 503
    assert held.json() == {"ready": False, "draining": False, "auditWritable": False}
    assert alive.status_code == 200
    assert (free.status_code, free.json()["ready"]) == (200, True)


# --- a certificate that is replaced -----------------------------------------------------------------------------------


def shown(url: str) -> bytes:
    """The certificate that a new connection is shown."""
    parts = httpx.URL(url)
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((parts.host, parts.port or 0)))


def der(files: Certificate) -> bytes:
    """The certificate of these files."""
    return ssl.PEM_cert_to_DER_cert(files.cert.read_text().partition("-----END")[0] + "-----END CERTIFICATE-----\n")


def alive(connection: http.client.HTTPSConnection) -> int:
    """The status of one more request on a connection."""
    connection.request("GET", "/livez")
    with connection.getresponse() as answer:
        answer.read()
        return answer.status


def test_a_new_certificate_is_shown_after_sighup_and_a_broken_one_leaves_the_last(home: Home, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second", "third")]
    for folder in folders:
        folder.mkdir()
    first, second, third = (certificate(folder) for folder in folders)
    live = Certificate(tmp_path / "cert.pem", tmp_path / "key.pem", first.authority)
    address = str(tmp_path / "notify")
    home.environ["NOTIFY_SOCKET"] = address

    def install(cert: Path, key: Path) -> str:
        """Put these in place, and have them read; what systemd hears."""
        live.cert.write_bytes(cert.read_bytes())
        live.key.write_bytes(key.read_bytes())
        running.process.send_signal(signal.SIGHUP)
        assert "RELOADING" in heard(listening)
        return heard(listening)["STATUS"]

    live.cert.write_bytes(first.cert.read_bytes())
    live.key.write_bytes(first.key.read_bytes())
    words = ("serve", "--port", "0", "--json", "--certfile", str(live.cert), "--keyfile", str(live.key))
    with systemd(address) as listening, home.started(*words) as running:
        url = url_of(running)
        heard(listening)
        parts = httpx.URL(url)
        trust = ssl.create_default_context(cafile=str(first.authority))
        with closing(http.client.HTTPSConnection(parts.host, parts.port, context=trust, timeout=10.0)) as connection:
            seen = [shown(url)]
            statuses = [alive(connection)]
            replaced = install(second.cert, second.key)
            seen.append(shown(url))
            statuses.append(alive(connection))
            half = install(third.cert, second.key)
            seen.append(shown(url))
            (tmp_path / "garbage").write_text("no certificate")
            broken = install(tmp_path / "garbage", tmp_path / "garbage")
            seen.append(shown(url))
            statuses.append(alive(connection))
            mended = install(third.cert, third.key)
            seen.append(shown(url))
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(15.0)

    assert seen == [der(first), der(second), der(second), der(second), der(third)]
    assert statuses == [200, 200, 200]
    assert (replaced, mended) == (f"serving {url}", f"serving {url}")
    assert all("are no certificate with its key" in said for said in (half, broken))
    assert running.process.returncode == 0, running.err
    assert (home.path / "log" / "console.log").read_text().count("what was before stays in force") == 2


# --- the journal ------------------------------------------------------------------------------------------------------


def checked(home: Home, *, journal: bool) -> str:
    """What a check writes to standard error, which is the journal or is not."""
    reading, writing = os.pipe()
    status = os.fstat(writing)
    named = f"{status.st_dev}:{status.st_ino if journal else status.st_ino + 1}"
    environ = {**home.environ, "JOURNAL_STREAM": named}
    with os.fdopen(reading, "rb") as read:
        with os.fdopen(writing, "wb") as written:
            subprocess.run([str(PROGRAM), "check"], env=environ, stdout=subprocess.DEVNULL, stderr=written, check=True)
        return read.read().decode()


def test_in_the_journal_each_line_has_its_level_and_no_time_and_there_is_no_file(home: Home) -> None:
    lines = [line for line in checked(home, journal=True).splitlines() if "provider_console." in line]

    assert any(line.startswith("<6>provider_console.engine.catalog: 1 providers are known") for line in lines), lines
    assert any(line.startswith("<4>provider_console.adapters.keyring_secrets: ") for line in lines)
    assert [line for line in lines if re.search(r"20\d\d-\d\d-\d\d|\d\d:\d\d:\d\d", line)] == []
    assert not (home.path / "log" / "console.log").exists()


def test_elsewhere_the_log_goes_to_its_file(home: Home) -> None:
    assert "provider_console." not in checked(home, journal=False)
    assert "providers are known" in (home.path / "log" / "console.log").read_text()


# --- the unit ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The shipped unit, with the program where it is on this machine."""
    file = tmp_path / UNIT.name
    text = UNIT.read_text("utf-8")
    assert "ExecStart=/usr/local/lib/provider-console/bin/provider-console serve " in text
    file.write_text(text.replace("/usr/local/lib/provider-console/bin/provider-console", str(PROGRAM)))
    return file


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze."""
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.counterpart("systemd")
def test_systemd_takes_the_shipped_unit(unit: Path) -> None:
    verified = analyze("verify", "--man=no", str(unit))

    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


@pytest.mark.counterpart("systemd")
def test_systemd_calls_the_exposure_of_the_shipped_unit_low(unit: Path) -> None:
    rated = analyze("security", "--offline=true", "--no-pager", "--threshold=20", str(unit))

    assert rated.returncode == 0, rated.stdout + rated.stderr


def test_the_shipped_unit_starts_what_this_program_understands(home: Home, tmp_path: Path) -> None:
    start = re.search(r"^ExecStart=\S+ (.*)$", UNIT.read_text("utf-8"), re.MULTILINE)
    assert start is not None
    words = start[1].split()
    files = certificate(tmp_path)
    given: dict[str, Any] = {"--certfile": files.cert, "--keyfile": files.key, "--host": "127.0.0.1"}
    words = [str(given.get(before, word)) for before, word in zip(["", *words], words, strict=False)]

    with home.started(*words, "--port", "0", "--json") as running:
        assert url_of(running).startswith("https://")
