"""A program in a pseudo-terminal of the kernel: what it writes, byte for byte, and keys typed into it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

SEQUENCE: Final = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]", re.DOTALL)
"""A control sequence, as a terminal reads it."""
_QUIET_S: Final = 0.15


class PseudoTerminal:
    """`written` is everything that the program wrote so far."""

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str] | None = None, *, size: tuple[int, int] = (120, 40)
    ) -> None:
        self._command = list(command)
        self._environ = {
            **{
                key: value
                for key, value in os.environ.items()
                if key not in ("COLUMNS", "LINES", "NO_COLOR", "TEXTUAL_THEME")
            },
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            **(environ or {}),
        }
        self._size = size
        self.written = b""

    def __enter__(self) -> Self:
        self._master, slave = pty.openpty()
        self._resize(*self._size)
        self.process = subprocess.Popen(
            self._command, stdin=slave, stdout=slave, stderr=slave, env=self._environ, start_new_session=True
        )
        os.close(slave)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        os.close(self._master)

    def _resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        """Make the terminal another size, and tell the program."""
        self._resize(columns, rows)
        self.process.send_signal(signal.SIGWINCH)

    def type(self, keys: str | bytes) -> None:
        """Type, or paste: the bytes as a terminal sends them."""
        os.write(self._master, keys.encode() if isinstance(keys, str) else keys)

    def read(self, seconds: float) -> bool:
        """Take in what is written; False where nothing was for so long, or the program has ended."""
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:
            return False
        self.written += data
        return bool(data)

    def until(self, words: str, *, since: int = 0, limit_s: float = 15.0) -> None:
        """Read until words were painted after a place in `written`.

        Raises:
            TimeoutError
        """
        end = time.monotonic() + limit_s
        while words not in self.text(since):
            if time.monotonic() > end or (not self.read(0.1) and self.process.poll() is not None):
                raise TimeoutError(f"{words!r} did not come, but {self.text(since)[-1500:]}")

    def text(self, since: int = 0) -> str:
        """What was painted after a place in `written`, without its colours and places."""
        return SEQUENCE.sub(b"", self.written[since:]).decode("utf-8", "replace")

    def settle(self) -> None:
        """Read until nothing has been written for a moment."""
        while self.read(_QUIET_S):
            pass

    @property
    def echoes(self) -> bool:
        """Whether what is typed is shown by the terminal itself."""
        return bool(termios.tcgetattr(self._master)[3] & termios.ECHO)

    def hang_up(self) -> None:
        """Take the terminal away, as a dropped connection does, from a program that no signal tells of it."""
        os.dup2(os.open(os.devnull, os.O_RDWR), self._master)

    def end(self, *, limit_s: float = 10.0) -> int:
        """Read until the program has ended; its exit code.

        Raises:
            TimeoutError
        """
        end = time.monotonic() + limit_s
        while self.read(0.1) or self.process.poll() is None:
            if time.monotonic() > end:
                raise TimeoutError("the program did not end")
        return self.process.wait(1)
