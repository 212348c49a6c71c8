"""`serve` as somebody starts it: on loopback or with TLS, told by signals, ended without losing an answer."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import trustme
from tests.api.served import KEY, TRANSLATION, served
from tests.e2e.home import Home

from provider_console.api.serve import Address, Joining
from provider_console.console.access import Role
from provider_console.console.errors import BadRequest
from provider_console.console.routes import PREFIX
from provider_console.sandbox import DeepLSandbox, Fault, Server, serve_in_thread

# Each of these tests starts several processes, and a busy machine takes its time for that.
pytestmark = pytest.mark.limit(60)

DEEPL_KEY = "e2e-0000/1111+2222:fx"


@pytest.fixture
def deepl() -> Iterator[Server]:
    with serve_in_thread(DeepLSandbox(key=DEEPL_KEY)) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, deepl: Server) -> Home:
    """A console with one provider and a key for tokens, but no keyring."""
    home = Home(tmp_path)
    table = {"driver": "deepl", "base_url": deepl.base_url, "network": "loopback", "credential": "PRIMARY_KEY"}
    home.configure({"dynamic_ai": {"discover_local": False}, "translation": {"providers": {"deepl": table}}})
    key = home.path / "token.key"
    key.touch(mode=0o600)
    key.write_text(KEY)
    home.environ |= {"PRIMARY_KEY": DEEPL_KEY, "PROVIDER_CONSOLE__API__KEY_FILE": str(key)}
    return home


def _url(running: Any) -> str:
    running.wait_until(lambda one: one.out.rstrip().endswith("}"))
    return str(json.loads(running.out)["url"])


def _token(home: Home) -> dict[str, str]:
    issued = home.run("token", "issue", "--role", "super_admin", "--json").json()
    return {"Authorization": f"Bearer {issued['token']}"}


# --- where it may be served ------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_is_served_in_the_clear(host: str) -> None:
    Address(host=host).check()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "console.example", "127.0.0.1.example", ""])
def test_anything_else_needs_tls_or_a_proxy_in_front(host: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="--behind-proxy"):
        Address(host=host).check()
    Address(host=host, behind_proxy=True).check()
    Address(host=host, certfile=tmp_path / "a", keyfile=tmp_path / "b").check()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--host", "0.0.0.0"], "--behind-proxy"),
        (["--certfile", "x.pem"], "belong together"),
        (["--certfile", "none.pem", "--keyfile", "none.pem"], "no certificate"),
        (["--port", "70000"], "0 to 65535"),
        (["--grace", "-1"], "0 to 3600"),
    ],
)
def test_what_cannot_be_served_is_a_sentence_and_exit_2(home: Home, words: list[str], says: str) -> None:
    finished = home.run("serve", *words)

    assert finished.code == 2
    assert says in finished.err
    assert "Traceback" not in finished.err


async def test_tls_is_served_with_ones_own_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    key.write_bytes(made.private_key_pem.bytes())
    context = ssl.create_default_context()
    authority.configure_trust(context)

    async with served(tmp_path, tls=(cert, key), verify=context) as it:
        assert it.url.startswith("https://")
        assert (await it.execute()).json()["result"]["text"] == "La casa es roja."
        async with httpx.AsyncClient(trust_env=False) as stranger:
            with pytest.raises(httpx.ConnectError):
                await stranger.get(f"{it.url}/livez")


# --- a process of its own --------------------------------------------------------------------------------------


def test_it_serves_reloads_on_sighup_and_ends_on_sigterm_with_every_answer(home: Home, deepl: Server) -> None:
    with (
        home.started("serve", "--port", "0", "--json") as running,
        httpx.Client(timeout=15.0, trust_env=False) as client,
    ):
        url, headers = _url(running), _token(home)
        assert client.get(f"{url}/readyz").json() == {"ready": True, "draining": False, "auditWritable": True}
        assert client.post(f"{url}{PREFIX}/execute", json=TRANSLATION, headers=headers).json()["status"] == "ok"

        text = (home.path / "config.toml").read_text()
        home.configure_text(f"{text}\n[engine]\nmax_retries = 3\n")
        running.process.send_signal(signal.SIGHUP)
        running.wait_until(lambda _: _retries(client, url, headers) == 3)

        deepl.faults.set(Fault("slow", seconds=1.0), on="work")
        before = deepl.count(lane="work")
        answers: list[httpx.Response] = []
        asking = [
            threading.Thread(
                target=lambda: answers.append(
                    httpx.post(
                        f"{url}{PREFIX}/execute", json=TRANSLATION, headers=headers, timeout=15.0, trust_env=False
                    )
                )
            )
            for _ in range(4)
        ]
        for one in asking:
            one.start()
        running.wait_until(lambda _: deepl.count(lane="work") == before + 4)
        running.process.send_signal(signal.SIGTERM)
        for one in asking:
            one.join()
        running.process.wait(15.0)

    assert [answer.json()["status"] for answer in answers] == ["ok"] * 4
    assert running.process.returncode == 0, running.err
    assert {row["status"] for row in home.executions()} == {"ok"}
    assert len(home.executions()) == 5


def _retries(client: httpx.Client, url: str, headers: dict[str, str]) -> Any:
    settings = client.get(f"{url}{PREFIX}/config", headers=headers).json()["settings"]
    return next(setting["value"] for setting in settings if setting["key"] == "engine.max_retries")


def test_a_taken_port_is_said(home: Home, deepl: Server) -> None:
    finished = home.run("serve", "--port", str(deepl.port))

    assert finished.code == 2
    assert "choose another --host or --port" in finished.err


def test_tokens_by_command_line_are_issued_renewed_listed_and_revoked(home: Home) -> None:
    issued = home.run("token", "issue", "--role", "admin", "--for", "zoe", "--ttl", "1h")
    token = issued.out.strip()
    renewed = home.run("token", "renew", "--json", stdin=token).json()
    listed = home.run("token", "list", "--json").json()
    revoked = home.run("token", "revoke", renewed["id"])

    assert token.count(".") == 2
    assert {(row["subject"], row["role"], row["valid"]) for row in listed} == {("zoe", "admin", True)}
    assert revoked.code == 0
    assert not any(row["valid"] for row in home.run("token", "list", "--json").json())
    assert home.run("token", "renew", stdin=token).code != 0
    assert token not in home.run("audit", "--json").out


# --- one write an answer -----------------------------------------------------------------------------------------


class Sent:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def close(self) -> None:
        self.closed = True


def test_a_head_goes_out_with_what_follows_it_and_alone_where_nothing_does() -> None:
    sent = Sent()
    joining = Joining(cast(asyncio.Transport, sent))

    joining.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
    joining.write(b"{}")
    joining.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    joining.flush()
    joining.write(b"HTTP/1.1 413 Content Too Large\r\nconnection: close\r\n\r\n")
    joining.close()

    assert sent.writes == [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 413 Content Too Large\r\nconnection: close\r\n\r\n",
    ]
    assert sent.closed


async def test_who_waits_for_the_word_to_go_on_gets_it_before_the_body(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        host, port = it.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        body = b'{"operation": "translate", "payload": {"text": "hello", "to": "de"}}'
        head = f"POST {PREFIX}/execute HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
        head += f"Authorization: Bearer {it.tokens[Role.ADMIN]}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
        word = await reader.readuntil(b"\r\n\r\n")
        writer.write(body)
        answer = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        bare = await it.client.head("/livez")

    assert bare.status_code == 200
    assert word == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
