"""Certificates are verified, always; and what a configured proxy is used for."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import trustme

from provider_console.adapters.http import HttpClients
from provider_console.sdk.errors import TransportError
from provider_console.sdk.secret import Secret

Serve = Callable[..., AbstractAsyncContextManager[Any]]


class Authority:
    """A certificate authority of the test's own, as a file and as server contexts."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def server(self, *names: str, not_after: datetime.datetime | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names, not_after=not_after).configure_cert(context)
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


async def request(clock: Any, url: str, *, ca_file: Path | None, method: str = "GET") -> Any:
    clients = HttpClients(clock=clock, ca_file=ca_file)
    try:
        return await clients.client(network="loopback").request(method, url)
    finally:
        await clients.aclose()


async def test_a_certificate_of_an_unknown_authority_is_refused(clock: Any, serve: Serve, authority: Authority) -> None:
    async with serve(lambda exchange: exchange.answer(), tls=authority.server("localhost")) as server:
        with pytest.raises(TransportError) as caught:
            await request(clock, server.url(scheme="https", host="localhost"), ca_file=None, method="POST")

    assert (caught.value.kind, caught.value.never_left, server.requests) == ("tls", True, 0)
    assert f"the certificate of localhost:{server.port} is refused" in caught.value.message
    assert "network.ca_file" in caught.value.message


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_it_is_accepted_once_the_ca_file_is_named(
    clock: Any, serve: Serve, authority: Authority, host: str
) -> None:
    async with serve(lambda exchange: exchange.answer(), tls=authority.server("localhost", "127.0.0.1")) as server:
        answer = await request(clock, server.url(scheme="https", host=host), ca_file=authority.file)

    assert answer.ok


async def test_an_expired_certificate_is_refused(clock: Any, serve: Serve, authority: Authority) -> None:
    expired = authority.server("localhost", not_after=datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC))
    async with serve(lambda exchange: exchange.answer(), tls=expired) as server:
        with pytest.raises(TransportError, match="expired; its operator has to renew it") as caught:
            await request(clock, server.url(scheme="https", host="localhost"), ca_file=authority.file)

    assert (caught.value.kind, server.requests) == ("tls", 0)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_certificate_for_another_name_is_refused(
    clock: Any, serve: Serve, authority: Authority, host: str
) -> None:
    async with serve(lambda exchange: exchange.answer(), tls=authority.server("other.example")) as server:
        with pytest.raises(TransportError, match=r"mismatch.*base_url has to name the host") as caught:
            await request(clock, server.url(scheme="https", host=host), ca_file=authority.file)

    assert (caught.value.kind, server.requests) == ("tls", 0)


async def test_tls_versions_before_1_2_are_refused(clock: Any, serve: Serve, authority: Authority) -> None:
    old = authority.server("localhost")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    async with serve(lambda exchange: exchange.answer(), tls=old) as server:
        with pytest.raises(TransportError, match=r"no TLS with|ended the connection") as caught:
            await request(clock, server.url(scheme="https", host="localhost"), ca_file=authority.file)

    assert caught.value.never_left


