"""Asks the person at the terminal."""

from __future__ import annotations

import asyncio
import sys


def is_anybody_there() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty()


async def asked(question: str) -> str:
    """What the person typed, small and without spaces around it; the wait for it ends with Ctrl-C."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return (await _line()).strip().lower()


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
