"""Streams an execution to a caller through a bounded buffer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Final

from provider_console.console.views import ExecutionReport
from provider_console.engine.executor import Executor
from provider_console.engine.lifecycle import Lifecycle
from provider_console.sdk.operation import Chunk, Operation

BUFFER_BYTES: Final = 256 * 1024


class _Buffer:
    """Chunks between the provider and the caller; `put` waits while more than 256 KiB are unread."""

    def __init__(self) -> None:
        self._chunks: deque[Chunk] = deque()
        self._size = 0
        self._moved = asyncio.Condition()
        self._closed = False

    async def put(self, chunk: Chunk) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: self._size < BUFFER_BYTES)
            self._chunks.append(chunk)
            self._size += len(chunk.text.encode())
            self._moved.notify_all()

    async def close(self) -> None:
        async with self._moved:
            self._closed = True
            self._moved.notify_all()

    async def get(self) -> Chunk | None:
        async with self._moved:
            await self._moved.wait_for(lambda: bool(self._chunks) or self._closed)
            if not self._chunks:
                return None
            chunk = self._chunks.popleft()
            self._size -= len(chunk.text.encode())
            self._moved.notify_all()
            return chunk


async def stream(
    executor: Executor, lifecycle: Lifecycle, operation: Operation
) -> AsyncGenerator[Chunk | ExecutionReport, None]:
    """Content as it arrives, the report last; a caller that leaves cancels the execution.

    Raises:
        as `Executor.execute`, after the content that had arrived.
    """
    buffer = _Buffer()
    outcome: list[ExecutionReport | BaseException] = []

    async def run() -> None:
        try:
            execution = await executor.execute(operation, sink=buffer.put)
            outcome.append(execution.report())
        except BaseException as error:
            outcome.append(error)
            if not isinstance(error, Exception):
                raise
        finally:
            await asyncio.shield(buffer.close())

    executor.refuse_draining()
    work = run()
    task = lifecycle.start(work, "stream")
    # A reader that leaves at once cancels the task before its first step: then nobody would ever await this.
    task.add_done_callback(lambda _task: work.close())
    try:
        while (chunk := await buffer.get()) is not None:
            yield chunk
        end = outcome[0]
        if isinstance(end, BaseException):
            raise end
        yield end
    finally:
        task.cancel()
