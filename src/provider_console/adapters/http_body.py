"""Reads the body of an answer within bounds: decompressed piece by piece, cut into lines, never more than asked for."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Final, Protocol

from provider_console.sdk.errors import TransportError

ACCEPTED_ENCODINGS: Final = "gzip, deflate"
"""What this module can undo within bounds, and so all that is asked for."""

BODY_BYTES: Final = 8 << 20
LINE_BYTES: Final = 1 << 20
RATIO: Final = 100
"""Bytes out for a byte in. JSON reaches 10 to 30, a bomb 1,000."""
RATIO_FREE_BYTES: Final = 64 << 10
"""Below this the ratio does not matter: a short answer of spaces is no bomb."""
PIECE_BYTES: Final = 64 << 10


class Inflater(Protocol):
    """Undoes an encoding piece by piece."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What these bytes decode to, in pieces of at most 64 KiB."""

    def finish(self) -> None:
        """Complain where the encoded text broke off."""


def inflater(encoding: str, *, target: str) -> Inflater | None:
    """What undoes a Content-Encoding; None where there is nothing to undo.

    Raises:
        TransportError: an encoding that was not asked for.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return _Zlib(gzip=encoding != "deflate", target=target)
    # Several at once multiply: two layers of gzip are a million to one.
    raise TransportError(
        f"{target} answered in a compression that was not asked for; only {ACCEPTED_ENCODINGS} are read",
        kind="protocol",
    )


class _Zlib:
    def __init__(self, *, gzip: bool, target: str) -> None:
        self._gzip = gzip
        self._target = target
        self._taken = 0
        self._given = 0
        self._inflate = zlib.decompressobj(31) if gzip else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._taken += len(data)
        more = bool(data)
        while more:
            piece, data = self._step(data)
            # A full piece may have left output inside zlib although all input is used.
            more = bool(data) or len(piece) == PIECE_BYTES
            self._given += len(piece)
            if self._given > RATIO_FREE_BYTES and self._given > RATIO * self._taken:
                raise TransportError(
                    f"{self._target} sent an answer compressed more than {RATIO} to 1; it was not read further",
                    kind="too_large",
                )
            if piece:
                yield piece

    def finish(self) -> None:
        if self._inflate is not None and self._taken and not self._inflate.eof:
            raise TransportError(f"the compressed answer of {self._target} broke off", kind="protocol")

    def _step(self, data: bytes) -> tuple[bytes, bytes]:
        if self._inflate is None or (self._inflate.eof and data[:1] == b"\x1f"):
            # The first bytes of a deflate body, or another member of a gzip one.
            self._inflate = zlib.decompressobj(31 if self._gzip else _deflate_window(data))
        elif self._inflate.eof:
            return b"", b""
        try:
            piece = self._inflate.decompress(data, PIECE_BYTES)
        except zlib.error as error:
            raise TransportError(
                f"the answer of {self._target} cannot be decompressed; it is damaged or not what it says it is",
                kind="protocol",
            ) from error
        return piece, self._inflate.unconsumed_tail or self._inflate.unused_data


def _deflate_window(data: bytes) -> int:
    # "deflate" means zlib's format; some servers send the bare stream inside it. RFC 1950 marks the former.
    return 15 if data[0] & 0x0F == 8 and data[0] >> 4 <= 7 else -15


class Body:
    """The decoded body of one answer, read once."""

    def __init__(self, raw: AsyncIterator[bytes], *, encoding: str, target: str) -> None:
        self._raw = raw
        self._target = target
        self._inflater = inflater(encoding, target=target)
        self._pieces: Iterator[bytes] = iter(())
        self.ended = False

    async def piece(self) -> bytes:
        """The next bytes, empty at the end."""
        while True:
            for piece in self._pieces:
                return piece
            try:
                data = await anext(self._raw)
            except StopAsyncIteration:
                self.ended = True
                if self._inflater is not None:
                    self._inflater.finish()
                return b""
            if self._inflater is None:
                return data
            self._pieces = self._inflater.feed(data)

    async def whole(self) -> bytes:
        """All that is left.

        Raises:
            TransportError: it is more than 8 MiB.
        """
        first = await self.piece()
        second = await self.piece() if first else b""
        if not second:
            return first
        whole = bytearray(first)
        while second:
            whole += second
            if len(whole) > BODY_BYTES:
                raise too_large(self._target)
            second = await self.piece()
        return bytes(whole)


def too_large(target: str) -> TransportError:
    """The error for a body over the bound."""
    return TransportError(
        f"the answer of {target} is larger than {BODY_BYTES >> 20} MiB; it was not read further", kind="too_large"
    )


class Lines:
    """The body as text lines, ended by LF or CRLF. What is not UTF-8 in them is replaced.

    An iterator of its own and not an async generator: one that is left early would be finished by a task of
    the loop, after the connection has gone.
    """

    def __init__(self, body: Body, *, target: str) -> None:
        self._body = body
        self._target = target
        self._ready: deque[bytes] = deque()
        self._rest = bytearray()

    def __aiter__(self) -> Lines:
        return self

    async def __anext__(self) -> str:
        while not self._ready:
            piece = await self._body.piece()
            if not piece:
                if not self._rest:
                    raise StopAsyncIteration
                self._ready.append(bytes(self._rest))
                self._rest.clear()
                break
            end = piece.rfind(b"\n")
            if end >= 0:
                self._rest += piece[:end]
                self._ready.extend(bytes(self._rest).split(b"\n"))
                self._rest = bytearray(piece[end + 1 :])
            else:
                self._rest += piece
            if len(self._rest) > LINE_BYTES or any(len(line) > LINE_BYTES for line in self._ready):
                raise TransportError(
                    f"{self._target} sent a line of more than {LINE_BYTES >> 20} MiB; it was not read further",
                    kind="too_large",
                )
        line = self._ready.popleft()
        return line.removesuffix(b"\r").decode("utf-8", "replace")
