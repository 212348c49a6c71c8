"""A period written into a file: where, whether one that is there is replaced, and what became of it."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from provider_console.console.exports import csv_of, json_of
from provider_console.console.history_views import HistoryView
from provider_console.tui.ink import line, muted
from provider_console.tui.screens.asking import LineScreen
from provider_console.tui.screens.dialogs import ConfirmScreen
from provider_console.tui.screens.past import PastScreen
from provider_console.tui.state import Asked

FORMATS: Final[Mapping[str, Callable[[HistoryView], str]]] = {".csv": csv_of, ".json": json_of}
"""What the end of a file's name asks for: the same as `analytics --export`."""


def exported(screen: PastScreen, view: HistoryView, asked: Asked) -> None:
    """Ask for a file and write the period into it."""
    day = datetime.fromtimestamp(screen.state.now, UTC).strftime("%Y-%m-%d")
    period = asked.since if asked.until is None and asked.since.isalnum() else "period"
    lines = [
        line("A name that ends in .csv or .json; a path begins with / or ~, a name alone goes to "),
        line(muted(str(Path.cwd()))),
    ]

    def given(answer: str | None) -> None:
        if answer is None:
            return
        file = _file(answer)
        if not file.exists():
            screen.ask(_written(screen, view, file, replace=False), group="export")
            return
        said = [line(f"{file} is there already, {file.stat().st_size:,} bytes. It would be lost.")]

        def agreed(yes: bool | None) -> None:  # noqa: FBT001 - what Textual hands to a dialog's callback
            if yes:
                screen.ask(_written(screen, view, file, replace=True), group="export")

        screen.app.push_screen(ConfirmScreen("Replace the file?", said, "replace it"), agreed)

    screen.app.push_screen(
        LineScreen("Export this period", lines, text=f"analytics-{day}-{period}.csv", yes="write it", check=problem),
        given,
    )


def _file(text: str) -> Path:
    return Path(os.path.expanduser(text)).absolute()  # noqa: PTH111 - an unknown user's ~ stays as it is


def problem(text: str) -> str | None:
    """Why a file cannot be written under this name, as far as can be known before."""
    file = _file(text)
    if "\0" in text:
        return "A name of a file holds no null character."
    if file.suffix not in FORMATS:
        return "The name has to end in .csv or .json: that says what is written."
    if file.is_dir():
        return f"{file} is a folder."
    if not file.parent.is_dir():
        return f"There is no folder {file.parent}."
    return None


async def _written(screen: PastScreen, view: HistoryView, file: Path, *, replace: bool) -> None:
    text = FORMATS[file.suffix](view)
    try:
        await asyncio.to_thread(_write, file, text, replace=replace)
    except OSError as error:
        screen.tell(f"{file} was not written: {error.strerror or error}; another place may do", well=False)
    else:
        screen.tell(f"{len(view.providers):,} providers are in {file}")


def _write(file: Path, text: str, *, replace: bool) -> None:
    """Whole or not at all; a file that came meanwhile is not replaced."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
        if replace:
            os.replace(name, file)  # noqa: PTH105 - the same call by its own name
            return
        os.link(name, file)
    finally:
        Path(name).unlink(missing_ok=True)
