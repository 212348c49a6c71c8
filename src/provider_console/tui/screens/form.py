"""The form of an operation: choose a kind, fill in its fields, run it or see its plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Final

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from provider_console.console.errors import BadRequest
from provider_console.console.views import KindView
from provider_console.sdk.operation import Field, Operation
from provider_console.tui.ink import BLANK, muted
from provider_console.tui.messages import FormRequested
from provider_console.tui.pages import form
from provider_console.tui.pages.frame import SHORT
from provider_console.tui.pages.order import order_now
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.screens.draft import Draft
from provider_console.tui.state import State
from provider_console.tui.widgets.form import Entry, entries
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.words import Words

ROWS: Final = {"text": 5, "list": 4}
"""Rows of an entry of many lines."""
LONGEST: Final = {"number": 20}
"""Characters of an entry whose field has no length of its own."""
CHOOSE: Final = (muted("← → choose"),)


class FormScreen(ConsoleScreen):
    """Asks for what a kind needs; `run` gets the operation."""

    MODE = "execution"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "run", "run", key_display="ctrl+r", tooltip="run it with fallback", priority=True),
        Binding(
            "ctrl+t", "dry_run", "dry run", key_display="ctrl+t", tooltip="the plan; nobody is called", priority=True
        ),
        Binding("tab", "app.focus_next", "next", tooltip="the next field", priority=True),
        Binding("escape", "leave", "back", key_display="esc", tooltip="back; what was typed stays", priority=True),
    ]

    def __init__(self, draft: Draft, run: Callable[[Operation], None], *, categories: Sequence[str] = ()) -> None:
        super().__init__()
        self._draft = draft
        self._run = run
        self._categories = tuple(categories)
        self._shown: KindView | None = None

    def body(self) -> ComposeResult:
        """Headline, the kind, its fields, the options: there at once, so that no key is lost."""
        kind = self._kind()
        yield Lines(id="headline")
        with VerticalScroll(id="fields", can_focus=False):
            names = [each.name for each in self._app_state.kinds]
            shown = "" if kind is None else kind.name
            yield Entry("kind", "Kind", CHOOSE, typed=shown, words=names or ("…",), cursor_glyph=self.glyphs.cursor)
            if kind is not None:
                self._shown, self._draft.kind = kind, kind.name
                yield from self._made(kind)

    def begin(self) -> None:
        """Type into the first field."""
        made = [entry for name, entry in entries(self).items() if name != "kind"]
        (made[0] if made else entries(self)["kind"]).control.focus()

    # --- showing ------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Put the state on the screen; the fields are made once for a kind."""
        state, kind = self.state, self._kind()
        short = self.size.height < SHORT
        self.query_one("#headline", Lines).show(
            lambda width, _height: [*([] if short else [BLANK]), *form.headline(kind, state, width), BLANK]
        )
        if kind is not None and (self._shown is None or kind.name != self._shown.name):
            self._keep()
            self._shown, self._draft.kind = kind, kind.name
            words = entries(self)["kind"].query_one(Words)
            words.offer([each.name for each in state.kinds], kind.name)
            self.run_worker(self._put(kind), group="fields", exclusive=True)

    def _kind(self) -> KindView | None:
        """The chosen kind: what was chosen before, else the first that does what was asked for."""
        known = self._app_state.kinds
        if self._categories and known:
            suiting = (kind.name for wanted in self._categories for kind in known if kind.category == wanted)
            self._draft.kind = next(suiting, self._draft.kind)
            self._categories = ()
        return next((kind for kind in known if kind.name == self._draft.kind), known[0] if known else None)

    @property
    def _app_state(self) -> State:
        """The state before this screen is mounted, too."""
        state: State = self.app.state  # type: ignore[attr-defined]  # only ConsoleApp shows these screens
        return state

    async def _put(self, kind: KindView) -> None:
        """The fields of another kind in place of those that stood there."""
        holder = self.query_one("#fields")
        async with self.batch():
            await holder.query(".made").remove()
            await holder.mount_all(self._made(kind))
        self.show_keys()

    def _made(self, kind: KindView) -> Iterator[Widget]:
        for field in kind.fields:
            yield self._entry(field)
        yield Static("", id="gap", classes="made")
        for field in form.OPTIONS:
            yield self._entry(field)

    def _entry(self, field: Field) -> Entry:
        entry = Entry(
            field.name,
            field.label,
            form.note(field, None),
            typed=self._draft.typed.get(field.name, form.first_entry(field)),
            words=form.words_of(field),
            rows=ROWS.get(field.type, 1),
            longest=LONGEST.get(field.type, field.max_length),
            cursor_glyph=self.glyphs.cursor,
        )
        entry.add_class("made")
        return entry

    def _keep(self) -> None:
        """Remember what stands in the entries."""
        self._draft.typed |= {name: entry.typed for name, entry in entries(self).items() if name != "kind"}

    def on_words_changed(self, message: Words.Changed) -> None:
        """Another kind was chosen."""
        entry = message.words.parent
        if isinstance(entry, Entry) and entry.name == "kind" and message.chosen in (k.name for k in self.state.kinds):
            self._draft.kind = message.chosen
            self.show()

    def on_descendant_focus(self) -> None:
        """Name the keys that work in this entry: where one types, `?` is a character."""
        self.show_keys()

    def on_form_requested(self, message: FormRequested) -> None:
        """Show the kind that suits these categories."""
        self._categories = message.categories
        self.show()

    # --- keys ---------------------------------------------------------------------------------------------------

    async def _operation(self) -> Operation | None:
        """The operation of what was typed; None where something is wrong, which is said beside it."""
        kind = self._shown
        if kind is None or not {field.name for field in kind.fields} <= set(entries(self)):
            # Another kind was chosen just now, and its fields are not there yet.
            return None
        self._keep()
        values, wrong = form.read(kind.fields, self._draft.typed)
        chosen, wrong_options = form.read(form.OPTIONS, self._draft.typed)
        wrong |= wrong_options
        operation = None
        if not wrong:
            try:
                operation = await self.link.console.operation(kind.name, values, options=form.options(chosen))
            except BadRequest as error:
                if error.field not in entries(self):
                    raise
                wrong[error.field or ""] = error.message
        self._say(wrong)
        if operation is None:
            return None
        return msgspec.structs.replace(operation, stream=chosen.get("answer") == form.STREAMED)

    def _say(self, wrong: dict[str, str]) -> None:
        known = entries(self)
        fields = {field.name: field for field in (*(self._shown.fields if self._shown else ()), *form.OPTIONS)}
        for name, field in fields.items():
            known[name].say(form.note(field, wrong.get(name)))
        first = next((name for name in fields if name in wrong), None)
        if first is not None:
            known[first].control.focus()

    def action_run(self) -> None:
        """Run it."""

        async def run() -> None:
            operation = await self._operation()
            # Of two presses the first one leaves the form.
            if operation is not None and self.is_current:
                self.app.pop_screen()
                self._run(operation)

        self.ask(run(), group="form")

    def action_dry_run(self) -> None:
        """The plan, and nobody is called."""
        from provider_console.tui.screens.reading import OrderScreen

        async def explain() -> None:
            operation = await self._operation()
            if operation is None:
                return
            explanation = await self.link.console.explain(operation)
            if self.is_current:
                self.app.push_screen(OrderScreen(order_now(explanation)))

        self.ask(explain(), group="form")

    def action_leave(self) -> None:
        """Back, with what was typed kept."""
        self._keep()
        self.app.pop_screen()
