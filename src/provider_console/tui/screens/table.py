"""The form of one table: made from its fields in the table of settings, checked while it is typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from provider_console.console.errors import BadRequest, ConfigurationInvalid
from provider_console.tui.ink import BLANK, Line, line, muted
from provider_console.tui.pages import tables
from provider_console.tui.pages.tables import Item
from provider_console.tui.pages.unsaved import ABSENT
from provider_console.tui.pages.values import words_of
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.screens.tables import Changing
from provider_console.tui.widgets.form import Entry, entries
from provider_console.tui.widgets.lines import Lines

NAME = "its name"
"""The entry of the name of a new table; no field has a space in its key."""


PAUSE_S = 0.2
"""Between what is typed and a look at the whole configuration, which may be elsewhere."""


class TableScreen(ConsoleScreen):
    """Asks for the fields of a table; `done` is called once its change is made. `known` are those of its kind."""

    MODE = "config"
    CSS_PATH = "tables.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "accept", "accept", key_display="ctrl+s", tooltip="take it as a change", priority=True),
        Binding("tab", "app.focus_next", "next", tooltip="the next field", priority=True),
        Binding("escape", "app.pop_screen", "back", key_display="esc", tooltip="back; nothing changes", priority=True),
    ]

    def __init__(self, item: Item, known: Sequence[Item], changing: Changing, done: Callable[[], None]) -> None:
        super().__init__()
        self._item = item
        self._known = tuple(known)
        self._changing = changing
        self._done = done
        self._fields = {field.key: field for field in item.kind.fields}
        self._wrong: str | None = None

    def body(self) -> ComposeResult:
        """The sentence, and an entry for each field."""
        yield Lines(id="headline")
        bar = self.glyphs.cursor
        with VerticalScroll(id="fields", can_focus=False):
            if self._asks_name:
                about = line(muted(f"how the {tables.one_of(self._item.kind)} is called in the file"))
                yield Entry(NAME, "Name", about, cursor_glyph=bar)
            for field in self._fields.values():
                yield Entry(
                    field.key,
                    field.key,
                    tables.note(field, None),
                    typed=tables.entry_of(self._item, field),
                    words=words_of(field),
                    cursor_glyph=bar,
                )

    @property
    def _asks_name(self) -> bool:
        return self._item.kind.named and self._item.name is None

    def begin(self) -> None:
        """Type into the first field."""
        next(iter(entries(self).values())).control.focus()

    def show(self) -> None:
        """Put it on the screen."""
        short = self.size.height < tables.SHORT

        def top(width: int, _height: int) -> Sequence[Line]:
            lines = [*tables.form_headline(self._item, self._wrong, width), BLANK]
            return lines if short else [BLANK, *lines]

        self.query_one("#headline", Lines).show(top)

    # --- what is typed ------------------------------------------------------------------------------------------

    def on_input_changed(self) -> None:
        """Say at once what is wrong."""
        self._look()

    def on_words_changed(self) -> None:
        """Another choice."""
        self._look()

    def _look(self) -> None:
        async def asked() -> None:
            await self._made(after_s=PAUSE_S)

        # The function itself: one that is given up before it began would leave a coroutine that nobody awaited.
        self.run_worker(asked, group="typed", exclusive=True)  # type: ignore[arg-type]  # Textual takes functions

    async def _made(self, *, after_s: float = 0.0) -> dict[str, Any] | None:
        """The changes that were typed; None where something is wrong, which is said beside it."""
        typed = {name: entry.typed for name, entry in entries(self).items()}
        name = typed.get(NAME, "").strip() if self._asks_name else str(self._item.name)
        values, wrong = tables.read_all(self._item.kind.fields, typed)
        if self._asks_name and (not name or "." in name or any(str(each.name) == name for each in self._known)):
            wrong[NAME] = "is needed, without dots" if not name or "." in name else f"there is a {name} already"
        changes = None
        if not wrong:
            saved = self._changing.written().value(f"{self._item.kind.key}.{name}") is not ABSENT
            saved = saved and f"{self._item.kind.key}.{name}" not in self._changing.unsaved().changes
            changes = tables.made(self._item, name, values, self._known, saved=saved)
            # What only the whole configuration can tell: a pattern, a condition, two fields that contradict.
            if after_s:
                await self.link.clock.sleep(after_s)
            wrong |= await self._refusals(changes, name)
        if typed == {each: entry.typed for each, entry in entries(self).items()}:
            self._say(wrong)
        return None if wrong else changes

    async def _refusals(self, changes: dict[str, Any], name: str) -> dict[str, str]:
        """What the whole configuration says of these changes, by field; what is about none of them by an empty name."""
        console, kind = self.link.console, self._item.kind
        after = self._changing.unsaved().with_tables(changes, self._changing.written())
        place = len(self._known) if self._item.name is None else self._item.name
        own = f"{kind.key}.{name}" if kind.named else f"{kind.key}[{place}]"
        try:
            text = await console.edited_config(after.changes)
            said = list((await console.validate_config(text)).warnings)
        except (BadRequest, ConfigurationInvalid) as error:
            said = [error.message]
        else:
            # A rule that cannot be parsed is no reason not to use the rest of a file; here it is.
            said = [each for each in said if each.startswith(own)]
        return dict(self._about(own, line) for each in said for line in each.splitlines())

    def _about(self, own: str, said: str) -> tuple[str, str]:
        """The field that a message names, and what it says of it."""
        _, _, rest = said.partition(f"{own}.")
        key, _, problem = rest.partition(": ")
        field = key.partition(" ")[0].partition("[")[0]
        return (field, problem) if field in self._fields else ("", said)

    def _say(self, wrong: dict[str, str]) -> None:
        known = entries(self)
        for key, field in self._fields.items():
            known[key].say(tables.note(field, wrong.get(key)))
        if NAME in known:
            about = f"how the {tables.one_of(self._item.kind)} is called in the file"
            known[NAME].say(tables.note_of(about, wrong.get(NAME)))
        self._wrong = wrong.get("")
        self.show()

    def action_accept(self) -> None:
        """Take it as a change, which is looked at with the others before it is saved."""

        async def accepted() -> None:
            changes = await self._made()
            if changes is not None and self.is_current:
                self.app.pop_screen()
                self._changing.change(changes)
                self._done()

        self.ask(accepted(), group="accept")
