"""Execution: why did that request do that?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from provider_console.console.story import story
from provider_console.console.views import ExecutionSummary
from provider_console.tui.changes import OlderRead, ReportRead
from provider_console.tui.ink import BLANK, Line
from provider_console.tui.pages import execution, recent, waterfall
from provider_console.tui.pages.frame import SHORT
from provider_console.tui.pages.order import order_of
from provider_console.tui.pages.result import text_of
from provider_console.tui.pages.trace import Trace
from provider_console.tui.pages.words import plural
from provider_console.tui.screens.starting import StartingScreen
from provider_console.tui.screens.stored import StoredScreen
from provider_console.tui.state import RECENT, State
from provider_console.tui.widgets.filter import Filter
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.table import Row, Table

BESIDE: Final = 180
"""From this width on the list of recent executions stands beside the one that is open."""
OF_LIST: Final = frozenset({"open", "back"})
"""Actions that only the list has where it stands alone."""
OF_ONE: Final = frozenset({"explain", "run_again", "copy", "open_result"})
"""Actions on the execution that is open, where it is seen."""
ID_LENGTH: Final = 26
"""Characters of an execution's id."""


class ExecutionScreen(StoredScreen, StartingScreen):
    """One execution whole, and the list it was chosen from."""

    MODE = "execution"
    AUTO_FOCUS = "#attempts"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open", key_display="enter", tooltip="open the execution under the cursor"),
        Binding("escape", "back", "back", key_display="esc", tooltip="from the list back to the execution"),
        Binding("c", "cancel", "cancel", tooltip="stop what runs; the record of it stays"),
        Binding("e", "explain", "explain", tooltip="the order: its terms, who was left out, what would change it"),
        Binding("r", "run_again", "run again", tooltip="the same operation anew, while its payload is still held"),
        Binding("n", "new", "new", tooltip="choose what to execute, and fill it in"),
        Binding("left_square_bracket", "walk(1)", "older, newer", key_display="[ ]", tooltip="the execution before"),
        Binding(
            "right_square_bracket", "walk(-1)", "newer", key_display="]", show=False, tooltip="the execution after"
        ),
        Binding("l", "list", "list", tooltip="recent executions"),
        Binding("slash", "filter", "filter", key_display="/", tooltip="show only the executions that match"),
        Binding("y", "copy", "copy trace", show=False, tooltip="the trace as text, into the clipboard; no content"),
        Binding("o", "open_result", "open result", show=False, tooltip="the whole result, to scroll through"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._place: int | None = None
        """The attempt that somebody chose; None follows the last one."""
        self._known: list[ExecutionSummary] = []
        self._known_of: tuple[object, ...] = ()
        self._all_read = False

    def body(self) -> ComposeResult:
        """The execution, and the list."""
        glyph = self.glyphs.cursor
        with Horizontal(id="panes"):
            with Vertical(id="one"):
                yield Lines(id="headline")
                yield Table(id="attempts", cursor_glyph=glyph)
                yield Lines(id="under")
            with Vertical(id="list"):
                yield Lines(id="listed")
                yield Filter(id="filter")
                yield Table(id="recent", cursor_glyph=glyph)

    # --- showing ------------------------------------------------------------------------------------------------

    @property
    def wide(self) -> bool:
        """Whether there is room for the list beside the execution."""
        return self.size.width >= BESIDE

    @property
    def _every(self) -> bool:
        """Whether every stored execution is known here: a page that was not full was the last one."""
        return self._all_read or self._found.whole or len(self.state.recent) < RECENT

    def show(self) -> None:
        """Put the state on the screen."""
        state = self.state
        found = self._found.executions
        wanted = (state.recent, state.older, state.runs, state.providers, self._needle, found)
        if wanted != self._known_of:
            self._known, self._known_of = recent.entries(state, self._needle, found), wanted
        self._read_kinds()
        self._recognise()
        if self._opened is None and self._known and self._awaited is None:
            self._opened = self._known[0].execution_id
        self._read_opened()
        panes = self.query_one("#panes")
        panes.set_class(self.wide, "-wide")
        self._show_list()
        self._show_one()
        self._keep_time()

    def know(self, state: State, *, seen: bool) -> None:
        """Where it is not seen, nothing is kept of what the list was made from: a hundred executions as they ran."""
        if not seen:
            self._known_of = ()
        super().know(state, seen=seen)

    def _show_one(self) -> None:
        trace = self.trace
        short = self.size.height < SHORT
        table = self.query_one("#attempts", Table)
        place = recent.place_of(self._opened or "", self._known, every=self._every)

        def top(width: int, _height: int) -> Sequence[Line]:
            state = self.state
            if trace is None and self._own:
                lines = execution.beginning(width)
            else:
                lines = (
                    execution.empty(state, width) if trace is None else execution.headline(trace, state, width, place)
                )
            return [*([] if short else [BLANK]), *lines, BLANK]

        self.query_one("#headline", Lines).show(top)
        calls = () if trace is None else trace.calls
        table.display = bool(calls)
        if trace is not None and calls:
            self._fill(table, trace, short=short)
        self._show_under()

    def _fill(self, table: Table, trace: Trace, *, short: bool) -> None:
        rows = [self._row(trace, place) for place in range(len(trace.calls))]
        height = len(rows) + sum(row.after is not None for row in rows)
        ruled = not short or height <= 7
        glyphs = self.glyphs
        table.fill(rows, lambda width: waterfall.header(trace, width, glyphs, ruled=ruled))
        # The rest of the page needs its lines; many attempts scroll.
        table.styles.height = min(height + 1 + ruled, max(4, self.size.height - (10 if short else 14)))
        if self._place is None:
            table.cursor = rows[-1].key

    def _row(self, trace: Trace, place: int) -> Row:
        glyphs = self.glyphs
        under = waterfall.below(trace, place, self.state, self._width, glyphs)
        return Row(
            str(place),
            lambda width, selected: waterfall.attempt_row(trace, place, self.state, width, glyphs, selected=selected),
            after=None if under is None else lambda _width: under,
        )

    @property
    def _width(self) -> int:
        return self.size.width - (76 if self.wide else 0)

    def _show_under(self) -> None:
        glyphs, trace = self.glyphs, self.trace
        under = self.query_one("#under", Lines)
        if trace is None:
            under.show(lambda _width, _height: ())
            return
        table = self.query_one("#attempts", Table)
        used = 3 + len(self.query_one("#headline", Lines).lines) + (table.styles.height.value if table.display else 0)  # type: ignore[union-attr]  # set above
        room = max(0, self.size.height - int(used) - (0 if self.size.height < SHORT else 1))
        chosen = len(trace.calls) - 1 if self._place is None else self._place
        moved = self._place is not None

        def page(width: int, _height: int) -> Sequence[Line]:
            return execution.sections(trace, chosen, self.state, width, room, glyphs, moved=moved)

        under.show(page)

    def _show_list(self) -> None:
        glyphs, known, needle = self.glyphs, self._known, self._needle
        short = self.size.height < SHORT
        self.query_one("#listed", Lines).show(
            lambda width, _height: [
                *([] if short else [BLANK]),
                *recent.headline(self.state, known, needle, width, every=self._every, looked=self._looked),
                BLANK,
            ]
        )
        self.query_one("#recent", Table).fill(
            [
                Row(
                    entry.execution_id,
                    lambda width, selected, entry=entry: recent.entry_row(  # type: ignore[misc]  # bound at once
                        entry, self.state, width, glyphs, selected=selected
                    ),
                )
                for entry in known
            ],
            lambda width: recent.header(width, glyphs),
        )

    # --- reading ------------------------------------------------------------------------------------------------

    def _read_opened(self) -> None:
        """Read the open execution once, and again once it has ended."""
        opened = self._opened
        if opened is None or not self.state.open:
            return
        run = self.state.runs.get(opened)
        summary = next((entry for entry in self._known if entry.execution_id == opened), None)
        ended_ms = summary.elapsed_ms if summary is not None else None
        if run is not None:
            ended_ms = None if run.report is None else run.report.elapsed_ms
        if (opened, ended_ms) in self._asked:
            return
        self._asked.add((opened, ended_ms))
        link = self.link

        async def read() -> None:
            link.change(ReportRead(await link.console.execution(opened)))

        self.ask(read(), group="report")

    def show_awaited(self) -> None:
        """Leave the list: what begins is shown as soon as it is known."""
        self._place = None
        if self.query_one("#panes").has_class("-list") and not self.wide:
            self.action_list()
        self.show()

    def _read_older(self) -> None:
        if self._all_read or not self._known or self._needle:
            return
        link, before = self.link, self._known[-1].execution_id

        async def read() -> None:
            older = await link.console.executions(limit=RECENT, before=before)
            self._all_read = len(older) < RECENT
            link.change(OlderRead(tuple(older)))

        self.ask(read(), group="older")

    def open_execution(self, execution_id: str) -> None:
        """Show an execution, its last attempt selected."""
        self._awaited = None
        if execution_id != self._opened:
            self._opened, self._place = execution_id, None
            self.show()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What can be cancelled runs; the list has its own keys, an execution too; the rest is as everywhere."""
        if action == "cancel" and not self._own and ((trace := self.trace) is None or not trace.running):
            return False
        if action == "back" and self._needle:
            return True
        if action in OF_LIST | OF_ONE and (action in OF_LIST) is not self._listing:
            return False
        # Where nothing was ever executed, nothing is offered about it.
        if (action in OF_ONE and self.trace is None) or (action == "walk" and not self._known):
            return False
        return super().check_action(action, parameters)

    def shows(self, binding: Binding) -> bool:
        """The list is filtered where it is seen."""
        if binding.action == "filter":
            return self.wide or self._listing
        return super().shows(binding)

    @property
    def _listing(self) -> bool:
        """Whether the list stands where the execution stood."""
        return self.is_mounted and not self.wide and self.query_one("#panes").has_class("-list")

    # --- keys ---------------------------------------------------------------------------------------------------

    def on_table_highlighted(self, message: Table.Highlighted) -> None:
        """Another attempt is selected, or another execution."""
        table, chosen = message.table, message.key
        if chosen is None or chosen != table.cursor:
            return
        if table.id == "attempts":
            trace = self.trace
            last = trace is None or int(chosen) == len(trace.calls) - 1
            self._place = None if last else int(chosen)
            self._show_under()
            return
        if table.has_focus and self.wide:
            self.open_execution(chosen)
        if self._known and chosen == self._known[-1].execution_id:
            self._read_older()

    def on_table_chosen(self, message: Table.Chosen) -> None:
        """An execution was clicked twice."""
        if message.table.id == "recent":
            self.action_open()

    def action_walk(self, by: int) -> None:
        """The execution before, or after."""
        keys = [entry.execution_id for entry in self._known]
        if not keys:
            return
        at = keys.index(self._opened) if self._opened in keys else -1
        wanted = at + by
        if wanted >= len(keys) - 1:
            self._read_older()
        self.open_execution(keys[max(0, min(len(keys) - 1, wanted))])
        self.query_one("#recent", Table).cursor = self._opened

    def action_list(self) -> None:
        """The list, or from it back to the execution."""
        panes, table = self.query_one("#panes"), self.query_one("#recent", Table)
        if self.wide:
            (self.query_one("#attempts", Table) if table.has_focus else table).focus()
            return
        panes.toggle_class("-list")
        if panes.has_class("-list"):
            table.cursor = self._opened
            table.focus()
        else:
            self.query_one("#attempts", Table).focus()
        self.show_keys()
        self.show()

    def action_open(self) -> None:
        """Open what the cursor of the list stands on."""
        table = self.query_one("#recent", Table)
        if not table.has_focus or table.cursor is None:
            return
        self.open_execution(table.cursor)
        self.action_list()

    def action_back(self) -> None:
        """From the list back to the execution; a filter goes first."""
        if self._needle:
            self.query_one(Filter).action_clear()
        elif self.query_one("#panes").has_class("-list"):
            self.action_list()

    def action_filter(self) -> None:
        """Type a filter for the list."""
        if not self.wide and not self.query_one("#panes").has_class("-list"):
            self.action_list()
        super().action_filter()

    def filtered(self) -> None:
        """A whole id that is not in the list is looked for among all that is stored."""
        super().filtered()
        if len(self._needle) == ID_LENGTH and not self._known:
            self.ask(self._find(self._needle.upper()), group="find")

    async def _find(self, execution_id: str) -> None:
        report = await self.link.console.execution(execution_id)
        self._asked.add((execution_id, None))
        self.link.change(ReportRead(report))
        self.query_one(Filter).action_clear()
        self.open_execution(execution_id)
        if self._listing:
            self.action_list()

    # --- taking away --------------------------------------------------------------------------------------------

    def action_copy(self) -> None:
        """The trace as text, into the clipboard. The result stays here: it is content."""
        trace = self.trace
        if trace is None or trace.report is None:
            self.notify("There is no trace before it has ended.", markup=False)
            return
        told = "\n".join(story(msgspec.structs.replace(trace.report, result=None)))
        self.app.copy_to_clipboard(told)
        self.notify(f"The trace is copied: {plural(told.count(chr(10)) + 1, 'line')}, no content.", markup=False)

    def action_explain(self) -> None:
        """Why the order was what it was."""
        from provider_console.tui.screens.reading import OrderScreen

        trace = self.trace
        if trace is not None:
            self.app.push_screen(OrderScreen(order_of(trace), trace))

    def action_open_result(self) -> None:
        """The whole result."""
        from provider_console.tui.screens.reading import ResultScreen

        trace = self.trace
        if trace is None or text_of(trace) is None:
            self.notify("There is no result to open.", markup=False)
            return
        self.app.push_screen(ResultScreen(trace))


SCREEN = ExecutionScreen
