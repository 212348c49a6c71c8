"""`provider-console demo` as a person has it: in a real terminal, and gone without a trace however it ends."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from tests.e2e.home import GUARD, PROGRAM

SIZE: Final = struct.pack("HHHH", 40, 120, 0, 0)
_CONTROL: Final = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07]*\x07|\x1b[()>=][0-9A-Z]?")


class Session:
    """The program in a terminal of 120x40, and all that it has written."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.home = home
        (home / "tmp").mkdir(parents=True)
        self._terminal, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, SIZE)
        environ = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "PYTHONPATH": str(GUARD),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OPENAI_API_KEY": "sk-the-users-own-0000000000",
        }
        self.process = subprocess.Popen(
            [str(PROGRAM), *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environ,
            start_new_session=True,
            # Its controlling terminal, so that it hears when that is gone.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.written = bytearray()
        self._pressed = 0

    @property
    def text(self) -> str:
        """What was written since the last key, without the sequences that move and colour."""
        return _CONTROL.sub(b" ", bytes(self.written[self._pressed :])).decode(errors="replace")

    def press(self, keys: str) -> None:
        """Type."""
        self._pressed = len(self.written)
        os.write(self._terminal, keys.encode())

    def until(self, words: str) -> None:
        """Take in what comes until these words were written since the last key."""
        while words not in self.text:
            assert self._read(), f"{words!r} did not come before the end:\n{self.text[-4000:]}"

    def end(self) -> int:
        """Take in the rest; the exit code."""
        while self._read():
            continue
        return self.process.wait(10)

    def hang_up(self) -> int:
        """Close the terminal, as a connection does that breaks; the exit code."""
        os.close(self._terminal)
        self._terminal = -1
        return self.process.wait(10)

    def close(self) -> None:
        """Leave no process."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        if self._terminal >= 0:
            os.close(self._terminal)

    def _read(self) -> bool:
        # The test's own limit ends a wait for something that never comes.
        ready, _, _ = select.select([self._terminal], [], [], 0.2)
        if not ready:
            return self.process.poll() is None
        try:
            data = os.read(self._terminal, 1 << 16)
        except OSError:
            return False
        self.written += data
        return bool(data)


@contextmanager
def session(home: Path, *arguments: str) -> Iterator[Session]:
    running = Session(home, *arguments)
    try:
        yield running
    finally:
        running.close()


def left_behind(home: Path) -> list[str]:
    """Every file and folder under the user's home, the temporary ones among them."""
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path != home / "tmp")


pytestmark = [
    pytest.mark.limit(60),
    pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are a thing of Unix"),
]


def test_the_demo_opens_the_terminal_takes_keys_and_leaves_nothing(tmp_path: Path) -> None:
    with session(tmp_path / "user", "demo") as demo:
        for words in ("Health", "LibreTranslate", "Azure Translator", "needs a key", "found, not adopted"):
            demo.until(words)
        during = left_behind(demo.home)
        demo.until("quota used")
        demo.press("v")
        demo.until("embeddings")
        demo.press("\x1b")
        demo.until("Provider")
        demo.press("?")
        demo.until("Keys")
        demo.press("\x1b")
        demo.until("translate en›sr")
        demo.press("q")
        code = demo.end()

        assert code == 0
        assert during
        assert {Path(place).parts[0] for place in during} == {"tmp"}
        assert left_behind(demo.home) == []
        assert b"Traceback" not in demo.written
        assert b"the-users-own" not in demo.written


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_demo_cleans_up_when_a_signal_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    with session(tmp_path / "user", "demo") as demo:
        demo.until("needs a key")
        demo.process.send_signal(number)
        demo.end()

        assert left_behind(demo.home) == []
        assert b"Traceback" not in demo.written


def test_the_demo_cleans_up_when_its_terminal_is_gone(tmp_path: Path) -> None:
    with session(tmp_path / "user", "demo") as demo:
        demo.until("needs a key")
        demo.hang_up()

        assert left_behind(demo.home) == []


def test_without_a_terminal_the_demo_says_what_to_add(tmp_path: Path) -> None:
    ended = subprocess.run(
        [str(PROGRAM), "demo"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )

    assert ended.returncode == 2
    assert b"--headless" in ended.stderr
    assert left_behind(tmp_path) == []
