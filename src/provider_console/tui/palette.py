"""The palette: every action that has a binding where one is, why a role may not, and the themes, each in one row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from textual.app import App, SystemCommand
from textual.dom import DOMNode
from textual.screen import Screen

from provider_console.tui.screens.base import ConsoleScreen

NAME: Final = 16
"""Cells for the name of an action; the longest is `add a credential`."""
KEY: Final = 6
"""Cells for its key, such as `ctrl+r`."""


def commands(app: App[Any], screen: Screen[Any]) -> Iterable[SystemCommand]:
    """The actions of a screen by their words, then the themes by name."""
    seen: set[str] = set()
    for node, binding, _enabled, _tooltip in screen.active_bindings.values():
        words = binding.tooltip
        if binding.system or not words or binding.action in {*seen, "command_palette"}:
            continue
        seen.add(binding.action)
        shown = binding.key_display or app.get_key_display(binding)
        refusal = screen.refusal(binding.action) if isinstance(screen, ConsoleScreen) else None
        said = refusal or ("go there" if words == binding.description else words)
        yield _row(binding.description, shown, said, _running(app, node, binding.action))
    for name in sorted(app.available_themes):
        yield _row("theme", "", name, partial(setattr, app, "theme", name))


def _row(name: str, key: str, said: str, callback: Callable[[], Any]) -> SystemCommand:
    """One row. What is typed is looked for in all of it, and so an action is also found by what it does."""
    return SystemCommand(f"{name:<{NAME}}  {key:<{KEY}}  {said}", "", callback)


def _running(app: App[Any], node: DOMNode, action: str) -> Callable[[], Any]:
    async def run() -> None:
        await app.run_action(action, default_namespace=node)

    return run
