"""One call is one request, within bounds, whatever the other side does: over real sockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import logging
import subprocess
import sys
import traceback
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

from provider_console.adapters.http import USER_AGENT, HttpClients
from provider_console.adapters.http_wire import Answer
from provider_console.sdk.errors import TransportError
from provider_console.sdk.http import HttpClient
from provider_console.sdk.secret import Secret

Serve = Callable[..., AbstractAsyncContextManager[Any]]

CANARY = "canary-secret-4711"
TEXT = " ".join(map(str, range(50_000))).encode()


async def failure(call: Awaitable[object]) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await call
    return caught.value


# --- what goes out and what comes back ----------------------------------------------------------------------


async def test_an_answer_that_was_read_is_freed_without_the_collector_of_garbage(
    client: HttpClient, serve: Serve
) -> None:
    async with serve(lambda exchange: exchange.answer(b'{"a":1}')) as server:
        gc.disable()
        try:
            await client.request("POST", server.url("/"), json={})
            left = [one for one in gc.get_objects() if isinstance(one, Answer | httpx.Response)]
        finally:
            gc.enable()

    assert left == []


async def test_a_request_carries_what_it_was_given_and_nothing_of_its_own_accord(
    client: HttpClient, serve: Serve
) -> None:
    async with serve(lambda exchange: exchange.answer(b'{"a":1}', headers="X-Two: 1\r\nx-two: 2\r\n")) as server:
        answer = await client.request(
            "POST", server.url("/v1?a=1"), headers={"X-Api-Key": "k"}, params={"b": "ü &"}, json={"text": "ü"}
        )

    (exchange,) = server.exchanges
    lines = exchange.head.rstrip().split("\r\n")
    assert lines[0] == "POST /v1?a=1&b=%C3%BC+%26 HTTP/1.1"
    assert {line.lower() for line in lines[1:]} == {
        f"host: 127.0.0.1:{server.port}",
        "accept: */*",
        "accept-encoding: gzip, deflate",
        "content-length: 13",
        "content-type: application/json",
        f"user-agent: {USER_AGENT}",
        "x-api-key: k",
    }
    assert exchange.body == '{"text":"ü"}'.encode()
    assert (answer.status, answer.json(), answer.headers["x-two"]) == (200, {"a": 1}, "1, 2")


async def test_a_path_and_a_query_reach_the_server_as_they_were_written(client: HttpClient, serve: Serve) -> None:
    written = "/v1/models/a%2Fb:count?q=a%26b%20c+d&e=%3D&f=%252F"
    async with serve(lambda exchange: exchange.answer()) as server:
        await client.request("GET", server.url(written))

    assert server.exchanges[0].head.split(" ")[1] == written


async def test_a_large_body_goes_out_whole_and_without_a_warning(client: HttpClient, serve: Serve) -> None:
    async with serve(lambda exchange: exchange.answer()) as server:
        await client.request("POST", server.url(), content=b"x" * (3 << 20))

    assert len(server.exchanges[0].body) == 3 << 20


async def test_a_client_with_a_bearer_asks_for_the_token_of_the_moment(clock: Any, serve: Serve) -> None:
    tokens = {"one": Secret("first")}

    async def find(name: str) -> Secret | None:
        return tokens.get(name)

    clients = HttpClients(clock=clock, credentials=find)
    client = clients.client(network="loopback", bearer="one")
    async with serve(lambda exchange: exchange.answer()) as server:
        await client.request("GET", server.url())
        tokens["one"] = Secret("second")
        await client.request("GET", server.url())
        tokens.clear()
        await client.request("GET", server.url())
    await clients.aclose()

    sent = [
        [line for line in exchange.head.split("\r\n") if line.startswith("authorization")]
        for exchange in server.exchanges
    ]
    assert sent == [["authorization: Bearer first"], ["authorization: Bearer second"], []]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(client: HttpClient, serve: Serve, status: int) -> None:
    async with serve(
        lambda exchange: exchange.answer(status=f"{status} Elsewhere", headers="Location: /two\r\n")
    ) as server:
        answer = await client.request("GET", server.url("/one"))

    assert (answer.status, answer.headers["location"], server.requests) == (status, "/two", 1)


async def test_cookies_are_not_kept(client: HttpClient, serve: Serve) -> None:
    async with serve(lambda exchange: exchange.answer(headers="Set-Cookie: a=b; Path=/\r\n")) as server:
        await client.request("GET", server.url(host="localhost"))
        await client.request("GET", server.url(host="localhost"))

    assert not any("cookie" in exchange.head.lower() for exchange in server.exchanges)


async def test_proxies_and_netrc_of_the_environment_are_ignored(
    client: HttpClient, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serve(lambda exchange: exchange.answer()) as server:
        answer = await client.request("GET", server.url())

    assert answer.ok
    assert "authorization" not in server.exchanges[0].head.lower()


async def test_connections_are_kept_alive(client: HttpClient, serve: Serve) -> None:
    async with serve(lambda exchange: exchange.answer()) as server:
        for _ in range(5):
            await client.request("GET", server.url())

    assert (server.requests, server.connections) == (5, 1)


def test_the_libraries_are_loaded_by_the_first_request_only() -> None:
    code = """
