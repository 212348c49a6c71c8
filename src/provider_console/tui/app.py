"""The terminal program: holds the state, the modes and the themes; everything else is a screen's."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import actions
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.driver import Driver
from textual.filter import LineFilter
from textual.screen import Screen
from textual.widget import Widget

from provider_console.console.console import Console
from provider_console.console.errors import ConsoleError
from provider_console.console.events import SettingsTakenBack
from provider_console.console.words import clean_text, did_you_mean
from provider_console.tui.changes import Change, Closed, Entered, Opening, Read
from provider_console.tui.first_frame import FirstFrame
from provider_console.tui.keymap import TITLES
from provider_console.tui.link import Clock, Drafts, Link, Opener, Preview, Sandbox
from provider_console.tui.messages import ModeRequested, StateChanged
from provider_console.tui.pages.firstrun import needed
from provider_console.tui.pump import Pump, tick
from provider_console.tui.reduce import may_wait, reduce
from provider_console.tui.safety import AsciiFilter, ControlFilter, crash_report
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.stylesheet import Rules
from provider_console.tui.themes import DEFAULT_THEME, Themes, in_256, load_themes, stamp, textual_theme
from provider_console.tui.typing_ahead import TypingAhead

if TYPE_CHECKING:
    from textual.await_remove import AwaitRemove
    from textual.pilot import Pilot

_OF_SCREENS: Final = (
    "activity analytics config detail dialogs execution firstrun form health plugins review revisions tables"
)
SHEETS: Final = [
    Path(__file__).with_name("app.tcss"),
    *(Path(__file__).with_name("screens") / f"{name}.tcss" for name in _OF_SCREENS.split()),
]
"""The rules of all screens: with rules that come with a screen, all that is shown would be styled anew."""
TAKEN_BACK_S: Final = 30.0
"""How long it is said that a change on trial was taken back: nobody may have been looking."""
LOOK_S: Final = 2.0
"""How often the folders of themes are looked at."""
LEISURE_S: Final = 0.2
"""Between the modes that are imported while nobody has opened them yet."""


def _module(mode: str) -> ModuleType:
    return import_module(f"provider_console.tui.screens.{mode}")


def _screen(mode: str) -> Callable[[], ConsoleScreen]:
    """A mode's screen, made when it is first opened."""

    def made() -> ConsoleScreen:
        screen: ConsoleScreen = _module(mode).SCREEN()
        # It gets its styles as it is mounted; Textual would style all that is shown twice more, as after a new theme.
        screen._css_update_count = screen.app._css_update_count  # noqa: SLF001 - nothing public says it
        return screen

    return made


