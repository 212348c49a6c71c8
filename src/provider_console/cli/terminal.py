"""The terminal console: what `provider-console` opens when it is given no command."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final

from provider_console.cli.exits import DONE, FAILED
from provider_console.cli.output import speaks_unicode
from provider_console.console.errors import ConsoleError

if TYPE_CHECKING:
    from provider_console.console.console import Console
    from provider_console.tui.link import Opener, Sandbox

FRAMES_A_SECOND: Final = "120"
"""A key that comes right behind a frame of something else waits for the next: at Textual's own 60 up to 33 ms."""


@dataclass
class Crash:
    """What a crash may say: all of it at first, and without secrets once an engine that knows them is loaded."""

    redact: Callable[[str], str] = str

    def said(self, text: str) -> str:
        """The text as it may be said."""
        return self.redact(text)


def is_terminal() -> bool:
    """Whether a person sits at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()


async def open_terminal(arguments: argparse.Namespace) -> int:
    """The console of this user, until it is left."""
    overrides: dict[str, object] = {} if arguments.log_level is None else {"log.level": arguments.log_level}

    @asynccontextmanager
    async def opened(crash: Crash) -> AsyncIterator[Console]:
        # In a thread: loading the engine takes a moment, in which keys must be answered.
        bootstrap = await asyncio.to_thread(import_module, "provider_console.bootstrap")
        access = import_module("provider_console.console.access")
        situation = bootstrap.Situation(overrides=overrides)
        crash.redact = situation.redactor.redact
        async with bootstrap.open_front_end(
            "tui",
            situation,
            role=None if arguments.role is None else access.Role(arguments.role),
            repair=True,
        ) as console:
            yield console

    return await show(opened, theme=arguments.theme, sandbox=sandbox_for(arguments.role))


def sandbox_for(role: str | None) -> Sandbox:
    """The living sandbox: pretend providers in a temporary home that is gone when it is left."""
    from provider_console.tui.link import Sandbox

    def names() -> tuple[str, ...]:
        from provider_console.sandbox.cast import CAST

        return tuple(sorted((player.name for player in CAST), key=str.casefold))

    @asynccontextmanager
    async def opened() -> AsyncIterator[Console]:
        living = await asyncio.to_thread(import_module, "provider_console.sandbox.living")
        access = import_module("provider_console.console.access")
        async with living.living_sandbox(role=None if role is None else access.Role(role)) as sandbox:
            yield sandbox.console

    return Sandbox(opened, names)


def settled(opener: Opener) -> Opener:
    """The same console. What is loaded once it is open stays, and the collector does not look through it again.

    That took it 80 ms, in the midst of a frame.
    """

    frozen = False

    @asynccontextmanager
    async def opened() -> AsyncIterator[Console]:
        nonlocal frozen
        async with opener() as console:
            if not frozen:
                gc.freeze()
                frozen = True
            yield console

    return opened


async def show(
    opener: Callable[[Crash], AbstractAsyncContextManager[Console]],
    *,
    theme: str | None = None,
    sandbox: Sandbox | None = None,
    names: Sequence[str] | None = None,
    environment: str | None = None,
    address: str = "",
) -> int:
    """Show the console that `opener` opens, which is told of a crash to keep its secrets out of it.

    `names` stand there at once; None: those of the user's configuration. `address` says where the engine is, if it is
    not here: its configuration is no file of this machine then.

    Raises:
        ConsoleError: the terminal has no characters for it.
    """
    from provider_console.glance import glance
    from provider_console.tui.clock import WallClock
    from provider_console.tui.first_frame import FirstFrame
    from provider_console.tui.link import Preview
    from provider_console.tui.themes import DEFAULT_THEME, load_themes

    if not speaks_unicode():
        raise ConsoleError(
            f"the terminal console needs UTF-8, and the locale says {sys.stdout.encoding}; set LC_ALL=C.UTF-8"
        )
    seen = glance(os.environ)
    settings = dict(seen.appearance)
    preview = Preview(
        names=seen.names if names is None else tuple(names),
        user=seen.user,
        environment=environment or settings.get("environment", "local"),
        address=address,
        theme=theme or settings.get("theme", DEFAULT_THEME),
        glyphs=settings.get("glyphs", "unicode"),
        charts=settings.get("charts", "braille"),
    )

    clock, themes, first_frame, crash = WallClock(), load_themes([seen.themes]), FirstFrame(), Crash()
    worn = themes.themes.get(preview.theme) or themes.themes[DEFAULT_THEME]
    # Read by Textual when it is loaded.
    os.environ.setdefault("TEXTUAL_FPS", FRAMES_A_SECOND)
    with first_frame.show(preview.state(clock.wall()), worn, os.environ):
        # Loaded behind the first frame: half of the start is Textual's imports.
        from provider_console.cli.draft import Draft
        from provider_console.tui.app import ConsoleApp

        app = ConsoleApp(
            opener=settled(partial(opener, crash)),
            preview=preview,
            clock=clock,
            themes=themes,
            sandbox=sandbox,
            drafts=None if address else Draft,
            first_frame=first_frame,
            redact=crash.said,
        )
        await app.run_async()
    return DONE if app.return_code in (0, None) else FAILED
