"""Runs a command of the user's: a program and its arguments, bounded in time, never through a shell."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from typing import Final

from provider_console.core.text import clean_text

COMMAND_S: Final = 10.0
"""A notification takes a moment; what takes longer is stuck, and others wait behind it."""

SAID_BYTES: Final = 4096
"""Of what a failing command writes on stderr; the rest is read and dropped."""

PASSED_ON: Final = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "DISPLAY", "WAYLAND_DISPLAY"}
    | {"XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"}
)
"""Variables that a command gets, those of the locale beside them: any other one may be a credential."""


class Commands:
    """`Bell` in the system's processes."""

    def __init__(self, environ: Mapping[str, str], *, limit_s: float = COMMAND_S) -> None:
        self._environ = {name: value for name, value in environ.items() if name in PASSED_ON or name.startswith("LC_")}
        self._limit_s = limit_s

    async def ring(self, arguments: Sequence[str]) -> str | None:
        """Run a program with its arguments; why it failed, None where it did not."""
        program = clean_text(arguments[0], 80)
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments,
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "an argument holds a null byte"
            return f"{program} cannot be run ({reason}); put alerts.on_alert right"
        try:
            async with asyncio.timeout(self._limit_s):
                said = await _read(process)
                code = await process.wait()
        except TimeoutError:
            return f"{program} did not end within {self._limit_s:.0f} s and was stopped"
        finally:
            await _end(process)
        if code == 0:
            return None
        return f"{program} ended with code {code}" + (f": {said}" if said else "")


async def _read(process: asyncio.subprocess.Process) -> str:
    """What it writes on stderr, to its end; only the beginning is kept."""
    kept = b""
    while process.stderr is not None and (piece := await process.stderr.read(SAID_BYTES)):
        kept += piece[: SAID_BYTES - len(kept)]
    return clean_text(kept.decode(errors="replace"), 200)


async def _end(process: asyncio.subprocess.Process) -> None:
    """See that it, and whatever it started, is gone where it has not ended by itself."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
