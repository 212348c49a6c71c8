"""A text in a file of its own, for the person's editor."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from provider_console.console.errors import BadRequest


class Draft:
    """Holds `text` until it is forgotten; nobody else may read it.

    `usual` is the editor where neither VISUAL nor EDITOR names one.

    Raises:
        BadRequest: there is no editor.
    """

    def __init__(self, text: str, *, usual: str = "") -> None:
        self._words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or usual)
        if not self._words:
            raise BadRequest(
                "no editor is named; set VISUAL or EDITOR before the console is started, like EDITOR=nano",
                field="editor",
            )
        folder = Path(tempfile.mkdtemp(prefix="provider-console-"))  # mode 0700
        self.file = folder / "config.toml"
        self.file.touch(mode=0o600)
        self.file.write_text(text, "utf-8")

    async def edited(self) -> str:
        """What the person makes of it in the editor.

        Raises:
            BadRequest: the editor cannot be run or failed, or what it left cannot be read; the file stays.
        """
        with _ctrl_c_is_the_editors():
            try:
                process = await asyncio.create_subprocess_exec(*self._words, str(self.file))
                code = await process.wait()
            except OSError as error:
                raise BadRequest(
                    f"{self._words[0]} cannot be run ({error.strerror}); set EDITOR to an editor", field="editor"
                ) from error
        if code != 0:
            raise BadRequest(
                f"{self._words[0]} ended with code {code}; nothing was saved, your text is kept in {self.file}"
            )
        try:
            return self.file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadRequest(f"{self.file} cannot be read: {error}", field="file") from error

    def forget(self) -> None:
        """Delete the file."""
        self.file.unlink(missing_ok=True)
        with suppress(OSError):  # the editor's own files beside it
            self.file.parent.rmdir()


@contextmanager
def _ctrl_c_is_the_editors() -> Iterator[None]:
    """In an editor Ctrl-C is a key like others: it must not end the console behind it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        # The loop's own handler, too, hears of the signal by way of this one.
        signal.signal(signal.SIGINT, before)
