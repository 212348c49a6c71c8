"""What must not come in: each is a problem document that names what is wrong, and never a defect."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from tests.api.served import TRANSLATION, Served, served

from provider_console.api import serve
from provider_console.console.access import Role

DEEP: Final = "[" * 20_000 + "]" * 20_000
JSON: Final = {"Content-Type": "application/json"}

BODIES: Final[list[tuple[str, str, bytes, int, str | None]]] = [
    ("POST", "/execute", b"", 400, "body"),
    ("POST", "/execute", b"{", 400, "body"),
    ("POST", "/execute", b"null", 400, "body"),
    ("POST", "/execute", b"[]", 400, "body"),
    ("GET", "/audit?before=null", b"", 400, "before"),
    ("POST", "/execute", b'"\xff\xfe"', 400, "body"),
    ("POST", "/execute", b'{"operation": "translate\xff"}', 400, "body"),
    ("POST", "/execute", b'{"operation": "translate", "payload": {"text": "\xed\xa0\x80"}}', 400, "body"),
    ("POST", "/execute", DEEP.encode(), 400, "body"),
    ("POST", "/execute", f'{{"operation": "chat", "payload": {{"text": {DEEP}}}}}'.encode(), 400, "body"),
    ("POST", "/execute", b"{}", 400, "operation"),
    ("POST", "/execute", b'{"operation": 5}', 400, "operation"),
    ("POST", "/execute", b'{"operation": "fly"}', 400, "operation"),
    ("POST", "/execute", b'{"operation": "chat", "payload": []}', 400, "payload"),
    ("POST", "/execute", b'{"operation": "chat", "payload": {"txt": "x"}}', 400, "txt"),
    ("POST", "/execute", b'{"operation": "chat", "paylaod": {}}', 400, "paylaod"),
    ("POST", "/execute", b'{"operation": "chat", "payload": {"text": "x"}, "maxProviders": 0}', 400, "maxProviders"),
    ("POST", "/execute", b'{"operation": "chat", "payload": {"text": "x"}, "deadline": 1e999}', 400, "deadline"),
    ("POST", "/execute", b'{"operation": "chat", "payload": {"text": "x"}, "deadline": -1}', 400, "deadline"),
    ("POST", "/execute", b'{"operation": "chat", "payload": {"text": "x"}, "category": "x"}', 400, "category"),
    (
        "POST",
        "/execute",
        b'{"operation": "chat", "payload": {"text": "x"}, "providers": ["../x"]}',
        400,
        "providers[0]",
    ),
    ("POST", "/execute", b'{"operation": "chat", "payload": {"text": "x"}, "policy": {"a": 1}}', 400, "policy.a"),
    ("PATCH", "/providers/deepl", b'{"enabled": "yes"}', 400, "enabled"),
    ("PATCH", "/providers/deepl", b"{}", 400, "enabled"),
    ("PATCH", "/config", b'{"key": "engine.max_retrys", "value": 3}', 400, "engine.max_retrys"),
    ("PATCH", "/config", b'{"key": "engine.max_retries", "value": "many"}', 400, "engine.max_retries"),
    ("POST", "/config/validate", b'{"text": "[engine"}', 422, None),
    ("POST", "/tokens", b'{"subject": "zoe", "role": "root"}', 400, "role"),
    ("PUT", "/secrets/SOME_KEY", b'{"value": ""}', 400, "value"),
    ("POST", "/health/check", b'{"providerId": "nobody"}', 404, "provider"),
    ("POST", "/tokens/rotate", b'{"now": true}', 400, "body"),
]

ADDRESSES: Final[list[tuple[str, str, int, str | None]]] = [
    ("GET", "/executions?limit=0", 400, "limit"),
    ("GET", "/executions?limit=1001", 400, "limit"),
    ("GET", "/executions?limit=ten", 400, "limit"),
    ("GET", "/executions?limit=1&limit=2", 400, "limit"),
    ("GET", "/executions?lim=1", 400, "lim"),
    ("GET", "/executions?before=x", 400, "before"),
    ("GET", "/executions?limit=%ff", 400, "query"),
    ("GET", "/executions?" + "&".join(f"a{n}=1" for n in range(60)), 400, "query"),
    ("GET", "/providers?sortBy=colour", 400, "sortBy"),
    ("GET", "/providers?category=x", 400, "category"),
    ("GET", "/providers?includeInactive=perhaps", 400, "includeInactive"),
    ("GET", "/health?verbose=1", 400, "verbose"),
    ("GET", "/providers/..%2f..%2fetc", 404, None),
    ("GET", "/providers/%2e%2e", 400, "providerId"),
    ("GET", "/providers/DeepL", 400, "providerId"),
    ("GET", "/providers/a%00b", 400, "providerId"),
    ("GET", "/providers/" + "a" * 65, 400, "providerId"),
    ("GET", "/providers/", 404, None),
    ("GET", "//providers", 404, None),
    ("GET", "/providers/nobody", 404, "provider"),
    ("GET", "/executions/" + "0" * 26, 404, "executionId"),
    ("GET", "/audit?since=yesterday", 400, "since"),
    ("GET", "/nothing", 404, None),
    ("DELETE", "/health", 405, None),
    ("POST", "/providers", 405, None),
    ("OPTIONS", "/providers", 405, None),
    ("TRACE", "/providers", 405, None),
]


async def test_every_wrong_request_is_a_problem_that_names_the_field(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        for method, path, body, status, field in BODIES:
            answer = await it.send(method, path, content=body, headers=JSON)
            _check(answer, status, field, place=f"{method} {path} {body[:80]!r}")
        for method, path, status, field in ADDRESSES:
            answer = await it.send(method, path)
            _check(answer, status, field, place=f"{method} {path[:80]}")
            assert (answer.status_code == 405) == ("allow" in answer.headers)


def _check(answer: Any, status: int, field: str | None, *, place: str) -> None:
    place = f"{place}: {answer.status_code} {answer.text[:300]}"
    assert answer.status_code == status, place
    assert answer.headers["content-type"] == "application/problem+json", place
    problem = answer.json()
    assert problem["status"] == status, place
    assert problem.get("field") == field, place
    assert problem["detail"], place
    assert problem["requestId"] == answer.headers["x-request-id"], place


async def test_bodies_and_headers_have_bounds(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        large = json.dumps({**TRANSLATION, "payload": {"text": "x" * 1_100_000}}).encode()

        async def pieces() -> Any:
            for start in range(0, len(large), 65_536):
                yield large[start : start + 65_536]

        declared = await it.send("POST", "/execute", content=large, headers=JSON)
        streamed = await it.send("POST", "/execute", content=pieces(), headers=JSON)
        headed = await it.get("/whoami", headers={"X-Much": "x" * 40_000})
        form = await it.send("POST", "/execute", data={"operation": "translate"})

        assert [answer.status_code for answer in (declared, streamed, headed, form)] == [413, 413, 431, 415]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost:1:2", "[::1]"])
async def test_another_host_is_refused_before_anything_else(tmp_path: Path, host: str) -> None:
    async with served(tmp_path) as it:
        answer = await it.get("/whoami", headers={"Host": host})

        assert (answer.status_code, answer.json()["code"]) == (421, "misdirected")


async def test_what_is_kept_of_a_request_steers_nobodys_terminal(tmp_path: Path) -> None:
    hostile = "\x1b]0;pwn\x07\x9b2J\u202e"
    async with served(tmp_path) as it:
        await it.get("/providers/" + quote(hostile), role=None)
        await it.send("PATCH", "/config", json={"key": f"engine.{hostile}", "value": hostile})
        await it.post("/tokens", {"subject": hostile, "role": "admin"})
        text, tag = (await it.get("/config/text")).json()["text"], (await it.get("/config/text")).headers["etag"]
        body = {"text": text + "\n# more\n", "reason": f"because {hostile}"}
        assert (await it.send("PUT", "/config", json=body, headers={"If-Match": tag})).status_code == 200

        kept = [await it.audited(), (await it.get("/config/history")).json(), (await it.get("/log")).json()]

    assert "because" in repr(kept[1])
    assert [row for row in kept[0] if row["action"] == "authenticate"]
    for one in kept:
        assert not any(code in repr(one) for code in ("\\x1b", "\\x07", "\\x9b", "\\u202e")), one
    stored = b"".join(file.read_bytes() for file in it.home.glob("*.db*"))
    assert not any(code in stored for code in (b"\x1b]", "\x9b".encode(), "\u202e".encode()))


async def test_a_name_counts_in_any_case_and_an_ipv6_address_with_or_without_brackets(tmp_path: Path) -> None:
    async with served(tmp_path, api={"allowed_hosts": ["Console.Example", "::1", "[fd00::1]"]}) as it:
        known = ("console.example", "CONSOLE.example:8750", "[::1]:8750", "[::1]", "[fd00::1]:80")
        other = ("::1", "localhost", "console.example.", "console.example:", "console.example@evil.example")

        for hosts, status in ((known, 200), (other, 421)):
            for host in hosts:
                assert (await it.get("/whoami", headers={"Host": host})).status_code == status, host


async def test_no_other_origin_is_let_in_and_no_cookie_is_set(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        origin = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        preflight = await it.send("OPTIONS", "/execute", role=None, headers=origin)
        answer = await it.get("/whoami", headers=origin)

        for one in (preflight, answer):
            assert not [name for name in one.headers if name.startswith("access-control") or name == "set-cookie"]
        assert preflight.status_code == 405


async def test_figures_are_for_this_machine_or_for_who_has_a_token(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        await it.execute()
        own = await it.get("/metrics", role=None)
        token = await it.get("/metrics", role=Role.METRICS)
        wrong = await it.get("/metrics", role=None, headers={"Authorization": "Bearer x"})

        assert [answer.status_code for answer in (own, token, wrong)] == [200, 200, 401]
        assert 'provider_console_executions_total{operation="translate",status="ok"} 1.0' in own.text
        assert "provider_console_audit_writable 1.0" in own.text
        for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
            # A proxy on this machine that nobody told `serve` of: who asks is somewhere else.
            assert (await it.get("/metrics", role=None, headers={header: "for=192.0.2.1"})).status_code == 401
    async with served(tmp_path, behind_proxy=True) as it:
        assert (await it.get("/metrics", role=None)).status_code == 401


# --- what no client library sends --------------------------------------------------------------------------------


async def _raw(it: Served, *pieces: bytes) -> bytes:
    """What comes back for these bytes, until the server closes the connection."""
    host, port = it.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 300_000,
        b"GET /" + b"a" * 300_000,
        b"GET /livez HTTP/1.1\r\n" + b"A: b\r\n" * 40_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /liv\xffez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /livez HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_cut_off_and_the_server_goes_on(tmp_path: Path, head: bytes) -> None:
    async with served(tmp_path) as it:
        answer = await _raw(it, head)

        assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 413", b"HTTP/1.1 405"))
        assert (await it.get("/livez")).status_code == 200


def _head(it: Served, *lines: str, role: Role | None = Role.SUPER_ADMIN) -> bytes:
    """A request's head that asks for the connection's end."""
    shown = [f"{name}: {value}" for name, value in it.headers(role).items()]
    return "\r\n".join([*lines, *shown, "Connection: close", "", ""]).encode()


WHO: Final = "GET /api/provider-integration/whoami HTTP/1.1"
POST: Final = "POST /api/provider-integration/execute HTTP/1.1"


@pytest.mark.parametrize("hosts", [("evil.example", "localhost"), ("localhost", "evil.example"), ("localhost",) * 2])
async def test_a_request_that_names_two_hosts_is_refused(tmp_path: Path, hosts: tuple[str, str]) -> None:
    async with served(tmp_path) as it:
        answer = await _raw(it, _head(it, WHO, *(f"Host: {host}" for host in hosts)))

        assert answer.startswith(b"HTTP/1.1 400")
        assert b'"field":"Host"' in answer


@pytest.mark.parametrize("first", [True, False], ids=["theirs first", "theirs last"])
async def test_a_request_that_shows_two_tokens_is_nobodys(tmp_path: Path, first: bool) -> None:
    async with served(tmp_path) as it:
        own = [f"Authorization: Bearer {it.tokens[Role.SUPER_ADMIN]}"]
        theirs = ["Authorization: Bearer x"]
        shown = (theirs + own) if first else (own + theirs)

        both = await _raw(it, _head(it, WHO, "Host: localhost", *shown, role=None))
        twice = await _raw(it, _head(it, WHO, "Host: localhost", *own, *own, role=None))
        other = await _raw(it, _head(it, WHO, "Host: localhost", "X-A: 1", "X-A: 2", *own, role=None))

        assert both.startswith(b"HTTP/1.1 401")
        assert twice.startswith(b"HTTP/1.1 401")
        assert other.startswith(b"HTTP/1.1 200"), "another header may be there twice"


async def test_what_follows_a_body_changes_neither_the_host_nor_the_token_of_its_head(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        chunked = ("Transfer-Encoding: chunked", "Content-Type: application/json")
        body = b"2\r\n{}\r\n0\r\n"
        token = f"Authorization: Bearer {it.tokens[Role.SUPER_ADMIN]}\r\n\r\n".encode()

        elsewhere = await _raw(it, _head(it, POST, "Host: evil.example", *chunked), body, b"Host: localhost\r\n\r\n")
        nobody = await _raw(it, _head(it, POST, "Host: localhost", *chunked, role=None) + body + token)
        good = await _raw(it, _head(it, POST, "Host: localhost", *chunked) + body + b"X-Sum: 1\r\n\r\n")

        assert elsewhere.startswith(b"HTTP/1.1 421")
        assert nobody.startswith(b"HTTP/1.1 401")
        assert good.startswith(b"HTTP/1.1 400")
        assert b'"field":"operation"' in good, "it came to the body"


@pytest.mark.parametrize("piece", [b"a: " + b"x" * 1000 + b"\r\n", b"x" * 1000])
async def test_trailers_without_end_are_cut_off(tmp_path: Path, piece: bytes) -> None:
    async with served(tmp_path) as it:
        lines = ("Host: localhost", "Transfer-Encoding: chunked", "Content-Type: application/json")
        start = _head(it, POST, *lines) + b"2\r\n{}\r\n0\r\na: "

        answer = await _raw(it, start, *[piece * 64] * 100)

        assert answer == b""
        assert (await it.get("/livez")).status_code == 200


async def test_who_is_answered_and_goes_on_sending_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "HEAD_S", 0.5)
    async with served(tmp_path) as it:
        host, port = it.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(f"{POST}\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n".encode())
            assert b"401 Unauthorized" in await reader.readuntil(b"\r\n\r\n")
            rest = asyncio.ensure_future(reader.read())
            with contextlib.suppress(ConnectionError):
                while not rest.done():
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.wait([rest], timeout=0.05)
                await rest
        finally:
            writer.close()
        assert (await it.get("/livez")).status_code == 200


async def test_a_body_that_arrives_in_many_pieces_is_no_head_without_end(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        body = json.dumps({**TRANSLATION, "payload": {**TRANSLATION["payload"], "more": "x" * 500_000}}).encode()
        lines = ("Host: localhost", f"Content-Length: {len(body)}", "Content-Type: application/json")
        pieces = [body[start : start + 20_000] for start in range(0, len(body), 20_000)]

        answer = await _raw(it, _head(it, POST, *lines), *pieces)

        assert answer.startswith(b"HTTP/1.1 400")
        assert b'"field":"more"' in answer
