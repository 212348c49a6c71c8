"""`themes`: which there are, and what is wrong with a file."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from provider_console.cli.command import Actions, Command, console_for
from provider_console.cli.exits import CONFIGURATION, DONE
from provider_console.cli.output import Output
from provider_console.tui.themes import Theme, ThemeInvalid, Themes, load_themes, read_theme, shipped


def _arguments(parser: argparse.ArgumentParser) -> None:
    action = Actions(parser, required=True)
    action("list", help="every theme that can be used, and why others cannot")
    check = action("check", "mine.toml", help="whether a theme file can be used: keys, colours, contrasts")
    check.add_argument("file", type=Path, help="a theme file")


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    if arguments.action == "check":
        return _check(arguments.file, output)
    from provider_console.glance import glance

    async with console_for(arguments, output, repair=True) as console:
        plugins = await console.plugins()
    files = [Path(theme) for plugin in plugins if plugin.state == "loaded" for theme in plugin.themes]
    _list(load_themes([glance(os.environ).themes], files), output)
    return DONE


def _check(file: Path, output: Output) -> int:
    try:
        theme = read_theme(file)
    except ThemeInvalid as problem:
        output.say(str(problem))
        return CONFIGURATION
    if output.json:
        output.data(_row(theme))
    else:
        output.line(f"{theme.name} can be used: every colour is there, every contrast meets the gate ({theme.gate})")
    return DONE


def _list(themes: Themes, output: Output) -> None:
    if output.json:
        output.data({"themes": [_row(theme) for theme in themes.themes.values()], "problems": themes.problems})
        return
    rows = [_row(theme) for theme in themes.themes.values()]
    output.table(("THEME", "TITLE", "FOR", "GATE", "FROM"), [tuple(row.values()) for row in rows])
    for problem in themes.problems:
        output.say(problem)


def _row(theme: Theme) -> dict[str, str]:
    own = Path(theme.where).parent == shipped()
    return {
        "name": theme.name,
        "title": theme.title,
        "appearance": "dark" if theme.dark else "light",
        "gate": theme.gate,
        "from": "the console" if own else theme.where,
    }


COMMAND = Command(_arguments, _run, "provider-console themes check mine.toml")
