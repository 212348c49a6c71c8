"""Versions of the configuration: who made them, what each differs in from the present, and the way back to one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from provider_console.console.errors import BadRequest, ConfigurationInvalid
from provider_console.console.views import RevisionView
from provider_console.tui.changes import Read
from provider_console.tui.ink import BLANK, Line
from provider_console.tui.pages import revisions
from provider_console.tui.pages.revisions import Compared
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.table import Row, Table

LIMIT = 200
"""Versions that are listed."""


class RevisionsScreen(ConsoleScreen):
    """The newest first; below, what restoring the selected one would change."""

    MODE = "config"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "restore", "restore", tooltip="make the selected version the one in force"),
        Binding("escape,h", "app.pop_screen", "back", key_display="esc", tooltip="back to the settings"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._known: tuple[RevisionView, ...] | None = None
        self._compared: dict[tuple[int, str], Compared] = {}
        """What was found out, by version and by the revision it was compared with."""
        self._asked: set[tuple[int, str]] = set()
        self._read_for: str | None = None

    def body(self) -> ComposeResult:
        """The sentence, the versions, the difference."""
        yield Lines(id="headline")
        yield Table(id="revisions", cursor_glyph=self.glyphs.cursor)
        yield Lines(id="under")

    @property
    def selected(self) -> RevisionView | None:
        """The version under the cursor."""
        cursor = self.query_one(Table).cursor
        return next((each for each in self._known or () if str(each.id) == cursor), None)

    @property
    def _present(self) -> str:
        return "" if self.state.config is None else self.state.config.revision

    def show(self) -> None:
        """Put it on the screen; versions are read anew where another one is in force."""
        if self._read_for != self._present and self.state.open:
            self._read_for = self._present
            self.ask(self._read(), group="revisions")
        known, state, glyphs = self._known, self.state, self.glyphs
        short = self.size.height < revisions.SHORT

        def top(width: int, _height: int) -> Sequence[Line]:
            lines = [*revisions.headline(known, state, width), BLANK]
            return lines if short else [BLANK, *lines]

        self.query_one("#headline", Lines).show(top)
        table = self.query_one(Table)
        table.fill(
            [Row(str(each.id), partial(self._row, each)) for each in known or ()],
            lambda width: revisions.header(width, glyphs),
        )
        table.styles.max_height = max(4, min(len(known or ()) + 2, self.size.height // 2))
        self._show_compared()

    def _row(self, each: RevisionView, width: int, selected: bool) -> Line:  # noqa: FBT001 - the table's own call
        return revisions.revision_row(each, self.state, width, selected=selected)

    def _show_compared(self) -> None:
        chosen = self.selected
        if chosen is None:
            return
        self._compare(chosen)
        compared, state, glyphs = self._compared.get((chosen.id, self._present)), self.state, self.glyphs
        room = self.size.height - 12 - min(len(self._known or ()) + 2, self.size.height // 2)
        self.query_one("#under", Lines).show(
            lambda width, _height: revisions.compared(chosen, compared, state, width, max(6, room), glyphs)
        )

    async def _read(self) -> None:
        self._known = tuple(await self.link.console.config_history(limit=LIMIT))
        self.show()

    def _compare(self, chosen: RevisionView) -> None:
        """Find out what restoring a version would change, once."""
        place = (chosen.id, self._present)
        if place in self._asked:
            return
        self._asked.add(place)

        async def found() -> None:
            console = self.link.console
            text = await console.revision_text(chosen.id)
            try:
                self._compared[place] = Compared(impact=await console.config_impact(text))
            except (BadRequest, ConfigurationInvalid) as error:
                self._compared[place] = Compared(problem=error.message)
            self._show_compared()
            self.show_keys()

        self.ask(found(), group="compared")

    def on_table_highlighted(self) -> None:
        """Another version is selected."""
        self._show_compared()
        self.show_keys()

    # --- keys ---------------------------------------------------------------------------------------------------

    def action_restore(self) -> None:
        """Make the selected version the one in force, after a question that says what changes."""
        from provider_console.tui.screens.dialogs import ConfirmScreen

        chosen = self.selected
        if chosen is None:
            return
        compared = self._compared.get((chosen.id, self._present))
        if compared is None:
            self.tell("it is still being compared with the present one", well=False)
            return
        if compared.problem is not None:
            self.tell(f"revision {chosen.id} can no longer be used: {compared.problem}", well=False)
            return

        async def restored() -> None:
            link = self.link
            view = await link.console.restore_config(chosen.id)
            link.change(Read(link.clock.wall(), {"config": view}))
            self.tell(f"revision {chosen.id} is in force again")

        def answered(agreed: bool | None) -> None:  # noqa: FBT001 - what Textual hands to a dialog's callback
            if agreed:
                self.ask(restored())

        question = ConfirmScreen(
            f"Restore revision {chosen.id}?", revisions.restores(chosen, compared, self.state), "restore"
        )
        self.app.push_screen(question, answered)
