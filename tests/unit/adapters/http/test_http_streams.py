"""Answers that arrive piece by piece: lines, early ends, bounds."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import tracemalloc
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provider_console.adapters.http_body import Body, Lines
from provider_console.sdk.errors import TransportError
from provider_console.sdk.http import HttpClient

Serve = Callable[..., AbstractAsyncContextManager[Any]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def collect(client: HttpClient, url: str, lines: list[str]) -> None:
    async with client.stream("GET", url) as stream:
        async for line in stream.lines():
            lines.append(line)  # noqa: PERF401 - what came before an error is wanted too


async def test_lines_arrive_while_the_answer_is_still_being_sent(client: HttpClient, serve: Serve) -> None:
    asked = asyncio.Event()

    async def handler(exchange: Any) -> None:
        await exchange.send(HEAD + chunk(b"data: one\n\nda"))
        await asked.wait()
        await exchange.send(chunk("ta: zwölf".encode()[:6]) + chunk("ta: zwölf".encode()[6:] + b"\r\n") + chunk(b""))

    async with serve(handler) as server, client.stream("POST", server.url(), json={"stream": True}) as stream:
        lines = stream.lines()
        first = [await anext(lines), await anext(lines)]
        asked.set()
        rest = [line async for line in lines]

    assert stream.status == 200
    assert stream.headers["content-type"] == "text/event-stream"
    assert (first, rest) == (["data: one", ""], ["data: zwölf"])
    assert "accept-encoding: identity" in server.exchanges[0].head


async def test_a_line_is_ended_by_a_line_feed_and_nothing_else(client: HttpClient, serve: Serve) -> None:
    body = '{"a":"\u2028\u2029\x85\x0b\x0c"}\r\nlast'.encode()
    async with serve(lambda exchange: exchange.answer(body)) as server, client.stream("GET", server.url()) as stream:
        assert [line async for line in stream.lines()] == ['{"a":"\u2028\u2029\x85\x0b\x0c"}', "last"]


@given(st.lists(st.binary(max_size=30), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_do_not_depend_on_where_the_pieces_are_cut(pieces: list[bytes]) -> None:
    class Raw:
        def __init__(self) -> None:
            self.left = list(pieces)

        def __aiter__(self) -> Raw:
            return self

        async def __anext__(self) -> bytes:
            while self.left:
                piece = self.left.pop(0)
                if piece:
                    return piece
            raise StopAsyncIteration

    async def read() -> list[str]:
        return [line async for line in Lines(Body(Raw(), encoding="", target="here:80"), target="here:80")]

    whole = b"".join(pieces).split(b"\n")
    if not whole[-1]:
        whole.pop()

    assert asyncio.run(read()) == [line.removesuffix(b"\r").decode("utf-8", "replace") for line in whole]


async def test_an_error_that_came_instead_of_a_stream_can_be_read_whole(client: HttpClient, serve: Serve) -> None:
    async with (
        serve(
            lambda exchange: exchange.answer(b'{"error":"no"}', status="429 Slow", headers="Retry-After: 3\r\n")
        ) as server,
        client.stream("POST", server.url()) as stream,
    ):
        answer = await stream.read()

    assert (answer.status, answer.json(), answer.retry_after_s) == (429, {"error": "no"}, 3.0)


async def test_a_stream_read_to_its_end_gives_its_connection_back(client: HttpClient, serve: Serve) -> None:
    async with serve(lambda exchange: exchange.answer(b"a\nb\n")) as server:
        for _ in range(3):
            async with client.stream("GET", server.url()) as stream:
                assert [line async for line in stream.lines()] == ["a", "b"]

    assert server.connections == 1


async def _endless(exchange: Any) -> None:
    await exchange.send(HEAD)
    with contextlib.suppress(ConnectionError):
        while True:
            await exchange.send(chunk(b"data: more\n"))
            await asyncio.sleep(0)  # drain() yields only to a full buffer


async def test_leaving_a_stream_early_ends_its_connection(client: HttpClient, serve: Serve) -> None:
    async with serve(_endless) as server:
        async with client.stream("GET", server.url()) as stream:
            async for line in stream.lines():
                assert line == "data: more"
                break
        await server.idle.wait()

    assert server.requests == 1


async def test_an_error_inside_a_stream_ends_its_connection(client: HttpClient, serve: Serve) -> None:
    async def stumble(url: str) -> None:
        async with client.stream("GET", url) as stream:
            await anext(stream.lines())
            raise KeyError

    async with serve(_endless) as server:
        with pytest.raises(KeyError):
            await stumble(server.url())
        await server.idle.wait()


async def test_a_cancelled_stream_ends_its_connection_and_leaves_the_pool_usable(
    client: HttpClient, serve: Serve
) -> None:
    async def handler(exchange: Any) -> None:
        if "/good" in exchange.head:
            await exchange.answer()
            return
        await exchange.send(HEAD + chunk(b"data: first\n"))
        await exchange.gone()
        exchange.hang_up()

    async def follow(url: str, begun: asyncio.Event) -> None:
        async with client.stream("GET", url) as stream:
            async for _ in stream.lines():
                begun.set()

    async with serve(handler) as server:
        for _ in range(100):
            begun = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                task = group.create_task(follow(server.url(), begun))
                await begun.wait()
                task.cancel()
        await server.idle.wait()
        assert (await client.request("GET", server.url("/good"))).ok


async def test_a_stream_that_breaks_off_is_a_reset_after_the_lines_that_came(client: HttpClient, serve: Serve) -> None:
    async def handler(exchange: Any) -> None:
        await exchange.send(HEAD + chunk(b"one\ntwo\nthr"))
        exchange.reset()

    lines: list[str] = []
    async with serve(handler) as server:
        with pytest.raises(TransportError) as caught:
            await collect(client, server.url(), lines)

    assert (caught.value.kind, caught.value.never_left) == ("reset", False)
    assert lines in ([], ["one", "two"])


async def test_a_line_without_an_end_is_refused_within_32_mib_of_memory(client: HttpClient, serve: Serve) -> None:
    async def handler(exchange: Any) -> None:
        await exchange.send(HEAD)
        with contextlib.suppress(ConnectionError):
            while True:
                await exchange.send(chunk(b"x" * 65536))

    async with serve(handler) as server:
        tracemalloc.start()
        with pytest.raises(TransportError, match="more than 1 MiB") as caught:
            async with client.stream("GET", server.url()) as stream:
                await anext(stream.lines())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert caught.value.kind == "too_large"
    assert peak < 32 << 20


async def test_a_compression_bomb_is_refused_in_a_stream_too(client: HttpClient, serve: Serve) -> None:
    body = gzip.compress(b"\n" * (4 << 20))
    async with serve(lambda exchange: exchange.answer(body, headers="Content-Encoding: gzip\r\n")) as server:
        with pytest.raises(TransportError) as caught:
            await collect(client, server.url(), [])

    assert caught.value.kind == "too_large"
