"""First run: no provider is a screen, not a blank."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll

from provider_console.console.views import ProviderView
from provider_console.tui.changes import Read
from provider_console.tui.pages import firstrun, questions
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.prompt import Choice, Choices

SHORT = 34
"""Below so many rows the drawing goes, and a way on has two rows."""


_WAYS: Final = {"add_credential": "a", "look": "l", "app.sandbox": "s"}
"""The actions of the ways on, and their keys."""


class FirstRunScreen(ConsoleScreen):
    """Three ways on, each one key. It goes by itself once somebody has configured a provider."""

    MODE = "health"
    AUTO_FOCUS = "#ways"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add_credential", "add a credential", tooltip="store a key, and use the provider that it opens"),
        Binding("l", "look", "look here", tooltip="use what was found on this machine, or look again"),
        Binding("s", "app.sandbox", "sandbox", tooltip="the console on pretend providers; nothing is written"),
        Binding("escape", "app.pop_screen", "health", show=False, tooltip="the empty table of providers"),
    ]

    def body(self) -> ComposeResult:
        """The column."""
        with VerticalScroll(id="page", can_focus=False), Vertical(id="column"):
            yield Lines(id="top")
            yield Choices(id="ways", gap=1, cursor_glyph=self.glyphs.cursor)
            yield Lines(id="looked")

    def begin(self) -> None:
        """Ask where was looked."""
        self._survey()

    def _survey(self) -> None:
        async def asked() -> None:
            survey = await self.link.console.survey()
            self.link.change(Read(self.link.clock.wall(), {"survey": survey}))

        self.ask(asked(), group="survey")

    # --- showing ------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Put the state on the screen, or leave it to Health."""
        state, glyphs = self.state, self.glyphs
        if not firstrun.needed(state) and self.is_current:
            self.dismiss()
            return
        short = self.size.height < SHORT
        ways = self._ways()
        self.query_one("#top", Lines).show(lambda width, _height: firstrun.top(ways, width, glyphs, short=short))
        self.query_one("#ways", Choices).show(
            [
                Choice(
                    way.key,
                    lambda width, selected, way=way: firstrun.way_rows(  # type: ignore[misc]  # bound at once
                        way, width, selected=selected, short=short
                    ),
                    is_open=way.refused is None,
                )
                for way in ways
            ]
        )
        self.query_one("#looked", Lines).show(lambda width, _height: firstrun.looked(state, width, glyphs, short=short))

    def _ways(self) -> list[firstrun.Way]:
        return firstrun.ways(self.state, sandbox=self.link.sandbox is not None)

    # --- keys ---------------------------------------------------------------------------------------------------

    async def on_choices_chosen(self, message: Choices.Chosen) -> None:
        """Go the way that was chosen."""
        action = next(action for action, which in _WAYS.items() if which == message.key)
        await self.app.run_action(action, default_namespace=self)

    def refusal(self, action: str) -> str | None:
        """Why a way is closed."""
        which = _WAYS.get(action)
        closed = next((way.refused for way in self._ways() if way.key == which), None)
        return closed or super().refusal(action)

    def action_look(self) -> None:
        """Show what was found, or look again."""
        if firstrun.found(self.state):
            from provider_console.tui.screens.adoption import FoundScreen

            self.app.push_screen(FoundScreen())
            return

        async def looked() -> None:
            await self.link.console.clear_cache()
            self.link.change(
                Read(
                    self.link.clock.wall(),
                    {"health": await self.link.console.health(), "survey": await self.link.console.survey()},
                )
            )
            if not firstrun.found(self.state):
                self.notify("Nothing was found on this machine.", markup=False)

        self.ask(looked(), group="look")

    def action_add_credential(self) -> None:
        """Store a key, and use what it opens."""
        survey = self.state.survey
        if survey is not None:
            self.ask(self._add(), group="credential")

    async def _add(self) -> None:
        from provider_console.tui.screens.adoption import VendorScreen, adopt
        from provider_console.tui.screens.dialogs import CredentialScreen

        survey, console = self.state.survey, self.link.console
        if survey is None:
            return
        chosen = await self.app.push_screen_wait(VendorScreen(survey.known))
        if chosen is None:
            return
        lines = questions.stores(chosen.name, self.state, survey.keyring, opens=chosen.title)
        secret = await self.app.push_screen_wait(CredentialScreen(chosen.name, lines))
        if secret is None:
            return
        await console.set_secret(chosen.name, secret)
        await console.clear_cache()
        unlocked = [view for view in await console.providers(include_inactive=True) if _opened_by(view, chosen.name)]
        if not unlocked:
            self.notify(
                f"{chosen.name} is stored; no provider was found by it. Configure one that names it.", markup=False
            )
            return
        await adopt(self, unlocked[0])


def _opened_by(view: ProviderView, name: str) -> bool:
    return view.credential is not None and view.credential.name == name and not view.configured
