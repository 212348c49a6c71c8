"""What a sandbox server has seen: a bounded log without content, and counts that are never cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from provider_console.sandbox.fault import Kind, Lane

KEPT = 100
"""Requests kept in the log; the counts go on beyond it. A fleet of 16 servers is part of somebody's terminal."""
_PATHS = 500
"""Different paths that are counted one by one; a scanner's others are counted together."""

_Key = tuple[str, str, Lane | None]


class Seen(msgspec.Struct, frozen=True, rename="camel"):
    """One request as it was on the wire; neither query, headers nor body are kept.

    `status` is None while the answer is open and where the connection ended without one. `reused` says that its
    connection had carried a request before. `facts` are names and numbers, such as the model or the characters.
    """

    number: int
    at_s: float
    method: str
    path: str
    lane: Lane | None
    fault: Kind
    connection: int
    reused: bool
    credential: bool
    status: int | None = None
    facts: Mapping[str, str | int | bool] = {}


class Record:
    """The requests of one server, in order of arrival."""

    def __init__(self) -> None:
        self._seen: dict[int, Seen] = {}
        self._arrived: Counter[_Key] = Counter()
        self._answered: dict[int, Counter[_Key]] = {}

    @property
    def total(self) -> int:
        """How many requests have arrived."""
        return self._arrived.total()

    @property
    def requests(self) -> tuple[Seen, ...]:
        """The last requests, oldest first."""
        return tuple(self._seen.values())

    def arrived(self, seen: Seen) -> None:
        """Count a request and keep it."""
        self._seen[seen.number] = seen
        self._arrived[self._key(seen)] += 1
        if len(self._seen) > KEPT:
            del self._seen[next(iter(self._seen))]

    def answered(self, seen: Seen, *, status: int, facts: Mapping[str, str | int | bool]) -> None:
        """Note the status that went out, at the moment that it does."""
        self._answered.setdefault(status, Counter())[self._key(seen)] += 1
        if seen.number in self._seen:
            self._seen[seen.number] = msgspec.structs.replace(seen, status=status, facts=facts)

    def count(
        self,
        path: str | None = None,
        *,
        method: str | None = None,
        lane: Lane | None = None,
        status: int | None = None,
    ) -> int:
        """Return how many requests arrived, or with `status` were answered so, that match all that is given."""

        def matches(key: _Key) -> bool:
            return (
                (method is None or key[0] == method)
                and (path is None or key[1] == path)
                and (lane is None or key[2] == lane)
            )

        if status is None:
            return sum(count for key, count in self._arrived.items() if matches(key))
        answered = self._answered.get(status, Counter())
        return sum(count for key, count in answered.items() if matches(key))

    def counts(self) -> dict[str, int]:
        """Return the arrivals by method and path."""
        totals: Counter[str] = Counter()
        for (method, path, _), count in self._arrived.items():
            totals[f"{method} {path}"] += count
        return dict(totals)

    def _key(self, seen: Seen) -> _Key:
        key = (seen.method, seen.path, seen.lane)
        if key in self._arrived or seen.lane is not None or len(self._arrived) < _PATHS:
            return key
        return (seen.method, "(other)", None)

    def clear(self) -> None:
        """Forget all requests and counts."""
        self._seen.clear()
        self._arrived.clear()
        self._answered.clear()
