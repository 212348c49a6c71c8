"""The past of one provider, and of several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from provider_console.console.history_views import HistoryView, ProviderHistory
from provider_console.tui.ink import BLANK, Line, head, left, line, muted, row
from provider_console.tui.pages import analytics, past
from provider_console.tui.screens.past import PastScreen
from provider_console.tui.state import Asked
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.pager import Pager


class PastPage(PastScreen):
    """A page over Analytics, left with escape. `asked` is the period that it was opened from."""

    MODE = "analytics"
    AUTO_FOCUS = "#page"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "back", key_display="esc", tooltip="back to all providers"),
    ]

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self.asked = asked

    def body(self) -> ComposeResult:
        """The page, which scrolls."""
        yield Lines(id="headline")
        yield Pager(id="page")

    def show(self) -> None:
        """Put the state on the screen."""
        self.want(self.asked)
        self.query_one("#headline", Lines).show(lambda _width, _height: [BLANK] if self.size.height >= 30 else [])
        self.query_one("#page", Pager).show(self._within)

    def _within(self, width: int) -> Sequence[Line]:
        margin = 1 if width < 100 else 2
        view = self.state.history.get(self.asked)
        problem = self.problem(self.asked)
        if problem is not None and view is None:
            lines: Sequence[Line] = [line(head("The figures could not be read.")), line(problem)]
        else:
            lines = [line(muted("being read …"))] if view is None else self.page(view, width - 2 * margin)
        return [row(left(margin, *each), width=width) if each else BLANK for each in lines]

    def page(self, view: HistoryView, width: int) -> Sequence[Line]:
        """The page of a period."""
        raise NotImplementedError


class PortraitScreen(PastPage):
    """Everything that is known of the past of one provider."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "period(1)", "period", tooltip="the next longer period"),
        Binding("P", "period(-1)", "shorter period", show=False, tooltip="the next shorter period"),
        Binding("v", "compare", "compare", tooltip="beside the providers that are picked"),
    ]

    def __init__(self, provider: str, asked: Asked, picked: Sequence[str]) -> None:
        super().__init__(asked)
        self._provider = provider
        self._picked = tuple(key for key in picked if key != provider)

    def show(self) -> None:
        """Have the long trend read too."""
        self.want(past.month_of(self._provider))
        super().show()

    def page(self, view: HistoryView, width: int) -> Sequence[Line]:
        """The page of the provider; one that had no request in the period is there all the same."""
        name = self.state.name_of(self._provider)
        none = ProviderHistory(provider=self._provider, name=name, figures=None, before=None, trend=())
        one = next((one for one in view.providers if one.provider == self._provider), none)
        return past.page(one, view, self.asked, self.state, width, self.glyphs)

    def action_period(self, by: int) -> None:
        """A longer period, or a shorter one."""
        self.asked = analytics.beside(self.asked, by)
        self.show()

    def action_compare(self) -> None:
        """This provider beside the picked ones."""
        if not self._picked:
            self.tell("no other provider is picked; esc, then space on the one that you want beside", well=False)
        else:
            self.app.push_screen(ComparisonScreen((self._provider, *self._picked), self.asked))


class ComparisonScreen(PastPage):
    """Providers side by side."""

    def __init__(self, providers: Sequence[str], asked: Asked) -> None:
        super().__init__(asked)
        self._providers = tuple(providers)

    def page(self, view: HistoryView, width: int) -> Sequence[Line]:
        """The page of these providers."""
        known = {one.provider: one for one in view.providers}
        some = [known[key] for key in self._providers if key in known]
        return [
            line(
                head("Side by side"),
                muted(f"   {analytics.moments(view, self.state.now)}, against {analytics.spoken(self.asked)}"),
            ),
            BLANK,
            *past.comparison(some, view, self.asked, self.state, width, self.glyphs),
        ]
