"""Activity: who did what, and what rings?"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from provider_console.console.views import AlertView
from provider_console.tui.changes import Read
from provider_console.tui.ink import BLANK, Line, row, width_of
from provider_console.tui.ink import left as from_left
from provider_console.tui.ink import right as to_right
from provider_console.tui.pages import activity, alerts, health, log, trail
from provider_console.tui.pages.frame import SHORT
from provider_console.tui.screens.filtered import FilteredScreen
from provider_console.tui.screens.listening import LOG_S, ListeningScreen
from provider_console.tui.state import Verified
from provider_console.tui.widgets.filter import Filter
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.table import Row, Table

PAGE: Final = 200
"""Rows of the audit trail read at a time."""
TRAIL_S: Final = 3.0
"""How often the newest page of the trail is read while it is looked at."""
RULES_S: Final = 15.0
"""How often the rules are read."""
OF_TRAIL: Final = 9
"""Lines that the newest of the trail get below the alerts, if there is room for both."""


class ActivityScreen(FilteredScreen, ListeningScreen):
    """What rings, the audit trail and the log; one of them at a time."""

    MODE = "activity"
    AUTO_FOCUS = "#alerts"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("A", "view('alerts')", "alerts", show=False, tooltip="what rings, what is kept quiet, what is over"),
        Binding("T", "view('trail')", "audit trail", show=False, tooltip="who did what, and how it ended"),
        Binding("L", "view('log')", "log", show=False, tooltip="what the console itself says, as it says it"),
        Binding("enter", "open", "open", key_display="enter", tooltip="everything about what is under the cursor"),
        Binding("V", "verify", "verify chain", tooltip="walk the audit trail's chain and its signatures"),
        Binding("slash", "filter", "filter", key_display="/", tooltip="show only what matches"),
        Binding("escape", "unfilter", "show all", show=False, tooltip="clear the filter"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._view = "alerts"
        self._alerts: list[AlertView] = []
        self._deeds: list[trail.Deed] = []
        self._deeds_of: tuple[object, ...] = ()
        self._rows: dict[str, tuple[tuple[object, ...], list[Row]]] = {}
        self._read_at: dict[str, float] = {}
        self._all_read = False

    def body(self) -> ComposeResult:
        """Headline, filter, the table of the view, and what is said below it."""
        with Vertical(id="main"):
            yield Lines(id="headline")
            yield Filter(id="filter")
            for view in activity.VIEWS:
                yield Table(id=view, cursor_glyph=self.glyphs.cursor)
            yield Lines(id="under")

    # --- showing ------------------------------------------------------------------------------------------------

    @property
    def _short(self) -> bool:
        return self.size.height < SHORT

    @property
    def _table(self) -> Table:
        return self.query_one(f"#{self._view}", Table)

    @property
    def alert(self) -> AlertView | None:
        """The alert under the cursor."""
        if self._view != "alerts":
            return None
        cursor = self.query_one("#alerts", Table).cursor
        return next((alert for alert in self._alerts if alert.id == cursor), None)

    @property
    def deed(self) -> trail.Deed | None:
        """The deed under the cursor."""
        cursor = self.query_one("#trail", Table).cursor if self._view == "trail" else None
        return next((deed for deed in self._deeds if str(deed.seq) == cursor), None)

    @property
    def listening(self) -> bool:
        """Whether the log is looked at."""
        return self._view == "log"

    def show(self) -> None:
        """Put the state on the screen."""
        self._read_what_is_due()
        state, needle = self.state, self._needle
        self._alerts = alerts.entries(state, needle if self._view == "alerts" else "")
        of_trail = needle if self._view == "trail" else ""
        wanted = (state.trail, state.alerts, of_trail)
        if wanted != self._deeds_of:
            titles = {alert.id: alert.title for alert in state.alerts}
            self._deeds, self._deeds_of = trail.deeds(state.trail or (), of_trail, titles), wanted
        if self.listening:
            self.show_log(needle)
        self.query_one("#headline", Lines).show(self._top)
        for view in activity.VIEWS:
            self.query_one(f"#{view}").display = view == self._view and bool(self._count(view))
        if self._view == "alerts":
            self._show_alerts()
        elif self._view == "trail":
            self._show_trail()
        self._table.styles.height = self._table_height()
        self.query_one("#under", Lines).show(self._under)

    def _count(self, view: str) -> int:
        return {"alerts": len(self._alerts), "trail": len(self._deeds), "log": len(self._lines)}[view]

    @property
    def _room(self) -> int:
        """Rows between the headline and the keys."""
        used = 3 + len(self.query_one("#headline", Lines).lines) + self.query_one("#filter").size.height
        return max(4, self.size.height - used - (0 if self._short else 1))

    def _show_alerts(self) -> None:
        glyphs, short = self.glyphs, self._short
        table = self.query_one("#alerts", Table)
        table.fill(self._alert_rows(), lambda width: alerts.header(width, glyphs, ruled=not short))

    def _alert_rows(self) -> list[Row]:
        state, glyphs, short = self.state, self.glyphs, self._short
        known = (tuple(self._alerts), state.providers, state.coverage, state.now, short)
        if self._rows.get("alerts", ((), []))[0] == known:
            return self._rows["alerts"][1]
        rows = []
        for place, alert in enumerate(self._alerts):
            over = alert.state == "cleared"

            def first(width: int, selected: bool, alert: AlertView = alert) -> Line:  # noqa: FBT001 - the table's call
                return alerts.alert_row(alert, self.state, width, glyphs, selected=selected)

            def second(width: int, _selected: bool, alert: AlertView = alert) -> Line:  # noqa: FBT001 - as above
                return alerts.second_row(alert, self.state, width)

            group = len(self._alerts) if over else 0 if short else place
            rows.append(Row(alert.id, first, group, second=None if over or short else second))
        self._rows["alerts"] = known, rows
        return rows

    def _show_trail(self) -> None:
        glyphs = self.glyphs
        table = self.query_one("#trail", Table)
        table.fill(self._deed_rows(), lambda width: trail.header(width, glyphs))

    def _table_height(self) -> int:
        """As many rows as the table may have beside what is said below it."""
        if self._view != "alerts":
            return max(4, self._room - 3)
        rows = self._alert_rows()
        gaps = sum(one.group != other.group for one, other in itertools.pairwise(rows))
        height = sum(2 if each.second else 1 for each in rows) + gaps + (1 if self._short else 2)
        below = 3 if self._short else OF_TRAIL if self.state.trail else 0
        return max(3, min(height, self._room - below))

    def _deed_rows(self) -> list[Row]:
        glyphs, known = self.glyphs, self._deeds
        if self._rows.get("trail", ((), []))[0] == self._deeds_of:
            return self._rows["trail"][1]
        rows = []
        for place, deed in enumerate(known):
            above = known[place - 1] if place else None

            def painted(
                width: int,
                selected: bool,  # noqa: FBT001 - the table's own call
                deed: trail.Deed = deed,
                above: trail.Deed | None = above,
            ) -> Line:
                return trail.deed_row(deed, above, width, glyphs, selected=selected)

            below = known[place + 1] if place + 1 < len(known) else None
            rows.append(Row(str(deed.seq), painted, after=trail.day_below(deed, below)))
        self._rows["trail"] = self._deeds_of, rows
        return rows

    def _top(self, width: int, _height: int) -> Sequence[Line]:
        state, glyphs = self.state, self.glyphs
        margin = 1 if width < 100 else 2
        ringing = self._view == "alerts"
        said = (
            alerts.sentence(state)
            if ringing
            else log.sentence(state)
            if self.listening
            else trail.sentence(state, self._deeds)
        )
        aside = alerts.tally(state, width - 2 * margin - width_of(said) - 3) if ringing else ()
        words = activity.words(self._view, width)
        figures = self.standing(width) if self.listening else trail.chain(state, glyphs)
        room = width - 2 * margin - width_of(words) - 2
        lines = [
            row(from_left(margin, *said), to_right(width - margin, *aside), width=width),
            row(from_left(margin, *figures, width=room), to_right(width - margin, *words), width=width),
            BLANK,
        ]
        return lines if self._short else [BLANK, *lines]

    def _under(self, width: int, _height: int) -> Sequence[Line]:
        state, glyphs = self.state, self.glyphs
        if self._view == "trail":
            if not self._deeds:
                return trail.nothing(state, self._needle, width)
            deed = self.deed
            return () if deed is None else [health.rule(width, glyphs), *trail.brief(deed, width, glyphs)]
        if self.listening:
            each = self.line
            if not self._lines:
                return log.nothing(state, self._level, self._needle, width)
            return () if each is None else [health.rule(width, glyphs), *log.brief(each, width)]
        alert = self.alert
        if not self._alerts:
            shown = alerts.nothing(state, self._needle, width, glyphs)
        elif self._short:
            return () if alert is None else [health.rule(width, glyphs), *alerts.brief(alert, state, width)]
        else:
            shown = []
        used = int(self._table.styles.height.value) if self._alerts and self._table.styles.height else 0
        room = self._room - used - len(shown) - 3
        newest = self._deeds[: max(0, room)]
        if self._short or not newest:
            return shown
        return [*shown, BLANK, *trail.newest(newest, width, room + 2, glyphs)]

    # --- reading ------------------------------------------------------------------------------------------------

    def _due(self, what: str, every_s: float) -> bool:
        now = self.state.now
        if not self.state.open or now - self._read_at.get(what, -every_s) < every_s:
            return False
        self._read_at[what] = now
        return True

    def _read_what_is_due(self) -> None:
        if self.app.screen is not self:
            return
        if self._due("rules", RULES_S):
            self._read("rules", self._rules)
        if self._due("trail", TRAIL_S):
            self._read("trail", self._trail)
        if self.listening and self._due("log", LOG_S):
            self._read("log", self.read_log)

    def _read(self, group: str, question: Callable[[], Awaitable[Any]]) -> None:
        # An answer that does not come is said by the pump.
        self.ask(question(), group=group, quietly=True)

    async def _rules(self) -> None:
        link = self.link
        link.change(Read(link.clock.wall(), {"rules": tuple(await link.console.alert_rules())}))

    async def _trail(self) -> None:
        link = self.link
        newest = tuple(await link.console.audit(limit=PAGE))
        known = self.app.state.trail or ()  # type: ignore[attr-defined]  # only ConsoleApp shows these screens
        link.change(Read(link.clock.wall(), {"trail": trail.joined(known, newest)}))

    async def _older(self) -> None:
        link, known = self.link, self.state.trail or ()
        if not known or self._all_read:
            return
        older = tuple(await link.console.audit(limit=PAGE, before=known[-1].seq))
        self._all_read = not older
        known = self.app.state.trail or ()  # type: ignore[attr-defined]  # only ConsoleApp shows these screens
        if older and known and older[0].seq < known[-1].seq:
            link.change(Read(link.clock.wall(), {"trail": (*known, *older)}))

    # --- keys ---------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What opens a deed is not what goes to a provider; the rest is as everywhere."""
        if action == "open" and self.is_mounted and not (self.alert or self.deed or self.line):
            return False
        if action == "verify" and self.listening:
            return False
        if action == "coverage" and self._view != "alerts":
            return False
        return super().check_action(action, parameters)

    def label(self, binding: Binding) -> str:
        """`go there` where an alert is under the cursor."""
        if binding.action == "open" and self._view == "alerts":
            return "go there"
        return super().label(binding)

    def on_table_highlighted(self, message: Table.Highlighted) -> None:
        """Another row is selected; at the last one more of the trail is read."""
        if message.table.id == "log" and message.key == message.table.cursor:
            self.moved(message.key)
            self.query_one("#headline", Lines).show(self._top)
        self.query_one("#under", Lines).show(self._under)
        self.show_keys()
        if message.table.id == "trail" and self._deeds and message.key == str(self._deeds[-1].seq):
            self.ask(self._older(), group="older", quietly=True)

    def on_table_chosen(self) -> None:
        """A row was clicked twice."""
        self.action_open()

    def action_view(self, view: str) -> None:
        """Show another of the views."""
        if view == self._view:
            return
        if self._needle:
            self.query_one(Filter).action_clear()
        self._view = view
        self.show()
        self._table.focus()
        self.show_keys()

    def action_open(self) -> None:
        """Go where the alert is mended, or show the whole of what is under the cursor."""
        from provider_console.tui.screens.reading import DeedScreen, LogLineScreen

        deed, each = self.deed, self.line
        if deed is not None:
            self.app.push_screen(DeedScreen(deed))
        elif each is not None:
            self.app.push_screen(LogLineScreen(each))
        else:
            self.action_detail()

    def action_verify(self) -> None:
        """Walk the audit trail; what it finds stands in the headline."""
        link, started = self.link, self.link.clock.wall()
        before = self.state.verified

        async def walked() -> None:
            link.change(Read(started, {"verified": Verified(started)}))
            found = before
            try:
                verdict = await link.console.verify_audit()
                found = Verified(started, link.clock.wall(), verdict)
            finally:
                link.change(Read(link.clock.wall(), {"verified": found}))
            self.tell(activity.verdict(verdict), well=verdict.ok)

        self.ask(walked(), group="verify")


SCREEN = ActivityScreen
