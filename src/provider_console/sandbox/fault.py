"""Faults that a sandbox server shows on request, and the plan that says which request meets which."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal, get_args

import msgspec

Kind = Literal[
    "ok",
    "status",
    "slow",
    "trickle",
    "reset",
    "refuse",
    "hang",
    "half",
    "cut_stream",
    "error_in_stream",
    "error_in_200",
    "bad_json",
    "escape",
    "huge",
    "gzip_bomb",
    "redirect",
    "drop_keepalive",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

Lane = Literal["work", "probe"]
"""`work` is what is paid for (translate, chat, embed); `probe` is what a health check asks (lists, usage, version)."""

LANES: tuple[Lane, ...] = get_args(Lane)

_BODILESS = frozenset({204, 205, 304})
_FRAMING = frozenset({"content-length", "content-encoding", "transfer-encoding"})
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_RETRY_AFTER = re.compile(r"|\d+(\.\d+)?(ms)?|date\+\d+(\.\d+)?|[A-Z][a-z]{2}, [\w :-]{8,40} GMT")


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One way to answer a request.

    `status`: for kind `status` (0: 503), `escape` (0: 200) and `redirect` (0: 307).
    `code`: the vendor's own error code, where it has several for one status, such as `insufficient_quota`.
    `retry_after`: `"2"` (seconds), `"1500ms"`, `"date+2"` (an HTTP date that many seconds ahead) or a date as it is.
    `seconds`: before the first byte for `slow` (None: 5), between two bytes for `trickle` (None: 1), until the server
    listens again for `refuse` (None: until another fault is set).
    `chunks`: how many go out before `cut_stream` and `error_in_stream` strike.
    `mebibytes`: decoded size of `huge` and `gzip_bomb`; 10 GiB stands for endless.
    `location`: where `redirect` points (empty: `/_elsewhere` on the same server, which is counted).
    """

    kind: Kind = "ok"
    status: int = 0
    code: str = ""
    retry_after: str = ""
    seconds: float | None = None
    chunks: int = 1
    mebibytes: int = 10_240
    location: str = ""
    headers: dict[str, str] = {}

    def __post_init__(self) -> None:
        if self.status and (not 200 <= self.status <= 599 or self.status in _BODILESS):
            raise ValueError(f"status {self.status} cannot be sent; use 200 to 599, but not 204, 205 or 304")
        if self.seconds is not None and self.seconds < 0:
            raise ValueError("seconds must not be negative")
        if self.chunks < 0 or self.mebibytes < 1:
            raise ValueError("chunks must be 0 or more and mebibytes 1 or more")
        if not _RETRY_AFTER.fullmatch(self.retry_after):
            raise ValueError('retry_after must be like "2", "1500ms", "date+2" or an HTTP date')
        if not all(text.isascii() and text.isprintable() for text in (self.location, *self.headers.values())):
            raise ValueError("location and the values of headers must be printable ASCII")
        if not all(_TOKEN.fullmatch(name) and name.lower() not in _FRAMING for name in self.headers):
            raise ValueError("headers must have valid names, and those that frame the body cannot be set")


OK = Fault()


class Faults:
    """Which fault the next request meets: first the script, one step a request, then the standing fault.

    A lane's own setting comes before the one for all. Safe to call from any thread.
    """

    def __init__(self, listen: Callable[[bool, float | None], None]) -> None:
        """`listen(listening, seconds)` stops the server's listening, or starts it again."""
        self._listen = listen
        self._standing: dict[Lane, Fault] = dict.fromkeys(LANES, OK)
        self._scripts: dict[Lane | None, deque[Fault]] = {None: deque(), "work": deque(), "probe": deque()}

    def set(self, fault: Fault, *, on: Lane | None = None) -> None:
        """Show `fault` from now on, on one lane or on both; what is left of a script there is dropped."""
        if fault.kind == "refuse" and on is not None:
            raise ValueError("a server refuses every connection or none; set refuse without a lane")
        for lane in LANES if on is None else (on,):
            self._standing[lane] = fault
            self._scripts[lane].clear()
        if on is None:
            self._scripts[None].clear()
        self._listen(fault.kind != "refuse", fault.seconds)

    def script(self, steps: Iterable[Fault], *, on: Lane | None = None) -> None:
        """Show one step a request, then the standing fault; without a lane both lanes use up the same script."""
        taken = deque(steps)
        if any(step.kind == "refuse" for step in taken):
            raise ValueError("refuse is not a step, since no request reaches a server that refuses; use set()")
        self._scripts[on] = taken

    def clear(self) -> None:
        """Serve as usual from now on."""
        self.set(OK)

    def standing(self, lane: Lane) -> Fault:
        """Return what a request on `lane` meets when no script is left."""
        return self._standing[lane]

    def left(self) -> int:
        """Return how many script steps are still to come, on all lanes."""
        return sum(len(script) for script in self._scripts.values())

    def next(self, lane: Lane) -> Fault:
        """Return the fault for the request that has just arrived, and use up its step."""
        for script in (self._scripts[lane], self._scripts[None]):
            if script:
                return script.popleft()
        return self._standing[lane]
