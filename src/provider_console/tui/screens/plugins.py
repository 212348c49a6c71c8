"""Plugins: what is loaded, what is not, and why?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Final

from textual.binding import Binding, BindingType

from provider_console.console.views import PluginView
from provider_console.tui.ink import Line
from provider_console.tui.pages import plugin, plugins
from provider_console.tui.screens.listed import ListedScreen
from provider_console.tui.screens.plugin import PluginPage, PluginScreen
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.table import Row, Table

_FRAME: Final = 3
"""Rows of the navigation and of the keys."""


class PluginsScreen(ListedScreen, PluginScreen):
    """Plugins, worst first, and everything about the one that is selected."""

    LISTED = "plugins"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "page", "all of it", key_display="enter", tooltip="its whole page, with the traceback"),
        Binding("slash", "filter", "filter", key_display="/", tooltip="show only the plugins that match"),
        Binding("escape", "unfilter", "show all", show=False, tooltip="clear the filter"),
    ]

    @property
    def selected(self) -> PluginView | None:
        """The plugin under the cursor."""
        cursor = self.query_one("#plugins", Table).cursor if self.is_mounted else None
        return next((view for view in self.state.plugins or () if view.name == cursor), None)

    def show(self) -> None:
        """Put the state on the screen."""
        listed = plugins.ordered(self.state, self._needle)
        table = self.query_one("#plugins", Table)
        groups = not self._short
        table.fill(
            [Row(view.name, partial(self._painted, view), groups * (not plugins.troubled(view))) for view in listed],
            self._header,
        )
        gap = groups and len({plugins.troubled(view) for view in listed}) > 1
        wanted = len(listed) + gap + (1 if self._short else 2)
        # The detail keeps its two lines and the rule, and more where there is room for it.
        table.styles.max_height = max(3, min(wanted, self._room - (3 if self._short else 14)))
        self.query_one("#headline", Lines).show(self._top)
        self.query_one("#aside").display = self._wide
        self._show_detail()

    @property
    def _room(self) -> int:
        """Rows for the table and the detail."""
        return self.size.height - _FRAME - len(self._top(self.size.width, 0))

    def _painted(self, view: PluginView, width: int, selected: bool) -> Line:  # noqa: FBT001 - the table's own call
        return plugins.plugin_row(view, self.state, width, self.glyphs, selected=selected)

    def _header(self, width: int) -> Sequence[Line]:
        return plugins.header(width, self.glyphs, ruled=not self._short)

    def _top(self, width: int, _height: int) -> Sequence[Line]:
        lines = [*plugins.headline(self.state, width, self.glyphs), ()]
        return lines if self._short else [(), *lines]

    def _show_detail(self) -> None:
        self.query_one("#under", Lines).show(self._under)
        self.query_one("#aside", Lines).show(self._aside)

    def _under(self, width: int, _height: int) -> Sequence[Line]:
        view = self.selected
        if self._needle and not plugins.ordered(self.state, self._needle):
            return plugins.nothing_found(self.state, self._needle, width)
        if view is None or self._wide:
            return ()
        taken = self.query_one("#plugins", Table).styles.max_height
        room = self._room - int(taken.value if taken is not None else 0)
        gap: list[Line] = [] if self._short else [()]
        return [*gap, *plugin.below(view, self.state, width, room - len(gap), self.glyphs)]

    def _aside(self, width: int, height: int) -> Sequence[Line]:
        view = self.selected
        return () if view is None else [(), *plugin.aside(view, self.state, width, height - 1, self.glyphs)]

    def on_table_highlighted(self) -> None:
        """Another plugin is selected."""
        self._show_detail()
        self.show_keys()

    def on_table_chosen(self) -> None:
        """A row was clicked twice."""
        self.action_page()

    # --- keys ---------------------------------------------------------------------------------------------------

    def action_page(self) -> None:
        """Everything that is known of the selected plugin."""
        view = self._about()
        if view is not None:
            self.app.push_screen(PluginPage(view.name))


SCREEN = PluginsScreen
