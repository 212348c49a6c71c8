"""The palette: every action that has a binding where one is, why a role may not, and the themes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from textual.app import App, SystemCommand
from textual.dom import DOMNode
from textual.screen import Screen

from provider_console.tui.screens.base import ConsoleScreen


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
        said = f"{words} ({shown})" if refusal is None else refusal
        yield SystemCommand(binding.description, said, _running(app, node, binding.action))
    for name in sorted(app.available_themes):
        yield SystemCommand(f"theme {name}", "change the colours", partial(setattr, app, "theme", name))


def _running(app: App[Any], node: DOMNode, action: str) -> Callable[[], Any]:
    async def run() -> None:
        await app.run_action(action, default_namespace=node)

    return run