async def test_https_to_a_server_of_plain_http_says_so(clock: Any) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(TransportError, match="check that the port speaks https") as caught:
        await request(clock, f"https://127.0.0.1:{port}/", ca_file=None)
    server.close()

    assert (caught.value.kind, caught.value.never_left) == ("tls", True)


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_ca_file_that_cannot_be_used_is_named(clock: Any, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "company.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(TransportError, match=r"company\.pem cannot be used.*network\.ca_file") as caught:
        await request(clock, "https://127.0.0.1:9999/", ca_file=file)

    assert (caught.value.kind, caught.value.never_left) == ("tls", True)


async def test_the_environment_adds_no_authority(
    clock: Any, serve: Serve, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    monkeypatch.setenv("SSL_CERT_DIR", str(authority.file.parent))
    async with serve(lambda exchange: exchange.answer(), tls=authority.server("localhost")) as server:
        with pytest.raises(TransportError) as caught:
            await request(clock, server.url(scheme="https", host="localhost"), ca_file=None)

    assert caught.value.kind == "tls"


async def test_a_cancelled_request_to_a_peer_that_hangs_over_tls_leaves_no_connection_waiting(
    clock: Any, serve: Serve, authority: Authority
) -> None:
    """A polite end of TLS waits 30 s for an answer that a hanging peer does not give."""
    reached, half, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handler(exchange: Any) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf\n")
        reached.set()
        await asyncio.Event().wait()

    async with serve(handler, tls=authority.server("localhost")) as server:

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", server.port)

            async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
                with contextlib.suppress(ConnectionError):
                    while data := await source.read(65536):
                        # Once the answer has begun, what the client says is heard and not passed on.
                        if not reached.is_set() or source is inner_reader:
                            sink.write(data)

            async with asyncio.TaskGroup() as group:
                answers = group.create_task(pass_on(inner_reader, writer))
                await pass_on(reader, inner_writer)
                ended.set()
                answers.cancel()
            inner_writer.close()
            writer.close()

        front = await asyncio.start_server(relay, "127.0.0.1", 0)
        url = f"https://localhost:{front.sockets[0].getsockname()[1]}/"
        clients = HttpClients(clock=clock, ca_file=authority.file)

        async def follow() -> None:
            async with clients.client(network="loopback").stream("GET", url) as stream:
                lines = stream.lines()
                await anext(lines)
                half.set()
                await anext(lines)

        async with asyncio.TaskGroup() as group:
            task = group.create_task(follow())
            await half.wait()
            task.cancel()
        async with asyncio.timeout(5):
            await ended.wait()
        await clients.aclose()
        front.close()

    assert task.cancelled()


# --- proxy --------------------------------------------------------------------------------------------------


async def nowhere(host: str, port: int) -> Sequence[str]:
    raise OSError("not asked")


async def login(name: str) -> Secret | None:
    return Secret("user:canary-4711") if name == "PROXY_LOGIN" else None


async def test_a_proxy_is_asked_for_global_addresses_only(clock: Any, serve: Serve) -> None:
    async with (
        serve(lambda exchange: exchange.answer(status="403 No")) as proxy,
        serve(lambda exchange: exchange.answer()) as service,
    ):
        clients = HttpClients(
            clock=clock, proxy=f"http://PROXY_LOGIN@127.0.0.1:{proxy.port}", resolver=nowhere, credentials=login
        )
        assert (await clients.client(network="loopback").request("GET", service.url())).ok
        with pytest.raises(TransportError) as caught:
            await clients.client(network="global").request("GET", "https://api.example.com/v1?key=canary-4711")
        await clients.aclose()

    assert [exchange.head.split("\r\n")[0] for exchange in proxy.exchanges] == ["CONNECT api.example.com:443 HTTP/1.1"]
    assert "proxy-authorization: basic dxnlcjpjyw5hcnktndcxmq==" in proxy.exchanges[0].head.lower()
    assert (caught.value.kind, caught.value.never_left) == ("connect", True)
    assert "the proxy refused the way to api.example.com:443 with HTTP 403" in caught.value.message
    assert "canary" not in caught.value.message


async def test_a_proxy_that_is_not_there_is_named(clock: Any, serve: Serve) -> None:
    async with serve(lambda exchange: exchange.answer()) as gone:
        pass
    clients = HttpClients(clock=clock, proxy=f"http://PROXY_LOGIN@127.0.0.1:{gone.port}", credentials=login)
    with pytest.raises(TransportError) as caught:
        await clients.client(network="global").request("GET", "https://api.example.com/")
    await clients.aclose()

    assert (caught.value.kind, caught.value.never_left) == ("connect", True)
    assert f"the proxy 127.0.0.1:{gone.port}" in caught.value.message
    assert "canary" not in caught.value.message


async def test_metadata_is_refused_behind_a_proxy_too(clock: Any, serve: Serve) -> None:
    async with serve(lambda exchange: exchange.answer()) as proxy:
        clients = HttpClients(clock=clock, proxy=proxy.url())
        for host in ("169.254.169.254", "metadata.google.internal", "127.0.0.1", "10.0.0.1"):
            with pytest.raises(TransportError) as caught:
                await clients.client(network="global").request("GET", f"https://{host}/")
            assert caught.value.kind == "address"
        await clients.aclose()

    assert proxy.connections == 0


async def test_a_proxy_whose_credential_is_missing_is_not_asked_and_says_what_to_do(clock: Any, serve: Serve) -> None:
    async with (
        serve(lambda exchange: exchange.answer()) as proxy,
        serve(lambda exchange: exchange.answer()) as service,
    ):
        clients = HttpClients(clock=clock, proxy=f"http://OTHER@127.0.0.1:{proxy.port}", credentials=login)
        with pytest.raises(TransportError, match="provider-console secrets set OTHER") as caught:
            await clients.client(network="global").request("GET", "https://api.example.com/")
        assert (await clients.client(network="loopback").request("GET", service.url())).ok
        await clients.aclose()

    assert caught.value.never_left
    assert proxy.connections == 0


@pytest.mark.parametrize(
    "proxy",
    [
        "proxy.company:3128",
        "socks5://proxy:1080",
        "http://",
        "http://me:canary@proxy:3128",
        "http://me@proxy:3128",
        "http://SOME_KEY:canary@proxy:3128",
        "http://proxy:99999",
        "http://[proxy:3128",
        "http://proxy:3128/path",
    ],
)
def test_a_proxy_that_is_no_http_address_is_refused_when_it_is_set(clock: Any, proxy: str) -> None:
    with pytest.raises(ValueError, match=r"network\.proxy") as caught:
        HttpClients(clock=clock, proxy=proxy)

    assert "canary" not in str(caught.value)
