"""The terminal console with a defect at a place, a secret among the variables there. Run in a pseudo-terminal."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from tests.security.payloads import PAYLOADS
from textual.binding import BindingType

from provider_console.adapters.redaction import Redactor
from provider_console.console.console import Console
from provider_console.sdk.secret import Secret
from provider_console.tui.app import ConsoleApp
from provider_console.tui.clock import WallClock
from provider_console.tui.ink import Line
from provider_console.tui.link import Preview
from provider_console.tui.screens.health import HealthScreen
from provider_console.tui.themes import load_themes
from provider_console.tui.widgets.lines import Lines

KEY = "canary" + "-4713"
"""A credential that was loaded."""


def defect() -> None:
    """Fail in hostile words."""
    password = "canary" + "-4712"  # not to be found in the source that a traceback shows
    words = f"a defect {len(password)} {KEY} {base64.b64encode(KEY.encode()).decode()} https://acme/?key=canary-{4714} "
    try:
        raise ValueError(f"the cause {KEY}")
    except ValueError as cause:
        error = RuntimeError(words + " ".join(payload.whole for payload in PAYLOADS))
        error.add_note(f"a note {KEY}")
        raise error from cause


class Crashing(ConsoleApp):
    """The console; `X` fails in an action, `W` in a task beside it, `P` while a page is painted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("X", "fail", "fail"),
        ("W", "fail_beside", ""),
        ("P", "fail_painting", ""),
    ]

    def action_fail(self) -> None:
        """Fail at once."""
        defect()

    def action_fail_beside(self) -> None:
        """Fail in a worker."""

        async def failing() -> None:
            defect()

        self.run_worker(failing())

    def action_fail_painting(self) -> None:
        """Fail in a page."""

        def page(_width: int, _height: int) -> list[Line]:
            defect()
            return []

        assert isinstance(self.screen, HealthScreen)
        self.screen.query_one("#headline", Lines).show(page)


@asynccontextmanager
async def opened() -> AsyncIterator[Console]:
    """Never opens."""
    await asyncio.Event().wait()
    yield  # type: ignore[misc]


if __name__ == "__main__":
    redactor = Redactor()
    redactor.add(Secret(KEY))
    app = Crashing(
        opener=opened,
        preview=Preview(names=("acme",)),
        clock=WallClock(),
        themes=load_themes([]),
        redact=redactor.redact,
    )
    app.run()
    raise SystemExit(app.return_code)
