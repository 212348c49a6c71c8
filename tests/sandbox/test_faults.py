"""Every fault as a client without any kindness sees it."""

import asyncio
import contextlib
import datetime
import email.utils
import gzip
import json

import aiohttp
import httpx
import pytest

from provider_console.sandbox import OK, DeepLSandbox, Fault, LibreTranslateSandbox, OpenAISandbox, Server, serve

ASK = {"q": "The house is red.", "source": "en", "target": "es"}
WHOLE = {"translatedText": "La casa es roja."}


async def raw(server: Server, *, until: int = -1) -> bytes:
    """Ask for the health over a bare connection and return what came before its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(b"GET /health HTTP/1.1\r\nhost: sandbox\r\nconnection: close\r\n\r\n")
        return await reader.read(until)
    finally:
        writer.close()


@pytest.fixture
def server(libretranslate_server: Server) -> Server:
    return libretranslate_server


async def translate(server: Server, client: httpx.AsyncClient) -> httpx.Response:
    return await client.post(f"{server.base_url}/translate", json=ASK)


async def test_ok_is_the_usual_answer(server: Server, client: httpx.AsyncClient) -> None:
    assert (await translate(server, client)).json() == WHOLE


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        ("2", {"retry-after": "2"}),
        ("1500ms", {"retry-after": "2", "retry-after-ms": "1500"}),
        ("Wed, 21 Oct 2015 07:28:00 GMT", {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        ("", {}),
    ],
)
async def test_retry_after_comes_in_every_form(
    server: Server, client: httpx.AsyncClient, given: str, headers: dict[str, str]
) -> None:
    server.faults.script([Fault("status", status=429, retry_after=given)])

    answer = await translate(server, client)

    assert answer.status_code == 429
    assert {name: value for name, value in answer.headers.items() if name.startswith("retry")} == headers


async def test_retry_after_can_be_a_date_ahead_of_the_servers_clock(client: httpx.AsyncClient) -> None:
    noon = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
    async with serve(LibreTranslateSandbox(), wall=lambda: noon) as server:
        server.faults.script([Fault("status", status=503, retry_after="date+90")])

        answer = await translate(server, client)

    assert answer.headers["date"] == "Thu, 01 Jan 2026 12:00:00 GMT"
    ahead = email.utils.parsedate_to_datetime(answer.headers["retry-after"]) - noon
    assert ahead.total_seconds() == 90


@pytest.mark.parametrize("status", [401, 402, 403, 404, 408, 413, 429, 456, 500, 502, 503, 504, 529])
@pytest.mark.parametrize("vendor", [OpenAISandbox(), DeepLSandbox(), LibreTranslateSandbox()])
async def test_any_status_can_be_sent(
    client: httpx.AsyncClient, vendor: OpenAISandbox | DeepLSandbox | LibreTranslateSandbox, status: int
) -> None:
    async with serve(vendor) as server:
        server.faults.set(Fault("status", status=status))
        path = next(path for method, path in vendor.routes if method == "GET")

        answer = await client.get(server.origin + path)

    assert answer.status_code == status
    assert answer.text


async def test_extra_headers_can_be_sent(server: Server, client: httpx.AsyncClient) -> None:
    server.faults.script([Fault("status", headers={"x-should-retry": "false"})])

    assert (await translate(server, client)).headers["x-should-retry"] == "false"


async def test_slow_waits_before_the_first_byte(server: Server, client: httpx.AsyncClient) -> None:
    server.faults.script([Fault("slow", seconds=30), Fault("slow", seconds=0.01)])

    with pytest.raises(httpx.ReadTimeout):
        await client.post(f"{server.base_url}/translate", json=ASK, timeout=httpx.Timeout(5, read=0.05))

    assert (await translate(server, client)).json() == WHOLE


async def test_trickle_sends_one_byte_at_a_time(server: Server, client: httpx.AsyncClient) -> None:
    server.faults.script([Fault("trickle", seconds=30), Fault("trickle", seconds=0)])

    async with client.stream("POST", f"{server.base_url}/translate", json=ASK) as answer:
        first = await anext(answer.aiter_raw())
    whole = await translate(server, client)

    assert first == b"{"
    assert whole.json() == WHOLE


async def test_reset_is_a_real_reset(server: Server) -> None:
    server.faults.set(Fault("reset"))

    with pytest.raises(ConnectionResetError):
        await raw(server)


async def test_refuse_refuses_connections_and_listens_again_on_its_port(
    server: Server, client: httpx.AsyncClient
) -> None:
    port = server.port
    await translate(server, client)

    for _ in range(3):
        server.faults.set(Fault("refuse"))
        with pytest.raises(ConnectionRefusedError):
            await raw(server)
        server.faults.set(OK)
        assert b"200" in await raw(server, until=20)

    assert server.port == port


async def test_refuse_finishes_the_answers_under_way(server: Server, client: httpx.AsyncClient) -> None:
    server.faults.script([Fault("trickle", seconds=0.001)])

    async with client.stream("POST", f"{server.base_url}/translate", json=ASK) as answer:
        server.faults.set(Fault("refuse"))
        body = await answer.aread()

    assert json.loads(body) == WHOLE


async def test_refuse_closes_connections_that_are_kept(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /health HTTP/1.1\r\nhost: sandbox\r\n\r\n")
    await reader.readuntil(b'{"status":"ok"}')

    server.faults.set(Fault("refuse"))

    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


async def test_refuse_can_end_by_itself(server: Server) -> None:
    server.faults.set(Fault("refuse", seconds=0.1))

    with pytest.raises(ConnectionRefusedError):
        await raw(server)
    answer = b""
    async with asyncio.timeout(5):
        while not answer:
            with contextlib.suppress(ConnectionRefusedError):
                answer = await raw(server, until=20)
    assert b"200" in answer


async def test_hang_accepts_and_never_answers(server: Server, client: httpx.AsyncClient) -> None:
    server.faults.set(Fault("hang"))

    with pytest.raises(httpx.ReadTimeout):
        await client.post(f"{server.base_url}/translate", json=ASK, timeout=httpx.Timeout(5, read=0.05))

    assert server.requests[-1].status is None


async def test_half_promises_more_than_it_sends(server: Server) -> None:
    server.faults.set(Fault("half"))

    head, _, body = (await raw(server)).partition(b"\r\n\r\n")

    assert b"content-length: 15" in head
    assert body == b'{"statu'


async def test_half_is_an_incomplete_answer_to_a_client(server: Server, client: httpx.AsyncClient) -> None:
    server.faults.script([Fault("half")])

    with pytest.raises(httpx.RemoteProtocolError):
        await translate(server, client)


async def test_error_in_200_has_the_vendors_error_and_a_good_status(server: Server, client: httpx.AsyncClient) -> None:
    server.faults.script([Fault("error_in_200")])

    answer = await translate(server, client)

    assert (answer.status_code, answer.json()) == (200, {"error": "Internal Server Error"})


async def test_bad_json_is_whole_on_the_wire_and_broken_inside(server: Server, client: httpx.AsyncClient) -> None:
    server.faults.script([Fault("bad_json")])

    answer = await translate(server, client)

    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


async def test_bad_json_breaks_one_event_of_a_stream(openai_server: Server, client: httpx.AsyncClient) -> None:
    openai_server.faults.script([Fault("bad_json")])
    ask = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hello"}], "stream": True}

    answer = await client.post(f"{openai_server.base_url}/chat/completions", json=ask)

    events = answer.text.split("\n\n")
    assert events[-2] == "data: [DONE]"
    with pytest.raises(json.JSONDecodeError):
        json.loads(events[1].removeprefix("data: "))


@pytest.mark.parametrize("status", [0, 500])
async def test_escape_answers_with_control_sequences(server: Server, client: httpx.AsyncClient, status: int) -> None:
    server.faults.script([Fault("escape", status=status)])

    answer = await translate(server, client)

    text = "".join(answer.json().values())
    assert answer.status_code == (status or 200)
    assert {"\x1b", "\x9b", "\x07", "‮"} <= set(text)
    assert "[bold red]" in text


async def test_escape_reaches_lists_too(openai_server: Server, client: httpx.AsyncClient) -> None:
    openai_server.faults.set(Fault("escape"))

    answer = await client.get(f"{openai_server.base_url}/models")

    assert "\x1b[2J" in answer.json()["data"][0]["id"]


async def test_huge_goes_on_as_long_as_somebody_reads(server: Server, client: httpx.AsyncClient) -> None:
    server.faults.set(Fault("huge"))
    received = 0

    async with client.stream("POST", f"{server.base_url}/translate", json=ASK) as answer:
        async for data in answer.aiter_raw():
            received += len(data)
            if received > 8 * 1024 * 1024:
                break

    assert received > 8 * 1024 * 1024


async def test_a_huge_answer_is_json_when_it_has_an_end(server: Server, client: httpx.AsyncClient) -> None:
    server.faults.set(Fault("huge", mebibytes=1))

    answer = await translate(server, client)

    assert len(answer.json()["data"]) == 1024 * 1024


async def test_a_gzip_bomb_is_small_on_the_wire_and_valid(server: Server, client: httpx.AsyncClient) -> None:
    server.faults.set(Fault("gzip_bomb", mebibytes=16))

    async with client.stream("POST", f"{server.base_url}/translate", json=ASK) as answer:
        packed = b"".join([data async for data in answer.aiter_raw()])

    unpacked = gzip.decompress(packed)
    assert len(unpacked) > 500 * len(packed)
    assert len(json.loads(unpacked)["data"]) == 16 * 1024 * 1024


async def test_a_redirect_points_elsewhere_and_following_it_is_seen(server: Server, client: httpx.AsyncClient) -> None:
    server.faults.set(Fault("redirect"))

    stayed = await client.post(f"{server.base_url}/translate", json=ASK)
    before = server.count("/_elsewhere")
    await client.get(stayed.headers["location"])

    assert stayed.status_code == 307
    assert (before, server.count("/_elsewhere")) == (0, 1)


async def test_a_redirect_points_where_it_is_told(server: Server, client: httpx.AsyncClient) -> None:
    server.faults.set(Fault("redirect", status=302, location="http://169.254.169.254/latest/meta-data/"))

    answer = await translate(server, client)

    assert (answer.status_code, answer.headers["location"]) == (302, "http://169.254.169.254/latest/meta-data/")


async def test_a_kept_connection_is_dropped_as_the_next_request_arrives(
    server: Server, client: httpx.AsyncClient
) -> None:
    server.faults.set(Fault("drop_keepalive"))

    first = await translate(server, client)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await translate(server, client)

    assert first.json() == WHOLE
    assert [(seen.reused, seen.status) for seen in server.requests] == [(False, 200), (True, None)]


async def test_a_client_that_repeats_by_itself_is_seen_doing_so(server: Server) -> None:
    server.faults.script([OK, Fault("drop_keepalive"), OK])

    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(f"{server.base_url}/health") as answer:
                assert answer.status == 200

    assert server.count("/health") == 3


async def test_a_cut_stream_has_its_first_events_and_no_end(openai_server: Server, client: httpx.AsyncClient) -> None:
    openai_server.faults.script([Fault("cut_stream", chunks=2)])
    ask = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    received = bytearray()

    async def listen() -> None:
        async with client.stream("POST", f"{openai_server.base_url}/chat/completions", json=ask) as answer:
            async for data in answer.aiter_raw():
                received.extend(data)

    with pytest.raises(httpx.RemoteProtocolError):
        await listen()

    assert received.count(b"\n\n") == 2
