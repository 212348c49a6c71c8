"""Asks the person at the terminal."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def is_anybody_there() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty()


async def asked(question: str) -> str:
    """What the person typed, small and without spaces around it; the wait for it ends with Ctrl-C."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return (await _line()).strip().lower()


async def hidden(question: str) -> str:
    """What the person typed without its being shown, such as a key; the wait for it ends with Ctrl-C."""
    if sys.platform == "win32":
        return await asyncio.to_thread(getpass.getpass, question)
    # Not `getpass` in a thread: that cannot be cancelled, and a program that was told to end waits for Enter.
    with _unseen():
        # Only now: who sees the question may type.
        sys.stderr.write(question)
        sys.stderr.flush()
        return await _line()


@contextmanager
def _unseen() -> Iterator[None]:
    import termios

    keyboard = sys.stdin.fileno()
    before, unseen = termios.tcgetattr(keyboard), termios.tcgetattr(keyboard)
    unseen[3] &= ~termios.ECHO
    termios.tcsetattr(keyboard, termios.TCSADRAIN, unseen)
    try:
        yield
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
        sys.stderr.write("\n")
        sys.stderr.flush()


async def _line() -> str:
    loop, typed = asyncio.get_running_loop(), asyncio.Event()
    try:
        # Unlike a thread that reads, this can be cancelled.
        loop.add_reader(sys.stdin, typed.set)
    except NotImplementedError:  # Windows
        return await asyncio.to_thread(sys.stdin.readline)
    try:
        await typed.wait()
    finally:
        loop.remove_reader(sys.stdin)
    return sys.stdin.readline()
