"""Textual's driver for a terminal that may go away: a closed window, a connection that dropped.

Textual's writer ends with its first failed write; after that the program waits for it for ever and reads a dead
terminal in circles. Here such a write is the end of the program, in order: what runs is recorded.

Its reader looks at the keyboard ten times a second for as long as the program runs; here only while somebody types.
"""

from __future__ import annotations

import os
import select
from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from provider_console.tui.first_frame import ENTER, FirstFrame, size_of, terminal
from provider_console.tui.pages.frame import MINIMUM

if TYPE_CHECKING:
    from textual.app import App


AWAKE_S: Final = 0.1
"""How soon it is seen that nothing follows an escape, and that the keyboard is no longer ours, while somebody types."""
REST_S: Final = 1.0
"""The same while nobody does."""
AWAKE_LOOKS: Final = 20
"""So many looks in which nothing was typed, and nobody types."""
READ_BYTES: Final = 4_096


class ConsoleDriver(LinuxDriver):
    """Ends the app when its terminal is gone; does not clear a screen that shows the first frame already."""

    def __init__(self, app: App[Any], **more: Any) -> None:
        super().__init__(app, **more)
        self._first_frame: FirstFrame | None = getattr(app, "first_frame", None)
        self._away = False
        self._size = self._size or self._get_terminal_size()
        self._gone: Callable[[], object] = lambda: app.call_later(app.exit, None, 1)
        screen: Any = terminal() or self._file
        self._file = cast(Any, _Lasting(screen, self._gone))

    def _get_terminal_size(self) -> tuple[int, int]:
        """The terminal's own size; COLUMNS and LINES, which Textual believes first, may be another terminal's."""
        try:
            return size_of(self.fileno)
        except OSError:
            return MINIMUM

    def write(self, data: str) -> None:
        """Write to the terminal, unless it is somebody else's."""
        if self._away:
            return
        if data == ENTER and self._first_frame is not None and self._first_frame.take_over():
            # Some terminals clear the other screen when they are told to show it once more.
            return
        super().write(data)

    def run_input_thread(self) -> None:
        """Read what is typed until the keyboard is somebody else's, or gone."""
        parser, decode = XTermParser(self._debug), getincrementaldecoder("utf-8")(errors="replace").decode
        looks = 0
        while not self.exit_event.is_set():
            ready, _, _ = select.select([self.fileno], [], [], AWAKE_S if looks < AWAKE_LOOKS else REST_S)
            looks = 0 if ready else looks + 1
            if ready:
                typed = self._typed()
                if not typed:
                    self._gone()
                    return
                # A character may come in two pieces; told of nothing, the parser would take it for the end.
                for event in parser.feed(text) if (text := decode(typed)) else ():
                    self.process_message(event)
            for event in parser.tick():
                self.process_message(event)

    def _typed(self) -> bytes:
        """What waits to be read; nothing where the terminal is gone."""
        try:
            return os.read(self.fileno, READ_BYTES)
        except OSError:
            return b""

    def suspend_application_mode(self) -> None:
        """Leave the terminal to another program; what is painted meanwhile is painted again afterwards."""
        super().suspend_application_mode()
        if self._first_frame is not None:
            self._first_frame.leave()
        # The writer has ended: with thirty writes that nobody takes, the console would stand still.
        self._away = True

    def resume_application_mode(self) -> None:
        """Take the terminal back."""
        self._away = False
        super().resume_application_mode()


class _Lasting:
    """A file that can be written to after its end; what is written then is lost. `gone` is called once."""

    def __init__(self, file: TextIO, gone: Callable[[], object]) -> None:
        self._file = file
        self._gone: Callable[[], object] | None = gone

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, text: str) -> int:
        """Write, if anybody is there."""
        return self._try(lambda: self._file.write(text))

    def flush(self) -> None:
        """Flush, if anybody is there."""
        self._try(self._file.flush)

    def _try(self, act: Callable[[], int | None]) -> int:
        if self._gone is None:
            return 0
        try:
            return act() or 0
        except OSError:
            gone, self._gone = self._gone, None
            self._let_go()
            gone()
            return 0

    def _let_go(self) -> None:
        """Lose what was not taken: Python writes it once more at its end, fails again, and ends with 120."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._file.fileno())
        os.close(nowhere)