import sys
from provider_console.adapters.http import HttpClients
HttpClients(clock=None).client(network="global")
print([name for name in ("httpx", "aiohttp", "httpx_aiohttp") if name in sys.modules])
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# --- one call is one request --------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST"])
@pytest.mark.parametrize("ending", ["hang_up", "reset"])
async def test_a_request_that_a_dying_connection_delivered_is_not_repeated(
    client: HttpClient, serve: Serve, method: str, ending: str
) -> None:
    async def handler(exchange: Any) -> None:
        if exchange.on_connection == 1:
            await exchange.answer(b"")
        else:
            getattr(exchange, ending)()

    async with serve(handler) as server:
        await client.request("GET", server.url())
        error = await failure(client.request(method, server.url("/second"), content=b"x"))

    assert [exchange.head.split(" ")[1] for exchange in server.exchanges] == ["/", "/second"]
    assert server.connections == 1
    assert (error.kind, error.never_left) == ("reset", False)


@pytest.mark.parametrize("ending", ["hang_up", "reset"])
async def test_a_request_that_a_fresh_connection_lost_is_not_repeated(
    client: HttpClient, serve: Serve, ending: str
) -> None:
    async def handler(exchange: Any) -> None:
        getattr(exchange, ending)()

    async with serve(handler) as server:
        error = await failure(client.request("GET", server.url()))

    assert server.requests == 1
    assert (error.kind, error.never_left) == ("reset", False)


async def test_a_connection_that_ended_in_between_is_replaced_before_anything_is_sent(
    client: HttpClient, serve: Serve
) -> None:
    async def handler(exchange: Any) -> None:
        await exchange.answer()
        exchange.hang_up()

    async with serve(handler) as server:
        for _ in range(3):
            assert (await client.request("POST", server.url())).ok
            await server.idle.wait()
            await asyncio.sleep(0)

    assert server.requests == 3


# --- broken answers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Le", "reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "reset"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "protocol"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "protocol"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\nnope", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 4\r\n\r\nnope", "protocol"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\n" + gzip.compress(b"abcdef")[:12],
            "protocol",
        ),
    ],
    ids=[
        "half a head",
        "half a body",
        "half a chunk",
        "length of letters",
        "negative length",
        "SSH",
        "TLS",
        "no gzip",
        "brotli",
        "gzip twice",
        "half a gzip",
    ],
)
async def test_a_broken_answer_is_a_transport_error_of_its_kind(
    client: HttpClient, serve: Serve, sent: bytes, kind: str
) -> None:
    async def handler(exchange: Any) -> None:
        await exchange.send(sent)
        exchange.hang_up()

    async with serve(handler) as server:
        error = await failure(client.request("GET", server.url()))

    assert (error.kind, error.never_left, server.requests) == (kind, False, 1)
    assert f"127.0.0.1:{server.port}" in error.message


