"""What every mode has: the navigation above, the keys below, the state from the app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.reactive import reactive
from textual.screen import Screen

from provider_console.console.errors import ConsoleError
from provider_console.console.words import clean_text
from provider_console.tui.compositor import Bands
from provider_console.tui.glyphs import Glyphs, glyphs
from provider_console.tui.ink import Line, line, wrap
from provider_console.tui.keymap import NEEDS, TITLES
from provider_console.tui.link import Link
from provider_console.tui.pages.frame import MINIMUM, banners, notice, rings, standing
from provider_console.tui.reduce import routine
from provider_console.tui.state import State
from provider_console.tui.widgets.keys import Key, Keys
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.nav import Nav

if TYPE_CHECKING:
    from collections.abc import Awaitable


class ConsoleScreen(Screen[None]):
    """A mode. A subclass composes its `body` and fills it in `show`."""

    MODE = ""
    AUTO_FOCUS = "Table"

    # The widgets repaint what changed in them; the screen itself has nothing to paint.
    state: reactive[State] = reactive(State(now=0.0), repaint=False)

    def __init__(self) -> None:
        super().__init__()
        self._compositor = Bands()
        self._behind = False
        """Whether the state has moved on while another mode was shown."""
        self.title = dict(TITLES).get(self.MODE, "")

    @property
    def link(self) -> Link:
        """The console and the way back into the state."""
        link: Link = self.app.link  # type: ignore[attr-defined]  # only ConsoleApp shows these screens
        return link

    @property
    def glyphs(self) -> Glyphs:
        """The marks in use."""
        return glyphs(self.state.glyphs)

    def compose(self) -> ComposeResult:
        """Navigation, body, keys."""
        yield Nav(TITLES, self.MODE)
        yield from self.body()
        yield Keys()
        yield Lines(self._too_small, id="small")

    def body(self) -> ComposeResult:
        """What the mode shows between the navigation and the keys."""
        yield from ()

    def show(self) -> None:
        """Put the state on the screen."""

    def on_mount(self) -> None:
        """Show what is known."""
        self.state = self.app.state  # type: ignore[attr-defined]  # only ConsoleApp shows these screens
        self._show_all()
        self.begin()

    def begin(self) -> None:
        """What else is to be done once the screen is there."""

    def _on_prune(self) -> None:
        """Ask nothing any more: Textual ends what a screen asks only once its widgets are gone, one by one."""
        self.workers.cancel_node(self)

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Show what changed meanwhile."""
        # Another theme has been put on by now; styling all of a screen twice at its first visit took a third of it.
        event.refresh_styles = False
        if self._behind:
            self._behind = False
            self._show_all()
        self.state = self.app.state  # type: ignore[attr-defined]  # only ConsoleApp shows these screens

    def know(self, state: State, *, seen: bool) -> None:
        """Take over a state. One that is not seen shows nothing of it, but keeps no older one in memory either."""
        if seen:
            self.state = state
        else:
            self._behind = True
            self.set_reactive(ConsoleScreen.state, state)

    def watch_state(self, before: State, after: State) -> None:
        """Show the new state."""
        if not self.is_mounted:
            return
        if routine(before, after):
            self.pass_time()
        else:
            self._show_all()

    def pass_time(self) -> None:
        """Show what a second has changed, and checks of providers that stay as they are. No key is among it."""
        self._show_all(keys=False)

    def on_resize(self) -> None:
        """Lay out anew for the size that there is now."""
        if self.is_mounted:
            self._show_all()

    def _too_small(self, width: int, height: int) -> list[Line]:
        columns, rows = MINIMUM
        said = f"This terminal is {self.size.width} by {self.size.height}; the console needs {columns} by {rows}."
        return wrap(line(said), width, limit=max(1, height))

    def _show_all(self, *, keys: bool = True) -> None:
        nav = self.query_one_optional(Nav)
        if nav is None:
            # The program is being left, and what happens meanwhile is still told.
            return
        # It lies over the rest, which keeps its focus and its selection.
        self.set_class(self.size.width < MINIMUM[0] or self.size.height < MINIMUM[1], "-small")
        nav.show(
            standing(self.state, self.size.width, self.glyphs),
            rule=self.glyphs.rule,
            accent=self.glyphs.bar,
            notes=banners(self.state, self.size.width, self.glyphs),
            marks={"activity": rings(self.state, self.glyphs)},
            notice=notice(self.state, self.glyphs),
        )
        self.show()
        # Last: what can be done is about what is shown by now.
        if keys:
            self.show_keys()

    # --- keys ---------------------------------------------------------------------------------------------------

    def show_keys(self) -> None:
        """Make the last row from the bindings that are active here."""
        keys: list[Key] = []
        palette: Key | None = None
        for _key, binding, enabled, _tooltip in self.active_bindings.values():
            if not self.shows(binding) or not binding.description:
                continue
            display = binding.key_display or self.app.get_key_display(binding)
            key = Key(display, self.label(binding), binding.action, enabled, last=binding.action == "help")
            if binding.action == "command_palette":
                palette = key
            elif all(known.action != key.action for known in keys):
                keys.append(key)
        self.query_one(Keys).show(keys, palette)

    def shows(self, binding: Binding) -> bool:
        """Whether a key has a place in the last row just now."""
        return binding.show

    def label(self, binding: Binding) -> str:
        """What a key does just now, in the last row."""
        return binding.description

    async def on_keys_pressed(self, message: Keys.Pressed) -> None:
        """A key was clicked: the action is that of whatever has the key, the app's own too."""
        for node, binding, _enabled, _tooltip in self.active_bindings.values():
            if binding.action == message.action:
                await self.app.run_action(message.action, node)
                return

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """None, muted, where the role may not: what it needs is said in the help and when it is tried."""
        return None if self.refusal(action) else True

    def refusal(self, action: str) -> str | None:
        """Why this role may not do this, in words; None where it may."""
        method = NEEDS.get(action)
        needed = None if method is None else self.state.may(method)
        if method is None or needed is None or self.state.who is None:
            return None
        # The first frame does without the table of actions.
        from provider_console.console.access import ACTIONS

        return f"{ACTIONS[method].doing} {needed}; you are {self.state.who.role.replace('_', ' ')}"

    # --- the console --------------------------------------------------------------------------------------------

    def tell(self, said: str, *, well: bool = True) -> None:
        """Say what became of something."""
        self.app.notify(clean_text(said), severity="information" if well else "warning", markup=False)

    def ask(self, question: Awaitable[Any], *, group: str = "ask", quietly: bool = False) -> None:
        """Run something of the console beside the keys; what it refuses is said, unless `quietly`."""

        async def answered() -> None:
            try:
                await question
            except ConsoleError as error:
                if not quietly:
                    self.app.notify(clean_text(error.message), severity="error", markup=False)

        self.run_worker(answered(), group=group)
