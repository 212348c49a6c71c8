"""Config: what is set, and what happens if I change it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from provider_console.console.errors import BadRequest, ConfigurationInvalid
from provider_console.console.views import SecretView, SettingView
from provider_console.tui.ink import BLANK, Line, left, row
from provider_console.tui.pages import config, secrets, tables
from provider_console.tui.pages.unsaved import Unsaved, Written
from provider_console.tui.pages.values import editable, shown, words_of
from provider_console.tui.screens.secrets import OF_SECRETS, SecretsScreen
from provider_console.tui.screens.typed import TypedScreen
from provider_console.tui.widgets.filter import Filter
from provider_console.tui.widgets.keys import Key, Keys
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.table import Row, Table

SHORT: Final = 30
"""Below so many rows the blanks, the rules and the difference go."""
WHILE_EDITING: Final = frozenset({"edit", "leave", "next", "walk"})
"""What the keys of the screen do while a value is typed."""


class ConfigScreen(TypedScreen, SecretsScreen):
    """Sections at the left, settings at the right, and what is not saved below."""

    MODE = "config"
    AUTO_FOCUS = "#settings"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "edit", "edit", key_display="enter", tooltip="change the value of the selected setting"),
        Binding("escape", "leave", "put back", key_display="esc", tooltip="leave the field; clear the filter"),
        Binding("ctrl+s", "review", "save", key_display="ctrl+s", tooltip="look at every change, and save or discard"),
        Binding("e", "edit_file", "editor", tooltip="the file in your editor (VISUAL, EDITOR), then the review"),
        Binding("n", "tables", "tables", tooltip="alert rules, providers, catalogues: new, changed, removed"),
        Binding("u", "unset", "default", tooltip="take the selected setting out of the file"),
        Binding("z", "put_back", "put back", tooltip="forget what was typed for the selected setting"),
        Binding("slash", "filter", "filter", key_display="/", tooltip="show the settings of all sections that match"),
        Binding("left", "to_sections", "sections", key_display="←", tooltip="to the sections"),
        Binding(
            "right", "to_settings", "settings", key_display="→", tooltip="to the settings of the section", show=False
        ),
        Binding("h", "history", "history", tooltip="versions of the file: who made them, what differs, restore"),
        Binding("tab", "next", "next", show=False, tooltip="to the other list; from a field to the next setting"),
        Binding("down", "walk(1)", "down", show=False, tooltip="accept, and go to the next setting"),
        Binding("up", "walk(-1)", "up", show=False, tooltip="accept, and go to the setting before"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._written = Written()
        self._read_for: tuple[object, ...] = ()
        self._section = ""
        self._rows: list[Row] = []
        self._rows_of: tuple[object, ...] = ()

    def body(self) -> ComposeResult:
        """Headline, filter, the two lists, and what is below them."""
        glyph = self.glyphs.cursor
        yield Lines(id="headline")
        yield Filter(id="filter")
        with Horizontal(id="panes"):
            yield Table(id="sections", cursor_glyph=glyph)
            with Vertical(id="right"):
                yield Table(id="settings", cursor_glyph=glyph)
        yield Lines(id="under")

    # --- showing ------------------------------------------------------------------------------------------------

    @property
    def _short(self) -> bool:
        return self.size.height < SHORT

    @property
    def _sections(self) -> Table:
        return self.query_one("#sections", Table)

    @property
    def selected(self) -> SettingView | None:
        """The setting under the cursor."""
        return config.settings_of(self.state.config).get(self._settings.cursor or "")

    @property
    def _shows_secrets(self) -> bool:
        return self._section == config.SECRETS and not self._needle

    @property
    def secret(self) -> SecretView | None:
        """The credential under the cursor, where secrets are shown."""
        if not self._shows_secrets:
            return None
        return next((each for each in self.secrets if each.name == self._settings.cursor), None)

    def show(self) -> None:
        """Put the state on the screen."""
        state, glyphs = self.state, self.glyphs
        self._read_written()
        names = config.sections(state)
        if self._section not in names:
            self._section = names[0] if names else ""
        found = config.entries(state, self._section, self._needle)
        self.query_one("#headline", Lines).show(partial(self._top, len(found)))
        sections = self._sections
        sections.styles.width = config.section_width(self.size.width)
        sections.fill(
            [Row(name, partial(self._section_row, name)) for name in names],
            lambda width: config.sections_header(width, glyphs, ruled=not self._short),
        )
        if self._shows_secrets:
            self._fill_secrets()
        else:
            self._fill(found)
        head = 1 if self._short else 2
        rows = len(self._rows) + len({row.group for row in self._rows}) - 1
        self.query_one("#panes").styles.max_height = head + max(len(names), rows)
        self.query_one("#under", Lines).show(self._under)
        self._place_field()

    def _fill(self, found: Sequence[SettingView]) -> None:
        wanted = (tuple(each.key for each in found), bool(self._needle))
        if wanted != self._rows_of:
            self._rows_of = wanted
            groups = list(dict.fromkeys(config.group_of(each) for each in found))
            self._rows = [
                Row(each.key, partial(self._setting_row, each.key), groups.index(config.group_of(each)))
                for each in found
            ]
        self._settings.fill(self._rows, lambda width: config.header(width, self.glyphs, ruled=not self._short))

    def _fill_secrets(self) -> None:
        known = self.secrets if self.state.may("secrets") is None else []
        self._rows_of = ()
        self._rows = [Row(each.name, partial(self._secret_row, each)) for each in known]
        self._settings.fill(self._rows, lambda width: secrets.header(width, self.glyphs, ruled=not self._short))

    def _secret_row(self, each: SecretView, width: int, selected: bool) -> Line:  # noqa: FBT001 - the table's own call
        return secrets.secret_row(each, self.state, width, self.glyphs, selected=selected)

    def _top(self, found: int, width: int, _height: int) -> Sequence[Line]:
        lines = [*config.headline(self.state, self.unsaved, found, self._needle, width), BLANK]
        if self._shows_secrets and self.state.may("secrets") is None:
            lines[0] = row(left(1 if width < 100 else 2, *secrets.headline(self.secrets)), width=width)
        return lines if self._short else [BLANK, *lines]

    def _section_row(self, name: str, width: int, selected: bool) -> Line:  # noqa: FBT001 - the table's own call
        return config.section_row(name, self.unsaved, width, self.glyphs, selected=selected)

    def _setting_row(self, key: str, width: int, selected: bool) -> Line:  # noqa: FBT001 - the table's own call
        setting = config.settings_of(self.state.config)[key]
        return config.setting_row(
            setting, self.state, self.unsaved, width, self.glyphs, selected=selected, whole=bool(self._needle)
        )

    def _under(self, width: int, _height: int) -> Sequence[Line]:
        setting = self.selected
        at = (1 if width < 100 else 2) if self._short else config.section_width(width)
        lines = [] if self._short else [BLANK]
        if self._shows_secrets:
            return [*lines, *secrets.explained(self.secret, self.state.may("secrets"), at, width), BLANK]
        if setting is not None:
            wrong = None if self._wrong is None else self._wrong[1]
            lines += config.explained(setting, self.state, self._written, at, width, wrong=wrong)
        room = self.size.height - 8 - min(len(self._rows) + 2, 14) - len(lines)
        if not self._short:
            lines += config.what_changes(self.unsaved, self.state, at, width, room, self.glyphs)
        return [*lines, BLANK]

    def _explain(self) -> None:
        self.query_one("#under", Lines).show(self._under)

    def _read_written(self) -> None:
        """Have the file read anew, where it is another one by now; what is not saved is looked at anew, too."""
        view = self.state.config
        if view is None or self._read_for == (view.revision, view.problem):
            return
        self._read_for = (view.revision, view.problem)

        async def read_it() -> None:
            self._written = Written.of(*await self.link.console.config_text())
            self._recount()
            self.show()

        self.ask(read_it(), group="written", quietly=True)

    # --- moving -------------------------------------------------------------------------------------------------

    def on_table_highlighted(self, message: Table.Highlighted) -> None:
        """Another section, or another setting."""
        if message.table is self._sections and message.key is not None and message.key != self._section:
            self._leave_field()
            self._section = message.key
            if self._shows_secrets:
                self.read_secrets()
            self.show()
        elif message.table is self._settings:
            if self._editing is not None and message.key != self._editing:
                self._leave_field()
            self._explain()
        self.show_keys()

    def on_table_chosen(self, message: Table.Chosen) -> None:
        """A row was clicked twice."""
        if message.table is self._settings and not self._shows_secrets:
            self.action_edit()

    def action_to_sections(self) -> None:
        """To the list at the left."""
        self._sections.focus()

    def action_to_settings(self) -> None:
        """To the list at the right."""
        self._settings.focus()

    def action_next(self) -> None:
        """From a field to the next setting, else to the other list."""
        if self._editing is not None:
            self.action_walk(1)
        else:
            self.focus_next()

    def action_walk(self, rows: int) -> None:
        """Accept what was typed, and go on."""
        if self._editing is None or self._accept():
            self._settings.action_move(rows)

    def action_leave(self) -> None:
        """Leave the field and what was typed in it; else show all settings."""
        if self._editing is not None:
            self._close_field()
        elif self._needle:
            self.query_one(Filter).action_clear()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a value is typed, keys are about it; what is not there cannot be saved or put back."""
        if not self.is_mounted:
            return super().check_action(action, parameters)
        if self._editing is not None:
            return action in WHILE_EDITING or action == "help"
        setting = self.selected
        if (
            (action in OF_SECRETS and self.secret is None)
            or (action in ("edit", "unset") and self._shows_secrets)
            or (action == "review" and not self.unsaved)
            or (action == "tables" and not tables.kinds(self.state.config, self._tables_of(setting)))
            or (action == "put_back" and (setting is None or self.unsaved.changed_by(setting.key) is None))
        ):
            return False
        if action == "leave":
            return bool(self._needle)
        return super().check_action(action, parameters)

    def label(self, binding: Binding) -> str:
        """What leaves nothing to put back shows all."""
        return "show all" if binding.action == "leave" else super().label(binding)

    def show_keys(self) -> None:
        """While a value is typed, keys are about it: those of the field itself come first."""
        setting = self.selected if self._editing is not None else None
        if setting is None:
            super().show_keys()
            return
        keys = [
            Key("enter", "accept", "edit"),
            Key("esc", f"put back {shown(setting.value)[:20]}", "leave"),
            Key("tab", "accept, next", "next"),
        ]
        self.query_one(Keys).show([*keys, Key("← →", "choose", "")] if words_of(setting) else keys, None)

    # --- editing ------------------------------------------------------------------------------------------------

    def action_edit(self) -> None:
        """Change the selected setting; where a field is open, accept what was typed."""
        if self._editing is not None:
            self._accept()
            return
        setting = self.selected
        if self._sections.has_focus:
            self._settings.focus()
        elif setting is not None and not editable(setting):
            self.action_tables()
        elif setting is not None and not self._is_text():
            self._open_field(setting)

    def action_tables(self) -> None:
        """The tables of the section of which there may be any number."""
        from provider_console.tui.screens.tables import Changing, TablesScreen

        setting = self.selected
        section = self._tables_of(setting)
        if not self._is_text():
            changing = Changing(lambda: self.unsaved, lambda: self._written, self._change_tables)
            at = "" if setting is None else setting.key
            self.app.push_screen(TablesScreen(section, changing, at=at))

    def _tables_of(self, setting: SettingView | None) -> str:
        return setting.key.partition(".")[0] if self._needle and setting is not None else self._section

    def _change_tables(self, made: Mapping[str, Any]) -> None:
        self.unsaved = self.unsaved.with_tables(made, self._written)
        self._recount()

    def _is_text(self) -> bool:
        """Whether a whole text waits to be saved, which is said: a single setting cannot be changed beside it."""
        if self.unsaved.edited is not None:
            self.tell("what you wrote in the editor is not saved yet; ctrl+s saves or discards it", well=False)
        return self.unsaved.edited is not None

    def action_edit_file(self) -> None:
        """The file in the person's editor; what they made of it is looked at before it is saved."""
        from provider_console.tui.screens.editing import edited

        async def edit() -> None:
            self.unsaved = await edited(self, self.unsaved)
            self.show()
            if self.unsaved:
                self.action_review()
            else:
                self.tell("nothing was changed")

        self.ask(edit(), group="editor")

    def _change(self, setting: SettingView, value: Any) -> None:
        self.unsaved = self.unsaved.with_change(setting, value, self._written)
        over = None if self.state.config is None else config.hidden_by(setting, self.state.config)
        if over is not None and setting.key in self.unsaved.changes:
            self.tell(
                f"{over} wins over the file: {setting.key} stays {shown(setting.value)} while it is set", well=False
            )
        self._recount()
        self.show()
        self.show_keys()

    def action_unset(self) -> None:
        """Take the selected setting out of the file."""
        setting = self.selected
        if setting is not None and not self._is_text():
            self._change(setting, None)

    def action_put_back(self) -> None:
        """Forget the change of the selected setting."""
        setting = self.selected
        if setting is not None:
            self.unsaved = self.unsaved.without(self.unsaved.changed_by(setting.key) or "")
            self._recount()
            self.show()
            self.show_keys()

    def _recount(self) -> None:
        """Find out what the changes make of the file, and what that changes."""
        unsaved = self.unsaved
        if not unsaved:
            return

        async def counted() -> None:
            console = self.link.console
            try:
                text = await console.edited_config(unsaved.changes) if unsaved.edited is None else unsaved.edited
                found = unsaved.found(text, await console.config_impact(text))
            except (BadRequest, ConfigurationInvalid) as error:
                found = unsaved.refused(error.message)
            if (self.unsaved.changes, self.unsaved.edited) == (unsaved.changes, unsaved.edited):
                self.unsaved = found
                self.show()

        self.ask(counted(), group="impact")

    # --- saving -------------------------------------------------------------------------------------------------

    def action_review(self) -> None:
        """Look at every change, then save or discard."""
        from provider_console.tui.screens.review import ReviewScreen

        self.app.push_screen(ReviewScreen(self.unsaved, self._forget, self.action_edit_file))

    def action_history(self) -> None:
        """Versions of the file."""
        from provider_console.tui.screens.revisions import RevisionsScreen

        self.app.push_screen(RevisionsScreen())

    def _forget(self) -> None:
        """Nothing is unsaved any more: it was saved, or discarded."""
        self.unsaved = Unsaved()
        self.show()


SCREEN = ConfigScreen
