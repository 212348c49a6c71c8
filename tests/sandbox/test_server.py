"""Servers start, count, are told what to do over HTTP, and leave nothing behind."""

import asyncio
import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest

from provider_console.sandbox import (
    Fault,
    LibreTranslateSandbox,
    OpenAISandbox,
    PortInUseError,
    Server,
    in_thread,
    serve,
    serve_in_thread,
)

ASK = {"q": "Yes", "source": "en", "target": "es"}


async def test_the_wire_saw_exactly_what_was_sent(libretranslate_server: Server, client: httpx.AsyncClient) -> None:
    server = libretranslate_server
    server.faults.script([Fault("status", status=503), Fault("status", status=503)], on="work")

    for _ in range(5):
        await client.post(f"{server.base_url}/translate?secret=1", json=ASK)
    await client.get(f"{server.base_url}/health")

    assert server.count() == 6
    assert server.count("/translate") == server.count(lane="work") == server.count(method="POST") == 5
    assert server.count("/translate", status=503) == 2
    assert server.count(status=200) == 4
    assert server.connections == 1
    assert [seen.number for seen in server.requests] == [1, 2, 3, 4, 5, 6]


async def test_the_log_has_names_and_numbers_and_no_content(openai_server: Server, client: httpx.AsyncClient) -> None:
    ask = {"model": "gpt-5", "messages": [{"role": "user", "content": "canary-prompt"}]}
    headers = {"authorization": "Bearer canary-key"}

    await client.post(f"{openai_server.base_url}/chat/completions?canary-query", json=ask, headers=headers)
    log = await client.get(f"{openai_server.origin}/_sandbox/log")

    seen = log.json()["requests"][0]
    assert "canary" not in log.text
    assert (seen["path"], seen["credential"], seen["facts"]["model"]) == ("/v1/chat/completions", True, "gpt-5")


async def test_faults_are_set_and_cleared_over_http(libretranslate_server: Server, client: httpx.AsyncClient) -> None:
    fault, translate = (f"{libretranslate_server.origin}{path}" for path in ("/_sandbox/fault", "/translate"))
    order = {"kind": "status", "status": 429, "on": "work", "script": [{"kind": "ok"}]}

    shown = await client.put(fault, json=order)
    statuses = [(await client.post(translate, json=ASK)).status_code for _ in range(3)]
    cleared = await client.delete(fault)

    assert shown.json() == {
        "server": "libretranslate",
        "fault": {"work": {"kind": "status", "status": 429}, "probe": {"kind": "ok"}},
        "scriptLeft": 1,
    }
    assert statuses == [200, 429, 429]
    assert cleared.json()["fault"]["work"] == {"kind": "ok"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"kind": "explode"}', "Invalid enum value"),
        ('{"knid": "ok"}', "unknown field"),
        ("{", "truncated"),
        ('{"kind": "status", "status": 99}', "cannot be sent"),
        ('{"kind": "refuse"}', "needs seconds"),
        ('{"kind": "ok", "script": [{"kind": "refuse"}]}', "not a step"),
    ],
)
async def test_a_wrong_order_is_explained(
    libretranslate_server: Server, client: httpx.AsyncClient, body: str, reason: str
) -> None:
    answer = await client.put(f"{libretranslate_server.origin}/_sandbox/fault", content=body)

    assert answer.status_code == 400
    assert reason in answer.json()["detail"]


async def test_a_port_in_use_is_one_clear_error() -> None:
    async with serve(OpenAISandbox()) as server:
        with pytest.raises(PortInUseError, match=rf"cannot start deepl: port {server.port} .* is in use"):
            async with serve(LibreTranslateSandbox(), port=server.port, name="deepl"):
                pass


async def test_the_port_is_free_again_at_the_end() -> None:
    async with serve(OpenAISandbox()) as server:
        port = server.port
    async with serve(OpenAISandbox(), port=port) as server:
        assert server.port == port


@pytest.mark.parametrize("kind", ["hang", "slow", "trickle", "huge", "gzip_bomb"])
async def test_closing_ends_what_is_still_under_way(kind: str) -> None:
    before = asyncio.all_tasks()
    async with serve(LibreTranslateSandbox()) as server:
        server.faults.set(Fault(kind, seconds=3600))
        connections = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(5)]
        for _, writer in connections:
            writer.write(b"GET /health HTTP/1.1\r\nhost: sandbox\r\n\r\n")
        async with asyncio.timeout(5):
            await server.arrived(5, "/health")

    assert asyncio.all_tasks() == before
    assert server.open_connections == 0
    for _, writer in connections:
        writer.close()


async def test_a_connection_that_says_nothing_does_not_hold_the_server() -> None:
    async with serve(LibreTranslateSandbox()) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.close()

    assert server.open_connections == 0


async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError):
        async with serve(LibreTranslateSandbox()):
            raise KeyError


async def test_signals_stay_the_callers() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    async with serve(LibreTranslateSandbox()):
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_server_in_a_thread_takes_orders_from_this_one() -> None:
    with serve_in_thread(LibreTranslateSandbox()) as server, httpx.Client(trust_env=False, verify=False) as client:
        assert client.get(f"{server.base_url}/health").status_code == 200
        server.faults.set(Fault("refuse"))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), timeout=5)
        server.faults.clear()
        assert client.get(f"{server.base_url}/health").status_code == 200
        assert server.count("/health") == 2

    assert "provider-console-sandbox" not in {thread.name for thread in threading.enumerate()}


def test_a_port_in_use_is_told_to_the_callers_thread() -> None:
    with in_thread(lambda: serve(OpenAISandbox())) as server:
        second = serve_in_thread(OpenAISandbox(), port=server.port)
        with pytest.raises(PortInUseError):
            second.__enter__()


def test_neither_the_engine_nor_a_client_is_imported() -> None:
    code = "import sys; import provider_console.sandbox; print(*sys.modules)"

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)

    loaded = shown.stdout.split()
    ours = {name.split(".")[1] for name in loaded if name.startswith("provider_console.")}
    others = {name.partition(".")[0] for name in loaded}
    assert ours == {"sandbox"}
    assert others.isdisjoint({"aiohttp", "aiosqlite", "deepl", "httpx", "keyring", "openai", "pluggy", "textual"})