async def test_bytes_beyond_the_content_length_never_become_the_next_answer(client: HttpClient, serve: Serve) -> None:
    async def handler(exchange: Any) -> None:
        if exchange.number == 1:
            await exchange.send(
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
            )
        else:
            await exchange.answer(b"good")

    async with serve(handler) as server:
        bodies = []
        for _ in range(2):
            with contextlib.suppress(TransportError):
                bodies.append((await client.request("GET", server.url())).body)

    assert b"evil" not in bodies
    assert bodies[-1] == b"good"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("x-gzip", gzip.compress(TEXT[:500]) + gzip.compress(TEXT[500:])),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)[2:-4]),
        ("identity", TEXT),
    ],
    ids=["gzip", "two gzip members", "deflate", "bare deflate", "identity"],
)
async def test_compressed_answers_are_decoded(client: HttpClient, serve: Serve, encoding: str, body: bytes) -> None:
    async with serve(lambda exchange: exchange.answer(body, headers=f"Content-Encoding: {encoding}\r\n")) as server:
        answer = await client.request("GET", server.url())

    assert answer.body == TEXT


# --- bounds -------------------------------------------------------------------------------------------------


def bomb(megabytes: int) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([deflate.compress(bytes(1 << 20)) for _ in range(megabytes)]) + deflate.flush()


async def test_a_compression_bomb_is_refused_within_32_mib_of_memory(client: HttpClient, serve: Serve) -> None:
    body = bomb(64)
    async with serve(lambda exchange: exchange.answer(body, headers="Content-Encoding: gzip\r\n")) as server:
        await failure(client.request("GET", server.url()))  # loads the libraries
        tracemalloc.start()
        error = await failure(client.request("GET", server.url()))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert error.kind == "too_large"
    assert peak < 32 << 20


@pytest.mark.parametrize("framing", ["chunked", "close", "length"])
async def test_an_answer_over_8_mib_is_refused_within_32_mib_of_memory(
    client: HttpClient, serve: Serve, framing: str
) -> None:
    async def handler(exchange: Any) -> None:
        head = {
            "chunked": "Transfer-Encoding: chunked\r\n",
            "close": "Connection: close\r\n",
            "length": "Content-Length: 10737418240\r\n",
        }[framing]
        await exchange.send(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode())
        block = bytes(1 << 16)
        with contextlib.suppress(ConnectionError):
            while True:
                await exchange.send(b"10000\r\n" + block + b"\r\n" if framing == "chunked" else block)

    async with serve(handler) as server:
        tracemalloc.start()
        error = await failure(client.request("GET", server.url()))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        await server.idle.wait()

    assert error.kind == "too_large"
    assert peak < 32 << 20


async def test_an_answer_of_exactly_8_mib_is_read(client: HttpClient, serve: Serve) -> None:
    async with serve(lambda exchange: exchange.answer(bytes(8 << 20))) as server:
        assert len((await client.request("GET", server.url())).body) == 8 << 20


@pytest.mark.parametrize(
    "headers",
    [
        [b"X-One: " + b"a" * (1 << 20)],
        [b"a" * 4096] * 1024,
        [b"X-%d: %s" % (number, b"a" * 1000) for number in range(1000)],
        [b"X-%d: %s" % (number, b"a" * 8000) for number in range(9)],
    ],
    ids=["one line", "no colon", "many lines", "in sum"],
)
async def test_endless_headers_are_refused(client: HttpClient, serve: Serve, headers: Sequence[bytes]) -> None:
    async def handler(exchange: Any) -> None:
        with contextlib.suppress(ConnectionError):
            await exchange.send(b"HTTP/1.1 200 OK\r\n" + b"\r\n".join(headers) + b"\r\nContent-Length: 0\r\n\r\n")
        await exchange.gone()

    async with serve(handler) as server:
        error = await failure(client.request("GET", server.url()))

    assert error.kind in ("too_large", "protocol")
    assert "aaaa" not in error.message


