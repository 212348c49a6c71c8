"""One provider: everything that is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from provider_console.console.views import ProviderView
from provider_console.tui.ink import Line, line, muted
from provider_console.tui.pages import portrait
from provider_console.tui.screens.provider import ProviderScreen
from provider_console.tui.widgets.lines import Lines


class DetailScreen(ProviderScreen):
    """The page of the provider that was entered."""

    MODE = "health"
    AUTO_FOCUS = "#page"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "back", key_display="esc", tooltip="back to the providers"),
        Binding("down,j", "scroll(1)", "down", show=False, tooltip="a row down"),
        Binding("up,k", "scroll(-1)", "up", show=False, tooltip="a row up"),
    ]

    def __init__(self, provider: str) -> None:
        super().__init__()
        self._provider = provider

    @property
    def selected(self) -> ProviderView | None:
        """The provider of the page."""
        return self.state.providers.get(self._provider)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The detail is here already."""
        return False if action == "detail" else super().check_action(action, parameters)

    def body(self) -> ComposeResult:
        """The page, which scrolls."""
        with VerticalScroll(id="page"):
            yield Lines(id="portrait")

    def show(self) -> None:
        """Put the state on the screen."""
        self.want_figures(self._provider)
        self.query_one("#portrait", Lines).show(self._page)

    def _page(self, width: int, _height: int) -> Sequence[Line]:
        view = self.selected
        if view is None:
            return [line(muted("This provider is gone: nobody names it any more."))]
        return portrait.page(view, self.state, width, self.glyphs)

    def action_scroll(self, rows: int) -> None:
        """The page some rows up."""
        self.query_one("#page").scroll_relative(y=rows, animate=False)
