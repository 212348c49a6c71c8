"""Health: is everything all right?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from provider_console.console.views import HealthState, ProviderView
from provider_console.tui.ink import Line
from provider_console.tui.messages import FormRequested
from provider_console.tui.pages import coverage, detail, health
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.state import CheckAsked, CheckDone
from provider_console.tui.widgets.filter import Filter
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.table import Row, Table

SHORT = 30
"""Below so many rows the blanks and all but two lines of the detail go."""


class HealthScreen(ConsoleScreen):
    """Providers, worst first, and what to do about the one that is selected."""

    MODE = "health"
    CSS_PATH = "health.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "check", "check now", tooltip="probe the selected provider"),
        Binding("C", "check_all", "check all", show=False, tooltip="probe every provider"),
        Binding("d", "switch", "disable", tooltip="switch the selected provider off or on; kept over restarts"),
        Binding("v", "coverage", "coverage", tooltip="who could serve what, and what breaks if the selected one dies"),
        Binding("x", "execute", "execute", show=False, tooltip="execute what the selected provider does"),
        Binding("slash", "filter", "filter", key_display="/", tooltip="show only the providers that match"),
        Binding("escape", "unfilter", "show all", show=False, tooltip="clear the filter"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._needle = ""
        self._rows: list[health.Entry] = []
        self._rows_of: tuple[object, ...] = ()

    def body(self) -> ComposeResult:
        """Headline, filter, table, detail."""
        with Horizontal(id="panes"):
            with Vertical(id="main"):
                yield Lines(id="headline")
                yield Filter(id="filter")
                yield Table(id="providers", cursor_glyph=self.glyphs.cursor)
                yield Lines(id="under")
            yield Lines(id="aside")

    # --- showing ------------------------------------------------------------------------------------------------

    @property
    def selected(self) -> ProviderView | None:
        """The provider under the cursor."""
        return self.state.providers.get(self.query_one("#providers", Table).cursor or "")

    def show(self) -> None:
        """Put the state on the screen."""
        state, glyphs = self.state, self.glyphs
        short = self.size.height < SHORT
        wide = self.size.width >= detail.ASIDE
        self.query_one("#headline", Lines).show(lambda width, _height: self._top(width, short=short))
        # Sorting is for news of providers, not for each second that passes.
        wanted = (state.providers, state.names, self._needle)
        if wanted != self._rows_of:
            self._rows, self._rows_of = health.entries(state, self._needle), wanted
        table = self.query_one("#providers", Table)
        table.fill(
            [
                Row(
                    entry.key,
                    lambda width, selected, entry=entry: health.provider_row(  # type: ignore[misc]  # bound at once
                        entry, state, width, glyphs, selected=selected
                    ),
                    entry.group if not short else 0,
                )
                for entry in self._rows
            ],
            lambda width: health.header(width, glyphs, ruled=not short),
        )
        shown = len(self._rows) + (len({entry.group for entry in self._rows}) > 1 and not short) + (1 if short else 2)
        table.styles.max_height = max(3, shown)
        self.query_one("#panes").set_class(not short, "-tall")
        self.query_one("#aside").display = wide
        self._show_detail()

    def _top(self, width: int, *, short: bool) -> Sequence[Line]:
        state, glyphs = self.state, self.glyphs
        lines = [*health.headline(state, width, glyphs), *health.banners(state, width, glyphs), ()]
        if self._needle and not self._rows:
            lines += health.nothing_found(state, self._needle, width)
        return lines if short else [(), *lines]

    def _show_detail(self) -> None:
        state, glyphs, view = self.state, self.glyphs, self.selected
        height = self.size.height
        wide = self.size.width >= detail.ASIDE

        def under(width: int, _height: int) -> Sequence[Line]:
            if wide:
                room = max(0, height - len(self._rows) - 14)
                covered = coverage.lines(state, width, room // 2, glyphs)
                happened = health.just_now(state, width, room - len(covered) - 4, glyphs)
                return [
                    (),
                    *health.section("Coverage", width, glyphs),
                    *covered,
                    (),
                    *health.section("Just now", width, glyphs),
                    *happened,
                ]
            if view is None:
                return ()
            if height < SHORT:
                return [health.rule(width, glyphs), *detail.brief(view, state, width)]
            return [(), *detail.below(view, state, width, 13, glyphs)]

        self.query_one("#under", Lines).show(under)
        if wide and view is not None:
            self.query_one("#aside", Lines).show(
                lambda width, height: [(), *detail.aside(view, state, width, height - 1, glyphs)]
            )

    def on_table_highlighted(self) -> None:
        """Another provider is selected."""
        self._show_detail()

    # --- keys ---------------------------------------------------------------------------------------------------

    def action_check(self) -> None:
        """Probe the selected provider."""
        view = self.selected
        if view is not None:
            self._check(view.id, frozenset({view.id}))

    def action_check_all(self) -> None:
        """Probe every provider."""
        self._check(None, frozenset(view.id for view in self.state.providers.values() if view.enabled))

    def _check(self, provider: str | None, asked: frozenset[str]) -> None:
        link = self.link

        async def checked() -> None:
            link.change(CheckAsked(link.clock.wall(), asked))
            try:
                await link.console.check(provider)
            finally:
                link.change(CheckDone(link.clock.wall()))

        self.ask(checked(), group="check")

    def action_switch(self) -> None:
        """Switch the selected provider off or on."""
        view = self.selected
        if view is None:
            return
        on = view.health.state is HealthState.OFF

        async def switched() -> None:
            await self.link.console.set_provider_enabled(view.id, enabled=on)
            self.notify(f"{view.name} is {'on' if on else 'off'}", markup=False)

        if on:
            self.ask(switched())
            return
        from provider_console.tui.screens.dialogs import ConfirmScreen

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - what Textual hands to a dialog's callback
            if yes:
                self.ask(switched())

        self.app.push_screen(ConfirmScreen(f"Disable {view.name}?", detail.dies(view, self.state), "disable"), answered)

    def action_coverage(self) -> None:
        """Who could serve what."""
        from provider_console.tui.screens.coverage import CoverageScreen

        view = self.selected
        self.app.push_screen(CoverageScreen(None if view is None else view.id))

    async def action_execute(self) -> None:
        """Fill in the form of what the selected provider does."""
        view = self.selected
        await self.app.switch_mode("execution")
        self.app.screen.post_message(FormRequested(() if view is None else view.categories))

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(Filter).open()

    def action_unfilter(self) -> None:
        """Show all providers."""
        self.query_one(Filter).action_clear()

    def on_filter_changed(self, message: Filter.Changed) -> None:
        """Another filter."""
        self._needle = message.text.strip()
        self.show()


SCREEN = HealthScreen