# --- cancellation -------------------------------------------------------------------------------------------


async def test_a_body_of_one_byte_at_a_time_ends_with_the_callers_timeout(client: HttpClient, serve: Serve) -> None:
    begun = asyncio.Event()

    async def handler(exchange: Any) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        begun.set()
        with contextlib.suppress(ConnectionError):
            while True:
                await exchange.send(b"x")
                await asyncio.sleep(0.01)

    async def read(url: str, deadline: asyncio.Timeout) -> None:
        async with deadline:
            await client.request("GET", url)

    async with serve(handler) as server:
        deadline = asyncio.timeout(None)
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(_raised(read(server.url(), deadline)))
            await begun.wait()
            deadline.reschedule(asyncio.get_running_loop().time())
        await server.idle.wait()

    assert isinstance(reading.result(), TimeoutError)
    assert server.requests == 1


async def _raised(call: Awaitable[object]) -> BaseException | None:
    try:
        await call
    except (TimeoutError, TransportError) as error:
        return error
    return None


@pytest.mark.parametrize("where", ["before the head", "in the body"])
async def test_after_2000_cancelled_requests_the_next_20_succeed(
    clients: HttpClients, serve: Serve, where: str
) -> None:
    client = clients.client(network="loopback")
    arrived = asyncio.Event()

    async def handler(exchange: Any) -> None:
        if "/good" in exchange.head:
            await exchange.answer()
            return
        if exchange.number % 50 == 0:
            arrived.set()
        if where == "in the body":
            await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await exchange.gone()
        exchange.hang_up()

    async with serve(handler) as server:
        for batch in range(20):
            arrived.clear()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(client.request("POST", server.url(), content=b"x")) for _ in range(100)]
                if batch % 2:
                    await arrived.wait()
                for task in tasks:
                    task.cancel()
                    # Otherwise each one after the other, a step of the loop later: in every stage of connecting.
                    if not batch % 2:
                        await asyncio.sleep(0)
            assert all(task.cancelled() for task in tasks)
        statuses = [(await client.request("GET", server.url("/good"))).status for _ in range(20)]
        await clients.aclose()
        await server.idle.wait()

    assert statuses == [200] * 20
    assert server.open == 0


async def test_closing_leaves_no_task_and_no_connection(clock: Any, serve: Serve) -> None:
    before = asyncio.all_tasks()
    clients = HttpClients(clock=clock)
    client = clients.client(network="loopback")
    async with serve(lambda exchange: exchange.answer()) as server:
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(client.request("GET", server.url()))
        await clients.aclose()
        await server.idle.wait()
        error = await failure(client.request("GET", server.url()))
    gc.collect()

    assert asyncio.all_tasks() == before
    assert (error.kind, error.never_left) == ("connect", True)


# --- what never left, and what is said about it -------------------------------------------------------------


async def test_a_refused_connection_provably_never_left(client: HttpClient, serve: Serve) -> None:
    async with serve(lambda exchange: exchange.answer()) as server:
        pass
    error = await failure(client.request("POST", server.url()))

    assert (error.kind, error.never_left) == ("refused", True)
    assert f"127.0.0.1:{server.port} refuses connections" in error.message


async def test_a_name_that_does_not_resolve_provably_never_left(clock: Any) -> None:
    async def nobody(host: str, port: int) -> Sequence[str]:
        raise OSError("no such host")

    clients = HttpClients(clock=clock, resolver=nobody)
    error = await failure(clients.client(network="global").request("POST", "https://nobody.example/?key=" + CANARY))
    await clients.aclose()

    assert (error.kind, error.never_left) == ("dns", True)
    assert "nobody.example:443" in error.message


