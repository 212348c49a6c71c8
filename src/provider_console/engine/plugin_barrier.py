"""The barrier around foreign code: a deadline, an end to its output, and one way to fail.

Code behind it runs in a daemon thread. Python can interrupt a thread that loops and not one that waits in C:
such a thread is left behind, muted, and ends with the process. Writing to file descriptors, `os._exit` and
changed global state pass the barrier: a plugin in this process is not in a sandbox.
"""

from __future__ import annotations

import io
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias, TypeVar

from provider_console.core.text import clean_content, clean_text

T = TypeVar("T")

OUTPUT_BYTES: Final = 64 * 1024
"""What a plugin may print in one step of loading; a screenful is 10 KiB."""

TRACEBACK_LIMIT: Final = 8_000
"""Characters of a traceback that are kept, the last ones."""

STOP_TRIES: Final = 3
STOP_WAIT_S: Final = 0.1
STEP_S: Final = 0.25
"""How often, and how long each time, a looping thread is asked to end: one `except` around the loop is survived."""


_Page: TypeAlias = "io.TextIOWrapper[Any]"


class Misbehaved(Exception):
    """Foreign code failed; `reason` is a line without control characters, `traceback` None where none would help."""

    def __init__(self, reason: str, traceback: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.traceback = traceback


class Misshapen(Exception):
    """Something that foreign code gave does not fit its contract; the message is a sentence."""


class Stopped(SystemExit):
    """Thrown into a thread whose time is over; a thread that ends with it ends silently."""


class TooLoud(BaseException):
    """Thrown out of `write` where foreign code printed too much; no `except Exception` survives on it."""


def misbehaviour(error: BaseException, doing: str) -> Misbehaved:
    """An exception of foreign code in words. Its `__str__` is foreign code too: call this behind the barrier."""
    if isinstance(error, Misshapen):
        return Misbehaved(clean_text(f"{doing}: {error}"))
    kind = clean_text(str.__str__(type.__dict__["__name__"].__get__(type(error))), 80)
    try:
        text = str.__str__(str(error))
    except BaseException:  # noqa: BLE001 - the barrier: an exception may fail even at saying what it is
        text = "(it fails at saying what is wrong)"
    reason = clean_text(f"{doing}: {kind}: {text}" if text else f"{doing}: {kind}")
    inner = error.__traceback__.tb_next if error.__traceback__ else None
    try:
        lines = "".join(traceback.format_exception(type(error), error, inner))
    except BaseException:  # noqa: BLE001 - the barrier, as above
        return Misbehaved(reason)
    return Misbehaved(reason, clean_content(lines[-TRACEBACK_LIMIT:]))


class Barrier:
    """Runs foreign code, one piece at a time. Use `quiet` around a series of pieces."""

    def __init__(self) -> None:
        self._streams: tuple[_Divided, ...] = ()

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Keep what foreign code prints away from the terminal, and the terminal's input away from it."""
        saved = sys.stdin, sys.stdout, sys.stderr
        ours = frozenset(threading.enumerate())
        self._streams = (_Divided(saved[1], ours), _Divided(saved[2], ours))
        sys.stdin = io.StringIO()
        sys.stdout, sys.stderr = self._streams
        try:
            yield
        finally:
            sys.stdin, sys.stdout, sys.stderr = saved
            left_behind = frozenset(threading.enumerate()) - ours
            if left_behind:
                # They may go on printing, also over a full-screen terminal.
                for stream in self._streams:
                    stream.mute_only(left_behind)
                sys.stdout, sys.stderr = self._streams
            self._streams = ()

    def run(self, work: Callable[[], T], *, doing: str, limit_s: float) -> tuple[T, str]:
        """What `work` returns, and what it printed.

        Raises:
            Misbehaved: it raised anything at all, printed too much, or took longer than `limit_s`.
        """
        paper = _Paper()
        page: _Page = io.TextIOWrapper(
            paper,
            encoding="utf-8",
            errors="backslashreplace",
            write_through=True,
        )
        answers: list[tuple[T | None, Misbehaved | None]] = []
        ended = threading.Event()

        def body() -> None:
            try:
                answers.append((work(), None))
            except BaseException as error:  # noqa: BLE001 - the barrier itself
                answers.append((None, misbehaviour(error, doing)))
            finally:
                ended.set()

        thread = threading.Thread(target=body, name=f"plugin: {doing}", daemon=True)
        for stream in self._streams:
            stream.page = page
        thread.start()
        in_time = _in_time(ended, limit_s)
        if not in_time:
            _stop(thread, ended)
        for stream in self._streams:
            stream.page = None
        if self._streams:  # the work may have put others in their place
            sys.stdout, sys.stderr = self._streams
        printed = clean_content(bytes(paper.written).decode("utf-8", "replace"))
        if paper.torn:
            raise Misbehaved(f"{doing}: it printed more than {OUTPUT_BYTES // 1024} KiB", printed[:1000])
        if not in_time or not answers:
            raise Misbehaved(f"{doing}: it did not end within {limit_s:g} s")
        value, failure = answers[0]
        if failure is not None:
            raise failure
        return value, printed  # type: ignore[return-value]  # without a failure there is a value


def _in_time(ended: threading.Event, limit_s: float) -> bool:
    """Wait in short steps: a Ctrl-C that comes just before a wait begins is only heard when that wait ends."""
    left_s = limit_s
    while left_s > STEP_S:
        if ended.wait(STEP_S):
            return True
        left_s -= STEP_S
    return ended.wait(left_s)


def _stop(thread: threading.Thread, ended: threading.Event) -> None:
    import ctypes  # costs 4 ms, and only a hang needs it

    throw: Any = ctypes.pythonapi.PyThreadState_SetAsyncExc
    for _ in range(STOP_TRIES):
        if ended.is_set() or not thread.is_alive():
            return
        throw(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(Stopped))
        ended.wait(STOP_WAIT_S)


class _Paper(io.RawIOBase):
    """Takes `OUTPUT_BYTES` and tears then."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.torn = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        piece = bytes(data)
        if len(self.written) + len(piece) > OUTPUT_BYTES:
            self.torn = True
            raise TooLoud
        self.written += piece
        return len(piece)


class _Divided:
    """A standard stream: the threads that were there before write through it, foreign ones onto a page."""

    def __init__(self, original: Any, ours: frozenset[threading.Thread]) -> None:
        self.page: _Page | None = None
        self._original = original
        self._ours = ours
        self._muted: frozenset[threading.Thread] | None = None

    def mute_only(self, threads: frozenset[threading.Thread]) -> None:
        """From now on only these threads are kept away from the stream."""
        self._muted = threads

    def __getattr__(self, name: str) -> Any:
        thread = threading.current_thread()
        foreign = thread not in self._ours if self._muted is None else thread in self._muted
        return getattr((self.page or io.StringIO()) if foreign else self._original, name)
