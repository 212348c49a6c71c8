"""From something found to a provider in use: what is asked on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll

from provider_console.console.views import KnownCredential, ProviderView
from provider_console.tui.changes import Read
from provider_console.tui.ink import BLANK, Span, head, left, muted, right, row
from provider_console.tui.pages import firstrun, questions
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.screens.checking import checked
from provider_console.tui.screens.dialogs import ConfirmScreen, Dialog, Sheet
from provider_console.tui.widgets.keys import Key, Keys
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.prompt import Choice, Choices


async def adopt(screen: ConsoleScreen, view: ProviderView) -> None:
    """Ask whether a provider shall be used; write it into the configuration and check it. In a worker.

    Raises:
        ConsoleError: it could not be adopted.
    """
    survey = screen.state.survey
    lines = questions.adopts(view, None if survey is None else survey.config_file)
    if not await screen.app.push_screen_wait(ConfirmScreen(f"Adopt {view.name}?", lines, "adopt")):
        return
    link = screen.link
    credential = None if view.credential is None else view.credential.name
    await link.console.adopt_provider(view.id, base_url=view.base_url, credential=credential)
    checks = await checked(screen, view.id, frozenset({view.id}))
    link.change(Read(link.clock.wall(), {"health": await link.console.health()}))
    screen.tell(questions.adopted(view, checks), well=all(check.passed is not False for check in checks))


class FoundScreen(ConsoleScreen):
    """What was found on this machine; each is used once a super admin adopts it."""

    MODE = "health"
    AUTO_FOCUS = "#found"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "back", key_display="esc", tooltip="back to the ways on"),
    ]

    def body(self) -> ComposeResult:
        """The list."""
        with VerticalScroll(id="page", can_focus=False), Vertical(id="column"):
            yield Lines(id="top")
            yield Choices(id="found", gap=1, cursor_glyph=self.glyphs.cursor)

    def show(self) -> None:
        """Put the state on the screen."""
        views = sorted(self.state.providers.values(), key=lambda view: view.name.casefold())
        self.query_one("#top", Lines).show(
            lambda width, _height: [
                row(
                    left(firstrun.EDGE, head("Found on this machine. "), Span("Not used until you adopt it.")),
                    width=width,
                ),
                BLANK,
            ]
        )
        self.query_one("#found", Choices).show(
            [
                Choice(
                    view.id,
                    lambda width, selected, view=view: firstrun.found_rows(  # type: ignore[misc]  # bound at once
                        view, width, selected=selected
                    ),
                )
                for view in views
            ]
        )

    def on_choices_chosen(self, message: Choices.Chosen) -> None:
        """Ask whether it shall be used."""
        view = self.state.providers.get(message.key)
        if view is None or view.configured:
            return
        self.ask(adopt(self, view), group="adopt")


class VendorScreen(Dialog[KnownCredential | None]):
    """Whose credential is added."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "back", key_display="esc", tooltip="add none"),
    ]

    def __init__(self, known: Sequence[KnownCredential]) -> None:
        super().__init__("Whose credential?", ())
        self._known = sorted(known, key=lambda one: one.title.casefold())

    def compose(self) -> ComposeResult:
        """The question."""
        with Sheet():
            yield Lines(self._page, id="question")
            with VerticalScroll(id="choices", can_focus=False):
                yield Choices(
                    [
                        Choice(
                            one.name,
                            lambda width, selected, one=one: [  # type: ignore[misc]  # bound at once
                                row(
                                    left(2, Span(one.title, "head" if selected else "text", bold=selected)),
                                    right(width - 1, muted(one.name)),
                                    width=width,
                                )
                            ],
                        )
                        for one in self._known
                    ],
                    id="vendors",
                )
            yield Keys(margin=0)

    def on_mount(self) -> None:
        """Choose with the keys."""
        self.query_one(Keys).show([Key("enter", "next", "choose"), Key("esc", "back", "dismiss")], None)
        self.query_one(Choices).focus()

    def action_choose(self) -> None:
        """Take what the cursor is on."""
        self.query_one(Choices).action_choose()

    def on_choices_chosen(self, message: Choices.Chosen) -> None:
        """It is this one."""
        self.dismiss(next(one for one in self._known if one.name == message.key))
