"""A program in a pseudo-terminal, and what its screen says: how benchmarks see frames as a person would."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyte

_FRAME_END: Final = b"\x1b[?2026l"
"""The end of a synchronised update: from here on a terminal shows it."""
_QUIET_S: Final = 0.04
_GATHERED_S: Final = 0.3


class Program:
    """A program running in a terminal of 120x40. `begun` is when it was started (perf_counter seconds)."""

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], *, columns: int = 120, lines: int = 40
    ) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self._size = struct.pack("HHHH", lines, columns, 0, 0)
        self._command = list(command)
        self._environ = {**environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.begun = 0.0
        self.pid = 0
        self._terminal = -1

    def __enter__(self) -> Self:
        self.begun = time.perf_counter()
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(self._command[0], self._command, self._environ)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, self._size)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._terminal)

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(self.screen.display)

    def under_cursor(self) -> str | None:
        """The first cells of the row that has the cursor's bar at its left edge."""
        for number in range(self.screen.lines):
            row = self.screen.buffer[number]
            if row[0].data == "▌":
                return "".join(row[column].data for column in range(24))
        return None

    def read(self, seconds: float) -> bool:
        """Take in what the program writes; False where it wrote nothing for so long."""
        data = self._written(seconds)
        self._show(data)
        return bool(data)

    def _written(self, seconds: float) -> bytes:
        ready, _, _ = select.select([self._terminal], [], [], seconds)
        if not ready:
            return b""
        try:
            return os.read(self._terminal, 1 << 16)
        except OSError:
            raise RuntimeError(f"the program ended:\n{self.text}") from None

    def _show(self, data: bytes) -> None:
        # What a terminal answers when it is asked for its abilities.
        if b"\x1b[?2026$p" in data:
            self.press("\x1b[?2026;2$y")
        if b"\x1b[c" in data:
            self.press("\x1b[?62;c")
        self._stream.feed(data)

    def seen(self, claim: Callable[[], bool], *, limit_s: float = 5.0) -> float:
        """When the frame came to its end from which on the screen bears a claim out (perf_counter seconds).

        What is written is taken in at once and looked at afterwards: this terminal is slower than the program, and
        its own time is not the program's.

        Raises:
            TimeoutError: it did not come.
        """
        end = time.perf_counter() + limit_s
        while time.perf_counter() < end:
            came: list[tuple[float, bytes]] = []
            until = time.perf_counter() + _GATHERED_S
            while time.perf_counter() < until and (data := self._written(_QUIET_S)):
                came.append((time.perf_counter(), data))
            found = False
            for moment, data in came:
                self._show(data)
                found = found or claim()
                if found and _FRAME_END in data:
                    return moment
        raise TimeoutError(f"the screen did not change:\n{self.text}")

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._terminal, keys.encode())

    def until(self, *words: str, limit_s: float = 30.0) -> float:
        """Seconds from the start until all of the words stand on the screen.

        Raises:
            TimeoutError: they did not come.
        """
        end = time.perf_counter() + limit_s
        while not all(word in self.text for word in words):
            if time.perf_counter() > end:
                raise TimeoutError(f"{words!r} did not come:\n{self.text}")
            self.read(0.05)
        return time.perf_counter() - self.begun

    def settle(self, seconds: float) -> None:
        """Take in everything for a while."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(min(left, 0.05))

    @property
    def resident_mib(self) -> float:
        """Memory of the process that is resident, MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text("utf-8")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    @property
    def cpu_s(self) -> float:
        """CPU time that the process has used, seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def thread_cpu_s(self) -> float:
        """CPU time that the main thread has used, seconds, to the microsecond."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text("utf-8").split()[0]) / 1e9
