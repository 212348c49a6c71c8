"""Tables of which there may be any number: alert rules, providers, catalogues. New ones, whole ones, removed ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from provider_console.tui.ink import BLANK, Line
from provider_console.tui.pages import tables
from provider_console.tui.pages.tables import Item
from provider_console.tui.pages.unsaved import Unsaved, Written
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.table import Row, Table


class Changing(NamedTuple):
    """What is not saved, the file, and how a change to it is made."""

    unsaved: Callable[[], Unsaved]
    written: Callable[[], Written]
    change: Callable[[Mapping[str, Any]], None]


class TablesScreen(ConsoleScreen):
    """Every table of a section by its kind; `at` is the key of the kind that is looked at first."""

    MODE = "config"
    CSS_PATH = "tables.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "edit_table", "edit", key_display="enter", tooltip="change the selected one, or make a new one"
        ),
        Binding("n", "new_table", "new", tooltip="one more of the selected kind"),
        Binding("delete,backspace", "remove_table", "remove", key_display="del", tooltip="take the selected one out"),
        Binding("escape", "app.pop_screen", "back", key_display="esc", tooltip="back to the settings"),
    ]

    def __init__(self, section: str, changing: Changing, *, at: str = "") -> None:
        super().__init__()
        self._section = section
        self._changing = changing
        self._at = at
        self._found: list[Item] = []

    def body(self) -> ComposeResult:
        """The sentence and the tables."""
        yield Lines(id="headline")
        yield Table(id="tables", cursor_glyph=self.glyphs.cursor)

    @property
    def selected(self) -> Item | None:
        """The table under the cursor; one without a name is the way to a new one."""
        cursor = self.query_one(Table).cursor
        return next((each for each in self._found if each.key == cursor), None)

    def show(self) -> None:
        """Put it on the screen."""
        state, unsaved, glyphs = self.state, self._changing.unsaved(), self.glyphs
        self._found, rows = [], []
        for group, kind in enumerate(tables.kinds(state.config, self._section)):
            known = tables.items(kind, unsaved, self._changing.written())
            for item in (*known, Item(kind, None, {})):
                self._found.append(item)
                rows.append(Row(item.key, partial(self._row, item, unsaved), group))
        short = self.size.height < tables.SHORT
        there = [each for each in self._found if each.name is not None]
        refused = state.may("set_config")

        def top(width: int, _height: int) -> Sequence[Line]:
            lines = [*tables.headline(there, self._section, width, refused), BLANK]
            return lines if short else [BLANK, *lines]

        self.query_one("#headline", Lines).show(top)
        table = self.query_one(Table)
        table.fill(rows, lambda width: tables.header(width, glyphs))
        if self._at:
            table.cursor = next((each.key for each in self._found if each.kind.key == self._at), table.cursor)
            self._at = ""

    def _row(self, item: Item, unsaved: Unsaved, width: int, selected: bool) -> Line:  # noqa: FBT001 - the table's own call
        return tables.item_row(item, unsaved, width, self.glyphs, selected=selected)

    def on_table_highlighted(self) -> None:
        """Another one."""
        self.show_keys()

    def on_table_chosen(self) -> None:
        """A row was clicked twice."""
        self.action_edit_table()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What is not there yet cannot be removed."""
        if action == "remove_table" and self.is_mounted and ((item := self.selected) is None or item.name is None):
            return False
        return super().check_action(action, parameters)

    # --- keys ---------------------------------------------------------------------------------------------------

    def action_edit_table(self) -> None:
        """The form of the selected one."""
        from provider_console.tui.screens.table import TableScreen

        item = self.selected
        if item is not None:
            self.app.push_screen(TableScreen(item, self._known(item), self._changing, self._changed))

    def action_new_table(self) -> None:
        """An empty form."""
        item = self.selected
        if item is not None:
            self.query_one(Table).cursor = f"{item.kind.key}[]"
            self.action_edit_table()

    def action_remove_table(self) -> None:
        """Take it out; nothing is lost before it is saved."""
        item = self.selected
        if item is None or item.name is None:
            return
        self._changing.change(tables.removed(item, self._known(item)))
        self.tell(f"{item.key} goes once it is saved; ctrl+s in Config looks at it first")
        self._changed()

    def _known(self, item: Item) -> list[Item]:
        return [each for each in self._found if each.kind.key == item.kind.key and each.name is not None]

    def _changed(self) -> None:
        self.show()
        self.show_keys()
