"""Requests to one console elsewhere: with the token of the moment, held to times and bounds, errors as its own.

Certificates are always verified. Nothing of a request or an answer is logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, Protocol

import msgspec

from provider_console import __version__
from provider_console.adapters.http_body import ACCEPTED_ENCODINGS, Body, Lines
from provider_console.console.errors import ConsoleError, Unauthenticated
from provider_console.console.problems import Problem, error_of
from provider_console.remote.address import Address
from provider_console.sdk.errors import TransportError
from provider_console.sdk.secret import Secret

ANSWER_S: Final = 60.0
"""How long an answer may take where nothing says otherwise."""
HEAD_S: Final = 20.0
"""How long the head of a stream of events may take."""

_problems: Final = msgspec.json.Decoder(Problem)


class Unreachable(ConsoleError):
    """The console elsewhere gave no usable answer; whoever waits may try again."""


class Answer(Protocol):
    """The head of an answer, and its bounded body to come."""

    status: int
    body: Body

    async def aclose(self) -> None:
        """Give the connection back, or end it where the answer was not read to its end."""
        ...


class Wire(Protocol):
    """What sends: `adapters.http_wire.Wire`."""

    async def send(
        self, method: str, url: str, *, headers: Mapping[str, str], content: bytes | None, target: str
    ) -> Answer:
        """Send one request and wait for the head of its answer. Raises: TransportError."""
        ...


class Connection:
    """Asks the console at an address. `token` may be replaced at any time: the next request shows the new one."""

    def __init__(self, address: Address, wire: Wire, token: Secret) -> None:
        self.address = address
        self.token = token
        self._wire = wire

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        within_s: float = ANSWER_S,
    ) -> bytes:
        """The body of a good answer.

        Raises:
            ConsoleError: what the other console raised. Unreachable: it gave no usable answer in time.
        """
        fields = {"accept-encoding": ACCEPTED_ENCODINGS, **(headers or {})}
        failure: ConsoleError
        try:
            async with asyncio.timeout(within_s):
                answer = await self._send(method, path, body, fields)
                try:
                    status, content = answer.status, await answer.body.whole()
                finally:
                    await answer.aclose()
        except TransportError as error:
            failure = self._unreachable(error)
        except TimeoutError:
            failure = Unreachable(f"{self.address.url} did not answer within {within_s:g} s; see whether it is well")
        else:
            if status < 300:
                return content
            failure = self._refusal(status, content)
        # Raised out here so that it carries none of the libraries' errors along.
        raise failure

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        within_s: float = HEAD_S,
        idle_s: float,
    ) -> AsyncIterator[AsyncIterator[str]]:
        """The lines of an answer that goes on; leaving the block ends the connection.

        `within_s` is for its head, `idle_s` for each line after it.

        Raises:
            ConsoleError, Unreachable: as `ask`; while it is read as well.
        """
        fields = {"accept": "text/event-stream", "accept-encoding": "identity", **(headers or {})}
        failure: ConsoleError | None = None
        try:
            async with asyncio.timeout(within_s):
                answer = await self._send(method, path, body, fields)
        except TransportError as error:
            failure = self._unreachable(error)
        except TimeoutError:
            failure = Unreachable(f"{self.address.url} did not answer within {within_s:g} s; see whether it is well")
        if failure is not None:
            raise failure
        try:
            if answer.status >= 300:
                raise self._refusal(answer.status, await self._rest(answer))
            yield _Patient(self, Lines(answer.body, target=self.address.target), idle_s)
        finally:
            await answer.aclose()

    async def _rest(self, answer: Answer) -> bytes:
        try:
            async with asyncio.timeout(HEAD_S):
                return await answer.body.whole()
        except (TransportError, TimeoutError):
            return b""

    async def _send(self, method: str, path: str, body: bytes | None, fields: Mapping[str, str]) -> Answer:
        headers = {
            "accept": "application/json",
            "user-agent": f"provider-console/{__version__}",
            "authorization": f"Bearer {self.token.reveal()}",
            **fields,
        }
        if body is not None:
            headers["content-type"] = "application/json"
        url = self.address.url + path
        return await self._wire.send(method, url, headers=headers, content=body, target=self.address.target)

    def _unreachable(self, error: TransportError) -> Unreachable:
        # What connects to providers calls an address by its setting.
        return Unreachable(error.message.replace("base_url", "the address of --connect"))

    def _refusal(self, status: int, content: bytes) -> ConsoleError:
        """The error that an answer tells of."""
        try:
            error = error_of(_problems.decode(content))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Unreachable(
                f"{self.address.url} answered HTTP {status}, and not as Provider Console does; "
                "the address has to be that of provider-console serve"
            )
        if isinstance(error, Unauthenticated):
            return Unauthenticated(
                f"{self.address.url} does not take this token: it has expired or was revoked. Have one issued there "
                "with provider-console token issue --role admin, and start --connect again, which asks for it"
            )
        return error


class _Patient:
    """Lines, each of which is waited for so long and no longer."""

    def __init__(self, connection: Connection, lines: Lines, idle_s: float) -> None:
        self._connection = connection
        self._lines = lines
        self._idle_s = idle_s

    def __aiter__(self) -> _Patient:
        return self

    async def __anext__(self) -> str:
        try:
            async with asyncio.timeout(self._idle_s):
                return await anext(self._lines)
        except TransportError as error:
            failure = self._connection._unreachable(error)  # noqa: SLF001 - two halves of one thing
        except TimeoutError:
            failure = Unreachable(f"{self._connection.address.url} has said nothing for {self._idle_s:g} s")
        raise failure
