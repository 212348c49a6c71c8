"""Typing the value of a setting: one field at a time, on the row of its setting, looked at with every key."""

from __future__ import annotations

from typing import Any, Final

from textual.widgets import Input

from provider_console.console.errors import BadRequest, ConfigurationInvalid
from provider_console.console.views import SettingView
from provider_console.tui.ink import Line, Span, line, muted
from provider_console.tui.pages.unsaved import Unsaved
from provider_console.tui.pages.values import Mistyped, allowed, read, same, shown, typed_of, words_of
from provider_console.tui.screens.filtered import FilteredScreen
from provider_console.tui.widgets.setting import Field
from provider_console.tui.widgets.table import Table

NARROW: Final = 100
"""Below so many columns a field has less room."""


class TypedScreen(FilteredScreen):
    """A screen with a table of settings, whose values can be typed."""

    def __init__(self) -> None:
        super().__init__()
        self.unsaved = Unsaved()
        self._editing: str | None = None
        """The setting whose field is open."""
        self._wrong: tuple[str, str] | None = None
        """What was typed last and why it cannot be the value."""

    @property
    def selected(self) -> SettingView | None:
        """The setting under the cursor."""
        raise NotImplementedError

    @property
    def _settings(self) -> Table:
        return self.query_one("#settings", Table)

    def _explain(self) -> None:
        """Say anew what is below the table: the selected setting, and what is wrong with what is typed."""
        raise NotImplementedError

    def _change(self, setting: SettingView, value: Any) -> None:
        """Take a value as a change that is not saved yet; None takes the setting out of the file."""
        raise NotImplementedError

    def _open_field(self, setting: SettingView) -> None:
        value = self.unsaved.changes.get(setting.key, setting.value)
        words = words_of(setting)
        field = Field(
            setting.key,
            setting.key if self._needle else setting.key.partition(".")[2],
            self._note(setting, None),
            typed=(shown(value) if words else typed_of(value)),
            words=words,
            cursor_glyph=self.glyphs.cursor,
        )
        self._editing, self._wrong = setting.key, None

        async def put() -> None:
            await self.query_one("#right").mount(field)
            self._place_field()
            field.control.focus()
            self.show_keys()

        self.call_next(put)

    def _field(self) -> Field | None:
        fields = self.query(Field)
        return fields.first() if fields else None

    def _place_field(self) -> None:
        """Keep the field on the row of its setting."""
        field, row = self._field(), None if self._editing is None else self._settings.line_of(self._editing)
        if field is not None and row is not None:
            field.styles.offset = (0, row)
            field.set_class(self.size.width < NARROW, "-narrow")

    def _note(self, setting: SettingView, wrong: str | None) -> Line:
        if wrong is not None:
            return line(Span(f"{self.glyphs.failed} {wrong}", "bad"))
        return line(muted(f"was {shown(setting.value)} · {allowed(setting)} "), Span("ok", "ok"))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once whether what is typed could be the value."""
        event.stop()
        self._look_at_field()

    def on_words_changed(self) -> None:
        """Another choice."""
        self._look_at_field()

    def _look_at_field(self) -> None:
        field, setting = self._field(), self.selected
        if field is None or setting is None or setting.key != self._editing:
            return
        typed = field.typed
        self._wrong = None
        try:
            value = read(setting, typed)
        except Mistyped as error:
            self._say(field, setting, typed, str(error))
            return
        self._say(field, setting, typed, None)

        async def asked() -> None:
            # Patterns and settings that contradict each other: the whole configuration is tried.
            problem = await self._refusal({**self.unsaved.changes, setting.key: value}, setting.key)
            if problem is not None and field.is_attached and field.typed == typed:
                self._say(field, setting, typed, problem)

        # The function itself: one that is given up before it began would leave a coroutine that nobody awaited.
        self.run_worker(asked, group="typed", exclusive=True)  # type: ignore[arg-type]  # Textual takes functions

    def _say(self, field: Field, setting: SettingView, typed: str, wrong: str | None) -> None:
        """Put what is wrong beside the field, and in full below the table."""
        self._wrong = None if wrong is None else (typed, wrong)
        field.say(self._note(setting, wrong))
        self._explain()

    async def _refusal(self, changes: dict[str, Any], key: str) -> str | None:
        try:
            await self.link.console.edited_config(changes)
        except (BadRequest, ConfigurationInvalid) as error:
            return error.message.removeprefix(f"{key}: ")
        return None

    def _accept(self) -> bool:
        """Take what was typed as a change; False where it cannot be one, which is said beside it."""
        field, setting = self._field(), self.selected
        if field is None or setting is None:
            return True
        try:
            value = read(setting, field.typed)
        except Mistyped as error:
            self._say(field, setting, field.typed, str(error))
            return False
        if self._wrong is not None and self._wrong[0] == field.typed:
            return False
        self._close_field()
        if not same(value, setting.value) or setting.key in self.unsaved.changes:
            self._change(setting, value)
        return True

    def _leave_field(self) -> None:
        """The cursor went elsewhere: what can be accepted is, the rest is put back."""
        if self._editing is not None and not self._accept():
            self._close_field()

    def _close_field(self) -> None:
        self._editing, self._wrong = None, None
        for field in self.query(Field):
            field.display = False
            self.call_next(field.remove)
        self._explain()
        self._settings.focus()
        self.call_after_refresh(self.show_keys)

    def on_field_accepted(self) -> None:
        """Enter in the field."""
        self._accept()
