"""From something found to a provider in use: what is asked on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen

from provider_console.console.views import KnownCredential, ProviderView
from provider_console.sdk.secret import Secret
from provider_console.tui.ink import BLANK, Span, head, key, left, line, muted, right, row
from provider_console.tui.pages import firstrun
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.screens.dialogs import ConfirmScreen
from provider_console.tui.state import CheckAsked, CheckDone, Read
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.prompt import Choice, Choices, Hidden

_WIDTH = 68


async def adopt(screen: ConsoleScreen, view: ProviderView, config_file: str) -> None:
    """Ask whether a provider shall be used; write it into the configuration and check it. In a worker.

    Raises:
        ConsoleError: it could not be adopted.
    """
    lines = firstrun.adopting(view, config_file, _WIDTH)
    if not await screen.app.push_screen_wait(ConfirmScreen(f"Use {view.name}?", lines, "use it")):
        return
    link = screen.link
    credential = None if view.credential is None else view.credential.name
    await link.console.adopt_provider(view.id, base_url=view.base_url, credential=credential)
    link.change(CheckAsked(link.clock.wall(), frozenset({view.id})))
    try:
        checks = await link.console.check(view.id)
    finally:
        link.change(CheckDone(link.clock.wall(), frozenset({view.id})))
    link.change(Read(link.clock.wall(), {"health": await link.console.health()}))
    failed = next((check for check in checks if check.passed is False), None)
    if failed is None:
        screen.app.notify(f"{view.name} is in use.", markup=False)
    else:
        told = failed.message or failed.error_class or "it gave no answer"
        screen.app.notify(f"{view.name} is in use, and its check failed: {told}", severity="warning", markup=False)


class FoundScreen(ConsoleScreen):
    """What was found on this machine; each is used once a super admin adopts it."""

    MODE = "health"
    CSS_PATH = "firstrun.tcss"
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
        survey = self.state.survey
        self.ask(adopt(self, view, "config.toml" if survey is None else survey.config_file), group="adopt")


class VendorScreen(ModalScreen[KnownCredential | None]):
    """Whose credential is added."""

    CSS_PATH = "adoption.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "back", key_display="esc", tooltip="add none"),
    ]

    def __init__(self, known: Sequence[KnownCredential]) -> None:
        super().__init__()
        self._known = sorted(known, key=lambda one: one.title.casefold())

    def compose(self) -> ComposeResult:
        """The question."""
        with Vertical(id="dialog"):
            yield Lines(lambda _width, _height: [line(head("Whose credential?")), BLANK])
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
            yield Lines(
                lambda _width, _height: [BLANK, line(key("enter"), muted(" next   "), key("esc"), muted(" back"))]
            )

    def on_choices_chosen(self, message: Choices.Chosen) -> None:
        """It is this one."""
        self.dismiss(next(one for one in self._known if one.name == message.key))


class KeyScreen(ModalScreen[Secret | None]):
    """The credential itself, typed or pasted, never shown."""

    CSS_PATH = "adoption.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "back", key_display="esc", tooltip="store nothing"),
    ]

    def __init__(self, chosen: KnownCredential, keyring: str) -> None:
        super().__init__()
        self._chosen = chosen
        self._keyring = keyring

    def compose(self) -> ComposeResult:
        """The question."""
        with Vertical(id="dialog"):
            yield Lines(
                lambda _width, _height: [
                    line(head(f"The key of {self._chosen.title}")),
                    line(muted(f"Goes into the keyring ({self._keyring}) as "), Span(self._chosen.name), muted(".")),
                    BLANK,
                ]
            )
            yield Hidden(id="key")
            yield Lines(
                lambda _width, _height: [BLANK, line(key("enter"), muted(" store   "), key("esc"), muted(" back"))]
            )

    def on_hidden_given(self) -> None:
        """Hand it over, once there is something."""
        secret = self.query_one(Hidden).take()
        if secret is None:
            self.notify("Nothing was typed.", markup=False)
        else:
            self.dismiss(secret)
