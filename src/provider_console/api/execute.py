"""`POST /execute`: an operation with fallback, as a whole, as a stream, or as a plan only."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final

import msgspec

from provider_console.api.desk import Desk
from provider_console.api.exchange import JSON, Exchange, decode
from provider_console.api.presence import Presence
from provider_console.api.replays import Answered, Replays
from provider_console.console.errors import (
    BadRequest,
    Busy,
    ConsoleError,
    OperationFailed,
    OutcomeUnknown,
    PartialResult,
    Reported,
)
from provider_console.console.problems import MEDIA_TYPE, Refused, problem_of
from provider_console.console.service import Service
from provider_console.console.views import ExecutionReport
from provider_console.console.wire import ExecuteRequest, StreamedText, options_of
from provider_console.sdk.operation import TRACE_PARENT, Chunk, Operation

AGAIN_MS: Final = 1_000.0
"""When somebody may come back who found everything taken."""

EVENTS: Final = b"text/event-stream"

_SPAN: Final = re.compile(TRACE_PARENT)
_decoder: Final = msgspec.json.Decoder(ExecuteRequest)
_encode = msgspec.json.Encoder().encode


class Execute:
    """Serves the route."""

    def __init__(self, service: Service, desk: Desk, presence: Presence) -> None:
        self._service = service
        self._desk = desk
        self._presence = presence
        self._replays = Replays(service.clock.monotonic)

    async def __call__(self, exchange: Exchange) -> None:
        """Answer with the report."""
        body = await exchange.json_body()
        request = decode(body, _decoder)
        operation = await exchange.console.operation(
            request.operation,
            request.payload,
            options=options_of(request, request_id=exchange.request_id, trace_parent=_trace_parent(exchange)),
        )
        key = exchange.header(b"idempotency-key")
        if request.dry_run:
            await exchange.answer(_encode(await exchange.console.explain(operation)))
        elif request.stream:
            if key is not None:
                raise BadRequest("a stream cannot be given twice: leave the key out", field="Idempotency-Key")
            await self._stream(exchange, operation)
        elif key is None:
            await self._send(exchange, await self._answered(exchange, operation))
        else:
            actor = exchange.bearer.identity.actor
            answer, again = await self._replays.once(actor, key, body, lambda: self._answered(exchange, operation))
            await self._send(exchange, answer, again=again)

    async def _send(self, exchange: Exchange, answer: Answered, *, again: bool = False) -> None:
        headers = {b"idempotent-replayed": b"true"} if again else None
        await exchange.answer(answer.content, status=answer.status, kind=answer.kind, headers=headers)

    async def _answered(self, exchange: Exchange, operation: Operation) -> Answered:
        """The report, or the problem where it may have taken effect. Raises: ConsoleError where it did not."""
        self._take_place()
        try:
            report = await self._presence.while_there(exchange, exchange.console.execute(operation))
        except (OutcomeUnknown, PartialResult) as error:
            problem = problem_of(error, request_id=exchange.request_id)
            return Answered(problem.status, _encode(problem), MEDIA_TYPE.encode(), final=True)
        except OperationFailed as error:
            raise self._ended(error) from error
        finally:
            self._desk.executing -= 1
        return Answered(200, _encode(report), JSON, final=True)

    def _take_place(self) -> None:
        """Be one of the executions that may run at once; the place is given back by whoever took it. Raises: Busy."""
        most = self._service.settings().max_executions
        if self._desk.executing >= most:
            raise Busy(f"{most} executions are under way (api.max_executions); come back", retry_after_ms=AGAIN_MS)
        self._desk.executing += 1

    def _ended(self, error: Reported) -> ConsoleError:
        """What an execution's end means to who asked: ours, where the grace of a shutdown ended it."""
        if self._desk.draining.is_set() and error.report.status == "cancelled":
            return Refused("draining", "the console shut down before it had ended", report=error.report)
        return error

    async def _stream(self, exchange: Exchange, operation: Operation) -> None:
        self._take_place()
        try:
            async with aclosing(_closable(exchange.console.execute_stream(operation))) as items:
                await self._presence.while_there(exchange, self._pass_on(exchange, items))
        finally:
            self._desk.executing -= 1

    async def _pass_on(self, exchange: Exchange, items: AsyncIterator[Chunk | ExecutionReport]) -> None:
        # What goes wrong before there is content is an answer of its own, with its status.
        try:
            first = await anext(items)
        except OperationFailed as error:
            raise self._ended(error) from error
        await exchange.begin(200, EVENTS, {})
        await exchange.piece(_frame(first))
        try:
            async for item in items:
                await exchange.piece(_frame(item))
        except ConsoleError as error:
            ended = self._ended(error) if isinstance(error, OperationFailed) else error
            await exchange.piece(_framed(b"problem", problem_of(ended, request_id=exchange.request_id)))
        await exchange.end()


def _trace_parent(exchange: Exchange) -> str | None:
    """The caller's own span; what is none begins a trace of its own (W3C Trace Context, 4.3)."""
    given = exchange.header(b"traceparent")
    return given if given is not None and _SPAN.match(given) else None


def _closable(items: AsyncIterator[Any]) -> Any:
    """The interface promises an iterator; what stands behind it is a generator, which can be closed."""
    return items


def _frame(item: Chunk | ExecutionReport) -> bytes:
    if isinstance(item, ExecutionReport):
        return _framed(b"report", item)
    return _framed(b"chunk", StreamedText(text=item.text))


def _framed(kind: bytes, value: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind, _encode(value))
