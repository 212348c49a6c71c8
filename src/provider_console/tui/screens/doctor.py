"""The doctor: everything looked at once, and the command that mends what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from provider_console.console.story import diagnosis
from provider_console.tui.changes import CheckAsked, CheckDone, Examined, Ticked
from provider_console.tui.ink import Line
from provider_console.tui.pages import doctor
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.state import Examination
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.pager import Pager

PROGRESS_S: Final = 0.25
"""How often the progress is painted."""


class DoctorScreen(ConsoleScreen):
    """A page above a mode. It looks when it is opened; leaving it stops that."""

    AUTO_FOCUS = "Pager"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,D", "app.pop_screen", "back", key_display="esc", tooltip="back to where you were"),
        Binding("r", "examine", "look again", tooltip="look at everything again, and probe every enabled provider"),
        Binding("y", "copy", "copy", tooltip="what was found as text, into the clipboard"),
    ]

    def __init__(self, mode: str) -> None:
        self.MODE = mode
        super().__init__()
        self._laid_for: object = None

    def body(self) -> ComposeResult:
        """Headline and findings."""
        yield Lines(id="headline")
        yield Pager(id="page")

    def begin(self) -> None:
        """Look at once."""
        if self.refusal("examine") is None:
            self.action_examine()

    def show(self) -> None:
        """Put the state on the screen."""
        state, glyphs = self.state, self.glyphs

        def top(width: int, _height: int) -> Sequence[Line]:
            return [(), *doctor.headline(state, width, glyphs), ()]

        self.query_one("#headline", Lines).show(top)
        laid_for = (state.examination, self.size.width, glyphs)
        if laid_for != self._laid_for:
            self._laid_for = laid_for
            self.query_one(Pager).show(lambda width: doctor.findings(state.examination, width, glyphs))

    def action_examine(self) -> None:
        """Look at everything; a second time only once the first one is over."""
        known = self.state.examination
        if known is None or known.ended is not None:
            self.ask(self._examine(), group="doctor")

    async def _examine(self) -> None:
        link = self.link
        console, before = link.console, self.state.examination
        asked = frozenset(view.id for view in self.state.providers.values() if view.enabled)
        began = link.clock.wall()
        link.change(Examined(Examination(began, findings=() if before is None else before.findings)))
        link.change(CheckAsked(began, asked))
        self.run_worker(self._paint_progress(), group="progress", exclusive=True)
        found = before
        try:
            findings = tuple(await console.doctor())
            found = Examination(began, link.clock.wall(), findings)
        finally:
            link.change(CheckDone(link.clock.wall(), asked))
            link.change(Examined(found))

    async def _paint_progress(self) -> None:
        link = self.link
        while self.app.state.checking is not None:  # type: ignore[attr-defined]  # only ConsoleApp shows these screens
            link.change(Ticked(link.clock.wall()))
            await link.clock.sleep(PROGRESS_S)

    def action_copy(self) -> None:
        """What was found, as the command prints it, into the clipboard."""
        known = self.state.examination
        if known is None or not known.findings:
            self.notify("Nothing was found yet.", markup=False)
            return
        self.app.copy_to_clipboard("\n".join(diagnosis(known.findings)))
        self.notify("What was found is copied, as provider-console doctor prints it.", markup=False)
