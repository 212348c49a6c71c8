"""Health: is everything all right?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Final

from textual.binding import Binding, BindingType

from provider_console.console.views import ProviderView
from provider_console.tui.ink import Line
from provider_console.tui.pages import detail, firstrun, frame, headline, health, portrait
from provider_console.tui.pages.beneath import beneath
from provider_console.tui.screens.listed import ListedScreen
from provider_console.tui.screens.provider import ProviderScreen
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.table import Row, Table

CALM_S: Final = 5.0
"""How often rows are looked at while all is well, whatever its checks say: a strip that grows by a cell can wait."""
ATTENDED_S: Final = 10.0
"""For so long after a key the sentence counts each second meanwhile; later it counts with the rows."""
MADE_KEPT: Final = 200
"""Rows that were painted and are kept: what is seen of a tall terminal, selected and not."""
OF_A_PROVIDER: Final = frozenset({"detail", "check", "check_all", "execute", "switch", "coverage"})
"""Actions that mean nothing where there is no provider."""


class HealthScreen(ListedScreen, ProviderScreen):
    """Providers, worst first, and what to do about the one that is selected."""

    MODE = "health"
    LISTED = "providers"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "ways_on", "ways on", tooltip="the ways on to a first provider"),
        Binding("C", "check_all", "check all", show=False, tooltip="probe every provider"),
        Binding("slash", "filter", "filter", key_display="/", tooltip="show only the providers that match"),
        Binding("escape", "unfilter", "show all", show=False, tooltip="clear the filter"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[health.Entry] = []
        self._rows: list[Row] = []
        self._ordered = False
        self._rows_of: tuple[object, ...] = ()
        self._made: dict[tuple[str, int, bool], tuple[tuple[object, ...], Line]] = {}
        """Rows that were painted, by key, width and selection, with what each is made of."""
        self._shown_at = 0.0
        """Up to when all of the state is shown (wall s)."""
        self._touches = -1
        self._attended_at = 0.0
        """When it was seen last that somebody is there (wall s), and how often anybody had done something by then."""

    # --- showing ------------------------------------------------------------------------------------------------

    @property
    def selected(self) -> ProviderView | None:
        """The provider under the cursor."""
        return self.state.providers.get(self.query_one("#providers", Table).cursor or "")

    def pass_time(self) -> None:
        """Count in the sentence; the rows know the time only while something is wrong."""
        calm = health.calm(self.state) and not frame.timed(self.state)
        if not calm or not 0 <= self.state.now - self._shown_at < CALM_S:
            super().pass_time()
        elif self._attended and (sentence := self.query_one_optional("#headline", Lines)) is not None:
            sentence.show(self._top)

    @property
    def _attended(self) -> bool:
        touches, now = self.app.touches, self.state.now  # type: ignore[attr-defined]  # only ConsoleApp shows these screens
        if touches != self._touches:
            self._touches, self._attended_at = touches, now
        return 0 <= now - self._attended_at < ATTENDED_S

    def show(self) -> None:
        """Put the state on the screen."""
        state = self.state
        self._shown_at = state.now
        # Sorting is for news of providers, not for each second that passes.
        wanted = (state.providers, state.names, self._needle, self._short)
        if wanted != self._rows_of:
            self._rows_of = wanted
            self._order()
        self.query_one("#headline", Lines).show(self._top)
        table = self.query_one("#providers", Table)
        at_top = table.cursor in (None, *table.keys[:1])
        table.fill(self._rows, self._header)
        if at_top and not self._ordered and self._rows:
            # Names stood there before their order was known: who has not moved yet wants to see the worst.
            table.cursor = self._rows[0].key
            self._ordered = health.settled(state)
        gap = len({entry.group for entry in self._entries}) > 1 and not self._short
        table.styles.max_height = max(3, len(self._rows) + gap + (1 if self._short else 2))
        self.query_one("#panes").set_class(not self._short, "-tall")
        self.query_one("#aside").display = self._wide
        self._show_detail()

    def _order(self) -> None:
        """Put the rows in order; those without news stay the very same."""
        entries = {entry.key: entry for entry in self._entries}
        rows = {row.key: row for row in self._rows}
        self._entries = health.entries(self.state, self._needle, entries)
        groups = not self._short

        def row_of(entry: health.Entry) -> Row:
            row, group = rows.get(entry.key), entry.group * groups
            if row is not None and row.group == group and entries[entry.key] is entry:
                return row
            return Row(entry.key, partial(self._painted, entry), group)

        self._rows = [row_of(entry) for entry in self._entries]

    def _painted(self, entry: health.Entry, width: int, selected: bool) -> Line:  # noqa: FBT001 - the table's own call
        parts = health.made_of(entry, self.state)
        known = self._made.get((entry.key, width, selected))
        if known is not None and known[0] == parts:
            return known[1]
        if len(self._made) >= MADE_KEPT:
            self._made.clear()
        painted = health.provider_row(entry, self.state, width, self.glyphs, selected=selected)
        self._made[entry.key, width, selected] = (parts, painted)
        return painted

    def _header(self, width: int) -> Sequence[Line]:
        return health.header(width, self.glyphs, ruled=not self._short)

    def _top(self, width: int, _height: int) -> Sequence[Line]:
        lines = [*headline.headline(self.state, width, self.glyphs), ()]
        return lines if self._short else [(), *lines]

    def _show_detail(self) -> None:
        self.query_one("#under", Lines).show(self._under)
        view = self.selected
        if self._wide and view is not None:
            self.want_figures(view.id)
            self.query_one("#aside", Lines).show(self._aside)

    def _under(self, width: int, _height: int) -> Sequence[Line]:
        state, glyphs, view = self.state, self.glyphs, self.selected
        if view is None and firstrun.needed(state):
            return health.none_yet(width)
        if self._needle and not self._entries:
            return health.nothing_found(state, self._needle, width)
        if self._wide:
            return beneath(state, width, self.size.height, len(self._rows), glyphs)
        if view is None:
            return ()
        if self._short:
            return [health.rule(width, glyphs), *detail.brief(view, state, width)]
        return [(), *detail.below(view, state, width, 13, glyphs)]

    def _aside(self, width: int, height: int) -> Sequence[Line]:
        view = self.selected
        return () if view is None else [(), *portrait.aside(view, self.state, width, height - 1, self.glyphs)]

    def action_ways_on(self) -> None:
        """The page of the first run, once more."""
        from provider_console.tui.screens.firstrun import FirstRunScreen

        self.app.push_screen(FirstRunScreen())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Ways on to a first provider are there as long as there is none, and keys of a provider are not."""
        none_yet = self.is_mounted and firstrun.needed(self.state)
        if (action == "ways_on" and not none_yet) or (action in OF_A_PROVIDER and none_yet and self.selected is None):
            return False
        return super().check_action(action, parameters)

    def on_table_highlighted(self) -> None:
        """Another provider is selected."""
        self._show_detail()
        self.show_keys()

    def on_table_chosen(self) -> None:
        """A row was clicked twice."""
        self.action_detail()


SCREEN = HealthScreen
