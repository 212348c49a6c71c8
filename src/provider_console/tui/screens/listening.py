"""The live log of a screen: read while it is looked at, followed at its end, stopped by moving up or by a key."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from textual.binding import Binding, BindingType

from provider_console.console.views import LogLine
from provider_console.tui.changes import Read
from provider_console.tui.ink import Line
from provider_console.tui.pages import log
from provider_console.tui.screens.alerting import AlertScreen
from provider_console.tui.state import LOG_KEPT
from provider_console.tui.widgets.table import Row, Table

LOG_S: Final = 1.0
"""How often the log is read while it is looked at."""
OF_LOG: Final = frozenset({"level", "pause"})
"""Actions that only the log has."""


class ListeningScreen(AlertScreen):
    """A screen with a table `log`; `listening` says whether it is looked at."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "pause", tooltip="hold the log still, or go on; new lines are counted meanwhile"),
        Binding("left_square_bracket", "level(-1)", "more, fewer", key_display="[ ]", tooltip="show lesser lines too"),
        Binding("right_square_bracket", "level(1)", "fewer", key_display="]", show=False, tooltip="show fewer lines"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._level = "info"
        self._held: tuple[LogLine, ...] | None = None
        """What stands there while it is paused."""
        self._following = True
        self._lines: list[LogLine] = []
        self._log_rows: list[Row] = []
        self._lines_of: tuple[object, ...] = ()

    @property
    def listening(self) -> bool:
        """Whether the log is looked at."""
        raise NotImplementedError

    @property
    def line(self) -> LogLine | None:
        """The line under the cursor."""
        cursor = self.query_one("#log", Table).cursor if self.listening else None
        return next((each for each in self._lines if str(each.seq) == cursor), None)

    def standing(self, width: int) -> Line:
        """Which lines are shown, and how many new ones are not."""
        if self._held is not None:
            last = self._held[-1].seq if self._held else 0
            waiting = sum(each.seq > last for each in self.state.log)
            return log.standing(self._level, paused=True, below=waiting, width=width)
        cursor = self.query_one("#log", Table).cursor or "0"
        below = 0 if self._following else sum(each.seq > int(cursor) for each in self._lines)
        return log.standing(self._level, paused=False, below=below, width=width)

    def show_log(self, needle: str) -> None:
        """Put the lines into the table; at its end it is followed."""
        shown = self.state.log if self._held is None else self._held
        wanted = (shown, self._level, needle)
        table, glyphs = self.query_one("#log", Table), self.glyphs
        if wanted != self._lines_of:
            self._lines, self._lines_of = log.entries(shown, self._level, needle), wanted
            self._log_rows = [
                Row(
                    str(each.seq),
                    lambda width, selected, each=each: log.line_row(  # type: ignore[misc]  # bound at once
                        each, width, glyphs, selected=selected
                    ),
                )
                for each in self._lines
            ]
        following = self._following
        table.fill(self._log_rows, lambda width: log.header(width, glyphs))
        if following and self._log_rows:
            table.cursor = self._log_rows[-1].key

    def moved(self, key: str | None) -> None:
        """The cursor moved: at the last line the log is followed, above it it stands still."""
        self._following = not self._log_rows or key == self._log_rows[-1].key

    async def read_log(self) -> None:
        """Read the lines that came since."""
        link, known = self.link, self.state.log
        newer = await link.console.log(after=known[-1].seq if known else 0, limit=LOG_KEPT)
        state: Any = self.app.state  # type: ignore[attr-defined]  # only ConsoleApp shows these screens
        link.change(Read(link.clock.wall(), {"log": log.joined(state.log, newer, LOG_KEPT)}))

    # --- keys ---------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The log's own keys are the log's."""
        if action in OF_LOG and not (self.is_mounted and self.listening):
            return False
        return super().check_action(action, parameters)

    def label(self, binding: Binding) -> str:
        """`go on` while it is paused."""
        if binding.action == "pause" and self._held is not None:
            return "go on"
        return super().label(binding)

    def action_pause(self) -> None:
        """Hold the log still, or go on at its end."""
        self._held = self.state.log if self._held is None else None
        self._following = self._held is None or self._following
        self.show()
        self.show_keys()

    def action_level(self, by: int) -> None:
        """Show more lines, or fewer."""
        place = log.LEVELS.index(self._level) + by
        self._level = log.LEVELS[max(0, min(len(log.LEVELS) - 1, place))]
        self.show()
