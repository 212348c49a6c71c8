"""One plugin: what can be done about it, and the page with everything that is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from provider_console.console.views import ConfigView, PluginView
from provider_console.console.words import clean_text
from provider_console.tui.changes import Read
from provider_console.tui.ink import Line, line, muted
from provider_console.tui.pages import plugin
from provider_console.tui.pages.plugins import troubled
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.widgets.pager import Pager


def kept_out(config: ConfigView) -> frozenset[str]:
    """The plugins that the next start keeps out, by name."""
    return frozenset(
        name for setting in config.settings if setting.key == "plugins.disabled" for name in setting.value or ()
    )


class PluginScreen(ConsoleScreen):
    """A screen on which one plugin is `selected`."""

    MODE = "plugins"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "check_plugin", "check", tooltip="ask again what became of the selected plugin, and say it"),
        Binding(
            "d", "switch_plugin", "disable", tooltip="keep the selected plugin out or let it in, from the next start"
        ),
    ]

    @property
    def selected(self) -> PluginView | None:
        """The plugin that keys are about."""
        raise NotImplementedError

    def label(self, binding: Binding) -> str:
        """`enable` where the next start keeps the plugin out."""
        view = self.selected
        if binding.action == "switch_plugin" and view is not None and view.name in self.state.plugins_off:
            return "enable"
        return super().label(binding)

    def _about(self) -> PluginView | None:
        view = self.selected
        if view is None:
            self.notify("no plugin is known yet: the engine is still starting", severity="warning", markup=False)
        return view

    def action_check_plugin(self) -> None:
        """Ask again, and say what became of the selected plugin."""
        view = self._about()
        if view is not None:
            self.ask(self._check(view.name), group="check plugin")

    async def _check(self, name: str) -> None:
        plugins = tuple(await self.link.console.plugins())
        self._read({"plugins": plugins})
        for view in plugins:
            if view.name == name:
                self.tell(plugin.checked(view), well=not troubled(view))
                return
        self.tell(f"{name} is not installed any more", well=False)

    def action_switch_plugin(self) -> None:
        """Keep the selected plugin out or let it in, after a question."""
        view = self._about()
        if view is None:
            return
        from provider_console.tui.screens.dialogs import ConfirmScreen

        enabled = view.name in self.state.plugins_off
        name = clean_text(view.name, 60)
        lines = plugin.lets_in(view) if enabled else plugin.keeps_out(view, self.state)
        if view.state != "disabled" and enabled:
            lines = [line("It stays as it is: the next start loads it as this one did.")]
        verb = "enable" if enabled else "disable"

        def answered(agreed: bool | None) -> None:  # noqa: FBT001 - what Textual hands to a dialog's callback
            if agreed:
                self.ask(self._switch(view.name, enabled=enabled))

        self.app.push_screen(ConfirmScreen(f"{verb.capitalize()} {name}?", lines, verb), answered)

    async def _switch(self, name: str, *, enabled: bool) -> None:
        config = await self.link.console.set_plugin_enabled(name, enabled=enabled)
        self._read({"plugins_off": kept_out(config)})
        self.tell(f"{name} is {'on' if enabled else 'off'} from the next start on")

    def _read(self, fields: Mapping[str, Any]) -> None:
        self.link.change(Read(self.link.clock.wall(), fields))


class PluginPage(PluginScreen):
    """The page of the plugin that was entered, with the whole traceback that was kept."""

    AUTO_FOCUS = "Pager"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "back", key_display="esc", tooltip="back to the plugins"),
    ]

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name_of_plugin = name

    @property
    def selected(self) -> PluginView | None:
        """The plugin of the page."""
        return next((view for view in self.state.plugins or () if view.name == self._name_of_plugin), None)

    def body(self) -> ComposeResult:
        """The page, which scrolls."""
        yield Pager(id="page")

    def show(self) -> None:
        """Put the state on the screen."""
        self.query_one(Pager).show(self._page)

    def _page(self, width: int) -> list[Line]:
        view = self.selected
        if view is None:
            return [(), line(muted("  This plugin is gone: nobody names it any more."))]
        return plugin.page(view, self.state, width, self.glyphs)
