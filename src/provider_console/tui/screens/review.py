"""Before a configuration is saved: what differs, what it changes, who else saved meanwhile, and the ways on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from provider_console.console.errors import BadRequest, ConfigurationInvalid, Conflict
from provider_console.console.views import RevisionView
from provider_console.tui.changes import Read
from provider_console.tui.ink import BLANK, Line
from provider_console.tui.pages import review
from provider_console.tui.pages.unsaved import Unsaved, Written, reason
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.pager import Pager

MINUTES: Final = (1, 5, 10, 30, 60)
"""How long a change may be on trial."""
USUAL: Final = 10


class ReviewScreen(ConsoleScreen):
    """Shows what is not saved; `done` is called once it is saved or discarded, `edit` opens the editor once more."""

    MODE = "config"
    AUTO_FOCUS = "Pager"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s,ctrl+s", "save", "save", key_display="s", tooltip="save it: in force from the next execution on"),
        Binding("t", "save_on_trial", "save on trial", tooltip="save it, and take it back unless it is confirmed"),
        Binding("right", "minutes(1)", "minutes", key_display="← →", tooltip="how long it is on trial"),
        Binding("left", "minutes(-1)", "fewer minutes", show=False, tooltip="how long it is on trial"),
        Binding("e", "edit_file", "editor", tooltip="once more in your editor"),
        Binding("x", "discard", "discard", tooltip="forget the changes; the file stays as it is"),
        Binding("escape", "app.pop_screen", "go on editing", key_display="esc", tooltip="back; nothing is lost"),
    ]

    def __init__(self, unsaved: Unsaved, done: Callable[[], None], edit: Callable[[], None]) -> None:
        super().__init__()
        self._unsaved = unsaved
        self._done = done
        self._edit = edit
        self._now: Written | None = None
        """The file as it is now; None until it has been read."""
        self._newest: RevisionView | None = None
        self._minutes = USUAL

    def body(self) -> ComposeResult:
        """The sentence, and the page."""
        yield Lines(id="headline")
        yield Pager(id="page")

    def begin(self) -> None:
        """Read the file as it is now."""
        self.ask(self._look(), group="look")

    async def _look(self) -> None:
        """What the changes make of the file that is there now: somebody else may have saved."""
        console = self.link.console
        now = Written.of(*await console.config_text())
        self._newest = next(iter(await console.config_history(limit=1)), None)
        unsaved = self._unsaved
        try:
            text = await console.edited_config(unsaved.changes) if unsaved.edited is None else unsaved.edited
            self._unsaved = unsaved.found(text, await console.config_impact(text))
        except (BadRequest, ConfigurationInvalid) as error:
            self._unsaved = unsaved.refused(error.message)
        self._now = now
        self.show()
        self.show_keys()

    def show(self) -> None:
        """Put it on the screen."""
        unsaved, now, state, glyphs = self._unsaved, self._now, self.state, self.glyphs
        short = self.size.height < review.SHORT

        def top(width: int, _height: int) -> Sequence[Line]:
            lines = [*review.headline(unsaved, now, self._newest, width), BLANK]
            return lines if short else [BLANK, *lines]

        self.query_one(Lines).show(top)
        self.query_one(Pager).show(
            lambda width: review.page(unsaved, now, self._minutes, MINUTES, state, width, glyphs)
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What could not be used cannot be saved."""
        if action in ("save", "save_on_trial", "minutes") and self._unsaved.text is None:
            return False
        return super().check_action(action, parameters)

    def label(self, binding: Binding) -> str:
        """How long it would be on trial."""
        return f"save for {self._minutes} m" if binding.action == "save_on_trial" else super().label(binding)

    # --- keys ---------------------------------------------------------------------------------------------------

    def action_minutes(self, by: int) -> None:
        """Another time on trial."""
        at = MINUTES.index(self._minutes) + by
        self._minutes = MINUTES[max(0, min(len(MINUTES) - 1, at))]
        self.show()
        self.show_keys()

    def action_save(self) -> None:
        """Save it for good."""
        self.ask(self._save(None), group="save")

    def action_save_on_trial(self) -> None:
        """Save it, to be taken back unless somebody confirms it."""
        self.ask(self._save(self._minutes * 60.0), group="save")

    async def _save(self, within_s: float | None) -> None:
        unsaved, now = self._unsaved, self._now
        if unsaved.text is None or now is None or not self.is_current:
            return
        link = self.link
        try:
            view = await link.console.replace_config(
                unsaved.text, revision=now.revision, reason=reason(unsaved.changes), confirm_within_s=within_s
            )
        except Conflict as error:
            # Somebody was quicker, or another change is on trial: what was typed is still here.
            self.tell(error.message, well=False)
            await self._look()
            return
        link.change(Read(link.clock.wall(), {"config": view}))
        self.tell("saved" if within_s is None else f"on trial for {self._minutes} m; K keeps it, in every mode")
        self._leave()

    def action_edit_file(self) -> None:
        """Back, and into the editor."""
        self.app.pop_screen()
        self._edit()

    def action_discard(self) -> None:
        """Forget the changes, after a question."""
        from provider_console.tui.screens.dialogs import ConfirmScreen

        def answered(agreed: bool | None) -> None:  # noqa: FBT001 - what Textual hands to a dialog's callback
            if agreed:
                self._leave()

        question = ConfirmScreen("Discard the changes?", review.discards(self._unsaved), "discard")
        self.app.push_screen(question, answered)

    def _leave(self) -> None:
        if self.is_current:
            self.app.pop_screen()
        self._done()
