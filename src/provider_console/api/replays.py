"""Idempotency keys: the same request twice is done once, and both get the one answer."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from provider_console.console.errors import BadRequest
from provider_console.console.problems import Refused

KEPT_S: Final = 600.0
MOST: Final = 1_000
BYTES: Final = 32 * 1024 * 1024

_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}")


class Answered(NamedTuple):
    """A whole answer. `final`: it took effect, or may have, so it must not be done again."""

    status: int
    content: bytes
    kind: bytes
    final: bool


class _Entry:
    def __init__(self, digest: bytes, at: float) -> None:
        self.digest = digest
        self.at = at
        self.done: asyncio.Future[Answered | None] = asyncio.get_running_loop().create_future()
        self.size = 0


class Replays:
    """Answers by who asked and their key, for ten minutes, at most 1,000 of them and 32 MiB."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._size = 0

    async def once(
        self, actor: str, key: str, body: bytes, work: Callable[[], Awaitable[Answered]]
    ) -> tuple[Answered, bool]:
        """The answer, and whether it was one that had been given before.

        Raises:
            BadRequest: the key is none. Refused: it belongs to another request. And what the work raises.
        """
        if not _KEY.fullmatch(key):
            raise BadRequest("an idempotency key is 1 to 128 visible ASCII characters", field="Idempotency-Key")
        place, digest = (actor, key), hashlib.sha256(body).digest()
        while (entry := self._entry(place)) is not None:
            if entry.digest != digest:
                raise Refused("key_reused", "this idempotency key came with another body; take a new key for a new one")
            # Shielded: one who waits and goes must not end the wait of the others.
            answer = await asyncio.shield(entry.done)
            if answer is not None:
                return answer, True
        entry = self._entries[place] = _Entry(digest, self._now())
        answer = None
        try:
            answer = await work()
        finally:
            self._keep(place, entry, answer if answer is not None and answer.final else None)
        return answer, False

    def _entry(self, place: tuple[str, str]) -> _Entry | None:
        now = self._now()
        for old in [key for key, entry in self._entries.items() if entry.done.done() and now - entry.at > KEPT_S]:
            self._forget(old)
        return self._entries.get(place)

    def _keep(self, place: tuple[str, str], entry: _Entry, answer: Answered | None) -> None:
        entry.done.set_result(answer)
        if answer is None:
            self._forget(place)
            return
        entry.size = len(answer.content)
        self._size += entry.size
        finished = [key for key, other in self._entries.items() if other.done.done()]
        for key in finished:
            if len(self._entries) <= MOST and self._size <= BYTES:
                break
            self._forget(key)

    def _forget(self, place: tuple[str, str]) -> None:
        entry = self._entries.pop(place, None)
        if entry is not None:
            self._size -= entry.size
