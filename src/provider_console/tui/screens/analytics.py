"""Analytics: who is good, and is it getting worse?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from provider_console.console.history_views import HistoryView, ProviderHistory
from provider_console.tui.ink import BLANK, Line, Span, faint, head, left, line, muted, right, row, wrap
from provider_console.tui.pages import analytics, failures, past, trends, verdict
from provider_console.tui.pages.analytics import CUSTOM, PERIODS, Sort
from provider_console.tui.pages.curves import Range
from provider_console.tui.pages.health import rule
from provider_console.tui.pages.period import parsed, problem_of
from provider_console.tui.screens.filtered import FilteredScreen
from provider_console.tui.screens.past import PastScreen
from provider_console.tui.state import Asked
from provider_console.tui.widgets.filter import Filter
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.table import Row, Table
from provider_console.tui.widgets.words import Words

SHORT: Final = 30
"""Below so many rows the charts take the place of the table, on a key."""
ASIDE: Final = 180
"""From this width on the page of the selected provider stands beside."""
PICKED: Final = 3
"""Providers whose lines are drawn beside the selected one's before anybody has picked."""
MOST_ROWS: Final = 26
"""Rows of the charts at most: higher ones say no more."""
DEFAULT: Final = "24h"


class AnalyticsScreen(FilteredScreen, PastScreen):
    """Providers side by side in a period, against the one before."""

    MODE = "analytics"
    AUTO_FOCUS = "#providers"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "portrait", "provider", key_display="enter", tooltip="the past of the selected provider"),
        Binding("p", "period(1)", "period", tooltip="the next longer period"),
        Binding("g", "charts", "charts", tooltip="the charts in the place of the table"),
        Binding("space", "pick", "pick", tooltip="draw the lines of the selected provider, or no longer"),
        Binding("s", "sort", "sort", tooltip="sort by the next column"),
        Binding("P", "period(-1)", "shorter period", show=False, tooltip="the next shorter period"),
        Binding("slash", "filter", "filter", key_display="/", tooltip="show only the providers that match"),
        Binding("E", "export", "export", tooltip="write the period into a CSV or JSON file"),
        Binding("v", "compare", "compare", show=False, tooltip="the selected and the picked providers side by side"),
        Binding("S", "turn", "turn", show=False, tooltip="sort the other way round"),
        Binding("c", "custom", "custom", show=False, tooltip="another period, by its begin and end"),
        Binding("f", "only", "only", show=False, tooltip="only one category, or one kind of operation"),
        Binding("escape", "unfilter", "show all", show=False, tooltip="clear the filter"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.asked = Asked(DEFAULT)
        self._shown: HistoryView | None = None
        self._shown_of = self.asked
        self._sort = Sort()
        self._picked: tuple[str, ...] | None = None
        """Whose lines are drawn; None until somebody has picked."""
        self._entries: list[ProviderHistory] = []
        self._rows: list[Row] = []
        self._rows_of: tuple[object, ...] = ()
        self._marked: frozenset[str] = frozenset()

    def body(self) -> ComposeResult:
        """Sentence, periods, table, charts; the selected provider beside."""
        with Horizontal(id="panes"):
            with Vertical(id="main"):
                yield Lines(id="headline")
                with Horizontal(id="period"):
                    yield Lines(self._last, id="last")
                    words = Words((*(word for _key, word in PERIODS), CUSTOM), dict(PERIODS)[DEFAULT], id="periods")
                    words.can_focus = False
                    yield words
                    yield Lines(id="when")
                yield Lines(id="notes")
                yield Filter(id="filter")
                yield Table(id="providers", cursor_glyph=self.glyphs.cursor)
                yield Lines(id="under")
            yield Lines(id="aside")

    # --- showing ------------------------------------------------------------------------------------------------

    @property
    def view(self) -> HistoryView | None:
        """The period as it was read; while another one is read, the one before it."""
        return self._shown

    @property
    def selected(self) -> ProviderHistory | None:
        """The provider under the cursor."""
        cursor = self.query_one("#providers", Table).cursor
        return next((one for one in self._entries if one.provider == cursor), None)

    @property
    def picked(self) -> tuple[str, ...]:
        """Whose lines are drawn beside the selected one's: the first rows, until somebody has picked."""
        if self._picked is not None:
            return self._picked
        return tuple(one.provider for one in self._entries if one.figures is not None)[:PICKED]

    @property
    def _short(self) -> bool:
        return self.size.height < SHORT

    @property
    def _wide(self) -> bool:
        return self.size.width >= ASIDE

    def show(self) -> None:
        """Put the state on the screen."""
        self.want(self.asked)
        history = self.state.history
        if self.asked in history:
            self._shown, self._shown_of = history[self.asked], self.asked
        elif not history:
            # Another console took the place of the one before.
            self._shown = None
        view = self.view
        wanted = (view, self._sort, self._needle)
        if wanted != self._rows_of:
            self._rows_of = wanted
            self._entries = [] if view is None else analytics.entries(view, self._sort, self._needle)
            axis = analytics.axis_of(view)
            self._rows = [Row(one.provider, partial(self._painted, one, axis)) for one in self._entries]
        self._marked = frozenset(self.picked)
        self.query_one("#headline", Lines).show(self._top)
        self.query_one("#period").set_class(self.size.width < 100, "-narrow")
        self.query_one("#when", Lines).show(self._when)
        self.query_one("#notes", Lines).show(self._notes)
        panes, table = self.query_one("#panes"), self.query_one("#providers", Table)
        if not self._short:
            panes.remove_class("-charts")
        panes.set_class(self._wide, "-wide")
        table.fill(self._rows, self._header)
        table.display = view is not None and view.total is not None and not panes.has_class("-charts")
        table.styles.height = max(3, min(len(self._rows) + (1 if self._short else 2), self._table_room()))
        self.query_one("#aside").display = self._wide
        self._show_under()

    def _table_room(self) -> int:
        """Rows of the table with its header: the charts below need theirs."""
        if self._short:
            return self.size.height - 10
        return max(6, self.size.height - 6 - 2 - 2 - 8 - (4 + self._class_count()))

    def _class_count(self) -> int:
        total = None if self.view is None else self.view.total
        return 0 if total is None else min(failures.CLASSES, len(total.error_classes))

    def _painted(self, one: ProviderHistory, axis: Range, width: int, selected: bool) -> Line:  # noqa: FBT001 - the table's own call
        picked = one.provider in self._marked
        return analytics.provider_row(one, axis, width, self.glyphs, selected=selected, picked=picked)

    def _header(self, width: int) -> Sequence[Line]:
        return analytics.header(self.view, self._sort, width, self.glyphs, ruled=not self._short)

    def _top(self, width: int, _height: int) -> Sequence[Line]:
        margin = 1 if width < 100 else 2
        problem, view = self.problem(self.asked), self.view
        if problem is not None:
            title = Span(f"{self.glyphs.unhealthy} The figures could not be read. ", "bad", bold=True)
            said = line(title, problem)
        elif view is None:
            said = (
                line(head("Reading the past."), muted(" One moment …")) if self.late(self.asked) else line(faint("…"))
            )
            if not self.state.open:
                said = line(head("Starting."), muted(" The figures come with the engine."))
        else:
            said = verdict.sentence(view, analytics.spoken(self._shown_of), width - 2 * margin)
        lines = [row(left(margin, *part), width=width) for part in wrap(said, width - 2 * margin, limit=2)]
        return lines if self._short else [BLANK, *lines]

    def _last(self, width: int, _height: int) -> Sequence[Line]:
        return [row(left(1 if width < 8 else 2, muted("Last")), width=width)]

    def _when(self, width: int, _height: int) -> Sequence[Line]:
        margin = 1 if self.size.width < 100 else 2
        if self.late(self.asked):
            return [row(right(width - margin, muted("reading …")), width=width)]
        view = self.view
        if view is None:
            return [BLANK]
        about = analytics.about(view, self._shown_of, self.state.now, self.size.width)
        return [row(right(width - margin, *about, width=width - margin), width=width)]

    def _notes(self, width: int, _height: int) -> Sequence[Line]:
        noted = [] if self.view is None else analytics.notes(self.view, width, self.glyphs)
        return [*noted, BLANK]

    def _show_under(self) -> None:
        self.query_one("#under", Lines).show(self._under)
        one = self.selected
        if self._wide and one is not None:
            self.want(past.month_of(one.provider))
            self.query_one("#aside", Lines).show(self._aside)

    def _aside(self, width: int, height: int) -> Sequence[Line]:
        view, one = self.view, self.selected
        if view is None or one is None:
            return ()
        return [
            BLANK,
            *past.page(one, view, self._shown_of, self.state, width, self.glyphs, tall=10 if height >= 50 else 6),
        ]

    def _under(self, width: int, height: int) -> Sequence[Line]:
        view, one, glyphs = self.view, self.selected, self.glyphs
        if view is None:
            return ()
        if view.total is None:
            return analytics.ways_on(self._shown_of, width)
        if self._needle and not self._entries:
            return [BLANK, analytics.nothing_found(view, self._needle, width)]
        if self._short and not self.query_one("#panes").has_class("-charts"):
            total = [rule(width, glyphs), analytics.total_row(view, width, glyphs)]
            return [*total, *([] if one is None else failures.brief(one, width))]
        return self._charts(view, one, width, height - (0 if self._short else 1))

    def _charts(self, view: HistoryView, one: ProviderHistory | None, width: int, room: int) -> list[Line]:
        """The total, the lines and the classes in the rows that the table left."""
        glyphs, short = self.glyphs, self._short
        lines = [] if short else [rule(width, glyphs), analytics.total_row(view, width, glyphs), BLANK]
        classes = min(self._class_count(), 3) if short else self._class_count()
        selected = None if one is None else one.provider
        drawn = trends.drawn(view, self.picked, selected)
        rows = min(MOST_ROWS, room - len(lines) - 2 - classes)
        lines += trends.charts(view, drawn, selected, self.state, width, rows, glyphs)
        return [*lines, BLANK, *failures.errors(view, width, max(1, classes), glyphs)]

    # --- keys ---------------------------------------------------------------------------------------------------

    def on_table_highlighted(self) -> None:
        """Another provider is selected."""
        self._show_under()

    def on_table_chosen(self) -> None:
        """A row was clicked twice."""
        self.action_portrait()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The charts have a key of their own only where they are not seen anyway."""
        return False if action == "charts" and not self._short else super().check_action(action, parameters)

    def action_pick(self) -> None:
        """Draw the lines of the selected provider, or no longer."""
        one = self.selected
        if one is None:
            return
        picked = self.picked
        if one.provider in picked:
            self._picked = tuple(key for key in picked if key != one.provider)
        elif len(picked) >= trends.DRAWN:
            self.tell(f"{trends.DRAWN} lines are drawn at most; press space on one that is picked", well=False)
        else:
            self._picked = (*picked, one.provider)
        self.show()

    def action_sort(self) -> None:
        """Sort by the next column."""
        keys = analytics.sorts(self.query_one("#providers", Table).size.width)
        at = keys.index(self._sort.key) if self._sort.key in keys else -1
        self._sort = Sort(keys[(at + 1) % len(keys)])
        self.show()

    def action_turn(self) -> None:
        """Sort the other way round."""
        self._sort = self._sort._replace(turned=not self._sort.turned)
        self.show()

    def on_table_header_clicked(self, message: Table.HeaderClicked) -> None:
        """Sort by the column that was clicked; the other way round at a second click."""
        key = analytics.sort_at(message.place, message.table.size.width)
        if key == self._sort.key:
            self.action_turn()
        elif key is not None:
            self._sort = Sort(key)
            self.show()

    def action_charts(self) -> None:
        """The charts in the place of the table, and back."""
        self.query_one("#panes").toggle_class("-charts")
        self.show()

    # --- which period, and what of it ---------------------------------------------------------------------------

    def look_at(self, asked: Asked) -> None:
        """Another period, or other requests of it."""
        self.asked = asked
        word = dict(PERIODS).get(asked.since, CUSTOM) if asked.until is None else CUSTOM
        self.query_one("#periods", Words).chosen = word
        self.show()

    def action_period(self, by: int) -> None:
        """A longer period, or a shorter one."""
        self.look_at(analytics.beside(self.asked, by))

    def on_words_changed(self, message: Words.Changed) -> None:
        """A period was clicked."""
        since = next((key for key, word in PERIODS if word == message.chosen), None)
        if since is None:
            if self.asked.since in dict(PERIODS):
                self.action_custom()
        elif since != self.asked.since:
            self.look_at(Asked(since, category=self.asked.category, kind=self.asked.kind))

    def action_custom(self) -> None:
        """Ask for another period."""
        from provider_console.tui.screens.asking import LineScreen

        asked = self.asked
        text = asked.since if asked.until is None else f"{asked.since} to {asked.until}"
        lines = [
            line("A span back from now, such as 3d or 90m; or a begin and an end, such as"),
            line("2026-11-01 to 2026-11-08T12:00, by the clock of this terminal."),
        ]

        def given(answer: str | None) -> None:
            if answer is None:
                self.look_at(asked)
                return
            since, until = parsed(answer)
            self.look_at(Asked(since, until, asked.category, asked.kind))

        self.app.push_screen(LineScreen("Which period?", lines, text=text, yes="show it", check=problem_of), given)

    def action_only(self) -> None:
        """Ask for a category, or a kind of operation."""
        self.ask(self._ask_only(), group="kinds")

    async def _ask_only(self) -> None:
        from provider_console.tui.screens.asking import ChoiceScreen

        kinds = await self.link.console.kinds()
        choices: list[tuple[str, Line]] = [(".", line("everything"))]
        for category in sorted({kind.category for kind in kinds}):
            choices.append((f"{category}.", line(category)))
            own = (kind for kind in kinds if kind.category == category)
            choices += [(f"{category}.{kind.name}", line(f"  {kind.name}", muted(f"   {kind.title}"))) for kind in own]
        asked = self.asked

        def given(answer: str | None) -> None:
            if answer is not None:
                category, _dot, kind = answer.partition(".")
                self.look_at(Asked(asked.since, asked.until, category or None, kind or None))

        chosen = f"{asked.category or ''}.{asked.kind or ''}"
        self.app.push_screen(ChoiceScreen("Figures of which requests?", [], choices, chosen), given)

    # --- pages --------------------------------------------------------------------------------------------------

    def action_portrait(self) -> None:
        """The past of the selected provider."""
        from provider_console.tui.screens.portrait import PortraitScreen

        one = self.selected
        if one is not None:
            self.app.push_screen(PortraitScreen(one.provider, self.asked, self.picked))

    def action_compare(self) -> None:
        """The selected and the picked providers side by side."""
        from provider_console.tui.screens.portrait import ComparisonScreen

        one = self.selected
        wanted = tuple(dict.fromkeys([*([] if one is None else [one.provider]), *self.picked]))
        if len(wanted) < 2:
            self.tell("press space on the providers that you want beside this one, then v", well=False)
        else:
            self.app.push_screen(ComparisonScreen(wanted, self.asked))

    def action_export(self) -> None:
        """Write the period into a file."""
        from provider_console.tui.screens.export import exported

        if self.view is None or self.asked is not self._shown_of:
            self.tell("the period is still being read", well=False)
            return
        exported(self, self.view, self.asked)


SCREEN = AnalyticsScreen
