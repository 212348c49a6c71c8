"""How an answer travels under a fault: slowly, halfway, endlessly or not at all."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from provider_console.sandbox.fault import Fault, Kind
from provider_console.sandbox.message import Answer
from provider_console.sandbox.wire import Wire

_SLOW_S = 5.0
_TRICKLE_S = 1.0
_BLOCK = b"0" * 1024 * 1024
_PIECE = _BLOCK[: 64 * 1024]


class Exchange:
    """One answer under way: sends over HTTP, or ends the connection beneath it."""

    def __init__(self, wire: Wire, send: Callable[[Any], Awaitable[None]], *, sent: Callable[[int], None]) -> None:
        """`sent(status)` is called when the status line goes out."""
        self.wire = wire
        self._send = send
        self._sent = sent

    async def head(self, answer: Answer, *, length: int | None = None, encoding: str = "") -> None:
        """Send status and headers; without a length the body goes out in chunks."""
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        if encoding:
            headers.append((b"content-encoding", encoding.encode()))
        self._sent(answer.status)
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})

    async def body(self, data: bytes) -> None:
        """Send a piece of the body; it waits where the client does not read."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """Complete the answer."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


async def deliver(answer: Answer, fault: Fault, to: Exchange, *, gap_s: float = 0.0) -> None:
    """Send `answer` as `fault` has it; returns when it is complete or the connection has ended."""
    if answer.delay_s and await to.wire.pause(answer.delay_s):
        return
    await _WAYS.get(fault.kind, _whole)(answer, fault, to, gap_s)


async def _whole(answer: Answer, fault: Fault, to: Exchange, gap_s: float) -> None:
    del fault
    if not answer.streamed:
        await to.head(answer, length=len(answer.body))
        await to.body(answer.body)
        await to.end()
        return
    await to.head(answer)
    for index, part in enumerate(answer.parts):
        if index and gap_s and await to.wire.pause(gap_s):
            return
        await to.body(part)
    await to.end()


async def _slow(answer: Answer, fault: Fault, to: Exchange, gap_s: float) -> None:
    if not await to.wire.pause(_SLOW_S if fault.seconds is None else fault.seconds):
        await _whole(answer, fault, to, gap_s)


async def _trickle(answer: Answer, fault: Fault, to: Exchange, gap_s: float) -> None:
    del gap_s
    await to.head(answer, length=None if answer.streamed else len(answer.body))
    for index in range(len(answer.body)):
        await to.body(answer.body[index : index + 1])
        if await to.wire.pause(_TRICKLE_S if fault.seconds is None else fault.seconds):
            return
    await to.end()


async def _reset(answer: Answer, fault: Fault, to: Exchange, gap_s: float) -> None:
    del answer, fault, gap_s
    await to.wire.reset()


async def _hang(answer: Answer, fault: Fault, to: Exchange, gap_s: float) -> None:
    del answer, fault, gap_s
    await to.wire.pause(None)


async def _half(answer: Answer, fault: Fault, to: Exchange, gap_s: float) -> None:
    del fault, gap_s
    await to.head(answer, length=len(answer.body))
    await to.body(answer.body[: len(answer.body) // 2])
    await to.wire.cut()


async def _cut_stream(answer: Answer, fault: Fault, to: Exchange, gap_s: float) -> None:
    if not answer.streamed:
        await _half(answer, fault, to, gap_s)
        return
    await to.head(answer)
    for index, part in enumerate(answer.parts[: fault.chunks]):
        if index and gap_s and await to.wire.pause(gap_s):
            return
        await to.body(part)
    await to.wire.cut()


async def _huge(answer: Answer, fault: Fault, to: Exchange, gap_s: float) -> None:
    del gap_s
    await to.head(answer)
    await to.body(b'{"data":"')
    for _ in range(fault.mebibytes * (len(_BLOCK) // len(_PIECE))):
        # The pause of nothing lets other connections have their turn.
        if await to.wire.pause(0):
            return
        await to.body(_PIECE)
    await to.body(b'"}')
    await to.end()


async def _gzip_bomb(answer: Answer, fault: Fault, to: Exchange, gap_s: float) -> None:
    del gap_s
    await to.head(answer, encoding="gzip")
    for data in _bomb(fault.mebibytes):
        if await to.wire.pause(0):
            return
        await to.body(data)
    await to.end()


async def _drop_keepalive(answer: Answer, fault: Fault, to: Exchange, gap_s: float) -> None:
    if to.wire.requests > 1:
        await to.wire.cut()
        return
    await _whole(answer, fault, to, gap_s)


def _bomb(mebibytes: int) -> Iterator[bytes]:
    """Yield a gzip stream of one JSON object that is a thousand times longer unpacked.

    After a full flush equal blocks compress to equal bytes, so one is compressed and sent again and again.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield packer.compress(b'{"data":"') + packer.flush(zlib.Z_FULL_FLUSH)
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = raw.compress(_BLOCK) + raw.flush(zlib.Z_FULL_FLUSH)
    check = zlib.crc32(b'{"data":"')
    for _ in range(mebibytes):
        check = zlib.crc32(_BLOCK, check)
        yield block
    last = zlib.compressobj(9, zlib.DEFLATED, -15)
    check = zlib.crc32(b'"}', check)
    length = (len(b'{"data":"') + mebibytes * len(_BLOCK) + 2) & 0xFFFFFFFF
    yield last.compress(b'"}') + last.flush() + check.to_bytes(4, "little") + length.to_bytes(4, "little")


_WAYS: dict[Kind, Callable[[Answer, Fault, Exchange, float], Awaitable[None]]] = {
    "slow": _slow,
    "trickle": _trickle,
    "reset": _reset,
    "hang": _hang,
    "half": _half,
    "cut_stream": _cut_stream,
    "huge": _huge,
    "gzip_bomb": _gzip_bomb,
    "drop_keepalive": _drop_keepalive,
}
