"""What a screen holds of the world: the console, once it is open, and the clock."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from provider_console.console.console import Console
from provider_console.console.errors import ConsoleError
from provider_console.tui.changes import Change
from provider_console.tui.state import State

Opener = Callable[[], AbstractAsyncContextManager[Console]]
"""Opens the console. Called in the terminal's own loop after the first paint."""


class Clock(Protocol):
    """Wall time in seconds since 1970, and sleep."""

    def wall(self) -> float:
        """Now."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Draft(Protocol):
    """A text in a file, for the person's editor."""

    async def edited(self) -> str:
        """What the person makes of it, at the terminal that is theirs meanwhile.

        Raises:
            ConsoleError: the editor failed; the file stays.
        """
        ...

    def forget(self) -> None:
        """Delete the file."""
        ...


Drafts = Callable[[str], Draft]
"""Puts a text into a file; a `ConsoleError` where there is no editor for it."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What the first paint needs, read from the configuration alone.

    `names` are the configured providers', `address` is where the engine is if it is not here, `theme`, `glyphs`,
    `charts` are the settings of `[appearance]`.
    """

    names: tuple[str, ...] = ()
    user: str = ""
    environment: str = ""
    address: str = ""
    theme: str = "console-dark"
    glyphs: str = "unicode"
    charts: str = "braille"
    problem: str | None = None

    def state(self, now: float) -> State:
        """What the terminal knows at first, at a wall time in seconds."""
        return State(
            now=now,
            names=self.names,
            user=self.user,
            environment=self.environment,
            address=self.address,
            glyphs=self.glyphs,
            charts=self.charts,
            config_problem=self.problem,
        )


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The console on sandbox providers: what opens it, and the names that stand there at once."""

    opener: Opener
    names: Callable[[], tuple[str, ...]] = tuple


class Link:
    """The console and the way back into the state, for screens. `console` raises until the engine is open.

    `drafts` None: the configuration is no file of this machine.
    """

    def __init__(
        self,
        clock: Clock,
        change: Callable[[Change], None],
        sandbox: Sandbox | None = None,
        drafts: Drafts | None = None,
    ) -> None:
        self.clock = clock
        self.change = change
        self.sandbox = sandbox
        self.drafts = drafts
        self._console: Console | None = None

    def hold(self, console: Console) -> None:
        """Use this console from now on."""
        self._console = console

    def drop(self, console: Console | None) -> None:
        """It is closed; where another one has taken its place meanwhile, that stays."""
        if self._console is console:
            self._console = None

    @property
    def console(self) -> Console:
        """The console.

        Raises:
            ConsoleError: it is not open yet.
        """
        if self._console is None:
            raise ConsoleError("the engine is not open; wait a second, or press r where it could not be opened")
        return self._console