class ConsoleApp(TypingAhead):
    """Provider Console in a terminal.

    `opener` opens the console after the first paint, in a task of its own; `sandbox` is one on sandbox providers.
    `drafts` is what the person's editor works on; `first_frame` is what the terminal shows already, where it does;
    `redact` takes secrets out of what a crash says.
    """

    TITLE = "Provider Console"
    ENABLE_COMMAND_PALETTE = True
    MODES: ClassVar[Any] = {name: _screen(name) for name, _title in TITLES}
    DEFAULT_MODE = "health"
    CSS_PATH: ClassVar[Any] = SHEETS
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(digit), f"mode('{name}')", title, show=False, tooltip=title)
            for digit, (name, title) in enumerate(TITLES, 1)
        ),
        Binding("question_mark", "help", "help", key_display="?", tooltip="the keys of this screen"),
        Binding(
            "ctrl+p", "command_palette", "commands", key_display="ctrl+p", tooltip="every action by name", priority=True
        ),
        Binding("D", "doctor", "doctor", show=False, tooltip="what is wrong, and the command that mends it"),
        Binding("K", "keep_change", "keep change", tooltip="keep the configuration that is on trial"),
        Binding("r", "open_again", "try again", tooltip="open the engine again"),
        Binding("q", "quit", "quit", show=False, tooltip="leave the console; what runs is recorded"),
        Binding("ctrl+q", "quit", "quit", show=False, system=True, priority=True),
    ]

    def __init__(
        self,
        *,
        opener: Opener,
        preview: Preview,
        clock: Clock,
        themes: Themes,
        sandbox: Sandbox | None = None,
        drafts: Drafts | None = None,
        first_frame: FirstFrame | None = None,
        redact: Callable[[str], str] = str,
    ) -> None:
        self.state = preview.state(clock.wall())
        self.clock = clock
        self.first_frame = first_frame
        self.link = Link(clock, self.change, sandbox, drafts)
        self._opener = opener
        self._redact = redact
        self._welcomed = False
        self._themes = Themes({})
        self._wanted_theme = preview.theme
        self._followed: tuple[str | None, str] = (None, preview.glyphs)
        """Theme and marks as the settings said last."""
        self._told = False
        """Whether the screens are about to hear of a change."""
        self._last_filters = (AsciiFilter(), ControlFilter())
        super().__init__()
        self.stylesheet = Rules(variables=self.get_css_variables())
        for name in list(self.available_themes):
            self.unregister_theme(name)
        self._offer(themes)
        self.theme = preview.theme if preview.theme in themes.themes else DEFAULT_THEME

    # --- life ---------------------------------------------------------------------------------------------------

    async def run_async(self, *args: Any, **named: Any) -> None:
        """Run until it is left, and then until the console is closed: the ends of what ran are written only then."""
        try:
            await super().run_async(*args, **named)
        finally:
            await self._workers_ended()

    @asynccontextmanager
    async def run_test(self, *args: Any, **named: Any) -> AsyncGenerator[Pilot[None], None]:
        """Run without a terminal, to the same end."""
        try:
            async with super().run_test(*args, **named) as pilot:
                yield pilot
        finally:
            await self._workers_ended()

    async def _workers_ended(self) -> None:
        # Textual waits for none of its workers, and after a defect it does not even cancel them.
        self.workers.cancel_all()
        await asyncio.gather(*(worker.wait() for worker in self.workers), return_exceptions=True)

    def clear_selection(self) -> None:
        """Clear what is selected, where there is a screen: since Python 3.12 the fields of the first come before it."""
        if self.screen_stack:
            super().clear_selection()

    def on_mount(self) -> None:
        """Start once the first frame has been painted."""
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        self.run_worker(tick(self.clock, self.change), group="clock", exit_on_error=True)
        self.run_worker(self._watch_themes(), group="themes", exit_on_error=True)
        for problem in self._themes.problems:
            self.notify(problem, title="A theme is left out", severity="warning", markup=False)
        self.open(self._opener)

    def open(self, opener: Opener) -> None:
        """Use the console that this opens, in place of the one before."""
        self.run_worker(self._hold(opener), group="console", exclusive=True)

    def action_sandbox(self) -> None:
        """Put the sandbox in the place of this console."""
        sandbox = self.link.sandbox
        if sandbox is not None:
            self._opener = sandbox.opener
            self.change(Entered(self.clock.wall(), "sandbox", sandbox.names()))
            self.open(self._opener)

    async def _hold(self, opener: Opener) -> None:
        self.change(Opening(self.clock.wall()))
        console: Console | None = None
        try:
            async with opener() as console:
                self.link.hold(console)
                who = await console.whoami()
                self.change(Read(self.clock.wall(), {"open": True, "who": who, "user": who.actor}))
                self.run_worker(self._offer_themes_of_plugins(console), group="themes of plugins", exclusive=True)
                self.run_worker(self._read_modes(), group="modes", exclusive=True)
                await Pump(console, clock=self.clock, tell=self.change).run()
        except ConsoleError as error:
            self.change(Closed(self.clock.wall(), error.message))
        finally:
            self.link.drop(console)

    async def _read_modes(self) -> None:
        """Import the other modes, one at a time, so that the first visit to one need not wait for it."""
        for mode, _title in TITLES:
            await self.clock.sleep(LEISURE_S)
            await asyncio.to_thread(_module, mode)

    def action_open_again(self) -> None:
        """Open the engine again."""
        self.open(self._opener)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Opening again is for an engine that could not be opened, keeping for what is on trial."""
        if action == "keep_change":
            return self.state.config is not None and self.state.config.trial is not None
        return action != "open_again" or (self.state.failure is not None and not self.state.open)

    def action_keep_change(self) -> None:
        """Keep the change that is on trial."""

        async def kept() -> None:
            view = await self.link.console.confirm_config()
            self.change(Read(self.clock.wall(), {"config": view}))
            self.notify("the change is kept", markup=False)

        screen = self.screen
        if isinstance(screen, ConsoleScreen):
            screen.ask(kept())

    # --- state --------------------------------------------------------------------------------------------------

    def change(self, change: Change) -> None:
        """Move the state on; the screens hear of it once a frame, of what may wait with the next second."""
        waits = may_wait(change, self.state)
        self.state = reduce(self.state, change)
        if not (self._told or waits):
            self._told = True
            self.post_message(StateChanged())
        if isinstance(change, SettingsTakenBack):
            said = clean_text(f"{change.reason} was taken back: {change.why}")
            self.notify(said, severity="warning", timeout=TAKEN_BACK_S, markup=False)

    def on_state_changed(self) -> None:
        """Hand the state to what is shown, and follow the settings of how it is shown."""
        self._told = False
        state, followed = self.state, self._followed
        self._followed = (state.theme, state.glyphs)
        if state.theme is not None and followed[0] not in (None, state.theme):
            self._wear(state.theme)
        if state.glyphs != followed[1]:
            # Marks are replaced on the way to the terminal: whatever was painted has to go there anew.
            self.mutate_reactive(ConsoleApp.theme)
        self._first_run()
        for mode, stack in self._screen_stacks.items():
            for screen in stack:
                if isinstance(screen, ConsoleScreen):
                    screen.know(self.state, seen=mode == self.current_mode)

    def _first_run(self) -> None:
        alone = len(self.screen_stack) == 1 and getattr(self.screen, "MODE", "") == "health"
        if self._welcomed or not alone or not needed(self.state):
            return
        from provider_console.tui.screens.firstrun import FirstRunScreen

        self._welcomed = True
        self.push_screen(FirstRunScreen())

    def _prune(self, *nodes: Widget, parent: DOMNode | None = None) -> AwaitRemove:
        """Let go of what was painted of widgets that go away: Textual remembers for 1,024 of them how they looked."""
        for node in nodes:
            for each in node.walk_children(Widget, with_self=True):
                each._styles_cache.clear()  # noqa: SLF001 - nothing public lets go of it
        return super()._prune(*nodes, parent=parent)

    # --- themes -------------------------------------------------------------------------------------------------

    def _offer(self, themes: Themes) -> None:
        """Let these themes be chosen; what is painted in one that changed is painted anew."""
        before, self._themes = self._themes, themes
        coarse = self.first_frame is not None and self.first_frame.coarse
        for theme in themes.themes.values():
            self.register_theme(textual_theme(in_256(theme) if coarse else theme))
        wearing = before.themes.get(self.theme)
        if wearing is not None and self.theme not in themes.themes:
            self.theme = DEFAULT_THEME
        elif wearing is not None and wearing != themes.themes[self.theme]:
            self.mutate_reactive(ConsoleApp.theme)
        for name in before.themes.keys() - themes.themes.keys():
            self.unregister_theme(name)
        if before.themes:
            for problem in themes.problems:
                if problem not in before.problems:
                    self.notify(problem, title="A theme is left out", severity="warning", markup=False)
            if self._wanted_theme != self.theme and self._wanted_theme in themes.themes.keys() - before.themes.keys():
                self.theme = self._wanted_theme

    def _wear(self, name: str) -> None:
        """Use the theme of the settings; where there is none of that name, keep this one and say so."""
        self._wanted_theme = name
        if name in self._themes.themes:
            self.theme = name
        else:
            hint = did_you_mean(name, self._themes.themes)
            self.notify(f"there is no theme {name!r}{hint}; {self.theme} is used", severity="warning", markup=False)

    async def _watch_themes(self) -> None:
        """Read the themes again when a file of theirs changes."""
        seen = None
        while True:
            themes = self._themes
            now = await asyncio.to_thread(stamp, themes.folders, themes.files)
            if seen not in (None, now):
                self._offer(await asyncio.to_thread(load_themes, themes.folders, themes.files))
            seen = now
            await self.clock.sleep(LOOK_S)

    async def _offer_themes_of_plugins(self, console: Console) -> None:
        try:
            plugins = await console.plugins()
        except ConsoleError as error:
            self.notify(error.message, severity="warning", markup=False)
            return
        files = tuple(Path(theme) for plugin in plugins if plugin.state == "loaded" for theme in plugin.themes)
        if files:
            self._offer(await asyncio.to_thread(load_themes, self._themes.folders, files))
        if self._wanted_theme not in self._themes.themes:
            self._wear(self._wanted_theme)

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

    def action_help_quit(self) -> None:
        """Ctrl+C copies what is selected; who meant to leave hears how."""
        self.notify("q leaves the console", markup=False)

    def action_doctor(self) -> None:
        """Look at everything once, and say what is wrong."""
        from provider_console.tui.screens.doctor import DoctorScreen

        self.push_screen(DoctorScreen(getattr(self.screen, "MODE", "")))

    async def run_action(
        self,
        action: str | actions.ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do what a key or a command stands for, or say why this role may not."""
        _namespace, name, _parameters = actions.parse(action) if isinstance(action, str) else action
        screen = self.screen
        refusal = screen.refusal(name) if isinstance(screen, ConsoleScreen) else None
        if refusal is None:
            return await super().run_action(action, default_namespace, namespaces)
        self.notify(refusal, severity="warning", markup=False)
        return True

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that has a binding here, and the themes."""
        from provider_console.tui.palette import commands

        yield from commands(self, screen)

    # --- safety of the terminal ---------------------------------------------------------------------------------

    def get_driver_class(self) -> type[Driver]:
        """One that outlives its terminal, wherever there is one of Unix."""
        if sys.platform == "win32":
            return super().get_driver_class()
        from provider_console.tui.driver import ConsoleDriver

        return ConsoleDriver

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The last filter on the way to the terminal comes last."""
        # Always the same ones: Textual keeps a filtered line by the filter, and with it how that is written.
        return [
            *super().get_line_filters(),
            *(self._last_filters if self.state.glyphs == "ascii" else self._last_filters[1:]),
        ]

    def _fatal_error(self) -> None:
        """End with a report that shows no local variable (Textual's own does)."""
        self.panic(crash_report(self._redact))