async def test_a_name_that_leads_inward_is_refused_before_anything_is_connected(clock: Any, serve: Serve) -> None:
    async def inward(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    clients = HttpClients(clock=clock, resolver=inward)
    async with serve(lambda exchange: exchange.answer()) as server:
        error = await failure(
            clients.client(network="global").request("GET", server.url(scheme="https", host="evil.example"))
        )
    await clients.aclose()

    assert (error.kind, error.never_left, server.connections) == ("address", True, 0)


async def test_a_name_is_connected_to_at_the_address_that_was_checked(clock: Any, serve: Serve) -> None:
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return answers.pop(0)

    clients = HttpClients(clock=clock, resolver=rebinding)
    async with serve(lambda exchange: exchange.answer()) as server:
        answer = await clients.client(network="loopback").request("GET", server.url(host="models.example"))
    await clients.aclose()

    assert answer.ok
    assert answers == [["10.0.0.1"]]
    assert f"host: models.example:{server.port}" in server.exchanges[0].head.lower()


async def test_a_pool_of_one_network_is_no_way_into_another(clients: HttpClients, serve: Serve) -> None:
    async with serve(lambda exchange: exchange.answer()) as server:
        await clients.client(network="loopback").request("GET", server.url())
        for network in ("global", "private"):
            error = await failure(clients.client(network=network).request("GET", server.url()))
            assert error.kind == "address"

    assert server.requests == 1


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({"X-Key": f"{CANARY}\r\nX-Other: 1"}, None),
        ({"X-Key": f"{CANARY}\n"}, None),
        ({"X-Key": f"{CANARY}\u2013"}, None),
        ({"X-Key": f"{CANARY}\x00"}, None),
        ({f"X-{CANARY}:": "1"}, None),
        ({"Host": CANARY}, None),
        ({"Transfer-Encoding": "chunked"}, b"x"),
        ({"content-length": "5"}, b"x"),
        ({"Proxy-Authorization": CANARY}, None),
    ],
)
async def test_a_header_that_cannot_go_out_is_refused_without_being_shown(
    client: HttpClient, serve: Serve, headers: dict[str, str], content: bytes | None
) -> None:
    async with serve(lambda exchange: exchange.answer()) as server:
        error = await failure(client.request("POST", server.url(), headers=headers, content=content))

    assert (error.kind, error.never_left, server.requests) == ("protocol", True, 0)
    assert CANARY not in error.message


async def _fails_in_every_way(client: HttpClient, serve: Serve) -> AsyncIterator[TransportError]:
    secret = {"Authorization": f"Bearer {CANARY}"}
    for sent in (
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        b"nonsense " + CANARY.encode() + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + CANARY.encode() + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + CANARY.encode() * 5000 + b"\r\n\r\n",
    ):

        async def handler(exchange: Any, sent: bytes = sent) -> None:
            await exchange.send(sent)
            exchange.hang_up()

        async with serve(handler) as server:
            url = server.url(f"/{CANARY}?key={CANARY}")
            yield await failure(client.request("POST", url, headers=secret, json={"prompt": CANARY}))
        yield await failure(client.request("POST", url, headers=secret, json={"prompt": CANARY}))
    for url in (f"http://{CANARY}:x@127.0.0.1/", f"http://127.0.0.1:22/{CANARY}", f"http://10.0.0.1/?{CANARY}"):
        yield await failure(client.request("GET", url, headers=secret))


async def test_no_error_and_no_log_line_shows_a_header_a_body_a_path_or_a_query(
    client: HttpClient, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    shown = []
    async for error in _fails_in_every_way(client, serve):
        assert error.__context__ is None, "the library's own error holds the request"
        shown += [str(error), repr(error), *traceback.format_exception_only(error)]
    async with serve(lambda exchange: exchange.answer()) as server:
        await client.request("GET", server.url(f"/?key={CANARY}"), headers={"X-Key": CANARY})

    assert len(shown) >= 13 * 3
    assert CANARY not in "\n".join(shown)
    assert CANARY not in caplog.text
