"""Who sends a request slower than anybody means to: cut off in time, while everybody else is served."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Final

import pytest
from tests.api.served import Served, served

from provider_console.api import exchange, serve
from provider_console.console.access import Role

LIMIT_S: Final = 0.5
"""Instead of 15 and 20 s."""
DRIP_S: Final = 0.05
WHOLE: Final = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "HEAD_S", LIMIT_S)
    monkeypatch.setattr(exchange, "BODY_S", LIMIT_S)


async def dripped(it: Served, start: bytes, drop: bytes = b"") -> bytes:
    """What came back, until the server closed, for bytes of which one comes now and then for ever."""
    host, port = it.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    answer = asyncio.ensure_future(reader.read())
    try:
        writer.write(start)
        while not answer.done():
            with contextlib.suppress(ConnectionError):
                writer.write(drop)
                await writer.drain()
            await asyncio.wait([answer], timeout=DRIP_S)
        return b"" if isinstance(answer.exception(), ConnectionError) else answer.result()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("start", "drop", "answers"),
    [
        (b"", b"", 0),
        (b"GET /livez HTTP/1.1\r\nX: ", b"x", 0),
        (b"GET /livez HTTP/1.1\r\n", b"A: b\r\n", 0),
        (WHOLE + b"GET /livez HTTP/1.1\r\nX: ", b"x", 1),
    ],
    ids=["not a byte", "a header without end", "headers without end", "the second head on a connection"],
)
async def test_a_head_that_does_not_come_is_not_waited_for(
    tmp_path: Path, start: bytes, drop: bytes, answers: int
) -> None:
    async with served(tmp_path) as it:
        slow = [asyncio.ensure_future(dripped(it, start, drop)) for _ in range(5)]

        assert (await it.get("/livez")).status_code == 200, "nobody else waits for them"
        for each in slow:
            assert (await each).count(b"HTTP/1.1 200") == answers


async def test_a_body_that_does_not_come_is_refused_with_a_problem(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        shown = "".join(f"{name}: {value}\r\n" for name, value in it.headers(Role.SUPER_ADMIN).items())
        head = (
            "POST /api/provider-integration/execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n"
            f"Content-Type: application/json\r\n{shown}\r\n"
        ).encode()
        # Who still sends while it is cut off may never read why: these have stopped in the middle.
        slow = [asyncio.ensure_future(dripped(it, head + b'{"operation": "')) for _ in range(5)]

        assert (await it.get("/livez")).status_code == 200, "nobody else waits for them"
        for each in slow:
            answered, _, body = (await each).partition(b"\r\n\r\n")
            assert answered.startswith(b"HTTP/1.1 408 Request Timeout")
            assert b"connection: close" in answered.lower()
            problem = json.loads(body)
            assert (problem["code"], problem["status"]) == ("timeout", 408)
            assert "the body did not arrive within" in problem["detail"]
