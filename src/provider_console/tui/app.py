"""The terminal program: holds the state, the modes and the themes; everything else is a screen's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any, ClassVar, Final

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.screen import Screen

from provider_console.console.errors import ConsoleError
from provider_console.tui.keymap import TITLES
from provider_console.tui.link import Clock, Link, Opener, Preview
from provider_console.tui.messages import ModeRequested, StateChanged
from provider_console.tui.pump import Pump, tick
from provider_console.tui.safety import ControlFilter, crash_report
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.state import Change, Read, State, Unanswered, reduce
from provider_console.tui.themes import Themes, textual_theme
from provider_console.tui.typing_ahead import TypingAhead

DEFAULT_THEME: Final = "console-dark"


def _screen(mode: str) -> Callable[[], ConsoleScreen]:
    """A mode's screen, its module imported when it is first opened."""

    def made() -> ConsoleScreen:
        screen: ConsoleScreen = import_module(f"provider_console.tui.screens.{mode}").SCREEN()
        return screen

    return made


class ConsoleApp(TypingAhead):
    """Provider Console in a terminal.

    `opener` opens the console after the first paint, in a task of its own; `sandbox` opens one on sandbox providers.
    """

    TITLE = "Provider Console"
    ENABLE_COMMAND_PALETTE = True
    MODES: ClassVar[Any] = {name: _screen(name) for name, _title in TITLES}
    DEFAULT_MODE = "health"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(digit), f"mode('{name}')", title, show=False) for digit, (name, title) in enumerate(TITLES, 1)),
        Binding("question_mark", "help", "help", key_display="?", tooltip="the keys of this screen"),
        Binding("ctrl+p", "command_palette", "commands", tooltip="every action by name", priority=True),
        Binding("q", "quit", "quit", show=False, tooltip="leave the console; what runs is recorded"),
        Binding("ctrl+q", "quit", "quit", show=False, system=True, priority=True),
    ]

    def __init__(
        self, *, opener: Opener, preview: Preview, clock: Clock, themes: Themes, sandbox: Opener | None = None
    ) -> None:
        self.state = State(
            now=clock.wall(),
            names=preview.names,
            user=preview.user,
            environment=preview.environment,
            glyphs=preview.glyphs,
            charts=preview.charts,
            config_problem=preview.problem,
        )
        self.clock = clock
        self.link = Link(clock, self.change, sandbox)
        self._opener = opener
        self._themes = themes
        self._preview = preview
        super().__init__()
        for theme in themes.themes.values():
            self.register_theme(textual_theme(theme))
        for name in list(self.available_themes):
            if name not in themes.themes:
                self.unregister_theme(name)
        self.theme = preview.theme if preview.theme in themes.themes else DEFAULT_THEME

    # --- life ---------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Start once the first frame has been painted."""
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        self.run_worker(tick(self.clock, self.change), group="clock", exit_on_error=True)
        self.open(self._opener)

    def open(self, opener: Opener) -> None:
        """Use the console that this opens, in place of the one before."""
        self.run_worker(self._hold(opener), group="console", exclusive=True)

    async def _hold(self, opener: Opener) -> None:
        try:
            async with opener() as console:
                self.link.hold(console)
                who = await console.whoami()
                self.change(Read(self.clock.wall(), {"open": True, "failure": None, "who": who, "user": who.actor}))
                await Pump(console, clock=self.clock, tell=self.change).run()
        except ConsoleError as error:
            self.change(Unanswered(self.clock.wall(), error.message))
        finally:
            self.link.hold(None)

    # --- state --------------------------------------------------------------------------------------------------

    def change(self, change: Change) -> None:
        """Move the state on; the screens hear of it once a frame."""
        self.state = reduce(self.state, change)
        self.post_message(StateChanged())

    def on_state_changed(self) -> None:
        """Hand the state to what is shown."""
        for screen in self.screen_stack:
            if isinstance(screen, ConsoleScreen):
                screen.state = self.state

    # --- frame --------------------------------------------------------------------------------------------------

    async def on_mode_requested(self, message: ModeRequested) -> None:
        """Somebody clicked a mode."""
        await self.action_mode(message.mode)

    async def action_mode(self, mode: str) -> None:
        """Show another mode; a key that follows at once is heard by it."""
        await self.switch_mode(mode)

    def action_help(self) -> None:
        """The keys of the screen that is shown."""
        from provider_console.tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.screen))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that has a binding here, and the themes."""
        from provider_console.tui.palette import commands

        yield from commands(self, screen)

    # --- safety of the terminal ---------------------------------------------------------------------------------

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The last filter on the way to the terminal comes last."""
        return [*super().get_line_filters(), ControlFilter()]

    def _fatal_error(self) -> None:
        """End with a report that shows no local variable (Textual's own does)."""
        self.panic(crash_report())
