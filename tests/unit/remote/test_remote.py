"""The parts of a remote console: addresses, tokens, what broke off, and what no console answered."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import msgspec
import pytest

from provider_console.adapters.http_wire import Answer
from provider_console.console.errors import BadRequest, ConsoleError, SecretRefused, Unauthenticated
from provider_console.console.events import BreakerChanged, Event, Gap
from provider_console.console.routes import ROUTES
from provider_console.console.views import IssuedToken
from provider_console.console.wire import struct_of
from provider_console.remote.address import address_of
from provider_console.remote.connection import Connection, Unreachable
from provider_console.remote.remote_console import remote
from provider_console.remote.tokens import FILE_VARIABLE, VARIABLE, Tokens, expiry, keep_valid
from provider_console.sdk.errors import TransportError
from provider_console.sdk.secret import Secret
from provider_console.tui.pump import OPEN_ALERTS

HERE = address_of("http://127.0.0.1:8750")


def token(ends: float) -> str:
    """One that ends at a wall time."""
    return f"e30.{base64.urlsafe_b64encode(json.dumps({'exp': ends}).encode()).decode().rstrip('=')}.x"


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://Console.Example:8750", "https://console.example:8750"),
        ("https://console.example/", "https://console.example"),
        ("https://[2001:db8::1]:8750", "https://[2001:db8::1]:8750"),
        ("http://127.0.0.1:8750", "http://127.0.0.1:8750"),
        ("http://localhost:8750", "http://localhost:8750"),
    ],
)
def test_an_address_is_an_origin(text: str, url: str) -> None:
    assert address_of(text).url == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "console.example:8750",
        "ftp://console.example",
        "https://",
        "https://console.example:99999",
        "https://bob:hunter2@console.example",
        "https://console.example/api",
        "https://console.example?x=1",
        "https://console.example\nx",
        "http://console.example:8750",
        "http://10.0.0.1:8750",
        "https://" + "a" * 400,
    ],
)
def test_anything_else_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        address_of(text)

    assert "--connect takes an address" in caught.value.message
    assert "hunter2" not in caught.value.message


# --- tokens -----------------------------------------------------------------------------------------------------------


class _Clock:
    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


async def test_the_environment_comes_first_and_its_token_has_to_count() -> None:
    clock = _Clock()

    found = await Tokens(HERE, environ={VARIABLE: token(2_000.0)}, clock=clock).find()
    assert found is not None
    assert expiry(found) == 2_000.0
    with pytest.raises(Unauthenticated, match="has ended"):
        await Tokens(HERE, environ={VARIABLE: token(999.0)}, clock=clock).find()
    with pytest.raises(BadRequest) as caught:
        await Tokens(HERE, environ={VARIABLE: "two words"}, clock=clock).find()
    assert "two words" not in caught.value.message


async def test_a_token_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(token(2_000.0) + "\n")
    tokens = Tokens(HERE, environ={FILE_VARIABLE: str(file)}, clock=_Clock())

    file.chmod(0o644)
    with pytest.raises(SecretRefused, match="chmod 600"):
        await tokens.find()
    file.chmod(0o600)
    found = await tokens.find()
    assert found is not None
    assert found.reveal() == token(2_000.0)


async def test_without_a_keyring_a_typed_token_lasts_as_long_as_the_program_and_that_is_said() -> None:
    tokens = Tokens(HERE, environ={}, clock=_Clock())
    assert await tokens.find() is None

    assert "forgets everything" in (await tokens.keep(Secret(token(2_000.0))) or "")

    assert await tokens.find() is not None
    await tokens.forget(Secret(token(2_000.0)))
    assert await tokens.find() is None


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "a.e30.c", "..", "a.////.c"])
def test_a_token_that_says_nothing_has_no_end(text: str) -> None:
    assert expiry(Secret(text)) is None


class _Renewing:
    """A console elsewhere whose tokens count for ten minutes; `trouble` comes first."""

    def __init__(self, clock: _Clock, *trouble: ConsoleError) -> None:
        self.clock = clock
        self.trouble = list(trouble)
        self.shown: list[str] = []

    async def renew_token(self, held: Secret) -> IssuedToken:
        self.shown.append(held.reveal())
        if self.trouble:
            raise self.trouble.pop(0)
        renewed = token(self.clock.now + 600.0)
        return IssuedToken(id="a", subject="zoe", role="admin", token=renewed, expires_at="")


class _Passing(_Clock):
    """Time passes as it is slept."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        self.now += seconds

    async def turn(self) -> None:
        """Let others go on."""
        await asyncio.sleep(0)


async def renewals(trouble: list[ConsoleError], *, until: float) -> tuple[_Passing, _Renewing, Tokens, Connection]:
    """What is renewed up to a time, of a token of ten minutes."""
    clock = _Passing()
    far, tokens = _Renewing(clock, *trouble), Tokens(HERE, environ={VARIABLE: "x"}, clock=clock)
    connection = Connection(HERE, _Wire(), Secret(token(clock.now + 600.0)))
    async with asyncio.TaskGroup() as tasks:
        keeping = tasks.create_task(keep_valid(far, connection, tokens, clock, spread=lambda: 1.0))  # type: ignore[arg-type]
        while clock.now < until and not keeping.done():
            await clock.turn()
        keeping.cancel()
    return clock, far, tokens, connection


async def test_a_token_is_renewed_each_time_that_half_of_it_has_gone_for_as_long_as_it_is_used() -> None:
    clock, far, tokens, connection = await renewals([], until=4_600.0)

    assert clock.slept == [300.0] * len(clock.slept)
    assert len(far.shown) >= 11
    assert len(set(far.shown)) == len(far.shown), "each renewal shows the newest"
    assert (expiry(connection.token) or 0.0) > 4_600.0
    found = await tokens.find()
    assert found is not None
    assert found.reveal() == connection.token.reveal()


async def test_a_renewal_that_nobody_answers_is_tried_again_in_what_is_left() -> None:
    clock, far, _, connection = await renewals([ConsoleError("away"), ConsoleError("away")], until=1_500.0)

    assert clock.slept[:3] == [300.0, 150.0, 75.0]
    assert len(far.shown) == 3
    assert (expiry(connection.token) or 0.0) == 1_525.0 + 600.0


async def test_a_token_that_is_refused_is_not_shown_again() -> None:
    clock, far, _, _ = await renewals([Unauthenticated("revoked")], until=9_000.0)

    assert (clock.slept, len(far.shown)) == ([300.0], 1)


# --- answers ----------------------------------------------------------------------------------------------------------


class _Wire:
    """Answers, or fails, in turn."""

    def __init__(self, *answers: tuple[int, bytes] | TransportError) -> None:
        self.answers = list(answers)
        self.headers: list[Mapping[str, str]] = []
        self.sent: list[bytes] = []

    async def send(
        self, method: str, url: str, *, headers: Mapping[str, str], content: bytes | None, target: str
    ) -> Answer:
        self.headers.append(headers)
        self.sent.append(content or b"")
        answer = self.answers.pop(0)
        if isinstance(answer, TransportError):
            raise answer
        status, body = answer
        return Answer(httpx.Response(status, stream=_Body(body)), target=target)


class _Body(httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        middle = len(self._content) // 2
        yield self._content[:middle]
        yield self._content[middle:]


def console(wire: _Wire, clock: _Clock | None = None) -> Any:
    return remote(Connection(HERE, wire, Secret("t")), clock or _Clock(), spread=lambda: 1.0)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((502, b"<html>Bad gateway</html>"), "not as Provider Console does"),
        ((307, b""), "not as Provider Console does"),
        ((200, b'{"overallHealth": "x"}'), "the same version"),
        ((200, b"\xff\xfe"), "the same version"),
        ((200, b"[" * 100_000), "the same version"),
        ((200, b" " * (9 << 20)), "larger than 8 MiB"),
        (TransportError("h refuses connections; correct base_url", kind="refused"), "the address of --connect"),
    ],
)
async def test_what_no_console_says_is_a_sentence_with_what_to_do(
    answer: tuple[int, bytes] | TransportError, says: str
) -> None:
    with pytest.raises(Unreachable) as caught:
        await console(_Wire(answer)).health()

    assert says in caught.value.message
    assert caught.value.__context__ is None


async def test_what_the_terminal_holds_still_travels_as_any_other_mapping() -> None:
    wire = _Wire((200, b'{"text": "", "revision": "r"}'))

    await console(wire).edited_config(MappingProxyType({"engine.max_retries": 3, "dynamic_ai": MappingProxyType({})}))

    assert msgspec.json.decode(wire.sent[0]) == {"changes": {"engine.max_retries": 3, "dynamic_ai": {}}}


async def test_what_has_no_form_in_json_is_a_sentence() -> None:
    with pytest.raises(BadRequest, match="cannot travel as JSON: object has no form"):
        await console(_Wire()).edited_config({"engine.max_retries": object()})


def test_the_terminal_asks_for_no_more_alerts_than_the_api_gives() -> None:
    route = next(row for row in ROUTES if row.action == "alerts")
    kind: Any = struct_of(route, "query")

    assert msgspec.convert({"limit": OPEN_ALERTS}, kind).limit == OPEN_ALERTS


def test_what_is_no_action_does_not_exist() -> None:
    with pytest.raises(AttributeError):
        console(_Wire()).provider_list  # noqa: B018


# --- events -----------------------------------------------------------------------------------------------------------

OPENED = (
    b"event: BreakerChanged\nid: e-7\n"
    b'data: {"type": "BreakerChanged", "at": 1, "provider": "a", "before": "closed", "after": "open"}\n\n'
)
REFUSED = TransportError("h refuses connections", kind="refused", never_left=True)
DENIED = (
    403,
    b'{"type": "t", "title": "t", "status": 403, "code": "forbidden", "detail": "no", "requestId": "r"}',
)


async def told(of: Any) -> tuple[list[Event], ConsoleError]:
    """The events, and the error that ended them."""
    found: list[Event] = []
    try:
        async with aclosing(of.events()) as events:
            async for event in events:
                found.append(event)  # noqa: PERF401 - kept until it ends with an error
    except ConsoleError as error:
        return found, error
    raise AssertionError("the events ended without an error")


async def test_a_stream_is_taken_up_where_it_broke_with_longer_and_longer_waits() -> None:
    clock = _Clock()
    wire = _Wire((200, b"retry: 1000\n\n: \n\n" + OPENED), REFUSED, REFUSED, (200, OPENED[:40]), DENIED)

    found, error = await told(console(wire, clock))

    assert error.code == "forbidden"
    assert [type(event) for event in found] == [BreakerChanged]
    assert [headers.get("last-event-id") for headers in wire.headers] == [None, *["e-7"] * 4]
    assert clock.slept == [0.5, 1.0, 2.0, 4.0]


async def test_a_stream_without_a_place_to_take_up_from_is_a_gap() -> None:
    wire = _Wire(REFUSED, (200, OPENED), DENIED)

    found, _error = await told(console(wire))

    assert [type(event) for event in found] == [Gap, BreakerChanged]


async def test_an_event_that_only_another_version_knows_is_a_gap() -> None:
    wire = _Wire((200, b'event: New\nid: e-1\ndata: {"type": "New", "at": 1}\n\n'), DENIED)

    async with aclosing(console(wire).events()) as events:
        assert type(await anext(events)) is Gap
